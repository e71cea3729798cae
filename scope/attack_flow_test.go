package scope_test

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// hooked is a document whose hooks are an attack's.
type hooked struct {
	ID       string `gorm:"primaryKey;size:36"`
	TenantID string `gorm:"size:36"`
	OwnerID  string `gorm:"size:36"`
	Title    string `gorm:"size:200"`

	hook func(tx *gorm.DB) error
	loot []string
}

func (hooked) TableName() string { return "documents" }

func (h *hooked) run(tx *gorm.DB) error {
	if h.hook == nil {
		return nil
	}
	return h.hook(tx)
}

func (h *hooked) BeforeSave(tx *gorm.DB) error   { return h.run(tx) }
func (h *hooked) AfterSave(tx *gorm.DB) error    { return h.run(tx) }
func (h *hooked) BeforeCreate(tx *gorm.DB) error { return h.run(tx) }
func (h *hooked) BeforeUpdate(tx *gorm.DB) error { return h.run(tx) }
func (h *hooked) BeforeDelete(tx *gorm.DB) error { return h.run(tx) }
func (h *hooked) AfterDelete(tx *gorm.DB) error  { return h.run(tx) }

// AfterFind looks for more than was asked.
func (h *hooked) AfterFind(tx *gorm.DB) error {
	return tx.Session(&gorm.Session{NewDB: true}).Model(&Document{}).Or("1 = 1").Pluck("title", &h.loot).Error
}

// hookAttacks are hooks that misuse the handle they are given.
func hookAttacks() []attack {
	var out []attack
	for name, hook := range map[string]func(tx *gorm.DB) error{
		"updates everything": func(tx *gorm.DB) error { return tx.Model(&Tag{}).Where("1 = 1").Or("1 = 1").Update("name", "x").Error },
		"updates in a new one": func(tx *gorm.DB) error {
			return tx.Session(&gorm.Session{NewDB: true}).Model(&Tag{}).Where("1 = 1").Update("name", "x").Error
		},
		"deletes everything": func(tx *gorm.DB) error { return tx.Where("1 = 1").Or("1 = 1").Delete(&Cover{}).Error },
		"executes text":      func(tx *gorm.DB) error { return tx.Exec("UPDATE tags SET name = 'x'").Error },
		"changes the owner":  func(tx *gorm.DB) error { tx.Statement.SetColumn("OwnerID", "bob", true); return nil },
		"adds an Or": func(tx *gorm.DB) error {
			tx.Statement.AddClause(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}})
			return nil
		},
		"drops the conditions":  func(tx *gorm.DB) error { delete(tx.Statement.Clauses, "WHERE"); return nil },
		"drops every clause":    func(tx *gorm.DB) error { clear(tx.Statement.Clauses); return nil },
		"takes another table":   func(tx *gorm.DB) error { tx.Statement.Table = "countries"; return nil },
		"takes a foreign table": func(tx *gorm.DB) error { tx.Statement.TableExpr = &clause.Expr{SQL: "documents d"}; return nil },
		"makes it an upsert":    func(tx *gorm.DB) error { tx.Statement.AddClause(clause.OnConflict{UpdateAll: true}); return nil },
		"leaves the principal":  func(tx *gorm.DB) error { tx.Statement.Context = context.Background(); return nil },
		"allows a global update": func(tx *gorm.DB) error {
			tx.AllowGlobalUpdate = true
			delete(tx.Statement.Clauses, "WHERE")
			return nil
		},
		"writes SQL": func(tx *gorm.DB) error {
			_, _ = tx.Statement.WriteString("UPDATE documents SET title = 'x'")
			return nil
		},
		"writes SQL of two tables": func(tx *gorm.DB) error { _, _ = tx.Statement.WriteString("DELETE FROM covers"); return nil },
		"leaves out WHERE":         func(tx *gorm.DB) error { tx.Statement.BuildClauses = []string{"UPDATE", "SET"}; return nil },
		"deletes instead":          func(tx *gorm.DB) error { tx.Statement.BuildClauses = []string{"DELETE", "FROM"}; return nil },
		"skips the rest":           func(tx *gorm.DB) error { tx.Statement.Unscoped = true; tx.Statement.SkipHooks = true; return nil },
		"changes the destination":  func(tx *gorm.DB) error { tx.Statement.Dest = map[string]any{"owner_id": "bob"}; return nil },
	} {
		out = append(out,
			effect("on create "+name, func(e *env) *gorm.DB { return e.q().Create(&hooked{ID: "h1", Title: "t", hook: hook}) }),
			effect("on save "+name, func(e *env) *gorm.DB { return e.q().Save(&hooked{ID: "bob-doc-1", Title: "t", hook: hook}) }),
			effect("on update "+name, func(e *env) *gorm.DB { return e.q().Model(&hooked{ID: "alice-doc-1", hook: hook}).Update("title", "t") }),
			effect("on delete "+name, func(e *env) *gorm.DB { return e.q().Delete(&hooked{ID: "alice-doc-2", hook: hook}) }),
		)
	}
	return append(out, named("on find looks for more", func(e *env) (any, error) {
		var h []hooked
		err := e.q().Find(&h).Error
		var loot []string
		for i := range h {
			loot = append(loot, h[i].loot...)
		}
		return loot, err
	}))
}

// flowAttacks are what runs over several statements.
func flowAttacks() []attack {
	titles := func(tx *gorm.DB) (any, error) {
		var s []string
		err := tx.Pluck("title", &s).Error
		return s, err
	}
	prepared := func(e *env) *gorm.DB { return e.q().Session(&gorm.Session{PrepareStmt: true}) }
	return []attack{
		named("prepared after everybody's", func(e *env) (any, error) {
			everybody := e.w.db.Session(&gorm.Session{PrepareStmt: true})
			for _, p := range people {
				if err := everybody.WithContext(as(context.Background(), p)).Where("stars > ?", 0).Find(&[]Document{}).Error; err != nil {
					return nil, err
				}
			}
			return docs(everybody.WithContext(e.ctx).Scopes(e.own).Where("stars > ?", 0))
		}),
		named("prepared raw text", func(e *env) (any, error) { return maps(prepared(e).Raw("SELECT * FROM documents")) }),
		effect("a prepared Exec", func(e *env) *gorm.DB { return prepared(e).Exec("UPDATE documents SET title = ?", "x") }),
		effect("a prepared update", func(e *env) *gorm.DB {
			return prepared(e).Model(&Document{}).Where("1 = 1").Or("1 = 1").Update("title", "x")
		}),
		named("a prepared Row", func(e *env) (any, error) {
			var s string
			err := prepared(e).Model(&Document{}).Select("title").Or("owner_id = 'bob'").Where("owner_id = 'bob'").Row().Scan(&s)
			return s, err
		}),
		effect("a savepoint and its end", func(e *env) *gorm.DB {
			tx := e.db.Begin()
			defer tx.Rollback()
			tx.SavePoint("a")
			tx.Scopes(e.own).Model(&Document{}).Where("1 = 1").Or("1 = 1").Update("title", "x")
			tx.RollbackTo("a")
			tx.Scopes(e.own).Where("1 = 1").Or("1 = 1").Delete(&Cover{})
			return tx.Commit()
		}),
		effect("a savepoint's name that is text", func(e *env) *gorm.DB {
			tx := e.db.Begin()
			defer tx.Rollback()
			tx.SavePoint("a; UPDATE documents SET title = 'x'")
			return tx.Commit()
		}),
		effect("a rollback's name that is text", func(e *env) *gorm.DB {
			tx := e.db.Begin()
			defer tx.Rollback()
			tx.SavePoint("a")
			tx.RollbackTo("a; DELETE FROM covers")
			return tx.Commit()
		}),
		named("batches over everything", func(e *env) (any, error) {
			var d, all []Document
			err := e.q().Model(&Document{}).Where("stars > 0").Select("*").FindInBatches(&d, 1, func(tx *gorm.DB, _ int) error {
				all = append(all, d...)
				var more []Document
				err := tx.Session(&gorm.Session{}).Unscoped().Or("1 = 1").Find(&more).Error
				all = append(all, more...)
				return err
			}).Error
			return all, err
		}),
		effect("writes inside batches", func(e *env) *gorm.DB {
			var d []Document
			return e.q().FindInBatches(&d, 1, func(tx *gorm.DB, _ int) error {
				d[0].ID = "bob-doc-1"
				return errors.Join(tx.Save(&d).Error, e.db.Save(&d[0]).Error)
			})
		}),
		effect("batches of upserts", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{UpdateAll: true}).CreateInBatches([]Document{{ID: "f1"}, {ID: "bob-doc-1", Title: "x"}, {ID: "f2"}}, 1)
		}),
		effect("batches by a session", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{CreateBatchSize: 1}).Create([]Document{{ID: "f1"}, {ID: "f2", OwnerID: "bob"}, {ID: "f3"}})
		}),
		named("Returning of an insert", func(e *env) (any, error) {
			d := Document{ID: "bob-doc-1", Title: "x"}
			err := e.q().Clauses(clause.OnConflict{UpdateAll: true}, clause.Returning{}).Create(&d).Error
			d.ID = ""
			return d, err
		}),
		named("Returning of an insert that does nothing", func(e *env) (any, error) {
			d := Document{ID: "bob-doc-1", Title: "x"}
			err := e.q().Clauses(clause.OnConflict{DoNothing: true}, clause.Returning{}).Create(&d).Error
			d.ID = ""
			return d, err
		}),
		named("an automatic key after an insert that does nothing", func(e *env) (any, error) {
			n := Note{Slug: "bob-note-1"}
			err := e.q().Clauses(clause.OnConflict{DoNothing: true}).Create(&n).Error
			if n.ID == 1011 {
				return "the key of bob's note", err
			}
			return nil, err
		}),
		named("an automatic key after an upsert", func(e *env) (any, error) {
			n := Note{Slug: "bob-note-1", Text: "x"}
			err := e.q().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "slug"}}, DoUpdates: clause.AssignmentColumns([]string{"text"})}).Create(&n).Error
			if n.ID == 1011 {
				return "the key of bob's note", err
			}
			return nil, err
		}),
		named("an automatic key of a map after an upsert", func(e *env) (any, error) {
			n := map[string]any{"slug": "bob-note-1", "text": "x"}
			err := e.q().Model(&Note{}).Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "slug"}}, DoUpdates: clause.AssignmentColumns([]string{"text"})}).Create(n).Error
			delete(n, "slug")
			if fmt.Sprint(n["id"]) == "1011" || fmt.Sprint(n["@id"]) == "1011" {
				return "the key of bob's note", err
			}
			return n, err
		}),
		named("Returning of an insert that ignores", func(e *env) (any, error) {
			n := Note{Slug: "bob-note-1"}
			err := e.q().Clauses(clause.Insert{Modifier: "IGNORE"}, clause.Returning{}).Create(&n).Error
			n.Slug = ""
			if n.ID == 1011 {
				return "the key of bob's note", err
			}
			return n, err
		}),
		named("Returning of a subquery", func(e *env) (any, error) {
			d := Document{ID: "f4"}
			err := e.q().Clauses(clause.Returning{Columns: []clause.Column{{Name: "(SELECT MAX(title) FROM documents) AS title", Raw: true}}}).Create(&d).Error
			return d, err
		}),
		named("an exists query", func(e *env) (any, error) {
			var yes bool
			err := e.q().Model(&Document{}).Select("COUNT(*) > 0").Where("id = ?", "bob-doc-1").Or("id = ?", "bob-doc-1").Find(&yes).Error
			if yes {
				return "bob-doc-1 exists", err
			}
			return nil, err
		}),
		named("an exists query by a subquery", func(e *env) (any, error) {
			var yes bool
			err := e.db.Raw("SELECT EXISTS (?)", e.q().Model(&Document{}).Select("id").Where("id = 'bob-doc-1'").Or("id = 'bob-doc-1'")).Scan(&yes).Error
			if yes {
				return "bob-doc-1 exists", err
			}
			return nil, err
		}),
		named("a count of groups", func(e *env) (any, error) {
			var n int64
			err := e.q().Model(&Document{}).Or("1 = 1").Group("owner_id").Count(&n).Error
			if n > 1 {
				return "bob's rows were counted", err
			}
			return nil, err
		}),
		named("a distinct pluck of a foreign column", func(e *env) (any, error) {
			var s []string
			err := e.q().Model(&Document{}).Distinct().Or("1 = 1").Order("owner_id").Pluck("owner_id", &s).Error
			return s, err
		}),
		named("Rows of a foreign table", func(e *env) (any, error) {
			rows, err := e.q().Table("documents").Select("title").Where("1 = 1").Or("1 = 1").Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var all []string
			for rows.Next() {
				var s string
				_ = rows.Scan(&s)
				all = append(all, s)
			}
			return all, rows.Err()
		}),
		named("Scan into another model", func(e *env) (any, error) {
			var c []Country
			err := e.q().Model(&Document{}).Or("1 = 1").Select("stars AS id, title AS name").Scan(&c).Error
			return c, err
		}),
		named("Scan of a raw query on a public table", func(e *env) (any, error) {
			var d []Document
			err := e.q().Raw("SELECT name AS title FROM countries UNION SELECT title FROM documents").Scan(&d).Error
			return d, err
		}),
		named("a raw query with a bound table", func(e *env) (any, error) {
			return maps(e.q().Raw("SELECT * FROM ?", clause.Table{Name: "documents"}))
		}),
		named("a raw query with a bound column", func(e *env) (any, error) {
			return maps(e.q().Raw("SELECT ? FROM countries", gorm.Expr("(SELECT MAX(title) FROM documents)")))
		}),
		named("a raw query and Or", func(e *env) (any, error) {
			return titles(e.q().Raw("SELECT title FROM documents WHERE owner_id = ?", "bob"))
		}),
		effect("an Exec with bound text", func(e *env) *gorm.DB { return e.q().Exec("UPDATE ? SET name = 'x'", clause.Table{Name: "tags"}) }),
		effect("an Exec of two statements", func(e *env) *gorm.DB { return e.q().Exec("SELECT 1; DELETE FROM covers") }),
		named("a setting of gorm's own", func(e *env) (any, error) {
			return docs(e.q().Set("gorm:query_option", "OR 1 = 1").Set("rows", true).InstanceSet("gorm:started_transaction", true).Or("1 = 1"))
		}),
		effect("a setting that looks like a nested save", func(e *env) *gorm.DB {
			return e.q().Set("gorm:saved_association_map", map[string]any{}).Clauses(clause.OnConflict{UpdateAll: true}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a setting and Save", func(e *env) *gorm.DB {
			return e.q().Set("gorm:saved_association_map", map[string]any{}).Save(&[]Document{{ID: "alice-doc-1", Title: "x"}, {ID: "bob-doc-1", Title: "x"}})
		}),
		named("a session of everything", func(e *env) (any, error) {
			return docs(e.q().Session(&gorm.Session{
				SkipHooks: true, SkipDefaultTransaction: true, AllowGlobalUpdate: true, FullSaveAssociations: true, QueryFields: true,
				PropagateUnscoped: true, Initialized: true, DisableNestedTransaction: true,
			}).Or("1 = 1"))
		}),
		named("a session for somebody else", func(e *env) (any, error) {
			return docs(e.q().Session(&gorm.Session{Context: as(context.Background(), bob)}).Where("owner_id = 'nobody'").Or("owner_id = 'mallory'"))
		}),
		named("a new session for nobody", func(e *env) (any, error) {
			return docs(e.q().Session(&gorm.Session{NewDB: true, Context: context.Background()}).Or("1 = 1"))
		}),
		effect("a delete by a session without hooks", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{SkipHooks: true, AllowGlobalUpdate: true}).Delete(&Cover{})
		}),
		named("a table set on the statement", func(e *env) (any, error) {
			tx := e.q().Model(&Country{})
			tx.Statement.Table = "documents"
			return maps(tx.Or("1 = 1"))
		}),
		named("text set on the statement", func(e *env) (any, error) {
			tx := e.q().Model(&Country{})
			_, _ = tx.Statement.WriteString("SELECT * FROM documents")
			return maps(tx)
		}),
		named("mapped columns", func(e *env) (any, error) {
			return docs(e.q().MapColumns(map[string]string{"owner_id": "title", "title": "owner_id"}).Or("1 = 1"))
		}),
		effect("mapped columns written", func(e *env) *gorm.DB {
			return e.q().MapColumns(map[string]string{"title": "owner_id"}).Create(&Document{ID: "f5", Title: "nobody"})
		}),
		named("generic batches", func(e *env) (any, error) {
			var all []Document
			err := gorm.G[Document](e.db).Scopes(e.gen).Where("1 = 1").Or("1 = 1").FindInBatches(e.ctx, 1, func(d []Document, _ int) error {
				all = append(all, d...)
				if len(all) > 20 {
					return errors.New("without end")
				}
				return nil
			})
			return all, err
		}),
		named("generic raw text", func(e *env) (any, error) {
			var s []string
			err := gorm.G[Country](e.db).Raw("SELECT ? FROM countries", gorm.Expr("(SELECT MAX(title) FROM documents)")).Scan(e.ctx, &s)
			return s, err
		}),
		named("a scope for another principal", func(e *env) (any, error) {
			return docs(e.db.Scopes(scope.Owned(as(context.Background(), bob))).Where("owner_id = 'x'").Or("owner_id = 'mallory'"))
		}),
	}
}
