package scope_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
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
	all := append(append(readWorks(), writeWorks()...), otherWorks()...)
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

func writeWorks() []work {
	return []work{
		{"Create of a struct", func(e *env) error {
			d := Document{ID: "w1", Title: "t"}
			if err := affected(e.q().Create(&d), 1); err != nil || d.OwnerID != "alice" || d.TenantID != "acme" {
				return fmt.Errorf("%w %+v", err, d)
			}
			return nil
		}},
		{"Create with the own owner", func(e *env) error {
			return affected(e.q().Create(&Document{ID: "w1", OwnerID: "alice", TenantID: "acme"}), 1)
		}},
		{"Create of a slice", func(e *env) error {
			d := []Document{{ID: "w1"}, {ID: "w2"}}
			err := affected(e.q().Create(&d), 2)
			if err == nil && d[1].OwnerID != "alice" {
				err = errors.New("not stamped")
			}
			return err
		}},
		{"Create of pointers", func(e *env) error { return affected(e.q().Create([]*Document{{ID: "w1"}, {ID: "w2"}}), 2) }},
		{"Create of a map", func(e *env) error {
			m := map[string]any{"id": "w1", "title": "t"}
			err := affected(e.q().Model(&Document{}).Create(m), 1)
			if err == nil && m["owner_id"] != "alice" {
				err = errors.New("not stamped")
			}
			return err
		}},
		{"Create of maps of different shapes", func(e *env) error {
			return affected(e.q().Model(&Document{}).Create([]map[string]any{{"id": "w1", "title": "t"}, {"id": "w2", "stars": 1}}), 2)
		}},
		{"CreateInBatches", func(e *env) error {
			return affected(e.q().CreateInBatches(&[]Document{{ID: "w1"}, {ID: "w2"}, {ID: "w3"}}, 2), 3)
		}},
		{"Create with Omit and Select", func(e *env) error {
			return errors.Join(affected(e.q().Omit("OwnerID").Create(&Document{ID: "w1"}), 1), affected(e.q().Select("ID").Create(&Document{ID: "w2"}), 1))
		}},
		{"Create with a default and an automatic key", func(e *env) error {
			n := Note{Slug: "w"}
			err := affected(e.q().Create(&n), 1)
			if err == nil && (n.ID == 0 || n.TenantID != "acme") {
				err = fmt.Errorf("%+v", n)
			}
			return err
		}},
		{"Create below an own parent", func(e *env) error {
			return affected(e.q().Create(&Document{ID: "w1", FolderID: ptr("alice-folder-1")}), 1)
		}},
		{"Create with nested everything", func(e *env) error {
			return affected(e.q().Create(&Document{
				ID: "w1", Folder: &Folder{ID: "w2"}, Country: &Country{ID: 3, Name: "New"}, Comments: []Comment{{ID: "w3"}},
				Cover: &Cover{ID: "w4"}, Tags: []Tag{{ID: "w5"}, {ID: "alice-tag-1"}},
			}), 1)
		}},
		{"Create of a comment", func(e *env) error { return affected(e.q().Create(&Comment{ID: "w1", DocumentID: "alice-doc-1"}), 1) }},
		{"Create of comments below several documents", func(e *env) error {
			return affected(e.q().Create(&[]Comment{{ID: "w1", DocumentID: "alice-doc-1"}, {ID: "w2", DocumentID: "alice-doc-2"}, {ID: "w3", DocumentID: "alice-doc-1"}}), 3)
		}},
		{"Create of a composite key", func(e *env) error { return affected(e.q().Create(&Ledger{Number: 1, Part: 9}), 1) }},
		{"FirstOrCreate", func(e *env) error {
			var a, b Document
			return errors.Join(affected(e.q().Where(Document{ID: "w1"}).FirstOrCreate(&a), 1), e.q().Where(Document{ID: "alice-doc-1"}).Assign(Document{Title: "t"}).FirstOrCreate(&b).Error)
		}},
		{"Save of an own row", func(e *env) error {
			var d Document
			if err := e.q().First(&d, "id = ?", "alice-doc-1").Error; err != nil {
				return err
			}
			d.Title = "t"
			return errors.Join(affected(e.q().Save(&d), 1), affected(e.q().Save(&d), 1))
		}},
		{"Save of a body without an owner", func(e *env) error { return affected(e.q().Save(&Document{ID: "alice-doc-1", Title: "t"}), 1) }},
		{"Save of a new row", func(e *env) error { return affected(e.q().Save(&Note{Slug: "w"}), 1) }},
		{"Save with associations", func(e *env) error {
			return affected(e.q().Save(&Document{ID: "alice-doc-1", Title: "t", Comments: []Comment{{ID: "w3"}}, Tags: []Tag{{ID: "w4"}}}), 1)
		}},
		{"Updates", func(e *env) error {
			return errors.Join(affected(e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Updates(map[string]any{"title": "t"}), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Updates(Document{Title: "u"}), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("stars", gorm.Expr("stars + ?", 1)), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).UpdateColumn("stars", 7), 1))
		}},
		{"an update that changes nothing", func(e *env) error {
			return affected(e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Update("stars", 1), 1)
		}},
		{"the own owner assigned", func(e *env) error {
			return affected(e.q().Model(&Document{ID: "alice-doc-1"}).Updates(map[string]any{"owner_id": "alice", "title": "t"}), 1)
		}},
		{"a slice updated", func(e *env) error {
			return affected(e.q().Model(&[]Document{{ID: "alice-doc-1"}, {ID: "alice-doc-2"}}).Update("title", "t"), 2)
		}},
		{"an own parent assigned and removed", func(e *env) error {
			return errors.Join(affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("folder_id", nil), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("folder_id", "alice-folder-1"), 1))
		}},
		{"a comment updated and moved", func(e *env) error {
			return affected(e.q().Model(&Comment{ID: "alice-comment-1"}).Updates(map[string]any{"text": "t", "document_id": "alice-doc-2"}), 1)
		}},
		{"a permitted global update", func(e *env) error {
			return affected(e.q().Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Document{}).Update("title", "t"), 2)
		}},
		{"Delete", func(e *env) error {
			return errors.Join(affected(e.q().Delete(&Cover{}, "id = ?", "alice-cover-1"), 1), affected(e.q().Delete(&Cover{ID: "alice-cover-2"}), 1))
		}},
		{"Delete with children", func(e *env) error {
			return affected(e.q().Select("Comments", "Cover", "Tags").Delete(&Document{ID: "alice-doc-1"}), 1)
		}},
		{"a soft Delete and an unscoped one", func(e *env) error {
			return errors.Join(affected(e.q().Delete(&Note{}, "slug = ?", "alice-note-1"), 1), affected(e.q().Unscoped().Delete(&Note{}, "slug = ?", "alice-note-1"), 1))
		}},
		{"association Append, Replace, Delete, Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Tags").Append(&Tag{ID: "w1"}, &Tag{ID: "alice-tag-2"}),
				e.q().Model(&d).Association("Tags").Replace(&Tag{ID: "w1"}), e.q().Model(&d).Association("Tags").Delete(&Tag{ID: "w1"}),
				e.q().Model(&d).Association("Tags").Append(&Tag{ID: "w1"}), e.q().Model(&d).Association("Tags").Clear(),
				want(int(e.q().Model(&d).Association("Tags").Count()), 0, nil))
		}},
		{"has-many Append, Replace, Unscoped Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Comments").Append(&Comment{ID: "w1"}), want(int(e.q().Model(&d).Association("Comments").Count()), 2, nil),
				e.q().Model(&d).Association("Comments").Unscoped().Replace(&Comment{ID: "w2"}), e.q().Model(&d).Association("Comments").Unscoped().Clear(),
				want(int(e.q().Model(&d).Association("Comments").Count()), 0, nil))
		}},
		{"belongs-to Replace and Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Folder").Replace(&Folder{ID: "w1"}), e.q().Model(&d).Association("Folder").Clear())
		}},
		{"DoNothing", func(e *env) error {
			return e.q().Clauses(clause.OnConflict{DoNothing: true}).Create(&Document{ID: "alice-doc-1"}).Error
		}},
		{"public models", func(e *env) error {
			return errors.Join(affected(e.db.Create(&Country{ID: 7}), 1), affected(e.db.Model(&Country{ID: 7}).Update("name", "n"), 1), affected(e.db.Delete(&Country{ID: 7}), 1))
		}},
	}
}

func otherWorks() []work {
	upserts := func(e *env, run func(tx *gorm.DB) *gorm.DB, n int) error {
		tx := run(e.q())
		if e.w.kind == "mariadb" {
			if !errors.Is(tx.Error, scope.ErrUnsupported) {
				return fmt.Errorf("MariaDB without the option: %w", tx.Error)
			}
			return nil
		}
		if e.w.kind == "mariadb with upserts" { // counts an updated row twice
			return want(min(int(tx.RowsAffected), n), n, tx.Error)
		}
		return affected(tx, n)
	}
	all := clause.OnConflict{UpdateAll: true}
	return []work{
		{"an upsert of an own row", func(e *env) error {
			return upserts(e, func(tx *gorm.DB) *gorm.DB { return tx.Clauses(all).Create(&Document{ID: "alice-doc-1", Title: "t"}) }, 1)
		}},
		{"an upsert of a new row and an own one", func(e *env) error {
			return upserts(e, func(tx *gorm.DB) *gorm.DB {
				return tx.Clauses(all).Create(&[]Document{{ID: "alice-doc-1"}, {ID: "w1"}})
			}, 2)
		}},
		{"Save of a slice", func(e *env) error {
			return upserts(e, func(tx *gorm.DB) *gorm.DB { return tx.Save(&[]Document{{ID: "alice-doc-1", Title: "t"}, {ID: "w1"}}) }, 2)
		}},
		{"an upsert that sets one column", func(e *env) error {
			return upserts(e, func(tx *gorm.DB) *gorm.DB {
				return tx.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"stars": gorm.Expr("documents.stars + ?", 1)})}).Create(&Document{ID: "alice-doc-1"})
			}, 1)
		}},
		{"an upsert of a comment", func(e *env) error {
			return upserts(e, func(tx *gorm.DB) *gorm.DB {
				return tx.Clauses(all).Create(&Comment{ID: "alice-comment-1", DocumentID: "alice-doc-2"})
			}, 1)
		}},
		{"a transaction with a savepoint rolled back", func(e *env) error {
			err := e.db.Transaction(func(tx *gorm.DB) error {
				if err := tx.Scopes(e.own).Create(&Document{ID: "w1"}).Error; err != nil {
					return err
				}
				_ = tx.Transaction(func(tx *gorm.DB) error {
					tx.Create(&Document{ID: "w2"})
					return errors.New("no")
				})
				return nil
			})
			var n int64
			e.q().Model(&Document{}).Count(&n)
			return want(int(n), 3, err)
		}},
		{"scope.Tx", func(e *env) error {
			return scope.Tx(as(e.ctx, alice), e.w.db, func(tx *gorm.DB) error {
				return errors.Join(affected(tx.Find(&[]Document{}), 2), affected(tx.Create(&Document{ID: "w1"}), 1))
			})
		}},
		{"prepared statements", func(e *env) error {
			tx := e.q().Session(&gorm.Session{PrepareStmt: true})
			return errors.Join(affected(tx.Where("stars = ?", 1).Find(&[]Document{}), 1), affected(tx.Where("stars = ?", 2).Find(&[]Document{}), 1))
		}},
		{"SkipDefaultTransaction", func(e *env) error {
			return affected(e.q().Session(&gorm.Session{SkipDefaultTransaction: true}).Create(&Document{ID: "w1"}), 1)
		}},
		{"the generics API", func(e *env) error {
			g := gorm.G[Document](e.db)
			d, err := g.Scopes(e.gen).Where("stars = ?", 1).Find(e.ctx)
			n, err2 := g.Where("id = ?", "alice-doc-1").Update(e.ctx, "title", "t")
			m, err3 := g.Where("id = ?", "alice-doc-1").Set(clause.Assignment{Column: clause.Column{Name: "title"}, Value: "u"}).Update(e.ctx)
			c, err4 := g.Scopes(e.gen).Count(e.ctx, "*")
			return errors.Join(want(len(d), 1, err), want(n, 1, err2), want(m, 1, err3), want(int(c), 2, err4), g.Create(e.ctx, &Document{ID: "w1"}))
		}},
		{"generics with joins and preloads", func(e *env) error {
			d, err := gorm.G[Document](e.db).Scopes(e.gen).Joins(clause.Has("Folder"), nil).Preload("Comments", nil).Find(e.ctx)
			if err == nil && (len(d) != 2 || d[0].Folder == nil || len(d[0].Comments) != 1) {
				err = fmt.Errorf("%+v", d)
			}
			f, err2 := gorm.G[Folder](e.db).Preload("Documents", func(db gorm.PreloadBuilder) error { db.LimitPerRecord(1); return nil }).Find(e.ctx)
			if err2 == nil && (len(f) != 1 || len(f[0].Documents) != 1) {
				err2 = fmt.Errorf("%+v", f)
			}
			return errors.Join(err, err2)
		}},
		{"a bound generic subquery", func(e *env) error {
			ctx := as(context.Background(), alice)
			sub := gorm.G[Document](e.w.db, scope.Bind(ctx)).Select("folder_id")
			return affected(e.q().Where("id IN (?)", sub).Find(&[]Folder{}), 1)
		}},
		{"Bind", func(e *env) error {
			d, err := gorm.G[Document](e.w.db, scope.Bind(as(e.ctx, alice))).Find(e.ctx)
			return want(len(d), 2, err)
		}},
		{"raw SQL on public tables", func(e *env) error {
			var n int
			return errors.Join(e.db.Raw("SELECT COUNT(*) FROM countries WHERE name <> 'documents' -- not documents").Scan(&n).Error, want(n, 2, nil))
		}},
		{"raw SQL as the system", func(e *env) error {
			var n int
			sys := e.w.db.WithContext(scope.System(e.ctx, "a report"))
			return errors.Join(sys.Raw("SELECT COUNT(*) FROM documents").Scan(&n).Error, want(n, 6, nil), affected(sys.Find(&[]Document{}), 6))
		}},
		{"migrations as the system", func(e *env) error { return e.w.db.WithContext(scope.System(e.ctx, "migrate")).AutoMigrate(models()...) }},
		{"writes as the system", func(e *env) error {
			sys := e.w.db.WithContext(scope.System(e.ctx, "an import"))
			return errors.Join(affected(sys.Create(&Document{ID: "w1", TenantID: "globex", OwnerID: "mallory"}), 1),
				affected(sys.Model(&Document{ID: "w1"}).Update("owner_id", "bob"), 1), affected(sys.Delete(&Document{ID: "w1"}), 1))
		}},
		{"a dry run", func(e *env) error {
			return e.q().Session(&gorm.Session{DryRun: true}).Create(&Document{ID: "w1", FolderID: ptr("alice-folder-1")}).Error
		}},
	}
}
