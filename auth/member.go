package auth

import (
	"math"
	"strconv"
	"strings"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

// members walks the members of the JSON object that dec stands before, which
// text is the source of: names unescaped, values as their source text, both
// without copying. The decoder refuses duplicates at any depth and bad UTF-8.
func members(dec *jsonv2.Decoder, text string, each func(name, value string) Reason) (Reason, error) {
	if dec.PeekKind() != '{' {
		return reasonMalformed, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return "", err
	}
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return "", err
		}
		end := dec.InputOffset()
		name, _ := str(text[end-int64(len(raw)) : end])
		raw, err = dec.ReadValue()
		if err != nil {
			return "", err
		}
		end = dec.InputOffset()
		if reason := each(name, text[end-int64(len(raw)):end]); reason != "" {
			return reason, nil
		}
	}
	_, err := dec.ReadToken()
	return "", err
}

// str returns the string that the JSON text value is; false when it is none.
func str(value string) (string, bool) {
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if strings.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	var s string
	if err := jsonv2.Unmarshal([]byte(value), &s); err != nil {
		return "", false
	}
	return s, true
}

// strs appends the strings of a JSON array of strings to list; false when value
// is anything else.
func strs(list []string, value string) ([]string, bool) {
	if value == "" || value[0] != '[' {
		return list, false
	}
	dec := jsonv2.NewDecoder([]byte(value))
	if _, err := dec.ReadToken(); err != nil {
		return list, false
	}
	for dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return list, false
		}
		end := dec.InputOffset()
		s, ok := str(value[end-int64(len(raw)) : end])
		if !ok {
			return list, false
		}
		list = append(list, s)
	}
	return list, true
}

// latest is the last second of the year 9999. A NumericDate beyond it is no date,
// and converting one would overflow.
const latest = 253402300799

// date returns the NumericDate value as microseconds since the epoch; false when
// it is not a number or out of range (RFC 7519 section 2).
func date(value string) (int64, bool) {
	if n := len(value); 0 < n && n <= 12 {
		var sec int64
		for i := range n {
			if value[i] < '0' || value[i] > '9' {
				return fraction(value)
			}
			sec = sec*10 + int64(value[i]-'0')
		}
		return sec * 1e6, sec <= latest
	}
	return fraction(value)
}

func fraction(value string) (int64, bool) {
	if value == "" || (value[0] != '-' && (value[0] < '0' || value[0] > '9')) {
		return 0, false
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil || math.IsNaN(f) || f < 0 || f > latest {
		return 0, false
	}
	return int64(f * 1e6), true
}
