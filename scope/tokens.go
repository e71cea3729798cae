package scope

import "strings"

// literal reads a quoted token; the quote is doubled to stand for itself.
func (l *lexer) literal(quote byte, backslash bool, kind tokenKind) (string, tokenKind) {
	l.at++
	start := l.at
	for l.at < len(l.sql) {
		switch c := l.sql[l.at]; {
		case c == '\\' && backslash:
			// Whether it escapes depends on a mode of the server: both readings
			// must be possible, so a quote behind it is too much.
			if l.at+1 < len(l.sql) && l.sql[l.at+1] == quote {
				return "", tokOpaque
			}
			l.at += 2
		case c == quote && l.at+1 < len(l.sql) && l.sql[l.at+1] == quote:
			l.at += 2
		case c == quote:
			l.at++
			return l.sql[start : l.at-1], kind
		default:
			l.at++
		}
	}
	return "", tokOpaque // never closed
}

func (l *lexer) bracket() (string, tokenKind) {
	end := strings.IndexByte(l.sql[l.at:], ']')
	if end < 0 {
		return "", tokOpaque
	}
	word := l.sql[l.at+1 : l.at+end]
	l.at += end + 1
	return word, tokWord
}

// dollar reads a dollar-quoted string, or a parameter.
func (l *lexer) dollar() (string, tokenKind) {
	end := l.at + 1
	if end < len(l.sql) && digit(l.sql[end]) {
		for end < len(l.sql) && digit(l.sql[end]) {
			end++
		}
		l.at = end
		return "$", tokOther
	}
	for end < len(l.sql) && l.sql[end] != '$' {
		if !identByte(l.sql[end]) {
			l.at++
			return "$", tokOther
		}
		end++
	}
	if end == len(l.sql) {
		return "", tokOpaque
	}
	mark := l.sql[l.at : end+1]
	body := l.sql[end+1:]
	n := strings.Index(body, mark)
	if n < 0 {
		return "", tokOpaque
	}
	l.at = end + 1 + n + len(mark)
	return body[:n], tokBody
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// mark reads "?", on SQLite with the parameter's number: a word may begin right
// behind it.
func (l *lexer) mark() (string, tokenKind) {
	start := l.at
	for l.at++; l.sqlite && l.at < len(l.sql) && digit(l.sql[l.at]); {
		l.at++
	}
	return l.sql[start:l.at], tokOther
}

// number reports whether the word just read, which begins with a digit, is one token
// to every version of the database: "1FROM" is two to some, as "1.0FROM" and "1e5FROM"
// are to MySQL, and a keyword would be overlooked.
func (l *lexer) number(start int) bool {
	word := l.sql[start:l.at]
	n := span(word, digit)
	switch rest := word[n:]; {
	case rest == "":
		return true
	case n == 1 && word[0] == '0' && len(rest) > 1 && strings.IndexByte("xXbBoO", rest[0]) >= 0 && span(rest[1:], hexByte) == len(rest)-1:
		return true
	case rest[0] == '_' && span(rest, hexByte) == len(rest):
		return !strings.ContainsAny(rest, "abcdefABCDEF")
	case rest[0] == 'e' || rest[0] == 'E':
		if exponent := rest[1:]; exponent == "" && l.at < len(l.sql) && (l.sql[l.at] == '+' || l.sql[l.at] == '-') {
			l.at++
			l.at += span(l.sql[l.at:], digit)
			return l.at == len(l.sql) || !identByte(l.sql[l.at])
		} else if exponent != "" && digit(exponent[0]) {
			return span(exponent, digit) == len(exponent)
		}
	}
	return l.mysql && !l.fraction(start) // there a name may begin with a digit
}

// fraction reports whether the word at start is what follows a number's point, and
// not a name behind a table's.
func (l *lexer) fraction(start int) bool {
	if start == 0 || l.sql[start-1] != '.' {
		return false
	}
	i := start - 1
	for i > 0 && identByte(l.sql[i-1]) {
		i--
	}
	if i == start-1 {
		return i == 0 || strings.IndexByte("`\"", l.sql[i-1]) < 0
	}
	return digit(l.sql[i])
}

func span(s string, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

func hexByte(c byte) bool {
	return digit(c) || c == '_' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
