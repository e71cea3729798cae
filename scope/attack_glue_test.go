package scope_test

import (
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func reads(name string, tx func(e *env) *gorm.DB) attack {
	return named(name, func(e *env) (any, error) { return maps(tx(e)) })
}

func docsOf(e *env) *gorm.DB      { return e.q().Model(&Document{}) }
func countriesOf(e *env) *gorm.DB { return e.q().Model(&Country{}) }
func pinsOf(e *env) *gorm.DB      { return e.q().Model(&Pin{}) }

// spelled is a name that is no plain string.
type spelled string

// glueAttacks put SQL in for a "?" so that neither piece says what both together do.
func glueAttacks() []attack {
	x := gorm.Expr
	const out = "') OR (title <> '"
	top := func(from string, args ...any) attack {
		return reads("a table: "+from, func(e *env) *gorm.DB { return countriesOf(e).Select("(SELECT MAX(title) FROM "+from+") AS t", args...) })
	}
	return []attack{
		reads("in a literal", func(e *env) *gorm.DB { return docsOf(e).Where("title <> '?'", x(out)) }),
		reads("in a literal, by name", func(e *env) *gorm.DB { return docsOf(e).Where("title <> '@n'", sql.Named("n", x(out))) }),
		reads("in a literal, a column", func(e *env) *gorm.DB { return docsOf(e).Where("title <> '?'", clause.Column{Name: out}) }),
		reads("in a literal behind another", func(e *env) *gorm.DB { return docsOf(e).Where("stars > ? AND title <> '?'", 0, x(out)) }),
		reads("in a literal of Select", func(e *env) *gorm.DB {
			return countriesOf(e).Select("CONCAT('?') AS t", x("',(SELECT MAX(title) FROM documents),'"))
		}),
		effect("in a literal of an update", func(e *env) *gorm.DB { return docsOf(e).Where("title <> '?'", x(out)).Update("stars", 77) }),
		effect("in a literal of a delete", func(e *env) *gorm.DB {
			return e.q().Where("text <> '?'", x("') OR (text <> '")).Delete(&Note{})
		}),
		top("docu?", x("ments")),
		top("`docu?`", x("ments")),
		top("?ments", x("docu")),
		top("'docu?'", x("ments")),
		top("docu@n", map[string]any{"n": x("ments")}),
		reads("half a table in a join", func(e *env) *gorm.DB {
			return countriesOf(e).Select("d.title").Joins("JOIN docu? d ON 1 = 1", x("ments"))
		}),
		named("half a table in Where", func(e *env) (any, error) {
			var c []Country
			err := countriesOf(e).Where("EXISTS (SELECT 1 FROM docu? WHERE owner_id = 'bob')", x("ments")).Find(&c).Error
			return refusal(err, "bob's rows decide")
		}),
		named("half a table in an assignment", func(e *env) (any, error) {
			err := e.q().Model(&Document{}).Where("id = 'alice-doc-1'").Update("title", x("(SELECT MAX(name) FROM fold? f WHERE owner_id = 'bob')", x("ers"))).Error
			return refusal(err, "bob's folder was copied")
		}),
		reads("half a comment", func(e *env) *gorm.DB { return docsOf(e).Where("1=1 -?(\n) OR (1=1 -?)\n", x("- "), x("- ")) }),
		reads("half a comment in the way of C", func(e *env) *gorm.DB { return docsOf(e).Where("1=1 /?( */) OR (1=1 /?) */", x("*"), x("*")) }),
		reads("half a comment, the other way", func(e *env) *gorm.DB {
			return docsOf(e).Where("1=1 ?*( */) OR (1=1 ?*) */", x("* 1/"), x("* 1/"))
		}),
		reads("two strings that go on, the first one in the text", func(e *env) *gorm.DB {
			return docsOf(e).Where("title <> E'x'\n? AND title <> ?", x(`'\'') OR (title <> '`), x("' '"))
		}),
		reads("two strings that go on, the second one in the text", func(e *env) *gorm.DB {
			return docsOf(e).Select("title").Where("title <> ?\n'\\'') OR (title <> '' ) -- '", x("E'x'"))
		}),
		reads("a dollar before a value", func(e *env) *gorm.DB {
			return docsOf(e).Where("'a' <> $?( $?$$ ) OR ($?$ AND 'b' <> 'c'", "x", "y", "z")
		}),
		// A table's name as a string, where only the other piece says that a table follows.
		reads("a string behind FROM", func(e *env) *gorm.DB {
			return countriesOf(e).Select("(? 'documents') AS t", x("SELECT MAX(title) FROM"))
		}),
		reads("a string behind a comma", func(e *env) *gorm.DB {
			return countriesOf(e).Select("(? , 'documents' d) AS t", x("SELECT MAX(d.title) FROM countries c"))
		}),
		top("?", x("'documents'")),
		top("(?)", x("'documents'")),
		top("countries c, ? d", x("'documents'")),
		top("?", []any{clause.Column{Name: "documents"}}),
		top("?", [][]any{{clause.Column{Name: "documents"}}}),
		top("?", []clause.Column{{Name: "documents"}}),
		top("?", clause.Eq{Column: x("documents GROUP BY id"), Value: 1}),
		top("?", clause.Column{Name: "`documents`"}),
		// Raw subqueries are text as well.
		reads("a raw subquery that ends the condition", func(e *env) *gorm.DB { return docsOf(e).Where("?", e.db.Raw("1=1) OR (1=1")) }),
		reads("a raw subquery that ends its parentheses", func(e *env) *gorm.DB {
			return docsOf(e).Where("stars IN (?)", e.db.Raw("1)) OR (1 IN (1"))
		}),
		reads("a raw subquery in Order that ends it", func(e *env) *gorm.DB {
			return e.q().Table("(?) AS t", e.db.Model(&Country{}).Order(clause.OrderBy{Expression: x("?", e.db.Raw("1) AS x, (SELECT 2"))}))
		}),
		reads("a raw subquery with a value that is text", func(e *env) *gorm.DB {
			return countriesOf(e).Select("(?) AS t", e.db.Raw("SELECT ?", x("?"), x("MAX(title) FROM documents")))
		}),
		reads("a raw subquery that is another query", func(e *env) *gorm.DB {
			return e.q().Table("documents AS d").Select("d.title").
				Joins("JOIN countries c ON 1=1 ?", e.db.Raw("UNION SELECT d.x FROM (SELECT 'acme' AS tenant_id, 'alice' AS owner_id, 'x' AS x) AS d"))
		}),
		named("a raw subquery in ON", func(e *env) (any, error) {
			var rows []map[string]any
			err := pinsOf(e).Select("Document.title").Joins("Document", e.db.Where("?", e.db.Raw("1=1) OR (1=1"))).Find(&rows).Error
			return rows, err
		}),
		reads("what is left over in ON", func(e *env) *gorm.DB {
			return pinsOf(e).Select("Document.title").Joins("Document", e.db.Where("Document.title <> ?", x("'?'"), x("' OR 1=1) OR ('x'='")))
		}),
	}
}

// shiftAttacks have more or fewer "?" in a piece than values, so that the predicate's
// own "?" are given the developer's.
func shiftAttacks() []attack {
	x := gorm.Expr
	sel := func(name, text string, vars ...any) attack {
		return reads(name, func(e *env) *gorm.DB {
			for i, v := range vars {
				if s, ok := v.(spelled); ok {
					vars[i] = e.db.Raw(string(s), "acme", "bob")
				}
			}
			return docsOf(e).Clauses(clause.Select{Expression: x(text, vars...)})
		})
	}
	return []attack{
		reads("none for two, and two for none", func(e *env) *gorm.DB { return docsOf(e).Select("title, ? AS a, ? AS b").Where("1 = 1", "acme", "bob") }),
		reads("none for two in Order, and two for none", func(e *env) *gorm.DB {
			return pinsOf(e).Select("Document.title, ? AS a, ? AS b").Joins("Document", e.db.Where("1 = 1", "acme", "bob"))
		}),
		sel("two for none", "title", "acme", "bob"),
		sel("two that leave no trace", "title ? ?", sql.Named("a", "acme"), sql.Named("b", "bob")),
		sel("two that leave no trace, in lists", "title, stars IN ? AS s, stars IN ? AS u", []any{sql.Named("a", "acme")}, []any{sql.Named("b", "bob")}),
		sel("one number for three", "title, ?1 AS a, ?1 AS b, ?1 AS c", "x", "acme", "bob"),
		sel("a raw subquery with two for none", "title, (?) AS s", spelled("SELECT 1")),
		effect("an insert, none for two", func(e *env) *gorm.DB {
			return e.q().Model(&Folder{}).Create(map[string]any{"id": x("? || ?"), "name": x("'t'", "bob", "acme")})
		}),
		effect("an insert, none for two numbers", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create(map[string]any{"id": "n7", "country_id": x("LENGTH(?) + LENGTH(?)"), "title": x("'t'", "bob", "acme")})
		}),
		effect("an insert, a raw subquery", func(e *env) *gorm.DB {
			return e.q().Model(&Folder{}).Create(map[string]any{"id": x("? || ?"), "name": e.db.Raw("('t')", "bob", "acme")})
		}),
		effect("an update", func(e *env) *gorm.DB {
			return docsOf(e).Where("1 = 1", "acme", "bob").Updates(map[string]any{"title": x("? || ?")})
		}),
	}
}

// tokenAttacks are read in another way by a database than by whoever does not know
// its oddities.
func tokenAttacks() []attack {
	const own = " SELECT d.x FROM (SELECT 'acme' AS tenant_id, 'alice' AS owner_id, 'x' AS x) AS d"
	union := func(on string) attack {
		return reads("another query: "+on, func(e *env) *gorm.DB {
			return e.q().Table("documents AS d").Select("d.title").Joins("JOIN countries c ON " + on + own)
		})
	}
	list := []attack{
		union("1=1.0UNION"), union("1=.5UNION"), union("1<1e5UNION"), union("1<1e+5UNION"), union(`1=1 OR \NUNION`), union("1=1UNION"), union("1=0x1UNION"),
		reads("a comment that begins with DEL", func(e *env) *gorm.DB { return docsOf(e).Where("1=1 --\x7f(\n) OR (1=1 --\x7f)\n") }),
		text("a comment with DEL", "SELECT title --\x7f'\n FROM documents --\x7f'\n"),
		named("FROM behind a numbered parameter", func(e *env) (any, error) {
			return maps(e.q().Raw("SELECT title, ?1FROM 'documents'", 5))
		}),
		reads("FROM behind a numbered parameter in Select", func(e *env) *gorm.DB {
			return countriesOf(e).Select("name, (SELECT MAX(title) || ?1FROM 'documents') AS t", 5)
		}),
		reads("a variable with a quote in its name", func(e *env) *gorm.DB { return docsOf(e).Where("1=1 OR @a(')=1) OR (1=1 OR @a(')=1") }),
		reads("a variable named as a keyword", func(e *env) *gorm.DB {
			return countriesOf(e).Select("(SELECT d.title FROM countries JOIN pins ON :SET = 1, 'documents' d) AS t")
		}),
	}
	for _, zero := range []string{"/* \x00 */", "--\x00\n", "\x00"} {
		list = append(list,
			reads("a zero byte in FROM", func(e *env) *gorm.DB { return with(docsOf(e).Clauses(clause.From{}), "FROM", after(zero)) }),
			reads("a zero byte in a join", func(e *env) *gorm.DB { return docsOf(e).Joins("JOIN countries c ON 1=1 " + zero) }),
			reads("a zero byte in Select", func(e *env) *gorm.DB {
				return docsOf(e).Clauses(clause.Select{Expression: sqlText("title FROM documents " + zero)})
			}),
			effect("a zero byte in an assignment", func(e *env) *gorm.DB {
				return docsOf(e).Where("1 = 1").Update("title", gorm.Expr("'taken' "+zero))
			}),
			effect("a zero byte in a delete", func(e *env) *gorm.DB {
				return with(e.q().Where("1 = 1").Clauses(clause.From{}), "FROM", after(zero)).Delete(&Cover{})
			}),
		)
	}
	return list
}
