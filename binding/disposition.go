package binding

import (
	"iter"
	"net/url"
	"strings"
	"unicode"
)

// parameters yields the names, in lower case, and the raw values of a header
// field's parameters as they are written: mime.ParseMediaType, which has accepted
// the field, merges the extended forms of RFC 2231 into the plain ones.
func parameters(field string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		_, rest, _ := strings.Cut(field, ";")
		for {
			name, after, ok := strings.Cut(rest, "=")
			if !ok {
				return
			}
			after = strings.TrimLeftFunc(after, unicode.IsSpace)
			end := valueEnd(after)
			if !yield(strings.ToLower(strings.TrimSpace(strings.Trim(strings.TrimSpace(name), ";"))), after[:end]) {
				return
			}
			rest = after[end:]
		}
	}
}

// valueEnd returns where a value ends that text begins with.
func valueEnd(text string) int {
	if !strings.HasPrefix(text, `"`) {
		if end := strings.IndexByte(text, ';'); end >= 0 {
			return end
		}
		return len(text)
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return i + 1
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\'):
			i++
		}
	}
	return len(text)
}

// extended reports whether a field has parameters in an extended form. Of a plain
// and an extended one beside it, other readers take the other.
func extended(field string) bool {
	if strings.IndexByte(field, '*') < 0 {
		return false
	}
	for name := range parameters(field) {
		if strings.IndexByte(name, '*') >= 0 {
			return true
		}
	}
	return false
}

// ambiguous reports whether a disposition names a field or a file in a way that
// others read differently, or not at all. RFC 7578 section 4.2 allows no extended
// form; clients send filename* for names beyond ASCII all the same. All of them send
// name first, where no text of another parameter can stand for it.
func ambiguous(disposition string) bool {
	if foreignBytes(disposition) {
		return true
	}
	want := "name"
	for name, value := range parameters(disposition) {
		switch {
		case want != "" && name != want,
			name != "filename" && strings.Contains(value, `\"`), // to some readers it ends there
			strings.HasPrefix(name, "name*"),
			strings.HasPrefix(name, "filename*") && (name != "filename*" || !extendedText(value)):
			return true
		}
		want = ""
	}
	return false
}

// foreignBytes reports whether anything but ASCII is outside of quotes: white space
// of Unicode, which some readers take for such and some for a part of a name.
func foreignBytes(disposition string) bool {
	for i := 0; i < len(disposition); i++ {
		if disposition[i] == '"' {
			i += valueEnd(disposition[i:]) - 1
		} else if disposition[i] >= 0x80 {
			return true
		}
	}
	return false
}

// extendedText reports whether value is a text in UTF-8 by RFC 8187 section 3.2.
func extendedText(value string) bool {
	charset, rest, _ := strings.Cut(value, "'")
	_, text, ok := strings.Cut(rest, "'")
	if !ok || !strings.EqualFold(charset, "utf-8") {
		return false
	}
	_, err := url.PathUnescape(strings.TrimSpace(text))
	return err == nil
}
