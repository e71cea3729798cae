package scope

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Whoever may write a public table may not have the database copy protected rows
// into it: the values are looked at where they are final, as in coverWrites.

func publicInsert(c clause.Clause, b clause.Builder) { buildPublic(c, b, creating) }
func publicUpdate(c clause.Clause, b clause.Builder) { buildPublic(c, b, updating) }

func buildPublic(c clause.Clause, b clause.Builder, op operation) {
	stmt, ok := b.(*gorm.Statement)
	if !ok {
		_ = b.AddError(refuse(ErrUnsupported, "an unknown statement builder"))
		return
	}
	if g := guardOf(stmt.DB); g != nil {
		if err := g.written(stmt, op); err != nil {
			_ = stmt.AddError(err)
			g.report(stmt, op, err)
			return
		}
	}
	c.Builder = nil
	c.Build(b)
}

// written finds SQL text in what is about to be stored.
func (g *guard) written(stmt *gorm.Statement, op operation) error {
	if op != creating {
		set, _ := stmt.Clauses["SET"].Expression.(clause.Set)
		return g.assignments(stmt, set)
	}
	values, _ := stmt.Clauses["VALUES"].Expression.(clause.Values)
	for _, row := range values.Values {
		if err := g.values(stmt, row); err != nil {
			return err
		}
	}
	return nil
}
