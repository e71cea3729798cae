package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// innerAttacks put clauses and expressions of other kinds in for a "?".
func innerAttacks() []attack {
	x := gorm.Expr
	const text = "'documents'"
	doc := clause.Table{Name: "documents", Alias: "d"}
	always := clause.Where{Exprs: []clause.Expression{sqlText("1 = 1")}}
	sub := func(name, text string, arg any) attack {
		return reads(name, func(e *env) *gorm.DB { return countriesOf(e).Select("("+text+") AS t", arg) })
	}
	const from = "SELECT MAX(title) FROM ?"
	return []attack{
		sub("a pointer to text", from, &clause.Expr{SQL: text}),
		sub("text of an unknown type", from, shout(text)),
		sub("text before a comparison", from, clause.Eq{Column: x("'documents' GROUP BY id"), Value: 1}),
		sub("text in a list", from, clause.CommaExpression{Exprs: []clause.Expression{x(text)}}),
		sub("text in a group", from, clause.And(x(text))),
		sub("text in a slice", from, []clause.Expression{x(text)}),
		sub("text as conditions", from, clause.Where{Exprs: []clause.Expression{x(text)}}),
		sub("a FROM with a join", "SELECT MAX(title) ?", clause.From{Joins: []clause.Join{{Table: doc}}}),
		sub("a FROM with a join and a condition", "SELECT MAX(title) ?", clause.From{Joins: []clause.Join{{Table: doc, ON: always}}}),
		sub("a FROM in a group", "SELECT MAX(title) ?", clause.And(clause.From{Joins: []clause.Join{{Table: doc, ON: always}}})),
		sub("a DELETE with a modifier", `SELECT ? FROM (SELECT 'x' AS "delete") q`, clause.Delete{Modifier: "|| (SELECT MAX(title) FROM documents)"}),
	}
}

// assignmentAttacks assign to the owner behind a comma in another column's value.
func assignmentAttacks() []attack {
	x := gorm.Expr
	const more = "1, owner_id = 'bob'"
	var list []attack
	for name, v := range map[string]func(e *env) any{
		"text":                func(*env) any { return x(more) },
		"text with a quote":   func(*env) any { return x(`1, "owner_id" = 'bob'`) },
		"text by an argument": func(*env) any { return x("1 ?", x(", owner_id = 'bob'")) },
		"text by name": func(*env) any {
			return clause.NamedExpr{SQL: "1, owner_id = @o", Vars: []any{map[string]any{"o": "bob"}}}
		},
		"a pointer to text":    func(*env) any { return &clause.Expr{SQL: more} },
		"an unknown type":      func(*env) any { return shout(more) },
		"a value that is text": func(*env) any { return sneakyValue{more} },
		"a raw column":         func(*env) any { return clause.Column{Name: more, Raw: true} },
		"a list": func(*env) any {
			return clause.CommaExpression{Exprs: []clause.Expression{x("1"), x("owner_id = 'bob'")}}
		},
		"a raw subquery": func(e *env) any { return e.db.Raw("1), owner_id = ('bob'") },
		"a subquery":     func(e *env) any { return e.db.Model(&Country{}).Select("1").Where("1=1 LIMIT 1), owner_id = ('bob'") },
		"assignments": func(*env) any {
			return clause.Set{{Column: clause.Column{Name: "stars"}, Value: 1}, {Column: clause.Column{Name: "owner_id"}, Value: "bob"}}
		},
	} {
		list = append(list,
			effect("an update with "+name, func(e *env) *gorm.DB {
				return docsOf(e).Where("id = ?", "alice-doc-1").Updates(map[string]any{"stars": v(e)})
			}),
			effect("an upsert with "+name, func(e *env) *gorm.DB {
				return e.q().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"stars": v(e)})}).Create(&Document{ID: "alice-doc-1"})
			}),
		)
	}
	return list
}
