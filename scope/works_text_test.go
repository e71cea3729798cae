package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// textWorks are pieces of SQL that resemble what is refused.
func textWorks() []work {
	find := func(name string, n int, tx func(e *env) *gorm.DB) work {
		return work{name, func(e *env) error { var m []map[string]any; return affected(tx(e).Find(&m), n) }}
	}
	on := func(kinds string, w work) work {
		run := w.run
		w.run = func(e *env) error {
			for _, k := range []string{"sqlite", "postgres", "mariadb"} {
				if k == e.w.kind && kinds != "not "+k && (kinds == k || kinds[:4] == "not ") {
					return run(e)
				}
			}
			return nil
		}
		return w
	}
	x := gorm.Expr
	col := func(name string) clause.Column { return clause.Column{Table: "documents", Name: name} }
	return []work{
		find("an expression for ?", 2, func(e *env) *gorm.DB { return docsOf(e).Where("stars < ?", x("? + 1", 2)) }),
		find("an expression between operators", 2, func(e *env) *gorm.DB { return docsOf(e).Where("(?+stars)>0 AND stars*?>0", x("stars"), x("2")) }),
		find("an expression beside a minus and a stroke", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("10-? > 0 AND 100/?>0 AND -? < 0 AND ?-1 < 9", x("stars"), x("stars"), x("(1 + ?)", 1), x("ABS(stars)"))
		}),
		on("postgres", find("an expression behind an operator of text search", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("to_tsvector('cat dog') @@? AND '[1]'::jsonb @>?", x("to_tsquery('cat')"), x("cast('1' AS jsonb)"))
		})),
		find("a text in an argument that is spelled as a table", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("country_id IN (?)", x("SELECT id FROM countries WHERE name <> 'documents' AND id < ?", 9))
		}),
		on("postgres", work{"arrays as values", func(e *env) error {
			return errors.Join(
				affected(docsOf(e).Where("id = ?", "alice-doc-1").Update("stars", x("(ARRAY[?::int, ?::int])[1]", 1, 2)), 1),
				affected(docsOf(e).Where("id = ?", "alice-doc-1").Update("title", x("ARRAY['a', 'b']::text")), 1))
		}}),
		find("a column for ?", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("LOWER(?) <> ? AND ?=?", col("title"), "x", col("id"), col("id"))
		}),
		find("a table for ?", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("?.stars > 0", clause.Table{Name: clause.CurrentTable})
		}),
		find("columns and values in lists", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("(stars, id) IN ?", [][]any{{1, "alice-doc-1"}, {x("1 + 1"), "alice-doc-2"}})
		}),
		find("a list in parentheses", 2, func(e *env) *gorm.DB { return docsOf(e).Where("stars IN (?)", []any{x("1"), 2}) }),
		find("an expression in Select", 2, func(e *env) *gorm.DB { return docsOf(e).Select("id, ? AS twice, ? AS t", x("stars * ?", 2), "what?") }),
		find("named expressions", 1, func(e *env) *gorm.DB {
			return docsOf(e).Where("stars = @n AND title LIKE @t AND id <> 'a@m'", map[string]any{"n": x("1 + ?", 0), "t": "%alice"})
		}),
		find("a name nobody gave, in a literal", 2, func(e *env) *gorm.DB { return docsOf(e).Where("title <> 'a@b' AND stars > @n", map[string]any{"n": 0}) }),
		on("not postgres", find("a question in a literal beside a value", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("title <> 'what?' AND stars > ?", 0)
		})),
		find("a question in a literal", 2, func(e *env) *gorm.DB { return docsOf(e).Where("title <> 'what?' /* why? */") }),
		on("postgres", find("an operator with a question mark", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where(`'{"a":1}'::jsonb ? 'a'`).Where("'[1]'::jsonb @> ?::jsonb AND ?::text <> 'x'", "1", x("'y'")).
				Where(`'{"a":1}'::jsonb ? ?::text`, x("?"), "a").Where(`array['a'] && array[?]`, x("'a'::text"))
		})),
		on("postgres", find("a dollar-quoted string and a cast", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("title <> $$its$$ AND stars::text <> ? AND tenant_id || E'\\n' <> $a$)$a$", "9")
		})),
		on("mariadb", find("variables and escapes", 2, func(e *env) *gorm.DB { return docsOf(e).Where(`@@version <> 'a\n' AND title <> "x"`) })),
		on("mariadb", find("a name that begins with a digit", 2, func(e *env) *gorm.DB {
			return docsOf(e).Select("id, stars AS 2fa, stars AS `2fb`").Order("2fa, documents.stars")
		})),
		find("numbers", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("stars < 1e3 AND stars < 1.5e+3 AND stars > .5-1.0 AND stars > 0.0 AND stars < 1E2")
		}),
		find("text over several lines", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("\n\tstars > ?\r\n\tAND title <> ?\f-- the rest\n", 0, "x")
		}),
		on("not mariadb", find("IS DISTINCT FROM", 2, func(e *env) *gorm.DB { return docsOf(e).Where("title IS NOT DISTINCT FROM title") })),
		find("a raw subquery on public tables", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("country_id IN (?)", e.db.Raw("SELECT id FROM countries WHERE id < ? UNION SELECT id FROM pins WHERE id < ?", 9, 1))
		}),
		find("a raw expression on public tables", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("country_id IN (?)", x("SELECT id FROM countries WHERE id < ?", 9)).Where("stars < ?", x("(SELECT COUNT(*) + 8 FROM countries)"))
		}),
		find("joins by text", 2, func(e *env) *gorm.DB {
			return docsOf(e).Joins("left join countries c ON c.id = documents.country_id AND c.name <> ?", "x").
				Joins("/* all */ JOIN pins p ON p.country_id = c.id").Joins("CROSS JOIN (SELECT 1 AS one) AS o")
		}),
		find("a join with a comma", 2, func(e *env) *gorm.DB { return docsOf(e).Joins(", countries c").Where("c.id = documents.country_id") }),
		find("a join with a subquery", 2, func(e *env) *gorm.DB {
			return docsOf(e).Joins("JOIN (?) f ON f.id = documents.folder_id", e.db.Model(&Folder{}).Select("id"))
		}),
		find("a join with a column", 2, func(e *env) *gorm.DB { return docsOf(e).Joins("JOIN countries c ON c.id = ?", col("country_id")) }),
		find("joins by text and by relation", 2, func(e *env) *gorm.DB {
			return docsOf(e).Joins("JOIN countries c ON c.id = documents.country_id").Joins("Folder").Joins("LEFT JOIN pins ON pins.country_id = c.id")
		}),
		find("clause.From with text and a subquery", 2, func(e *env) *gorm.DB {
			return docsOf(e).Clauses(clause.From{Joins: []clause.Join{
				{Expression: x("LEFT JOIN countries c ON c.id = documents.country_id")},
				{Expression: x("JOIN (?) AS f ON f.id = ?", e.db.Model(&Folder{}).Select("id"), col("folder_id"))},
			}})
		}),
		on("mariadb", find("a hint as a join", 2, func(e *env) *gorm.DB { return docsOf(e).Joins("USE INDEX (idx_document)") })),
		find("quoted names", 2, func(e *env) *gorm.DB {
			q := "`"
			if e.w.kind == "postgres" {
				q = `"`
			}
			return docsOf(e).Select(q + "id" + q + " AS " + q + "a.b" + q).Where(clause.Eq{Column: q + "documents" + q + "." + q + "stars" + q, Value: []int{1, 2}}).
				Where(clause.IN{Column: "documents.stars", Values: []any{1, 2}}).Where(map[any]any{"tenant_id": "acme"})
		}),
		find("an expression with commas in parentheses", 2, func(e *env) *gorm.DB {
			return docsOf(e).Where("COALESCE(?) > 0 AND stars IN (?)", x("stars, 1"), x("1, ?", 2))
		}),
		{"a subquery and an expression with commas as values", func(e *env) error {
			return affected(docsOf(e).Where("id = ?", "alice-doc-1").Updates(map[string]any{
				"title": e.db.Model(&Folder{}).Select("name").Limit(1), "stars": x("COALESCE(stars, ?)", 2), "country_id": x("(SELECT MAX(id) FROM countries)"),
			}), 1)
		}},
		{"expressions for values", func(e *env) error {
			return errors.Join(
				affected(docsOf(e).Where("id = ?", "alice-doc-1").Update("title", x("UPPER(?)", x("LOWER(?)", col("id")))), 1),
				e.q().Model(&Document{}).Create(map[string]any{"id": "w8", "title": x("LOWER(?)", "T"), "stars": x("1 + ?", 1)}).Error)
		}},
	}
}

type (
	remark struct {
		ID, TenantID, OwnerID string `gorm:"size:36"`
		TaskID                string `gorm:"size:36"`
	}
	// task has a column that is named as a table.
	task struct {
		ID, TenantID, OwnerID string `gorm:"size:36"`
		Remarks               string `gorm:"size:100"`
		Stars                 int
		List                  []remark `gorm:"foreignKey:TaskID;constraint:-"`
	}
)

func (remark) TableName() string { return "remarks" }
func (task) TableName() string   { return "tasks" }

// A column may be named as a protected table is: it can be told apart where the text
// has no place for a table, and is refused where it has.
func TestAColumnNamedAsATableIsNoTable(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			db, err := gorm.Open(root.Dialector, silent())
			if err != nil {
				t.Fatal(err)
			}
			db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
			if err := errors.Join(db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&task{}, &remark{}}})), root.AutoMigrate(&task{}, &remark{}),
				root.Create(&[]task{{ID: "1", TenantID: "acme", OwnerID: "alice", Remarks: "r", Stars: 1}, {ID: "2", TenantID: "acme", OwnerID: "bob", Remarks: "secret"}}).Error,
				root.Create(&[]remark{{ID: "3", TenantID: "acme", OwnerID: "bob", TaskID: "secret"}}).Error); err != nil {
				t.Fatal(err)
			}
			q := func() *gorm.DB { return db.WithContext(as(t.Context(), alice)).Model(&task{}) }
			for what, tx := range map[string]*gorm.DB{
				"Select": q().Select("id", "remarks"), "a field in Select": q().Select("Remarks"), "Select as text": q().Select("id, remarks AS r"),
				"Distinct": q().Distinct("remarks"), "Where": q().Where("remarks = ?", "r"), "a qualified one": q().Where("tasks.remarks = ?", "r"),
				"in parentheses": q().Where("(LOWER(remarks) = ? OR stars = 9)", "r").Or("remarks IN ?", []string{"r"}), "Not": q().Not("remarks = ?", "x"),
				"Order": q().Order("LOWER(remarks)").Order("remarks DESC, tasks.remarks"), "Group": q().Select("remarks, COUNT(*) AS total").Group("remarks").Having("MAX(remarks) = 'r'"),
				"upper case": q().Where("REMARKS = 'r'"), "a map": q().Where(map[string]any{"remarks": "r"}),
			} {
				var rows []map[string]any
				if err := tx.Find(&rows).Error; err != nil || len(rows) != 1 {
					t.Errorf("%s: %d rows, %v", what, len(rows), err)
				}
			}
			if tx := q().Where("id = '1'").Update("remarks", gorm.Expr("COALESCE(UPPER(remarks), ?)", "!")); tx.Error != nil || tx.RowsAffected != 1 {
				t.Errorf("an assignment: %d rows, %v", tx.RowsAffected, tx.Error)
			}
			for what, tx := range map[string]*gorm.DB{
				"a subselect":               q().Select("id, (SELECT MAX(task_id) FROM remarks) AS m"),
				"a subselect in Where":      q().Where("EXISTS (SELECT 1 FROM remarks)"),
				"a subselect with commas":   q().Where("EXISTS (SELECT 1 FROM tasks t, remarks)"),
				"a schema":                  q().Where("EXISTS (SELECT 1 FROM tasks.remarks)"),
				"a join":                    q().Joins("JOIN remarks ON 1 = 1"),
				"TABLE":                     q().Where("EXISTS (TABLE remarks)"),
				"SELECT by an argument":     q().Where("EXISTS (? remarks)", gorm.Expr("SELECT 1 FROM")),
				"a name by an argument":     q().Where("EXISTS (SELECT 1 FROM ?)", gorm.Expr("remarks")),
				"a schema by an argument":   q().Where("EXISTS (SELECT 1 FROM ?)", gorm.Expr("tasks.remarks")),
				"IN and a name":             q().Where("('3', 'acme', 'bob', 'secret') IN remarks"),
				"IN and a qualified name":   q().Where("('3', 'acme', 'bob', 'secret') IN main.remarks"),
				"no column of the model":    q().Where("documents = 1").Where("tasks = 1"),
				"another statement's model": db.WithContext(as(t.Context(), alice)).Model(&remark{}).Where("remarks = 'r'"),
			} {
				var rows []map[string]any
				if err := tx.Find(&rows).Error; err == nil || len(rows) > 0 {
					t.Errorf("%s: %d rows, not refused", what, len(rows))
				}
			}
		})
	}
}
