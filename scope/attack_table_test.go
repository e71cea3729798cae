package scope_test

import (
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// tableAttacks name a protected table where no predicate would stand beside it, or where
// one does not hold what it joins.
func tableAttacks() []attack {
	public := func(e *env) *gorm.DB { return e.q().Model(&Country{}) }
	docs := func(e *env) *gorm.DB { return e.q().Model(&Document{}) }
	column := clause.Column{Name: "documents"}
	join := func(j clause.Join) clause.From { return clause.From{Joins: []clause.Join{j}} }
	doc := clause.Table{Name: "documents", Alias: "d"}
	from := func(tx *gorm.DB, e clause.Expression) *gorm.DB {
		return with(tx, "FROM", func(c *clause.Clause) { c.Name, c.Expression = "FROM", e })
	}
	all := clause.Where{Exprs: []clause.Expression{sqlText("d.country_id = countries.id")}}
	read := func(name string, tx func(e *env) *gorm.DB) attack {
		return attack{name, func(e *env) (any, error) { return maps(tx(e)) }}
	}
	write := func(name string, tx func(e *env) *gorm.DB) attack {
		return attack{name, func(e *env) (any, error) { return nil, tx(e).Error }}
	}
	const subquery = "(SELECT MAX(x.title) FROM ? x WHERE x.owner_id = 'bob')"
	list := []attack{
		read("a second table in FROM", func(e *env) *gorm.DB {
			return docs(e).Select("d2.title").Clauses(clause.From{Tables: []clause.Table{{Name: clause.CurrentTable}, {Name: "documents", Alias: "d2"}}})
		}),
		read("FROM past an alias that is called like a table", func(e *env) *gorm.DB {
			return e.q().Table("countries AS documents").Clauses(clause.From{Tables: []clause.Table{{Name: "documents"}}})
		}),
		read("FROM past a derived table that is called like a table", func(e *env) *gorm.DB {
			return e.q().Table("(?) AS documents", e.db.Model(&Country{})).Clauses(clause.From{Tables: []clause.Table{{Name: "documents"}}})
		}),
		read("a RIGHT JOIN", func(e *env) *gorm.DB {
			return public(e).Select("d.title").Clauses(join(clause.Join{Type: clause.RightJoin, Table: doc, ON: all}))
		}),
		read("a FULL JOIN", func(e *env) *gorm.DB {
			return public(e).Select("d.title").Clauses(join(clause.Join{Type: "FULL", Table: doc, ON: all}))
		}),
		{"a RIGHT JOIN of a relation", func(e *env) (any, error) {
			return gorm.G[Pin](e.db).Scopes(e.gen).Joins(clause.RightJoin.Association("Document"), nil).Find(e.ctx)
		}},
		read("a column as a joined table", func(e *env) *gorm.DB { return public(e).Select("d.title").Joins("JOIN ? AS d ON 1 = 1", column) }),
		read("a column as the table of a subquery", func(e *env) *gorm.DB { return public(e).Select(subquery+" AS title", column) }),
		read("a column in an expression as the table of a subquery", func(e *env) *gorm.DB {
			return public(e).Select(subquery+" AS title", clause.Expr{SQL: "?", Vars: []any{column}})
		}),
		{"a column as the table of a condition", func(e *env) (any, error) {
			var found []Country
			err := public(e).Where("EXISTS (SELECT 1 FROM ? x WHERE x.owner_id = 'bob')", column).Find(&found).Error
			if len(found) > 0 {
				return "rows of bob", err
			}
			return nil, err
		}},
		write("a column as the table of an assigned subquery", func(e *env) *gorm.DB {
			return public(e).Where("id = 1").Update("name", gorm.Expr(subquery, column))
		}),
		read("a column as an expression in FROM", func(e *env) *gorm.DB {
			return from(public(e).Select("title"), clause.Expr{SQL: "?", Vars: []any{column}})
		}),
		write("an expression in FROM of an update", func(e *env) *gorm.DB {
			return from(docs(e).Where("documents.id = 'x' OR 1=1"), clause.Expr{SQL: "?", Vars: []any{column}}).Update("stars", 99)
		}),
		write("an expression in FROM of a delete", func(e *env) *gorm.DB {
			return from(public(e).Where("1=1"), clause.Expr{SQL: "?", Vars: []any{clause.Column{Name: "covers"}}}).Delete(&Country{})
		}),
		read("a query in the letters of a continued string", func(e *env) *gorm.DB {
			return public(e).Select("E'a'\n'\\'' || (SELECT max(title) FROM documents WHERE owner_id <> $$alice$$) || E'b'\n'\\'' AS title")
		}),
		{"an alias that is text", func(e *env) (any, error) {
			return maps(docs(e).Clauses(clause.Select{Columns: []clause.Column{{Name: "id", Alias: ".,(SELECT max(title) FROM documents WHERE owner_id='bob') AS y FROM countries -- "}}}))
		}},
		{"an alias of RETURNING that is text", func(e *env) (any, error) {
			var back []Document
			err := e.q().Model(&back).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id", Alias: ".,(SELECT MAX(title) FROM documents WHERE owner_id='bob') AS title -- "}}}).
				Where("id = 'alice-doc-1'").Update("stars", 3).Error
			return back, err
		}},
		{"one handle for two principals", func(e *env) (any, error) {
			tx := e.q().Model(&Country{}).Select("d.title").Clauses(join(clause.Join{Table: doc})).Session(&gorm.Session{})
			if _, err := maps(tx.WithContext(as(e.ctx, bob))); err != nil {
				return nil, err
			}
			return maps(tx)
		}},
	}
	for _, text := range []string{", 'documents' d", ", main.'documents' d", "JOIN countries c2 ON 1=1, main.'documents' d", `JOIN countries c2 USING (id), "main" . 'documents' d`} {
		list = append(list, read("a string that continues a list of tables: "+text, func(e *env) *gorm.DB { return public(e).Select("d.title").Joins(text) }))
	}
	return append(list, read("a string after FROM", func(e *env) *gorm.DB {
		return with(public(e).Select("d.title").Clauses(clause.From{}), "FROM", after(", 'documents' d"))
	}))
}

func TestNoTextOfAQueryGetsAroundOwnedAlone(t *testing.T) {
	t.Parallel()
	comment := func(tx *gorm.DB) *gorm.DB { return with(tx.Clauses(clause.From{}), "FROM", after("/* x */")) }
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			own := func() *gorm.DB { return w.root.Scopes(scope.Owned(as(t.Context(), alice))).Model(&Document{}) }
			for name, tx := range map[string]*gorm.DB{
				"an expression in FROM": with(own().Select("d2.title"), "FROM", func(c *clause.Clause) {
					c.Name, c.Expression = "FROM", sqlText("documents, documents d2")
				}),
				"a comment closed behind it":   comment(own().Select("d2.title FROM documents d2 JOIN documents ON 1=1 /*")),
				"the same in a clause":         comment(own().Clauses(clause.Select{Expression: sqlText("d2.title FROM documents d2 JOIN documents ON 1=1 /*")})),
				"another FROM":                 own().Select("d2.title FROM documents d2 JOIN documents ON documents.stars IS DISTINCT"),
				"another FROM in a raw column": own().Clauses(clause.Select{Columns: []clause.Column{{Name: "d2.title FROM documents d2 JOIN documents ON 1 IS DISTINCT", Raw: true}}}),
				"an alias that is text":        own().Clauses(clause.Select{Columns: []clause.Column{{Name: "id", Alias: ". FROM documents AS ."}}}),
				"a column of ORDER BY":         own().Order(clause.OrderByColumn{Column: clause.Column{Name: "title..,(SELECT 1) -- "}}),
			} {
				var found []map[string]any
				if err := tx.Find(&found).Error; !errors.Is(err, scope.ErrUnsupported) || len(found) > 0 {
					t.Errorf("%s: %d rows, %v", name, len(found), err)
				}
			}
			var back []Document
			err := own().Model(&back).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id", Alias: ".,(SELECT MAX(title) FROM documents) AS title -- "}}}).
				Where("id = 'alice-doc-1'").Update("stars", 3).Error
			if !errors.Is(err, scope.ErrUnsupported) || len(back) > 0 {
				t.Errorf("an alias of RETURNING: %v, %v", back, err)
			}
			for name, tx := range map[string]*gorm.DB{
				"a FROM in parentheses": own().Select("TRIM(BOTH 'x' FROM title) AS title"),
				"text that says from":   own().Select("'from' AS title"),
				"an aggregate":          own().Select("MAX(title) AS title"),
				"a dotted column":       own().Select("documents.title").Order("documents.title"),
				"a column's alias":      own().Clauses(clause.Select{Columns: []clause.Column{{Table: "documents", Name: "title", Alias: "heading"}}}),
			} {
				if kind == "sqlite" && name == "a FROM in parentheses" {
					continue
				}
				var found []map[string]any
				if err := tx.Find(&found).Error; err != nil || len(found) == 0 {
					t.Errorf("%s: %d rows, %v", name, len(found), err)
				}
			}
		})
	}
}

// Joins to the left and of what everybody may see go on as ever.
func TestOuterJoinsThatHoldThePredicatePass(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			db := w.db.WithContext(as(t.Context(), alice))
			pins, err := gorm.G[Pin](db).Joins(clause.LeftJoin.Association("Document"), nil).Find(as(t.Context(), alice))
			if err != nil || len(pins) == 0 {
				t.Errorf("a LEFT JOIN: %d, %v", len(pins), err)
			}
			for _, p := range pins {
				if p.Document != nil && p.Document.OwnerID != "alice" {
					t.Errorf("a LEFT JOIN shows %+v", p.Document)
				}
			}
			var rows []map[string]any
			if err := db.Model(&Document{}).Select("documents.title").Joins("RIGHT JOIN countries ON countries.id = documents.country_id").Find(&rows).Error; err != nil && kind != "sqlite" {
				t.Errorf("a RIGHT JOIN of a public table: %v", err)
			}
			for _, r := range rows {
				if foreignLine(fmt.Sprint(r)) {
					t.Errorf("a RIGHT JOIN of a public table shows %v", r)
				}
			}
		})
	}
}
