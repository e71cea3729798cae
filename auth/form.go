package auth

import (
	"encoding/base64"
	"strings"
)

// segments are the three parts of a compact token as they were sent.
type segments struct {
	header, payload, signature string
	signed                     string // header "." payload
}

// alphabet tells the characters of base64url, which RFC 7515 allows without
// padding, line breaks or anything else (RFC 8725 section 3.14 of its revision).
var alphabet = func() (t [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
		t[c] = true
	}
	return t
}()

// split takes a token apart. The length has been judged before. The segments are
// not known to be base64url yet: decoding them tells, except for line breaks,
// which the decoder would skip.
func split(token string) (s segments, ok bool) {
	first := strings.IndexByte(token, '.')
	if first <= 0 {
		return s, false
	}
	second := strings.IndexByte(token[first+1:], '.')
	if second <= 0 {
		return s, false
	}
	second += first + 1
	s = segments{token[:first], token[first+1 : second], token[second+1:], token[:second]}
	return s, s.signature != "" && strings.IndexByte(s.signature, '.') < 0 &&
		strings.IndexByte(token, '\n') < 0 && strings.IndexByte(token, '\r') < 0
}

// clean reports whether s is not empty and of the alphabet.
func clean(s string) bool {
	for i := range len(s) {
		if !alphabet[s[i]] {
			return false
		}
	}
	return s != ""
}

// strict refuses tail bits that are not zero: they would give one token several
// spellings.
var strict = base64.RawURLEncoding.Strict()

// decode appends what s encodes to buf.
func decode(buf []byte, s string) ([]byte, bool) {
	buf, err := strict.AppendDecode(buf, view(s))
	return buf, err == nil
}
