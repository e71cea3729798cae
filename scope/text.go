package scope

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// place is where in a statement a piece of SQL text stands.
type place uint8

const (
	around    place = iota // beside a clause, or among the tables
	selecting              // a list of columns: what follows AS is an alias
	ordering               // ORDER BY: an alias may stand alone
	operand                // a condition or a value
	argument               // the same, in the place of a "?" of another text
	inside                 // the same, with parentheses of the other text around it: a query may stand there
)

// fragment is a piece of SQL text and what gorm puts in for its "?".
type fragment struct {
	sql   string
	vars  []any
	where place
	// plain is set where nothing is around the text but what gorm writes, so that a
	// column of the statement's own model can be told from a table of the same name.
	plain bool
}

// fragment judges a piece of SQL inside a statement that has no arguments.
func (g *guard) fragment(sql string) error { return g.read(nil, fragment{sql: sql}) }

// read judges a piece of SQL inside a statement: it must not name a protected table
// but as a qualifier ("documents.title"), it must stand on its own, so that nothing
// before or after it changes its meaning, and so must what is put in for its "?".
func (g *guard) read(stmt *gorm.Statement, f fragment) error {
	l := lexer{sql: f.sql, dialect: g.lex}
	l.froms[0] = f.where != selecting && f.where != ordering // text may go on with somebody else's list
	if f.where == inside {
		l.floor, l.depth = 1, 1
	}
	var m marks
	for before := ""; ; {
		tok, kind := l.next()
		if g.tableIn(stmt, &f, &l, tok, kind, before) {
			return ErrRaw
		}
		mark := kind == tokOther && tok[0] == '?'
		switch {
		case mark:
			if err := g.mark(stmt, &f, &l, &m, tok, before); err != nil {
				return err
			}
		case m.text && (kind == tokString || kind == tokBody), queries(f.where, &l, tok, kind, before):
			return errForm
		}
		m.text, m.literal = m.text && mark, kind == tokString || kind == tokBody
		before = tok
		switch l.form(tok, kind) {
		case formGood:
			return m.done(&f, g.lex)
		case formBad:
			return errForm
		case formOpen:
		}
	}
}

// tableIn reports whether a token names a protected table where that is not harmless.
func (g *guard) tableIn(stmt *gorm.Statement, f *fragment, l *lexer, tok string, kind tokenKind, before string) bool {
	if kind == tokString && g.lex.sqlite && f.where >= operand && !f.plain && !among(before, "=", "<", ">", "|", "LIKE") && g.isProtected(tok) {
		return true // the text around it may end with FROM
	}
	return g.isTable(l, tok, kind) && !l.alias(f.where, before) && !l.qualifies() && !g.ownColumn(stmt, f, l, tok, kind)
}

// queries reports whether a word outside parentheses belongs to a query, where none
// may stand.
func queries(where place, l *lexer, tok string, kind tokenKind, before string) bool {
	return kind == tokWord && where != around && l.depth == 0 && l.bare(tok) &&
		(among(tok, "SELECT", "JOIN", "INTO", "TABLE", "STRAIGHT_JOIN") || among(tok, "FROM") && !among(before, "DISTINCT"))
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

// ownColumn reports whether the word just read is a column of the statement's own
// model, in a text that has no place for a table.
func (g *guard) ownColumn(stmt *gorm.Statement, f *fragment, l *lexer, tok string, kind tokenKind) bool {
	if !f.plain || kind != tokWord || l.operand || stmt.Schema == nil || stmt.Schema.FieldsByDBName[strings.ToLower(tok)] == nil {
		return false
	}
	for _, v := range f.vars {
		if isText(v) {
			return false
		}
	}
	for all := (lexer{sql: f.sql, dialect: g.lex}); ; {
		word, kind := all.next()
		switch {
		case kind == tokEnd:
			return true
		case kind == tokOpaque, kind == tokBody, kind == tokWord && among(word, "SELECT", "FROM", "JOIN", "TABLE", "INTO", "WITH", "UPDATE",
			"DELETE", "INSERT", "USING", "ON", "REFERENCES", "STRAIGHT_JOIN", "LATERAL", "ONLY", "OF"):
			return false
		}
	}
}

// readText judges an expression that is SQL text; ok is false for any other.
func (g *guard) readText(stmt *gorm.Statement, e clause.Expression, where place, plain bool) (ok bool, err error) {
	text, vars, ok := asText(e)
	if !ok {
		return false, nil
	}
	return true, g.read(stmt, fragment{sql: text, vars: vars, where: where, plain: plain})
}

// plainly is expression for what a clause consists of. Nothing is around its text but
// what gorm writes.
func (g *guard) plainly(stmt *gorm.Statement, where place, exprs ...clause.Expression) error {
	for _, e := range exprs {
		var err error
		switch e := e.(type) {
		case clause.Where:
			err = g.plainly(stmt, where, e.Exprs...)
		case clause.AndConditions:
			err = g.plainly(stmt, where, e.Exprs...)
		case clause.OrConditions:
			err = g.plainly(stmt, where, e.Exprs...)
		case clause.NotConditions:
			err = g.plainly(stmt, where, e.Exprs...)
		case group:
			err = g.plainly(stmt, where, e.exprs...)
		default:
			var ok bool
			switch ok, err = g.readText(stmt, e, where, true); {
			case ok:
			case isClause(e):
				err = g.clauseExpression(stmt, e)
			default:
				err = g.expression(stmt, e)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isClause reports whether an expression is a clause of a statement, whose tables and
// texts are confined where they are one, and not inside another expression.
func isClause(e clause.Expression) bool {
	switch e.(type) {
	case clause.From, clause.Select, clause.Set, clause.Values, clause.OnConflict, clause.Returning,
		clause.Insert, clause.Update, clause.Delete, clause.Locking, clause.GroupBy, clause.Limit, clause.OrderBy:
		return true
	default:
		return false
	}
}
