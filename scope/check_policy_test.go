package scope_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	Lodge struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:64"`
		OwnerID  string `gorm:"size:64"`
	}
	LodgeSeat struct {
		LodgeID string `gorm:"primaryKey;size:36"`
		UserID  string `gorm:"primaryKey;size:64"`
	}
	Burrow struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:64"`
		OwnerID  string `gorm:"size:64"`
	}
	BurrowSeat struct {
		BurrowID string `gorm:"primaryKey;size:36"`
		UserID   string `gorm:"primaryKey;size:64"`
	}
	Den struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:64"`
		OwnerID  string `gorm:"size:64"`
	}
	DenSeat struct {
		DenID  string `gorm:"primaryKey;size:36"`
		UserID string `gorm:"primaryKey;size:64"`
	}
)

// Tables written by hand hold what no tag says.
func handWritten(t *testing.T, root *gorm.DB, kind string, folding bool) {
	t.Helper()
	fold := map[string]string{"sqlite": "COLLATE NOCASE", "postgres": `COLLATE "folding"`, "mariadb": ""}[kind]
	blanks := map[string]string{"sqlite": "COLLATE rtrim", "postgres": `COLLATE "folding"`, "mariadb": ""}[kind]
	if !folding {
		fold, blanks = "", ""
	}
	statements := []string{
		"CREATE TABLE lodges (id varchar(36) PRIMARY KEY, tenant_id varchar(64) " + fold + " NOT NULL, owner_id varchar(64) NOT NULL)",
		"CREATE INDEX idx_lodges ON lodges (tenant_id, owner_id, id)",
		"CREATE TABLE lodge_seats (lodge_id varchar(36) " + fold + ", user_id varchar(64) " + fold + ", PRIMARY KEY (lodge_id, user_id))",
		"CREATE TABLE burrows (id varchar(36) PRIMARY KEY, tenant_id varchar(64) NOT NULL, owner_id varchar(64) " + blanks + " NOT NULL)",
		"CREATE INDEX idx_burrows ON burrows (tenant_id, owner_id, id)",
		"CREATE TABLE burrow_seats (burrow_id varchar(36) PRIMARY KEY)",
		"CREATE TABLE dens (id varchar(36) PRIMARY KEY, tenant_id varchar(64) NOT NULL, owner_id varchar(64) NOT NULL)",
		"CREATE INDEX idx_dens ON dens (tenant_id, owner_id, id)",
	}
	if kind == "postgres" {
		statements = append([]string{"CREATE COLLATION folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"}, statements...)
	}
	if !folding {
		statements = append(statements, "DROP TABLE burrow_seats", "CREATE TABLE burrow_seats (burrow_id varchar(36), user_id varchar(64), PRIMARY KEY (burrow_id, user_id))",
			"CREATE TABLE den_seats (den_id varchar(36), user_id varchar(64), PRIMARY KEY (den_id, user_id))")
	}
	for _, sql := range statements {
		if err := root.Exec(sql).Error; err != nil {
			t.Fatal(err)
		}
	}
}

func TestCheckLooksAtMembersAndCollations(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		for _, folding := range []bool{true, false} {
			t.Run(kind+map[bool]string{true: " with faults", false: " sound"}[folding], func(t *testing.T) {
				t.Parallel()
				db := open(t, kind, silent())
				handWritten(t, db, kind, folding)
				cfg := scope.GuardConfig{Protect: []any{
					policy.Policy{Model: &Lodge{}, Members: &policy.Members{Model: &LodgeSeat{}, Row: "LodgeID", Subject: "UserID"}},
					policy.Policy{Model: &Burrow{}, Members: &policy.Members{Model: &BurrowSeat{}, Row: "BurrowID", Subject: "UserID"}},
					policy.Policy{Model: &Den{}, Members: &policy.Members{Model: &DenSeat{}, Row: "DenID", Subject: "UserID"}},
				}}
				if folding {
					cfg.Public = []any{&LodgeSeat{}}
				}
				if err := db.Use(scope.Guard(cfg)); err != nil {
					t.Fatal(err)
				}
				err := scope.Check(db.WithContext(scope.System(t.Context(), "check the schema")))
				if !folding {
					if err != nil {
						t.Errorf("a sound schema: %v", err)
					}
					return
				}
				if err == nil {
					t.Fatal("no fault found")
				}
				want := []string{
					"lodges: the table of its members, lodge_seats, is public",
					"burrows: column user_id of the table of its members is missing",
					"dens: the table of its members, den_seats, does not exist",
				}
				if kind != "mariadb" {
					want = append(want, "lodges: column tenant_id ignores case", "burrows: column owner_id ignores case", "lodges: column user_id of the table of its members ignores case", "lodges: column lodge_id of the table of its members ignores case")
				}
				for _, text := range want {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%q is not among:\n%v", text, err)
					}
				}
				if n := len(strings.Split(err.Error(), "\n")); n != len(want) {
					t.Errorf("%d faults, not %d:\n%v", n, len(want), err)
				}
			})
		}
	}
}
