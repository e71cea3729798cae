package scope

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// join checks the tables of one entry of Joins: a relation, a path of relations,
// or text.
func (g *guard) join(stmt *gorm.Statement, i int) error {
	j := &stmt.Joins[i]
	if !joinType(j.JoinType) {
		return refuse(ErrUnsupported, "a JOIN of unknown type")
	}
	if j.Alias != "" && hollow(j.Alias) {
		return errName
	}
	if j.On != nil {
		if err := g.plainly(stmt, operand, j.On.Exprs...); err != nil {
			return err
		}
	}
	if err := g.joinText(stmt, j.Expression); err != nil {
		return err
	}
	if stmt.Schema == nil {
		return g.joinText(stmt, clause.NamedExpr{SQL: j.Name, Vars: j.Conds})
	}
	relations := stmt.Schema.Relationships.Relations
	for _, name := range strings.Split(j.Name, ".") {
		rel := relations[name]
		if rel == nil {
			return g.joinText(stmt, clause.NamedExpr{SQL: j.Name, Vars: j.Conds})
		}
		if err := g.relation(rel); err != nil {
			return err
		}
		if outer(j.JoinType) && g.lookup(rel.FieldSchema.Table).protected() {
			return refuse(ErrUnsupported, "a RIGHT or FULL JOIN on a protected table")
		}
		relations = rel.FieldSchema.Relationships.Relations
	}
	return nil
}

// relation refuses a join on a model nobody declared, and one on a protected table
// through another struct: the predicate of a join hangs on the declared one.
func (g *guard) relation(rel *schema.Relationship) error {
	pol := g.lookup(rel.FieldSchema.Table)
	if pol == nil {
		return refuse(ErrUnprotected, rel.FieldSchema.Table)
	}
	if pol.protected() && rel.FieldSchema != pol.schema {
		return refuse(ErrUnsupported, "a join on "+pol.table+" through a model that is not the protected one")
	}
	return nil
}

// from allows one table and joins by name or by text without protected tables.
func (g *guard) from(stmt *gorm.Statement, f clause.From) error {
	if len(f.Tables) > 1 {
		return refuse(ErrUnsupported, "a FROM clause over several tables")
	}
	for _, t := range f.Tables {
		if t.Raw || t.Alias != "" || t.Name != clause.CurrentTable && (stmt.TableExpr != nil || t.Name != stmt.Table) {
			return refuse(ErrUnsupported, "a FROM clause over several tables")
		}
	}
	for _, j := range f.Joins {
		if !joinType(j.Type) {
			return refuse(ErrUnsupported, "a JOIN of unknown type")
		}
		if err := g.joinText(stmt, j.Expression); err != nil {
			return err
		}
		if err := g.plainly(stmt, operand, j.ON.Exprs...); err != nil {
			return err
		}
		if g.openEnd(stmt, j.ON) {
			return errForm
		}
		if j.Expression != nil {
			continue
		}
		if hollow(j.Table.Name) || j.Table.Alias != "" && hollow(j.Table.Alias) {
			return errName
		}
		pol := g.lookup(j.Table.Name)
		if pol == nil || j.Table.Raw {
			return refuse(ErrUnprotected, j.Table.Name)
		}
		if pol.protected() && outer(j.Type) {
			return refuse(ErrUnsupported, "a RIGHT or FULL JOIN on a protected table")
		}
		if pol.protected() && len(j.Using) > 0 {
			return refuse(ErrUnsupported, "a JOIN with USING on a protected table")
		}
	}
	return nil
}

// outer reports whether a join shows rows of the joined table for which its condition,
// the predicate among it, does not hold.
func outer(t clause.JoinType) bool {
	return among(string(t), "RIGHT", "FULL", "FULL OUTER", "RIGHT OUTER")
}

// joinText judges a join that is text. What is before it may end with a condition that
// holds a predicate, and what is behind it may begin with JOIN: the text must begin as a
// join does, and must not end with what would change the next one's type.
func (g *guard) joinText(stmt *gorm.Statement, e clause.Expression) error {
	if e == nil {
		return nil
	}
	text, vars, ok := asText(e)
	if !ok {
		if err := g.expression(stmt, e); err != nil {
			return err
		}
		text = textOf(stmt, e)
	} else if err := g.read(stmt, fragment{sql: text, vars: vars}); err != nil {
		return err
	}
	first, _ := g.ends(text)
	switch {
	case g.openEnd(stmt, e):
		return errForm
	case among(first, ",", "JOIN", "NATURAL", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "STRAIGHT_JOIN"), g.lex.hint(text):
		return nil
	default:
		return errForm
	}
}

// openEnd reports whether an expression, as written, ends with a part of the next join.
func (g *guard) openEnd(stmt *gorm.Statement, e clause.Expression) bool {
	_, last := g.ends(textOf(stmt, e))
	return among(last, "JOIN", "NATURAL", "CROSS", "INNER", "LEFT", "RIGHT", "FULL", "OUTER", "STRAIGHT_JOIN")
}

// ends returns the first and the last token of a text, as far as they are not quoted.
func (g *guard) ends(text string) (first, last string) {
	l := lexer{sql: text, dialect: g.lex}
	for n := 0; ; n++ {
		tok, kind := l.next()
		if kind == tokEnd || kind == tokOpaque {
			return first, last
		}
		if kind == tokWord && !l.bare(tok) || kind == tokString || kind == tokBody {
			tok = "'"
		}
		if n == 0 {
			first = tok
		}
		last = tok
	}
}
