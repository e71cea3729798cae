// Package scope_test measures statements that are confined to the caller's rows
// against the same statements with the predicate written by hand.
package scope_test

import (
	"context"
	"fmt"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/bench/internal/database"
	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

type document struct {
	ID       int64  `gorm:"primaryKey"`
	TenantID string `gorm:"index:own,priority:1;not null"`
	OwnerID  string `gorm:"index:own,priority:2;not null"`
	Title    string
	Amount   int64
}

const (
	tenant, owner = "tenant_41", "user_2f7c8ec7c33c6c004bbafe82"
	rows          = 1000
	foreign       = rows + 1 // the id of somebody else's row
)

// variant is a way to confine a statement.
type variant struct {
	name    string
	guarded bool // the database has the plugin
	own     func(context.Context, *gorm.DB) *gorm.DB
	stamp   bool // the application fills in tenant and owner itself
}

func variants() []variant {
	owned := func(ctx context.Context, db *gorm.DB) *gorm.DB { return db.Scopes(scope.Owned(ctx)) }
	return []variant{
		{"peer/by-hand", false, func(_ context.Context, db *gorm.DB) *gorm.DB {
			return db.Where("tenant_id = ? AND owner_id = ?", tenant, owner)
		}, true},
		{"ginsec/owned", false, owned, false},
		{"ginsec/owned+guard", true, owned, false},
		{"ginsec/guard", true, func(_ context.Context, db *gorm.DB) *gorm.DB { return db }, false},
	}
}

// ctx is a request of the owner.
func caller(ctx context.Context) context.Context {
	return identity.With(ctx, &identity.Principal{Subject: owner, Tenant: tenant})
}

// fill makes the table: the caller's rows and one foreign.
func fill(tb testing.TB, db *gorm.DB) {
	tb.Helper()
	if err := db.AutoMigrate(&document{}); err != nil {
		tb.Fatal(err)
	}
	all := make([]document, 0, rows+1)
	for i := range rows {
		all = append(all, document{int64(i + 1), tenant, owner, fmt.Sprintf("document %d", i), int64(i)})
	}
	all = append(all, document{foreign, tenant, "somebody else", "secret", 1})
	if err := db.CreateInBatches(all, 200).Error; err != nil {
		tb.Fatal(err)
	}
	// Ids that were given by hand do not move a sequence.
	if db.Name() == "postgres" {
		if err := db.Exec("SELECT setval('documents_id_seq', 100000)").Error; err != nil {
			tb.Fatal(err)
		}
	}
}

// guard installs the plugin on a handle of its own over the same connections.
func guard(tb testing.TB, db *gorm.DB) *gorm.DB {
	tb.Helper()
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	second, err := database.Over(db.Name(), pool)
	if err != nil {
		tb.Fatal(err)
	}
	if err := second.Use(scope.Guard(scope.GuardConfig{Protect: []any{&document{}}})); err != nil {
		tb.Fatal(err)
	}
	return second
}

// handles are the two views of one database, by whether they have the plugin.
func handles(tb testing.TB, db *gorm.DB) map[bool]*gorm.DB {
	tb.Helper()
	fill(tb, db)
	return map[bool]*gorm.DB{false: db, true: guard(tb, db)}
}

func sqlite(tb testing.TB) *gorm.DB {
	tb.Helper()
	db, err := database.SQLite()
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// operation runs one statement as v does and returns the rows it touched.
type operation struct {
	name string
	run  func(ctx context.Context, db *gorm.DB, v variant, id int64) (int64, error)
}

func operations() []operation {
	return []operation{
		{"take", func(ctx context.Context, db *gorm.DB, v variant, id int64) (int64, error) {
			var d document
			tx := v.own(ctx, db).Where("id = ?", id).Limit(1).Find(&d)
			return tx.RowsAffected, tx.Error
		}},
		{"select", func(ctx context.Context, db *gorm.DB, v variant, _ int64) (int64, error) {
			var list []document
			tx := v.own(ctx, db).Order("id").Limit(20).Find(&list)
			return tx.RowsAffected, tx.Error
		}},
		{"update", func(ctx context.Context, db *gorm.DB, v variant, id int64) (int64, error) {
			tx := v.own(ctx, db.Model(&document{})).Where("id = ?", id).Update("amount", 7)
			return tx.RowsAffected, tx.Error
		}},
		{"create", func(ctx context.Context, db *gorm.DB, v variant, _ int64) (int64, error) {
			d := document{Title: "new", Amount: 3}
			if v.stamp {
				d.TenantID, d.OwnerID = tenant, owner
				tx := db.Create(&d)
				return tx.RowsAffected, tx.Error
			}
			tx := v.own(ctx, db).Create(&d)
			return tx.RowsAffected, tx.Error
		}},
		{"delete", func(ctx context.Context, db *gorm.DB, v variant, id int64) (int64, error) {
			tx := v.own(ctx, db).Where("id = ?", id).Delete(&document{})
			return tx.RowsAffected, tx.Error
		}},
	}
}

func bench(b *testing.B, db *gorm.DB) {
	b.Helper()
	views, ctx := handles(b, db), caller(b.Context())
	for _, op := range operations() {
		for _, v := range variants() {
			view := views[v.guarded].WithContext(ctx)
			id := int64(17)
			if op.name == "delete" {
				id = 9_000_000 // no such row: the table stays as it is
			}
			b.Run(op.name+"/"+v.name, func(b *testing.B) {
				clock := meter.Start(b)
				for b.Loop() {
					if _, err := op.run(ctx, view, v, id); err != nil {
						b.Fatal(err)
					}
				}
				clock.Stop()
			})
		}
	}
}

// BenchmarkSQLite is a database in memory: what the library costs.
func BenchmarkSQLite(b *testing.B) { bench(b, sqlite(b)) }

// BenchmarkPostgres is a real server on loopback.
func BenchmarkPostgres(b *testing.B) { bench(b, database.Postgres(b)) }
