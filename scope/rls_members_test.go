package scope_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

// rlsRinks is newRinks with row-level security and a role that is bound by it.
func rlsRinks(t *testing.T) *rinks {
	t.Helper()
	dsn := testserver.Postgres(t)
	root, err := gorm.Open(postgres.Open(dsn), silent())
	if err != nil {
		t.Fatal(err)
	}
	r := fillRinks(t, root, rosters()[0])
	role := "app_" + strings.ReplaceAll(root.Migrator().CurrentDatabase(), "-", "_")
	for _, sql := range []string{"CREATE ROLE " + role + " LOGIN", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO " + role} {
		if err := root.Exec(sql).Error; err != nil {
			t.Fatal(err)
		}
	}
	if r.db, err = gorm.Open(postgres.Open(strings.Replace(dsn, "user=postgres", "user="+role, 1)), silent()); err != nil {
		t.Fatal(err)
	}
	r.guard(t)
	statements, err := scope.RLS(r.db)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range statements {
		if err := root.Exec(sql).Error; err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, db := range []*gorm.DB{root, r.db} {
		pool, _ := db.DB()
		t.Cleanup(func() { _ = pool.Close() })
	}
	return r
}

// past runs SQL text past the guard, and returns how many rows it met.
func (r *rinks) past(t *testing.T, p *identity.Principal, sql string) (n int64, err error) {
	t.Helper()
	ctx := as(t.Context(), p)
	err = scope.Tx(ctx, r.db, func(tx *gorm.DB) error {
		res, err := tx.Statement.ConnPool.ExecContext(ctx, sql)
		if err == nil {
			n, err = res.RowsAffected()
		}
		return err
	})
	return n, err
}

func (r *rinks) rightsPast(t *testing.T, p *identity.Principal) string {
	t.Helper()
	reads, err := r.past(t, p, "SELECT id FROM rinks WHERE id = 'bobs'")
	writes, also := r.past(t, p, "UPDATE rinks SET name = 'n' WHERE id = 'bobs'")
	if err = errors.Join(err, also); err != nil {
		t.Error(err)
	}
	return fmt.Sprintf("reads %d, writes %d", reads, writes)
}

// Past the guard nobody makes himself a member either, and who is one is one.
func TestRowLevelSecurityKeepsMembersToo(t *testing.T) {
	t.Parallel()
	carol := &identity.Principal{Subject: "carol", Tenant: "acme"}
	r := rlsRinks(t)
	insert := "INSERT INTO ushers (id, tenant_id, owner_id, rink_id, user_id) VALUES ('new', 'acme', 'alice', 'bobs', 'alice')"
	for _, sql := range []string{
		insert,
		"UPDATE ushers SET user_id = 'alice'",
		"UPDATE ushers SET user_id = 'alice' WHERE id = 'x'",
		"UPDATE ushers SET deleted_at = NULL WHERE id = 'y'",
		"UPDATE ushers SET rink_id = 'bobs', user_id = 'alice' WHERE id = 'x'",
	} {
		if _, err := r.past(t, alice, sql); err == nil {
			t.Errorf("%s passed", sql)
		}
		if got := r.rightsPast(t, alice); got != none {
			t.Errorf("%s: alice %s", sql, got)
		}
	}
	for _, step := range []struct {
		by           *identity.Principal
		sql          string
		carol, alice string
	}{
		{bob, "SELECT 1 FROM ushers WHERE id = 'given'", full, none},
		{carol, strings.NewReplacer("'alice', 'bobs', 'alice'", "'carol', 'bobs', 'eve'").Replace(insert), full, none},
		{bob, "UPDATE ushers SET user_id = 'alice' WHERE id = 'given'", none, full},
		{bob, "UPDATE ushers SET user_id = 'carol' WHERE id = 'given'", full, none},
		{bob, "UPDATE ushers SET deleted_at = now() WHERE id = 'given'", none, none},
		{bob, "UPDATE ushers SET deleted_at = NULL WHERE id = 'given'", full, none},
		{alice, "UPDATE ushers SET deleted_at = now() WHERE id = 'x'", full, none},
		{alice, "DELETE FROM ushers WHERE id = 'x'", full, none},
		{bob, "UPDATE ushers SET rink_id = NULL WHERE id = 'given'", none, none},
	} {
		if n, err := r.past(t, step.by, step.sql); err != nil || n != 1 {
			t.Errorf("%s: %d rows, %v", step.sql, n, err)
		}
		if c, a := r.rightsPast(t, carol), r.rightsPast(t, alice); c != step.carol || a != step.alice {
			t.Errorf("%s: carol %s, alice %s", step.sql, c, a)
		}
	}
	// Both lines together.
	ctx := as(t.Context(), bob)
	err := scope.Tx(ctx, r.db, func(tx *gorm.DB) error {
		return tx.Create(r.make("last", "bobs", "alice", "bob")).Error
	})
	if got := r.rightsPast(t, alice); err != nil || got != full {
		t.Errorf("whom bob added %s, %v", got, err)
	}
	ctx = as(t.Context(), alice)
	err = scope.Tx(ctx, r.db, func(tx *gorm.DB) error {
		return tx.Model(&Rink{}).Where("id = 'bobs'").Update("name", "m").First(&Rink{}).Error
	})
	if err != nil {
		t.Errorf("a member through both: %v", err)
	}
}

// A member sees that he is one of the own tenant, and not that somebody named as he is
// is one elsewhere.
func TestWhatAMemberSeesOfTheTableOfMembers(t *testing.T) {
	t.Parallel()
	r := rlsRinks(t)
	for id, who := range map[string]*identity.Principal{"carol": {Subject: "carol", Tenant: "acme"}, "elsewhere": {Subject: "carol", Tenant: "globex"}} {
		n, err := r.past(t, who, "SELECT 1 FROM ushers")
		if want := map[string]int64{"carol": 1}[id]; err != nil || n != want {
			t.Errorf("%s sees %d rows, %v", id, n, err)
		}
	}
}

func TestRowLevelSecurityThatWouldAskItselfIsRefused(t *testing.T) {
	t.Parallel()
	for _, of := range []roster{rosters()[1], rosters()[2], rosters()[3]} {
		r := &rinks{roster: of, root: open(t, "postgres", silent())}
		r.db = r.root
		r.guard(t)
		for _, models := range [][]any{nil, {of.model()}} {
			if got, err := scope.RLS(r.db, models...); !errors.Is(err, scope.ErrUnsupported) {
				t.Errorf("%s, %T: %v %v", of.table, models, got, err)
			}
		}
	}
}

// Members who only read add no members past the guard.
func TestWhoOnlyReadsARowAddsNoMembersInTheDatabaseEither(t *testing.T) {
	t.Parallel()
	root := open(t, "postgres", silent())
	for write, want := range map[bool]bool{true: true, false: false} {
		db := guardedBy(t, root, &Usher{}, policy.Policy{
			Model: &Rink{}, MembersWrite: write, Members: &policy.Members{Model: &Usher{}, Row: "RinkID", Subject: "UserID"},
		})
		statements, err := scope.RLS(db, &Usher{})
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range statements {
			if strings.Contains(sql, "FOR INSERT") && strings.Contains(sql, `FROM "ushers"`) != want {
				t.Errorf("members write: %t, %s", write, sql)
			}
		}
	}
}
