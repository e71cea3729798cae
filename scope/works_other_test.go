package scope_test

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

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
