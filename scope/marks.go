package scope

import (
	"database/sql"
	"database/sql/driver"
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// gorm replaces every "?" of a text, in literals and comments too, by the next
// argument, which may be SQL itself. Each piece is judged alone, so none may change how
// the other is read.

// marks follows the "?" of a text.
type marks struct {
	seen    int  // outside literals and comments
	taken   int  // all of them: the next one's argument
	from    int  // where the text behind the last one begins
	text    bool // SQL was put in for the last token
	literal bool // the last token is a string
}

// mark judges one "?" outside literals and comments, with its argument.
func (g *guard) mark(stmt *gorm.Statement, f *fragment, l *lexer, m *marks, tok, before string) error {
	at := l.at - len(tok)
	if len(tok) > 1 { // "?1" is counted in another way than gorm does
		return errForm
	}
	if !m.pass(f, at) {
		return errForm
	}
	i := m.taken
	m.seen, m.taken, m.from = m.seen+1, i+1, l.at
	if i >= len(f.vars) {
		m.text = false
		return nil
	}
	v := f.vars[i]
	if !isText(v) {
		m.text = false
		if l.postgres && (at > 0 && identByte(f.sql[at-1]) || l.at < len(f.sql) && digit(f.sql[l.at])) {
			return errForm // "?" becomes "$1", which would be part of "$$1", "x$1" or "$12"
		}
		return nil
	}
	e, _ := v.(clause.Expr)
	if e.SQL != "?" || len(e.Vars) > 0 { // else the operator of that name
		c, _ := v.(clause.Clause)
		begins := trailing(c.Name) && c.BeforeExpression == nil && c.Builder == nil
		if m.text && !begins || m.literal || !apart(f.sql, at, l.more(v)) {
			return errForm
		}
		m.text = true
	}
	if t, ok := v.(clause.Table); ok && t.Name == clause.CurrentTable && t.Alias == "" && l.at < len(f.sql) && f.sql[l.at] == '.' {
		return nil
	}
	return g.argument(stmt, v, before == "(" && l.follows(')'))
}

// pass reports whether no SQL is put into what lies between two "?".
func (m *marks) pass(f *fragment, to int) bool {
	for n := strings.Count(f.sql[m.from:to], "?"); n > 0; n-- {
		if m.taken < len(f.vars) && isText(f.vars[m.taken]) {
			return false
		}
		m.taken++
	}
	return true
}

// done reports at a text's end whether it has as many "?" as arguments: one more or
// less would shift those of the predicate. To PostgreSQL parameters are numbered, and
// "?" is an operator.
func (m *marks) done(f *fragment, d dialect) error {
	if !m.pass(f, len(f.sql)) || m.seen < len(f.vars) || m.seen > len(f.vars) && !d.postgres {
		return errForm
	}
	return nil
}

// more is what may be beside a value besides: a dot where it is a quoted name, and what
// could begin a comment or a variable where it begins and ends with a word or in
// parentheses.
func (l *lexer) more(v any) string {
	word := func(c byte, bracket byte) bool { return identByte(c) && c < 0x80 && c != '$' || c == bracket }
	switch v := v.(type) {
	case clause.Column:
		if !v.Raw {
			return "."
		}
	case clause.Table:
		if !v.Raw {
			return "."
		}
	case clause.Expr:
		if n := len(v.SQL); n > 0 && word(v.SQL[0], '(') && word(v.SQL[n-1], ')') {
			if l.postgres {
				return "-/@"
			}
			return "-/"
		}
	}
	return ""
}

// apart reports whether what is put in for the "?" at a place does not become one
// token with what is beside it, or begin a comment.
func apart(text string, at int, more string) bool {
	beside := func(c byte, those string) bool {
		return c <= ' ' || strings.IndexByte("=<>,+%|^~!&", c) >= 0 || strings.IndexByte(those, c) >= 0 || strings.IndexByte(more, c) >= 0
	}
	return (at == 0 || beside(text[at-1], "([*")) && (at+1 == len(text) || beside(text[at+1], ")]:;"))
}

// follows reports whether the token just read is followed by a byte.
func (l *lexer) follows(c byte) bool {
	l.blanks()
	return l.at < len(l.sql) && l.sql[l.at] == c
}

// isText reports whether gorm writes SQL for a value, or nothing, and does not bind it.
func isText(v any) bool {
	switch v := v.(type) {
	case nil, string, int, int64, uint, bool, []byte, []string, []int, []int64, []uint:
		return false
	case clause.Column, clause.Table, *gorm.DB, gorm.Valuer, clause.Expression, []clause.Column, []clause.Expression, sql.NamedArg:
		return true
	case driver.Valuer:
		return false
	case []any:
		for _, inner := range v {
			if isText(inner) {
				return true
			}
		}
		return false
	}
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array || rv.Type().Elem().Kind() == reflect.Uint8 {
		return false
	}
	for i := range rv.Len() {
		if isText(rv.Index(i).Interface()) {
			return true
		}
	}
	return false
}

// argument judges what is put in for a "?". Enclosed says that it stands alone between
// parentheses.
func (g *guard) argument(stmt *gorm.Statement, v any, enclosed bool) error {
	where := argument
	if enclosed {
		where = inside
	}
	switch v := v.(type) {
	case nil, string, int, int64, uint, bool, []byte:
		return nil
	case sql.NamedArg: // gorm binds it without writing anything
		return errForm
	case *gorm.DB:
		return g.subquery(v, enclosed)
	case gorm.Valuer:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil
		}
		return g.argument(stmt, v.GormValue(stmt.Context, stmt.DB), enclosed)
	case clause.Column:
		return g.namesColumn(stmt, v)
	case []clause.Column:
		for _, c := range v {
			if err := g.namesColumn(stmt, c); err != nil {
				return err
			}
		}
		return nil
	case clause.Expression:
		if ok, err := g.readText(stmt, v, where, false); ok {
			return err
		}
	}
	return g.value(stmt, v)
}

// namesColumn refuses a column in a text, where its name may be a table's.
func (g *guard) namesColumn(stmt *gorm.Statement, c clause.Column) error {
	if !c.Raw && g.isProtected(strings.Trim(lastPart(c.Name), "`\"")) {
		return ErrRaw
	}
	return g.columns(stmt, []clause.Column{c})
}
