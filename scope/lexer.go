package scope

import "strings"

// dialect says how a database reads SQL text, as far as it decides whether a word
// is a table's name.
type dialect struct {
	mysql, postgres, sqlite bool
}

func dialectOf(name string) dialect {
	return dialect{mysql: name == "mysql", postgres: name == "postgres", sqlite: name == "sqlite"}
}

// names reports whether sql names a protected table outside string literals and
// comments. In a fragment of a statement, qualifiers ("documents.title") do not
// count. What it cannot read for certain counts as naming one.
func (g *guard) names(sql string, fragment bool) bool {
	l := lexer{sql: sql, dialect: g.lex}
	for {
		tok, kind := l.next()
		switch kind {
		case tokEnd:
			return false
		case tokOpaque:
			return true
		case tokWord:
			if g.isProtected(tok) && !(fragment && l.qualifies()) {
				return true
			}
		case tokString:
			// SQLite takes a string for a name where a table is expected.
			if g.lex.sqlite && g.isProtected(tok) && l.table {
				return true
			}
		}
	}
}

func (g *guard) isProtected(word string) bool {
	if len(word) > 128 {
		return false
	}
	var buf [128]byte
	for i := range len(word) {
		c := word[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf[i] = c
	}
	return g.tables[string(buf[:len(word)])].protected()
}

type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokWord
	tokString
	tokOther
	tokOpaque // text that cannot be read for certain
)

type lexer struct {
	sql string
	at  int
	dialect
	table bool // a table's name may stand here
}

func (l *lexer) next() (string, tokenKind) {
	l.blanks()
	if l.at >= len(l.sql) {
		return "", tokEnd
	}
	c := l.sql[l.at]
	switch {
	case c == '\'':
		return l.literal(c, l.mysql, tokString)
	case c == '"':
		// MySQL reads it as a string or as a name, depending on a mode.
		return l.literal(c, l.mysql, tokWord)
	case c == '`':
		return l.literal(c, false, tokWord)
	case c == '[' && l.sqlite:
		return l.bracket()
	case c == '$' && l.postgres && l.dollar():
		return "$", tokOther // the text inside dollar quotes may be code: read on
	case identByte(c):
		return l.word()
	default:
		l.at++
		return l.sql[l.at-1 : l.at], tokOther
	}
}

// word reads an identifier or keyword and follows where tables may be named.
func (l *lexer) word() (string, tokenKind) {
	start := l.at
	for l.at < len(l.sql) && identByte(l.sql[l.at]) {
		l.at++
	}
	word := l.sql[start:l.at]
	if l.at < len(l.sql) && l.postgres {
		rest := l.sql[l.at:]
		switch {
		case strings.EqualFold(word, "u") && strings.HasPrefix(rest, "&"):
			return "", tokOpaque // U&"..." hides letters behind escapes
		case strings.EqualFold(word, "e") && strings.HasPrefix(rest, "'"):
			return l.literal('\'', true, tokString)
		}
	}
	switch strings.ToUpper(word) {
	case "FROM", "JOIN", "INTO", "UPDATE", "TABLE":
		l.table = true
	case "WHERE", "ON", "SET", "SELECT", "VALUES", "GROUP", "ORDER", "HAVING", "LIMIT", "USING", "UNION":
		l.table = false
	}
	return word, tokWord
}

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

// dollar skips the tag of a dollar-quoted string, if there is one.
func (l *lexer) dollar() bool {
	for i := l.at + 1; i < len(l.sql); i++ {
		switch c := l.sql[i]; {
		case c == '$':
			l.at = i + 1
			return true
		case !identByte(c):
			return false
		}
	}
	return false
}

// qualifies reports whether the word just read is followed by a dot.
func (l *lexer) qualifies() bool {
	l.blanks()
	return l.at < len(l.sql) && l.sql[l.at] == '.'
}

// blanks skips white space and comments.
func (l *lexer) blanks() {
	for l.at < len(l.sql) {
		rest := l.sql[l.at:]
		switch {
		case rest[0] <= ' ':
			l.at++
		case strings.HasPrefix(rest, "--") && (!l.mysql || len(rest) == 2 || rest[2] <= ' '), rest[0] == '#' && l.mysql:
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.at += end
		case strings.HasPrefix(rest, "/*!"), strings.HasPrefix(rest, "/*M!"):
			l.at += 3 // MySQL and MariaDB run what is inside
		case strings.HasPrefix(rest, "/*"):
			l.comment()
		default:
			return
		}
	}
}

// comment skips a comment; PostgreSQL's may be nested.
func (l *lexer) comment() {
	depth := 1
	for l.at += 2; l.at < len(l.sql) && depth > 0; {
		switch rest := l.sql[l.at:]; {
		case strings.HasPrefix(rest, "*/"):
			depth--
			l.at += 2
		case strings.HasPrefix(rest, "/*") && l.postgres:
			depth++
			l.at += 2
		default:
			l.at++
		}
	}
}
