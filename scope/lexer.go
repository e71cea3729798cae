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

// names reports whether an SQL statement names a protected table outside string
// literals and comments. What it cannot read for certain counts as naming one.
func (g *guard) names(sql string) bool {
	l := lexer{sql: sql, dialect: g.lex}
	for {
		tok, kind := l.next()
		switch {
		case kind == tokEnd:
			return false
		case kind == tokOpaque, g.isTable(&l, tok, kind):
			return true
		}
	}
}

// isTable reports whether a token is the name of a protected table.
func (g *guard) isTable(l *lexer, tok string, kind tokenKind) bool {
	switch kind {
	case tokWord:
		return g.isProtected(tok)
	case tokString: // SQLite takes a string for a name where a table is expected
		return g.lex.sqlite && (l.froms[l.nest] && l.before || l.table || l.operand || l.dotted) && g.isProtected(tok)
	case tokBody: // of a function or a DO block, perhaps
		return g.names(tok)
	default:
		return false
	}
}

func (g *guard) isProtected(word string) bool {
	if len(word) > 128 {
		return g.tables[strings.ToLower(word)].protected()
	}
	var buf [128]byte
	for i := range len(word) {
		c := word[i]
		switch {
		case c >= 0x80:
			return g.tables[strings.ToLower(word)].protected()
		case c >= 'A' && c <= 'Z':
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
	tokBody // a dollar-quoted string
	tokOther
	tokOpaque // text that cannot be read for certain
)

type lexer struct {
	sql string
	at  int
	dialect
	table       bool // a table's name may stand here
	operand     bool // this token may be a table's name, as in SQLite's "x IN 'table'"
	expect      bool // the next one may be
	unclosed    bool // a comment reaches beyond the text
	depth       int  // of parentheses
	floor       int  // the depth at which the text begins
	nest        int
	froms       [64]bool // inside a list of tables, by depth of parentheses
	before      bool     // an item of such a list may begin with this token
	last        bool     // with the next one
	dot, dotted bool
}

func (l *lexer) next() (string, tokenKind) {
	l.before = l.last
	l.dotted = l.dot
	tok, kind := l.token()
	if l.nest == len(l.froms)-1 && kind == tokOther && tok == "(" {
		return "", tokOpaque // deeper than anybody writes: lists of tables could not be told any more
	}
	l.track(tok, kind)
	l.dot = kind == tokOther && tok == "."
	l.operand = l.expect
	// A schema's name may stand before the table's.
	l.expect = kind == tokWord && among(tok, "IN", "ON", "REFERENCES") || l.operand && (tok == "." || l.qualifies())
	return tok, kind
}

func (l *lexer) token() (string, tokenKind) {
	if l.at == 0 && strings.IndexByte(l.sql, 0) >= 0 {
		return "", tokOpaque // SQLite ends a statement there, inside comments too
	}
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
	case c == '$' && l.postgres:
		return l.dollar()
	case c == '?':
		return l.mark()
	case l.sqlite && strings.IndexByte("@:#$", c) >= 0 && l.at+1 < len(l.sql) && (l.sql[l.at+1] == ':' || identByte(l.sql[l.at+1])):
		return "", tokOpaque // a variable, whose name may go on in parentheses: "$a::b(')"
	case identByte(c):
		return l.word()
	case c == '\\', l.mysql && (l.ahead("/*!") || l.ahead("/*M!")):
		// "\N" is NULL to MariaDB, and the next word begins right behind it. MySQL and
		// MariaDB run the inside of such a comment, depending on their version.
		return "", tokOpaque
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
	if word[0] <= '9' && word[0] >= '0' && !l.number(start) {
		return "", tokOpaque
	}
	if l.at < len(l.sql) && l.postgres {
		rest := l.sql[l.at:]
		switch {
		case strings.EqualFold(word, "u") && strings.HasPrefix(rest, "&"):
			return "", tokOpaque // U&"..." hides letters behind escapes
		case strings.EqualFold(word, "e") && strings.HasPrefix(rest, "'"):
			tok, kind := l.literal('\'', true, tokString)
			if l.blanks(); l.at < len(l.sql) && l.sql[l.at] == '\'' {
				return "", tokOpaque // goes on, with escapes
			}
			return tok, kind
		}
	}
	switch {
	case among(word, "FROM", "JOIN", "INTO", "UPDATE", "TABLE"):
		l.table = true
	case among(word, "WHERE", "ON", "SET", "SELECT", "VALUES", "GROUP", "ORDER", "HAVING", "LIMIT", "USING", "UNION"):
		l.table = false
	}
	return word, tokWord
}

// among reports whether a word is one of some keywords, in whatever letters.
func among(word string, keywords ...string) bool {
	for _, k := range keywords {
		if len(k) == len(word) && strings.EqualFold(k, word) {
			return true
		}
	}
	return false
}

func (l *lexer) ahead(s string) bool { return strings.HasPrefix(l.sql[l.at:], s) }

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
		case rest[0] <= ' ' && rest[0] > 0:
			l.at++
		case strings.HasPrefix(rest, "\ufeff"):
			l.at += len("\ufeff") // SQLite skips it
		case strings.HasPrefix(rest, "--") && (!l.mysql || len(rest) == 2 || rest[2] <= ' ' || rest[2] == 0x7f), rest[0] == '#' && l.mysql:
			end := strings.IndexByte(rest, '\n')
			if l.postgres {
				end = strings.IndexAny(rest, "\r\n")
			}
			if end < 0 {
				end, l.unclosed = len(rest), true
			}
			l.at += end
		case l.mysql && (l.ahead("/*!") || l.ahead("/*M!")):
			return
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
	l.unclosed = l.unclosed || depth > 0
}
