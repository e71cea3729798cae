package scope_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// quoteAttacks have gorm's dialects lose count of a name's quotes.
func quoteAttacks() []attack {
	const end = ".,(SELECT MAX(title) FROM documents WHERE owner_id = 'bob') AS y FROM countries -- "
	const or = ".<>'' ) OR ( ?<>'zz' ) -- "
	var list []attack
	for _, q := range []string{"`", `"`} {
		dot := "documents.*, 1 AS " + q + "." + q
		list = append(list,
			reads("an alias", func(e *env) *gorm.DB {
				return docsOf(e).Clauses(clause.Select{Columns: []clause.Column{{Name: "id", Alias: q + end}}})
			}),
			reads("an alias of two quotes", func(e *env) *gorm.DB {
				return docsOf(e).Clauses(clause.Select{Columns: []clause.Column{{Name: "id", Alias: q + q + end}}})
			}),
			named("an alias in RETURNING", func(e *env) (any, error) {
				var back []Document
				err := e.q().Model(&back).Clauses(clause.Returning{Columns: []clause.Column{{Name: "id", Alias: q + strings.ReplaceAll(end, "AS y FROM countries", "AS title")}}}).
					Where("id = 'alice-doc-1'").Update("stars", 3).Error
				return back, err
			}),
			reads("a table's alias", func(e *env) *gorm.DB {
				return pinsOf(e).Select("title").Clauses(clause.From{Joins: []clause.Join{{Table: clause.Table{Name: "countries", Alias: q + ". JOIN documents d ON 1=1 -- "}}}})
			}),
			reads("a column before a comparison", func(e *env) *gorm.DB { return docsOf(e).Select(dot).Where(clause.Eq{Column: or, Value: 1}) }),
			reads("a column before IN", func(e *env) *gorm.DB {
				return docsOf(e).Select(dot).Where(clause.IN{Column: or, Values: []any{1}})
			}),
			reads("a column's qualifier", func(e *env) *gorm.DB {
				return docsOf(e).Select(dot).Where(clause.Eq{Column: clause.Column{Table: or, Name: "id"}, Value: 1})
			}),
			reads("a column that is no plain string", func(e *env) *gorm.DB { return docsOf(e).Select(dot).Where(map[any]any{spelled(or): 1}) }),
			reads("a list of columns", func(e *env) *gorm.DB { return docsOf(e).Select(dot).Where(clause.Eq{Column: []string{or}, Value: 1}) }),
			reads("a column of HAVING", func(e *env) *gorm.DB {
				return docsOf(e).Select("MAX(stars) AS " + q + "." + q).Group("id").Having(map[string]any{".>0 UNION SELECT title FROM documents WHERE ?<>'zz' -- ": 1})
			}),
		)
	}
	return append(list, reads("no name at all", func(e *env) *gorm.DB {
		return docsOf(e).Where(clause.Eq{Column: "", Value: "x"}).Or(clause.Eq{Column: "", Value: "x"})
	}))
}

// joinTextAttacks put text before and behind a join that holds the predicate.
func joinTextAttacks() []attack {
	on := clause.Where{Exprs: []clause.Expression{sqlText("d.id = pins.document_id")}}
	doc := clause.Join{Table: clause.Table{Name: "documents", Alias: "d"}, ON: on}
	left := doc
	left.Type = clause.LeftJoin
	txt := func(s string) clause.Join { return clause.Join{Expression: sqlText(s)} }
	from := func(e *env, joins ...clause.Join) *gorm.DB {
		return pinsOf(e).Select("d.title").Clauses(clause.From{Joins: joins})
	}
	assoc := func(e *env) *gorm.DB { return pinsOf(e).Select("Document.title") }
	x := gorm.Expr
	var list []attack
	for _, s := range []string{"OR 1=1", "/* x */ OR 1=1", "OR 1=1 LEFT JOIN countries c ON 1=1", "AND 1=0 OR 1=1", "|| 'x'"} {
		list = append(list,
			reads("behind a relation: "+s, func(e *env) *gorm.DB { return assoc(e).Joins("Document").Joins(s) }),
			reads("behind an inner one: "+s, func(e *env) *gorm.DB { return assoc(e).InnerJoins("Document").Joins(s) }),
			reads("behind one by name: "+s, func(e *env) *gorm.DB { return from(e, doc, txt(s)) }),
			reads("behind FROM: "+s, func(e *env) *gorm.DB { return with(from(e, doc), "FROM", after(s)) }),
		)
	}
	list = append(list,
		named("behind the folder", func(e *env) (any, error) {
			var d []Document
			err := e.q().Joins("Folder").Joins("OR 1=1").Find(&d).Error
			return d, err
		}),
		reads("behind a relation, by an argument", func(e *env) *gorm.DB { return assoc(e).Joins("Document").Joins("? 1=1", x("OR")) }),
	)
	for _, s := range []string{"RIGHT", "right", "FULL", "NATURAL RIGHT", "JOIN countries c ON 1=1 RIGHT", "JOIN countries c ON 1=1 FULL", "FULL OUTER", "CROSS JOIN countries c RIGHT /* x */"} {
		list = append(list,
			reads("before a relation: "+s, func(e *env) *gorm.DB { return assoc(e).Joins(s).Joins("Document") }),
			reads("before an inner one: "+s, func(e *env) *gorm.DB { return assoc(e).Joins(s).InnerJoins("Document") }),
			reads("before one by name: "+s, func(e *env) *gorm.DB { return from(e, txt(s), doc) }),
			reads("before a left one by name: "+s, func(e *env) *gorm.DB { return from(e, txt(s), left) }),
			reads("behind FROM's name: "+s, func(e *env) *gorm.DB { return with(from(e, doc), "FROM", afterName("countries "+s+" JOIN")) }),
		)
	}
	return append(list,
		reads("before one by name, by an argument", func(e *env) *gorm.DB {
			return from(e, clause.Join{Expression: x("JOIN countries c ON 1=1 ?", x("RIGHT"))}, doc)
		}),
		reads("before one by name, by a named argument", func(e *env) *gorm.DB {
			return from(e, clause.Join{Expression: clause.NamedExpr{SQL: "JOIN countries c ON 1=1 @r", Vars: []any{map[string]any{"r": x("RIGHT")}}}}, doc)
		}),
		reads("before one by name, by a raw subquery", func(e *env) *gorm.DB {
			return from(e, clause.Join{Expression: x("JOIN countries c ON ?", e.db.Raw("1=1 RIGHT"))}, doc)
		}),
		reads("before one by name, by a type of one's own", func(e *env) *gorm.DB { return from(e, clause.Join{Expression: shout("RIGHT")}, doc) }),
	)
}

// Whatever part of a column has a name gorm cannot quote, it is refused before it is sent.
func TestANameThatCannotBeQuotedIsUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	ctx := as(t.Context(), alice)
	for handle, own := range map[string]*gorm.DB{
		"the guard": w.db.WithContext(ctx), "Owned alone": w.root.WithContext(ctx).Scopes(scope.Owned(ctx)),
	} {
		for _, bad := range []string{".", "a.", "a..b", "`a.b", `a"b`, "``"} {
			for what, c := range map[string]clause.Column{"a name": {Name: bad}, "an alias": {Name: "id", Alias: bad}, "a table": {Table: bad, Name: "id"}} {
				err := own.Session(&gorm.Session{}).Model(&Document{}).Clauses(clause.Select{Columns: []clause.Column{c}}).Find(&[]Document{}).Error
				if !errors.Is(err, scope.ErrUnsupported) {
					t.Errorf("%s, %s %q: %v", handle, what, bad, err)
				}
			}
		}
	}
}
