package scope_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	// Project is read by its members; Board is written by them too.
	Project struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
		Tasks    []Task
	}
	Task struct {
		ID        string   `gorm:"primaryKey;size:36"`
		ProjectID string   `gorm:"size:36"`
		Project   *Project `scope:"via"`
		Name      string   `gorm:"size:100"`
	}
	ProjectMember struct {
		ProjectID string `gorm:"primaryKey;size:36"`
		UserID    string `gorm:"primaryKey;size:36"`
	}
	Board struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
	// Template may be global: a NULL tenant.
	Template struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID *string `gorm:"size:36"`
		OwnerID  *string `gorm:"size:36"`
		Name     string  `gorm:"size:100"`
	}
	// Price is the whole tenant's.
	Price struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
	// Account is read across sub-tenants.
	Account struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
	// Case is read by auditors of the tenant.
	Case struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
)

func policies() []any {
	auditors := func(_ context.Context, p *identity.Principal, table string) clause.Expression {
		if slices.Contains(p.Scopes, "audit") {
			return clause.Expr{SQL: table + ".name <> ? OR 1 = 1", Vars: []any{"x"}}
		}
		return nil
	}
	members := &policy.Members{Model: &ProjectMember{}, Row: "ProjectID", Subject: "UserID"}
	return []any{
		policy.Policy{Model: &Project{}, Members: members},
		&Task{},
		policy.Policy{Model: &Board{}, Members: members, MembersWrite: true},
		&policy.Policy{Model: &Template{}, Global: true},
		policy.Policy{Model: &Price{}, TenantWide: true},
		policy.Policy{Model: &Account{}, Tenants: func(_ context.Context, p *identity.Principal) []string {
			return map[string][]string{"acme": {"acme-east", "acme-west", "acme", ""}}[p.Tenant]
		}},
		policy.Policy{Model: &Case{}, Read: auditors},
	}
}

func policyWorld(t *testing.T, kind string) (db, root *gorm.DB) {
	t.Helper()
	root = open(t, kind, silent())
	db, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: policies()})); err != nil {
		t.Fatal(err)
	}
	if err := root.AutoMigrate(&Project{}, &Task{}, &ProjectMember{}, &Board{}, &Template{}, &Price{}, &Account{}, &Case{}); err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range people {
		id := p.Subject
		must(root.Create(&Project{ID: id, TenantID: p.Tenant, OwnerID: id, Name: id}).Error)
		must(root.Create(&Task{ID: id, ProjectID: id, Name: id}).Error)
		must(root.Create(&Board{ID: id, TenantID: p.Tenant, OwnerID: id, Name: id}).Error)
		must(root.Create(&Template{ID: id, TenantID: &p.Tenant, OwnerID: &p.Subject, Name: id}).Error)
		must(root.Create(&Price{ID: id, TenantID: p.Tenant, OwnerID: id, Name: id}).Error)
		must(root.Create(&Case{ID: id, TenantID: p.Tenant, OwnerID: id, Name: id}).Error)
	}
	must(root.Create(&Template{ID: "global", Name: "global"}).Error)
	must(root.Create(&[]Account{{ID: "1", TenantID: "acme"}, {ID: "2", TenantID: "acme-east"}, {ID: "3", TenantID: "globex"}}).Error)
	// alice is a member of bob's project and of mallory's, which is another tenant's.
	must(root.Create(&[]ProjectMember{{"bob", "alice"}, {"mallory", "alice"}}).Error)
	return db, root
}

// names lists what a principal sees of a model.
func names(t *testing.T, tx *gorm.DB, model any) string {
	t.Helper()
	var s []string
	if err := tx.Model(model).Where("1 = 1").Or("1 = 1").Order("id").Pluck("id", &s).Error; err != nil {
		t.Error(err)
	}
	return strings.Join(s, " ")
}

func TestPoliciesWidenReadingAndWritingSeparately(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, root := policyWorld(t, kind)
			a := db.WithContext(as(t.Context(), alice))
			auditor := db.WithContext(as(t.Context(), &identity.Principal{Subject: "eve", Tenant: "acme", Scopes: []string{"audit"}}))
			for _, tc := range []struct {
				what  string
				tx    *gorm.DB
				model any
				want  string
			}{
				{"a member reads", a, &Project{}, "alice bob"},
				{"a member reads children", a, &Task{}, "alice bob"},
				{"a member of a board reads", a, &Board{}, "alice bob"},
				{"global rows are read", a, &Template{}, "alice global"},
				{"the whole tenant is read", a, &Price{}, "alice bob"},
				{"sub-tenants are read", a, &Account{}, "1 2"},
				{"a rule does not apply", a, &Case{}, "alice"},
				{"a rule applies within the tenant", auditor, &Case{}, "alice bob"},
				{"nobody is a member by being an auditor", auditor, &Project{}, ""},
			} {
				if got := names(t, tc.tx, tc.model); got != tc.want {
					t.Errorf("%s: %q, not %q", tc.what, got, tc.want)
				}
			}
			write := func(what string, model any, id string, want int64) {
				t.Helper()
				tx := a.Model(model).Where("id = ?", id).Update("name", "x")
				if tx.Error != nil || tx.RowsAffected != want {
					t.Errorf("%s: %d rows, %v", what, tx.RowsAffected, tx.Error)
				}
			}
			write("a member of a project does not write", &Project{}, "bob", 0)
			write("nor its tasks", &Task{}, "bob", 0)
			write("a member of a board writes", &Board{}, "bob", 1)
			write("but not across tenants", &Board{}, "mallory", 0)
			write("global rows are not written", &Template{}, "global", 0)
			write("the tenant's rows are", &Price{}, "bob", 1)
			write("sub-tenants' rows are not", &Account{}, "2", 0)
			write("own rows are", &Account{}, "1", 1)
			if tx := a.Delete(&Board{}, "id = ?", "mallory"); tx.Error != nil || tx.RowsAffected != 0 {
				t.Errorf("a foreign board was deleted: %v", tx.Error)
			}
			if err := a.Create(&Task{ID: "t", ProjectID: "bob"}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("a task below a project that is only readable: %v", err)
			}
			moves(t, a, root)
		})
	}
}

// moves checks that nobody's row becomes the writer's.
func moves(t *testing.T, a, root *gorm.DB) {
	t.Helper()
	var board Board
	if err := a.First(&board, "id = ?", "bob").Error; err != nil {
		t.Fatal(err)
	}
	board.Name = "saved"
	for what, tx := range map[string]*gorm.DB{
		"Save of a loaded row":       a.Save(&board),
		"Save without the owner":     a.Save(&Board{ID: "bob", Name: "saved"}),
		"Save in the writer's name":  a.Save(&Board{ID: "bob", OwnerID: "alice", TenantID: "acme", Name: "saved"}),
		"Updates in the writer's":    a.Model(&Board{ID: "bob"}).Updates(map[string]any{"owner_id": "alice", "name": "saved"}),
		"Updates in another's":       a.Model(&Board{ID: "bob"}).Updates(map[string]any{"owner_id": "eve"}),
		"an upsert":                  a.Clauses(clause.OnConflict{UpdateAll: true}).Create(&Board{ID: "bob", Name: "saved"}),
		"Save of a loaded price":     a.Save(&Price{ID: "bob", OwnerID: "bob", TenantID: "acme", Name: "saved"}),
		"Save of a price of nobody":  a.Save(&Price{ID: "bob", Name: "saved"}),
		"Save of a price to another": a.Save(&Price{ID: "alice", OwnerID: "eve", TenantID: "globex", Name: "saved"}),
	} {
		mustFail := what == "Updates in another's" || what == "Save of a price to another" || what == "an upsert" && a.Name() == "mysql"
		if (tx.Error != nil) != mustFail {
			t.Errorf("%s: %v", what, tx.Error)
		}
	}
	for _, table := range []string{"boards", "prices"} {
		var rows []string
		root.Table(table).Select("id").Where("owner_id <> id").Find(&rows)
		if len(rows) > 0 {
			t.Errorf("%s: rows moved: %v", table, rows)
		}
	}
}

func TestAPolicyThatCannotHoldIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite", silent())
	err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{
		policy.Policy{Model: &Stranger{}, Global: true},
		policy.Policy{Model: &Project{}, Owner: "nothing"},
		policy.Policy{Model: &Board{}, MembersWrite: true},
		policy.Policy{Model: &Price{}, Members: &policy.Members{Model: &ProjectMember{}, Row: "Nothing", Subject: "UserID"}},
		policy.Policy{Model: &Ledger{}, Members: &policy.Members{Model: &ProjectMember{}, Row: "ProjectID", Subject: "UserID"}},
		policy.Policy{},
		Project{},
		nil, (*policy.Policy)(nil), &Case{}, &Case{},
	}, Public: []any{policy.Policy{Model: &Template{}}}}))
	for _, field := range []string{"Protect[0]", "Protect[1]", "Protect[2]", "Protect[3]", "Protect[4]", "Protect[5]", "Protect[6]", "Protect[7]", "Protect[8]", "Protect[10]", "Public[0]"} {
		if !strings.Contains(fmt.Sprint(err), field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}
