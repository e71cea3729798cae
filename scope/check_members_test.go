package scope_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

func TestCheckFindsMembersWhoOutliveTheirRemoval(t *testing.T) {
	t.Parallel()
	const fault = "rinks: who has added members in "
	anybody := func(context.Context, *identity.Principal, string) clause.Expression { return nil }
	for name, tc := range map[string]struct {
		members any
		listed  []any
		rink    policy.Policy
		found   bool
	}{
		"with an owner":               {&Usher{}, []any{&Usher{}}, policy.Policy{MembersWrite: true}, true},
		"with another parent":         {&Pass{}, []any{&Pass{}, &Usher{}}, policy.Policy{MembersWrite: true}, true},
		"written by a rule":           {&Usher{}, []any{&Usher{}}, policy.Policy{Write: anybody}, true},
		"through the row":             {&Guide{}, []any{&Guide{}, &Usher{}}, policy.Policy{MembersWrite: true}, false},
		"of the tenant":               {&Porter{}, []any{&Porter{}, &Usher{}}, policy.Policy{MembersWrite: true}, false},
		"which members do not write":  {&Usher{}, []any{&Usher{}}, policy.Policy{}, false},
		"which others remove too":     {&Usher{}, []any{policy.Policy{Model: &Usher{}, TenantWide: true}}, policy.Policy{MembersWrite: true}, false},
		"which nobody writes":         {&Guide{}, []any{&Usher{}}, policy.Policy{MembersWrite: true}, false},
		"where the tenant writes all": {&Usher{}, []any{&Usher{}}, policy.Policy{MembersWrite: true, TenantWide: true}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := open(t, "sqlite", silent())
			if err := db.AutoMigrate(&Person{}, &Rink{}, &Usher{}, tc.members); err != nil {
				t.Fatal(err)
			}
			rink := tc.rink
			rink.Model, rink.Members = &Rink{}, &policy.Members{Model: tc.members, Row: "RinkID", Subject: "UserID"}
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: append([]any{rink, &Person{}}, tc.listed...)})); err != nil {
				t.Fatal(err)
			}
			err := scope.Check(db.WithContext(scope.System(t.Context(), "check the schema")))
			if got := strings.Contains(fmt.Sprint(err), fault); got != tc.found {
				t.Errorf("found: %t, in\n%v", got, err)
			}
		})
	}
}

func TestCheckFindsWhatTellsThatAMemberIsGone(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite", silent())
	if err := db.AutoMigrate(&Rink{}, &Usher{}); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrator().DropColumn(&Usher{}, "deleted_at"); err != nil {
		t.Fatal(err)
	}
	members := &policy.Members{Model: &Usher{}, Row: "RinkID", Subject: "UserID"}
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{policy.Policy{Model: &Rink{}, Members: members}, &Usher{}}})); err != nil {
		t.Fatal(err)
	}
	err := scope.Check(db.WithContext(scope.System(t.Context(), "check the schema")))
	if !strings.Contains(fmt.Sprint(err), "rinks: column deleted_at of the table of its members is missing") {
		t.Errorf("not found in\n%v", err)
	}
}

type (
	// What tells that these are gone cannot be known.
	Odd struct {
		RinkID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
		State  notBefore
	}
	Clasped struct {
		RinkID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
		State  hinted
	}
	Lost struct {
		RinkID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
		State  nowhere
	}
	Several struct {
		RinkID string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:36"`
		State  oneOf
	}
	notBefore int
	hinted    int
	nowhere   int
	oneOf     int
)

func (notBefore) QueryClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{clause.Where{Exprs: []clause.Expression{clause.Gt{Column: clause.Column{Table: clause.CurrentTable, Name: f.DBName}, Value: 1}}}}
}

func (nowhere) QueryClauses(*schema.Field) []clause.Interface {
	return []clause.Interface{clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Name: "elsewhere"}, Value: 1}}}}
}

func (oneOf) QueryClauses(f *schema.Field) []clause.Interface {
	return []clause.Interface{clause.Where{Exprs: []clause.Expression{clause.Eq{Column: clause.Column{Name: f.DBName}, Value: []int{1, 2}}}}}
}

func (hinted) QueryClauses(*schema.Field) []clause.Interface {
	return []clause.Interface{clause.Limit{Offset: 1}}
}

func TestMembersFilteredInAnUnknownWayAreRefused(t *testing.T) {
	t.Parallel()
	for _, model := range []any{&Odd{}, &Clasped{}, &Lost{}, &Several{}} {
		db := open(t, "sqlite", silent())
		members := &policy.Members{Model: model, Row: "RinkID", Subject: "UserID"}
		err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{policy.Policy{Model: &Rink{}, Members: members}, &Usher{}}}))
		if !strings.Contains(fmt.Sprint(err), "Protect[0]") {
			t.Errorf("%T: %v", model, err)
		}
	}
}

// A table written by hand may take two rows' keys for one; the key decides, not it.
func TestAMemberOfARowIsNoneOfOneSpelledAlike(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			exact, folds := map[string]string{"sqlite": "", "mariadb": "COLLATE utf8mb4_bin"}[kind], map[string]string{"sqlite": "COLLATE NOCASE", "mariadb": "COLLATE utf8mb4_general_ci"}[kind]
			for _, sql := range []string{
				"CREATE TABLE rinks (id varchar(36) " + exact + " PRIMARY KEY, tenant_id varchar(36), owner_id varchar(36), name varchar(100))",
				"CREATE TABLE ushers (id varchar(36) PRIMARY KEY, tenant_id varchar(36), owner_id varchar(36), rink_id varchar(36) " + folds + ", user_id varchar(36), note varchar(36), deleted_at datetime)",
				"INSERT INTO rinks VALUES ('bobs', 'acme', 'bob', 'n'), ('BOBS', 'acme', 'alice', 'n')",
			} {
				if err := root.Exec(sql).Error; err != nil {
					t.Fatal(err)
				}
			}
			r := &rinks{roster: rosters()[0], root: root}
			var err error
			if r.db, err = gorm.Open(root.Dialector, silent()); err != nil {
				t.Fatal(err)
			}
			r.db.ConnPool, r.db.Statement.ConnPool = root.ConnPool, root.ConnPool
			members := &policy.Members{Model: &Usher{}, Row: "RinkID", Subject: "UserID"}
			if err := r.db.Use(scope.Guard(scope.GuardConfig{Protect: []any{policy.Policy{Model: &Rink{}, Members: members, MembersWrite: true}, &Usher{}}})); err != nil {
				t.Fatal(err)
			}
			if err := r.as(t, alice).Create(r.make("1", "BOBS", "alice", "alice")).Error; err != nil {
				t.Fatal(err)
			}
			if got := r.rights(t, alice); got != none {
				t.Errorf("alice %s", got)
			}
		})
	}
}
