package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ownTableAttacks name the statement's own table once more, where nothing confines it.
func ownTableAttacks() []attack {
	x := gorm.Expr
	cur := clause.Table{Name: clause.CurrentTable}
	order := clause.OrderBy{Columns: []clause.OrderByColumn{{Column: clause.Column{Name: "documents"}}}}
	const newest = "(SELECT MAX(title) FROM ?)"
	const exists = "EXISTS (SELECT 1 FROM ? b WHERE b.owner_id = 'bob')"
	leak := func(e *env) *gorm.DB { return docsOf(e).Select("'secret title of bob' AS leak") }
	return []attack{
		reads("in Select", func(e *env) *gorm.DB { return docsOf(e).Select("id, "+newest+" AS m", cur) }),
		reads("with an alias", func(e *env) *gorm.DB {
			return docsOf(e).Select("id, (SELECT MAX(b.title) FROM ?) AS m", clause.Table{Name: clause.CurrentTable, Alias: "b"})
		}),
		reads("in a list", func(e *env) *gorm.DB { return docsOf(e).Select("id, "+newest+" AS m", []any{cur}) }),
		reads("in an expression in an expression", func(e *env) *gorm.DB {
			return docsOf(e).Select("id, (?) AS m", x("SELECT MAX(title) FROM ?", cur))
		}),
		reads("in a join", func(e *env) *gorm.DB { return docsOf(e).Select("b.title").Joins("JOIN ? b ON 1=1", cur) }),
		reads("behind a comma", func(e *env) *gorm.DB { return docsOf(e).Select("b.title").Joins(", ? b", cur) }),
		reads("in Where", func(e *env) *gorm.DB { return leak(e).Where(exists, cur) }),
		reads("by name", func(e *env) *gorm.DB {
			return leak(e).Where("EXISTS (SELECT 1 FROM @t b WHERE b.owner_id = 'bob')", map[string]any{"t": cur})
		}),
		reads("as TABLE", func(e *env) *gorm.DB {
			return leak(e).Where("EXISTS (SELECT 1 FROM (TABLE ?) b WHERE b.owner_id = 'bob')", cur)
		}),
		reads("in Having", func(e *env) *gorm.DB { return leak(e).Group("owner_id").Having(exists, cur) }),
		reads("as an order", func(e *env) *gorm.DB { return docsOf(e).Select("id, "+newest+" AS m", order) }),
		reads("as an order in a list", func(e *env) *gorm.DB {
			return docsOf(e).Select("id, "+newest+" AS m", clause.CommaExpression{Exprs: []clause.Expression{order}})
		}),
		effect("in an update", func(e *env) *gorm.DB {
			return docsOf(e).Where("id = ?", "alice-doc-1").Update("title", x("(SELECT MAX(title) FROM ? b WHERE b.owner_id <> 'alice')", cur))
		}),
	}
}

// nextJoinAttacks make the join that follows a RIGHT or a FULL one.
func nextJoinAttacks() []attack {
	x := gorm.Expr
	on := func(e clause.Expression) clause.Where { return clause.Where{Exprs: []clause.Expression{e}} }
	from := func(first clause.Join) func(e *env) *gorm.DB {
		folders := clause.Join{Table: clause.Table{Name: "folders"}, ON: on(x("1 = 1"))}
		return func(e *env) *gorm.DB {
			return e.q().Model(&Pin{}).Clauses(clause.From{Joins: []clause.Join{first, folders}}).Select("folders.name AS n")
		}
	}
	countries := clause.Table{Name: "countries"}
	const join = "JOIN countries c ON 1=1 RIGHT ?"
	return []attack{
		reads("an ON that ends with RIGHT", from(clause.Join{Table: countries, ON: on(x("1=1 RIGHT"))})),
		reads("an ON that ends with FULL in an argument", from(clause.Join{Table: countries, ON: on(x("1=1 ?", x("FULL")))})),
		reads("RIGHT before an empty argument", from(clause.Join{Expression: x(join, x(""))})),
		reads("RIGHT before a comment", from(clause.Join{Expression: x(join, x("/* */"))})),
		reads("RIGHT before no conditions", from(clause.Join{Expression: x(join, clause.AndConditions{})})),
		reads("RIGHT before a relation", func(e *env) *gorm.DB { return e.q().Model(&Pin{}).Joins(join, x("")).Joins("Document") }),
		reads("RIGHT before a relation, by name", func(e *env) *gorm.DB {
			return e.q().Model(&Pin{}).Joins("JOIN countries c ON 1=1 RIGHT @a", map[string]any{"a": x("")}).Joins("Document")
		}),
	}
}
