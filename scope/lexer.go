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

// fragment judges a piece of SQL inside a statement: it must not name a protected
// table but as a qualifier ("documents.title"), and it must stand on its own, so
// that nothing before or after it changes its meaning.
func (g *guard) fragment(sql string) error { return g.fragmentIn(sql, somewhere) }

// place is where in a statement a fragment stands, as far as names of columns there
// could be taken for names of tables.
type place uint8

const (
	somewhere place = iota
	selecting       // a list of columns: what follows AS is an alias
	ordering        // ORDER BY: an alias may stand alone
)

func (g *guard) fragmentIn(sql string, where place) error {
	l := lexer{sql: sql, dialect: g.lex}
	l.froms[0] = where == somewhere // text may go on with somebody else's list
	for before := ""; ; {
		tok, kind := l.next()
		if g.isTable(&l, tok, kind) && !l.alias(where, before) && !l.qualifies() {
			return ErrRaw
		}
		before = tok
		switch l.form(tok, kind) {
		case formGood:
			return nil
		case formBad:
			return errForm
		case formOpen:
		}
	}
}

// alias reports whether the word just read, with the one before it, cannot be a
// table's name.
func (l *lexer) alias(where place, before string) bool {
	switch {
	case l.depth > 0:
		return false
	case where == selecting:
		return strings.EqualFold(before, "AS")
	default:
		return where == ordering && (before == "" || before == ",")
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
	case c == '$' && l.postgres && l.at+1 < len(l.sql) && (l.sql[l.at+1] < '0' || l.sql[l.at+1] > '9'):
		return l.dollar()
	case identByte(c):
		return l.word()
	case c == 0, l.mysql && (l.ahead("/*!") || l.ahead("/*M!")):
		// SQLite ends a statement at a zero byte. MySQL and MariaDB run the inside
		// of such a comment, depending on their version.
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

// dollar reads a dollar-quoted string.
func (l *lexer) dollar() (string, tokenKind) {
	end := l.at + 1
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
		case strings.HasPrefix(rest, "--") && (!l.mysql || len(rest) == 2 || rest[2] <= ' '), rest[0] == '#' && l.mysql:
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
