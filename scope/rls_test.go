package scope_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/scope"
)

// rlsWorld is a PostgreSQL database with row-level security, opened by a role that
// is neither superuser nor exempt.
func rlsWorld(t *testing.T) *world {
	t.Helper()
	dsn := testserver.Postgres(t)
	root, err := gorm.Open(postgres.Open(dsn), silent())
	if err != nil {
		t.Fatal(err)
	}
	if err := root.AutoMigrate(models()...); err != nil {
		t.Fatal(err)
	}
	w := &world{kind: "postgres", root: root}
	w.seed(t)
	role := "app_" + strings.ReplaceAll(root.Migrator().CurrentDatabase(), "-", "_")
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role,
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO " + role,
		"CREATE VIEW everything AS SELECT * FROM documents",
		"ALTER VIEW everything SET (security_invoker = true)",
		"GRANT SELECT ON everything TO " + role,
	} {
		if err := root.Exec(sql).Error; err != nil && !strings.Contains(sql, "security_invoker") {
			t.Fatal(err)
		}
	}
	w.db, err = gorm.Open(postgres.Open(strings.Replace(dsn, "user=postgres", "user="+role, 1)), silent())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.db.Use(scope.Guard(guardConfig())); err != nil {
		t.Fatal(err)
	}
	statements, err := scope.RLS(w.db)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // a migration may run again
		for _, sql := range statements {
			if err := root.Exec(sql).Error; err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
		}
	}
	for _, db := range []*gorm.DB{root, w.db} {
		pool, _ := db.DB()
		t.Cleanup(func() { _ = pool.Close() })
	}
	return w
}

// What the guard cannot see, db.DB() above all, PostgreSQL holds.
func TestRowLevelSecurityClosesWhatTheGuardCannotSee(t *testing.T) {
	t.Parallel()
	w := rlsWorld(t)
	ctx := as(t.Context(), alice)
	before := w.picture(t)
	pool, err := w.db.DB()
	if err != nil {
		t.Fatal(err)
	}
	var n int
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM documents").Scan(&n); err != nil || n != 0 {
		t.Errorf("db.DB() outside a transaction sees %d rows, %v", n, err)
	}
	err = scope.Tx(ctx, w.db, func(tx *gorm.DB) error {
		for sql, want := range map[string]int{
			"SELECT COUNT(*) FROM documents": 2, "SELECT COUNT(*) FROM comments": 2, "SELECT COUNT(*) FROM document_tags": 2,
			"SELECT COUNT(*) FROM ledgers": 2, "SELECT COUNT(*) FROM notes": 2, "SELECT COUNT(*) FROM everything": 2,
			"SELECT COUNT(*) FROM documents WHERE owner_id = 'bob'": 0,
		} {
			if err := tx.Statement.ConnPool.QueryRowContext(ctx, sql).Scan(&n); err != nil || n != want {
				t.Errorf("%s past the guard: %d rows, not %d, %v", sql, n, want, err)
			}
		}
		for _, sql := range []string{"UPDATE documents SET title = 'x' WHERE owner_id <> 'alice'", "DELETE FROM comments WHERE id LIKE 'bob%'"} {
			res, err := tx.Statement.ConnPool.ExecContext(ctx, sql)
			if err != nil {
				t.Errorf("%s: %v", sql, err)
				continue
			}
			if rows, _ := res.RowsAffected(); rows != 0 {
				t.Errorf("%s: %d rows", sql, rows)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"INSERT INTO documents (id, tenant_id, owner_id) VALUES ('p', 'acme', 'bob')",
		"UPDATE documents SET owner_id = 'bob' WHERE id = 'alice-doc-1'",
		"INSERT INTO comments (id, document_id) VALUES ('p', 'bob-doc-1')",
	} {
		err := scope.Tx(ctx, w.db, func(tx *gorm.DB) error {
			_, err := tx.Statement.ConnPool.ExecContext(ctx, sql)
			return err
		})
		if err == nil {
			t.Errorf("%s passed", sql)
		}
	}
	// The settings end with the transaction.
	if err := pool.QueryRowContext(ctx, "SELECT COUNT(*) FROM documents").Scan(&n); err != nil || n != 0 {
		t.Errorf("after the transactions db.DB() sees %d rows, %v", n, err)
	}
	if after := w.picture(t); len(changes(before, after)) > 0 {
		t.Errorf("rows changed: %v", changes(before, after))
	}
}

// All the attacks again, each in a transaction with both lines up.
func TestEveryAttackFailsUnderRowLevelSecurity(t *testing.T) {
	t.Parallel()
	w := rlsWorld(t)
	before := w.picture(t)
	for group, list := range attacks() {
		if group == "joins" || group == "preloads" {
			continue // their forged rows lie outside alice's transaction and lock it
		}
		for _, a := range list {
			e := w.env(t, settings[1])
			var result any
			_ = scope.Tx(e.ctx, w.db, func(tx *gorm.DB) error {
				e.db = tx
				result = try(a, e)
				return tx.Error
			})
			after := w.picture(t)
			if leaked := foreignLine(string(toJSON(result))); leaked || len(w.faults(t, before, after)) > 0 {
				t.Errorf("%s: %s: %s %v", group, a.name, toJSON(result), w.faults(t, before, after))
			}
			if len(changes(before, after)) > 0 {
				w.reset(t)
			}
		}
	}
}

func TestTxIsOnePrincipalsOrNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			called := false
			if err := scope.Tx(t.Context(), w.db, func(*gorm.DB) error { called = true; return nil }); !errors.Is(err, scope.ErrNoPrincipal) || called {
				t.Errorf("without a principal: %v, called %v", err, called)
			}
			ctx := as(t.Context(), alice)
			failure := errors.New("no")
			err := scope.Tx(ctx, w.db, func(tx *gorm.DB) error {
				if err := tx.Create(&Document{ID: "t1"}).Error; err != nil {
					return err
				}
				if err := tx.WithContext(identity.With(tx.Statement.Context, bob)).Find(&[]Document{}).Error; !errors.Is(err, scope.ErrMismatch) {
					t.Errorf("bob inside alice's transaction: %v", err)
				}
				return failure
			})
			if !errors.Is(err, failure) {
				t.Error(err)
			}
			var n int64
			w.root.Model(&Document{}).Where("id = 't1'").Count(&n)
			if n != 0 {
				t.Error("not rolled back")
			}
			if err := scope.Tx(scope.System(context.WithoutCancel(ctx), "a job"), w.db, func(tx *gorm.DB) error {
				return affected(tx.Find(&[]Document{}), 6)
			}); err != nil {
				t.Error(err)
			}
		})
	}
}

// A transaction inside a transaction lends its principal to the database only as
// long as it lasts, however it ends.
func TestANestedTxGivesTheOuterPrincipalBack(t *testing.T) {
	t.Parallel()
	w := rlsWorld(t)
	a, b := as(t.Context(), alice), as(t.Context(), bob)
	failure := errors.New("no")
	visible := func(tx *gorm.DB) string {
		var owners string
		row := tx.Statement.ConnPool.QueryRowContext(t.Context(), "SELECT COALESCE(string_agg(DISTINCT owner_id, ','), 'nobody') FROM documents")
		if err := row.Scan(&owners); err != nil {
			return err.Error()
		}
		return owners
	}
	expect := func(when, want string, tx *gorm.DB) {
		if got := visible(tx); got != want {
			t.Errorf("%s the database shows rows of %s, not of %s", when, got, want)
		}
	}
	inner := map[string]func(tx *gorm.DB) error{
		"success": func(*gorm.DB) error { return nil },
		"failure": func(*gorm.DB) error { return failure },
		"a failed statement": func(tx *gorm.DB) error {
			_, err := tx.Statement.ConnPool.ExecContext(t.Context(), "SELECT nonsense")
			return err
		},
		"a panic": func(*gorm.DB) error { panic("no") },
		"a third principal": func(tx *gorm.DB) error {
			err := scope.Tx(as(t.Context(), mallory), tx, func(tx *gorm.DB) error { expect("inside the third", "mallory", tx); return nil })
			expect("after the third", "bob", tx)
			return err
		},
		"the system": func(tx *gorm.DB) error {
			err := scope.Tx(scope.System(t.Context(), "a job"), tx, func(tx *gorm.DB) error { expect("inside the system", "nobody", tx); return nil })
			expect("after the system", "bob", tx)
			return err
		},
	}
	for how, end := range inner {
		for _, flat := range []bool{false, true} {
			if flat && (how == "a failed statement") {
				continue // without a savepoint the whole transaction is over
			}
			err := scope.Tx(a, w.db.Session(&gorm.Session{DisableNestedTransaction: flat}), func(tx *gorm.DB) error {
				expect("before "+how, "alice", tx)
				func() {
					defer func() { _ = recover() }()
					_ = scope.Tx(b, tx, func(tx *gorm.DB) error {
						expect("inside "+how, "bob", tx)
						return end(tx)
					})
				}()
				expect("after "+how, "alice", tx)
				return nil
			})
			if err != nil {
				t.Errorf("%s: %v", how, err)
			}
		}
	}
	err := w.db.WithContext(a).Transaction(func(tx *gorm.DB) error {
		expect("in gorm's own transaction", "nobody", tx)
		err := scope.Tx(b, tx, func(tx *gorm.DB) error { expect("inside Tx", "bob", tx); return nil })
		expect("in gorm's own transaction again", "nobody", tx)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	gone, cancel := context.WithCancel(b)
	err = scope.Tx(a, w.db, func(tx *gorm.DB) error {
		_ = scope.Tx(gone, tx, func(*gorm.DB) error { cancel(); return nil })
		expect("after a cancelled one", "alice", tx)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestRLSSaysWhatItCannotDo(t *testing.T) {
	t.Parallel()
	if _, err := scope.RLS(open(t, "sqlite", silent()), &Document{}); !errors.Is(err, scope.ErrUnsupported) {
		t.Errorf("SQLite: %v", err)
	}
	db := open(t, "postgres", silent())
	if _, err := scope.RLS(db); err == nil {
		t.Error("no models, no guard, no error")
	}
	if _, err := scope.RLS(db, &Stranger{}); !errors.Is(err, scope.ErrUnprotected) {
		t.Errorf("a model without columns: %v", err)
	}
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: policies()})); err != nil {
		t.Fatal(err)
	}
	if _, err := scope.RLS(db); !errors.Is(err, scope.ErrUnsupported) {
		t.Errorf("policies with functions: %v", err)
	}
	if got, err := scope.RLS(db, &Board{}); err != nil || !strings.Contains(strings.Join(got, "\n"), "EXISTS (SELECT 1 FROM") {
		t.Errorf("a policy with members: %v %v", got, err)
	}
}
