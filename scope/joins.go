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
	if err := g.inText(stmt, j.Conds); err != nil {
		return err
	}
	if hollow(j.Alias) {
		return errName
	}
	if err := g.named(stmt, j.Conds); err != nil {
		return err
	}
	if j.On != nil {
		if err := g.expressions(stmt, j.On.Exprs); err != nil {
			return err
		}
	}
	if err := g.expression(stmt, j.Expression); err != nil {
		return err
	}
	if stmt.Schema == nil {
		return g.fragment(j.Name)
	}
	relations := stmt.Schema.Relationships.Relations
	for _, name := range strings.Split(j.Name, ".") {
		rel := relations[name]
		if rel == nil {
			return g.fragment(j.Name)
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
		if err := g.expression(stmt, j.Expression); err != nil {
			return err
		}
		if err := g.expressions(stmt, j.ON.Exprs); err != nil {
			return err
		}
		if j.Expression != nil {
			continue
		}
		if hollow(j.Table.Name) || hollow(j.Table.Alias) {
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
