package scope_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// work is something alice may do. It fails when it is refused or does less than
// it should.
type work struct {
	name string
	run  func(*env) error
}

// want turns a count into an error unless it is as expected.
func want(n, expected int, err error) error {
	if err == nil && n != expected {
		err = fmt.Errorf("%d rows, not %d", n, expected)
	}
	return err
}

func affected(tx *gorm.DB, expected int) error { return want(int(tx.RowsAffected), expected, tx.Error) }

func TestOwnWorkIsNeverRefused(t *testing.T) {
	t.Parallel()
	all := slices.Concat(readWorks(), writeWorks(), otherWorks(), textWorks())
	if len(all) < 60 {
		t.Errorf("only %d cases", len(all))
	}
	t.Logf("%d cases", len(all))
	for _, kind := range append(kinds, "mariadb with upserts") {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for _, s := range settings[:2] {
				for _, c := range all {
					if err := c.run(w.env(t, s)); err != nil {
						t.Errorf("%s %s: %v", c.name, s.name, err)
					}
					w.reset(t)
				}
			}
		})
	}
}

func readWorks() []work {
	return []work{
		{"Find", func(e *env) error { var d []Document; return affected(e.q().Find(&d), 2) }},
		{"First by id", func(e *env) error { var d Document; return affected(e.q().First(&d, "id = ?", "alice-doc-1"), 1) }},
		{"First by the destination's key", func(e *env) error { d := Document{ID: "alice-doc-1"}; return affected(e.q().First(&d), 1) }},
		{"Take and Last", func(e *env) error {
			var a, b Document
			return errors.Join(affected(e.q().Take(&a), 1), affected(e.q().Last(&b), 1))
		}},
		{"Where, Or, Not", func(e *env) error {
			var d []Document
			return affected(e.q().Where("stars = ?", 1).Or("stars = ?", 2).Not("title = ?", "x").Find(&d), 2)
		}},
		{"a group", func(e *env) error {
			var d []Document
			return affected(e.q().Where(e.db.Where("stars = 1").Or("stars = 2")).Where("id LIKE ?", "alice%").Find(&d), 2)
		}},
		{"struct and map conditions", func(e *env) error {
			var a, b []Document
			return errors.Join(affected(e.q().Where(&Document{Stars: 1}).Find(&a), 1), affected(e.q().Where(map[string]any{"stars": 2}).Find(&b), 1))
		}},
		{"named arguments", func(e *env) error {
			var d []Document
			return affected(e.q().Where("stars = @n", map[string]any{"n": 1}).Find(&d), 1)
		}},
		{"a qualified column", func(e *env) error {
			var d []Document
			return affected(e.q().Where("documents.stars = ?", 1).Find(&d), 1)
		}},
		{"a table's name as a value", func(e *env) error { var d []Document; return affected(e.q().Where("title <> 'documents'").Find(&d), 2) }},
		{"parentheses and comments inside a condition", func(e *env) error {
			var d []Document
			return affected(e.q().Where("(stars = 1 /* ) one */ OR (stars = 2))").Find(&d), 2)
		}},
		{"an alias that is a table's name", func(e *env) error {
			var m []map[string]any
			err := e.q().Model(&Document{}).Select("folder_id, COUNT(*) AS documents, MAX(title) as /* x */ Notes").Group("folder_id").Order("documents DESC, notes").Find(&m).Error
			return want(len(m), 1, err)
		}},
		{"an alias that is a table's name, with arguments", func(e *env) error {
			var m []map[string]any
			err := e.q().Model(&Country{}).Select("name, ? AS notes", "x").Order("notes").Find(&m).Error
			return want(len(m), 2, err)
		}},
		{"a group by an alias that is a table's name", func(e *env) error {
			if e.w.kind == "postgres" {
				return nil // there a table's name would be its row
			}
			var m []map[string]any
			err := e.q().Model(&Document{}).Select("stars AS folders, COUNT(*) AS n").Group("folders").Find(&m).Error
			return want(len(m), 2, err)
		}},
		{"Order, Limit, Offset", func(e *env) error {
			var d []Document
			return affected(e.q().Order("stars DESC, documents.title").Limit(1).Offset(1).Find(&d), 1)
		}},
		{"Order by an expression", func(e *env) error {
			var d []Document
			return affected(e.q().Order(clause.OrderBy{Expression: clause.Expr{SQL: "CASE WHEN stars > ? THEN 0 ELSE 1 END", Vars: []any{1}}}).Find(&d), 2)
		}},
		{"Count", func(e *env) error {
			var n int64
			err := e.q().Model(&Document{}).Count(&n).Error
			return want(int(n), 2, err)
		}},
		{"Count distinct", func(e *env) error {
			var n int64
			err := e.q().Model(&Document{}).Distinct("owner_id").Count(&n).Error
			return want(int(n), 1, err)
		}},
		{"Pluck", func(e *env) error {
			var s []string
			err := e.q().Model(&Document{}).Pluck("title", &s).Error
			return want(len(s), 2, err)
		}},
		{"Scan into a smaller struct", func(e *env) error {
			var v []docView
			err := e.q().Model(&Document{}).Scan(&v).Error
			return want(len(v), 2, err)
		}},
		{"Find into maps", func(e *env) error {
			var m []map[string]any
			err := e.q().Model(&Document{}).Find(&m).Error
			return want(len(m), 2, err)
		}},
		{"Group and Having", func(e *env) error {
			var m []map[string]any
			err := e.q().Model(&Document{}).Select("folder_id, COUNT(*) AS n, SUM(stars) AS s").Group("folder_id").Having("COUNT(*) > ?", 1).Find(&m).Error
			return want(len(m), 1, err)
		}},
		{"Rows", func(e *env) error {
			rows, err := e.q().Model(&Document{}).Rows()
			if err != nil {
				return err
			}
			defer rows.Close()
			n := 0
			for rows.Next() {
				n++
			}
			return want(n, 2, rows.Err())
		}},
		{"Row", func(e *env) error {
			var n int
			err := e.q().Model(&Document{}).Select("SUM(stars)").Row().Scan(&n)
			return want(n, 3, err)
		}},
		{"FindInBatches", func(e *env) error {
			var d []Document
			return affected(e.q().FindInBatches(&d, 1, func(*gorm.DB, int) error { return nil }), 2)
		}},
		{"Joins", func(e *env) error {
			var d []Document
			err := affected(e.q().Joins("Folder").Joins("Country").Joins("Cover").Find(&d), 2)
			if err == nil && (d[0].Folder == nil || d[0].Folder.ID != "alice-folder-1" || d[0].Country == nil || d[0].Cover == nil) {
				err = errors.New("the joined rows are missing")
			}
			return err
		}},
		{"InnerJoins with a condition", func(e *env) error {
			var d []Document
			return affected(e.q().InnerJoins("Folder", e.db.Where("name LIKE ?", "%alice").Or("name = ?", "x")).Find(&d), 2)
		}},
		{"a raw join on a public table", func(e *env) error {
			var d []Document
			return affected(e.q().Joins("LEFT JOIN countries c ON c.id = documents.country_id").Where("c.name = ?", "Utopia").Find(&d), 1)
		}},
		{"clause.From with a join", func(e *env) error {
			var d []Document
			return affected(e.q().Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "folders"},
				ON: clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Table: "folders", Name: "id"}, Value: clause.Column{Table: "documents", Name: "folder_id"}}}},
			}}}).Find(&d), 2)
		}},
		{"Preload of every kind", func(e *env) error {
			var d []Document
			err := affected(e.q().Preload(clause.Associations).Find(&d), 2)
			if err == nil && (d[0].Folder == nil || d[0].Country == nil || d[0].Cover == nil || len(d[0].Comments) != 1 || len(d[0].Tags) != 1) {
				err = fmt.Errorf("something was not filled: %+v", d[0])
			}
			return err
		}},
		{"a nested Preload with conditions", func(e *env) error {
			var f []Folder
			err := affected(e.q().Preload("Documents", "stars > ?", 0).Preload("Documents.Tags", func(db *gorm.DB) *gorm.DB { return db.Order("name") }).Find(&f), 1)
			if err == nil && (len(f[0].Documents) != 2 || len(f[0].Documents[0].Tags) != 1) {
				err = errors.New("children are missing")
			}
			return err
		}},
		{"Preload from a public model", func(e *env) error {
			var c []Country
			err := affected(e.db.Preload("Documents").Order("id").Find(&c), 2)
			if err == nil && len(c[0].Documents) != 1 {
				err = fmt.Errorf("%d documents", len(c[0].Documents))
			}
			return err
		}},
		{"a subquery", func(e *env) error {
			var f []Folder
			return affected(e.q().Where("id IN (?)", e.db.Model(&Document{}).Select("folder_id").Where("stars = 1")).Find(&f), 1)
		}},
		{"NOT IN a subquery", func(e *env) error {
			var f []Folder
			return affected(e.q().Where("id NOT IN (?)", e.db.Model(&Document{}).Select("folder_id").Where("stars = 9")).Find(&f), 1)
		}},
		{"EXISTS", func(e *env) error {
			var f []Folder
			return affected(e.q().Where("EXISTS (?)", e.db.Model(&Document{}).Select("1").Where("documents.folder_id = folders.id")).Find(&f), 1)
		}},
		{"a derived table", func(e *env) error {
			var m []map[string]any
			err := e.q().Table("(?) AS t", e.db.Model(&Document{}).Select("folder_id, stars")).Where("t.stars > 1").Find(&m).Error
			return want(len(m), 1, err)
		}},
		{"a table with an alias", func(e *env) error {
			var d []Document
			return affected(e.q().Table("documents AS d").Where("d.stars = 1").Find(&d), 1)
		}},
		{"a table without a model", func(e *env) error {
			var m []map[string]any
			err := e.q().Table("documents").Where("stars = 1").Find(&m).Error
			return want(len(m), 1, err)
		}},
		{"children without columns", func(e *env) error { var c []Comment; return affected(e.q().Find(&c), 2) }},
		{"association Find and Count", func(e *env) error {
			var c []Comment
			var tags []Tag
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Comments").Find(&c), want(len(c), 1, nil),
				e.q().Model(&d).Association("Tags").Find(&tags), want(len(tags), 1, nil),
				want(int(e.q().Model(&d).Association("Tags").Count()), 1, nil))
		}},
		{"Unscoped", func(e *env) error {
			return errors.Join(affected(e.q().Delete(&Note{}, "slug = ?", "alice-note-1"), 1),
				affected(e.q().Find(&[]Note{}), 1), affected(e.q().Unscoped().Find(&[]Note{}), 2))
		}},
		{"a composite key", func(e *env) error { l := Ledger{Number: 1, Part: 2}; return affected(e.q().First(&l), 1) }},
		{"FOR UPDATE", func(e *env) error {
			return e.db.Transaction(func(tx *gorm.DB) error {
				var d []Document
				return affected(tx.Scopes(e.own).Clauses(clause.Locking{Strength: "UPDATE"}).Find(&d), 2)
			})
		}},
		{"FirstOrInit", func(e *env) error {
			var d Document
			if err := e.q().Where(Document{ID: "fresh"}).Attrs(Document{Title: "t"}).FirstOrInit(&d).Error; err != nil || d.Title != "t" {
				return fmt.Errorf("%w %+v", err, d)
			}
			return nil
		}},
	}
}
