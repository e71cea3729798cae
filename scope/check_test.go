package scope_test

import (
	"strings"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

type (
	faultyParent struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:255;not null"`
	}
	faulty struct {
		ID       int64   `gorm:"primaryKey;autoIncrement"`
		TenantID string  `gorm:"size:255;not null;default:acme"`
		OwnerID  *string `gorm:"size:20"`
		Slug     string  `gorm:"size:100;uniqueIndex"`
		ParentID string  `gorm:"size:36"`
		Parent   *faultyParent
	}
	faultyChild struct {
		ID       string `gorm:"primaryKey;size:36"`
		FaultyID *int64
		Faulty   *faulty `scope:"via"`
	}
	unmigrated struct {
		ID       string `gorm:"primaryKey"`
		TenantID string
		OwnerID  string
	}
	half struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:255;not null;index"`
		OwnerID  string `gorm:"size:255;not null"`
	}
)

func checked(t *testing.T, kind string, prepare func(root *gorm.DB)) error {
	t.Helper()
	db := open(t, kind, silent())
	prepare(db)
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&faulty{}, &faultyParent{}, &faultyChild{}, &unmigrated{}, &half{}}})); err != nil {
		t.Fatal(err)
	}
	return scope.Check(db.WithContext(scope.System(t.Context(), "check the schema")))
}

func TestCheckFindsEverySeededFaultAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			err := checked(t, kind, func(root *gorm.DB) {
				if err := root.AutoMigrate(&faultyParent{}, &faulty{}, &faultyChild{}, &half{}); err != nil {
					t.Fatal(err)
				}
				if err := root.Migrator().DropColumn(&half{}, "owner_id"); err != nil {
					t.Fatal(err)
				}
				if kind == "postgres" {
					root.Exec("ALTER TABLE halves ENABLE ROW LEVEL SECURITY")
				}
			})
			if err == nil {
				t.Fatal("no fault found")
			}
			want := []string{
				"faulties: column tenant_id has a default",
				"faulties: column owner_id may be NULL",
				"faulties: unique index",
				"faulties: no index starts with tenant_id",
				"faulties: primary key id counts up",
				"faulties: the foreign key to faulty_parents lacks tenant_id",
				"faulty_parents: no index starts with tenant_id",
				"faulty_children: column faulty_id decides whose a row is and may be NULL",
				"unmigrateds: it does not exist",
				"halves: column owner_id is missing",
			}
			if kind != "mariadb" { // which indexes every foreign key by itself
				want = append(want, "faulty_children: no index starts with faulty_id")
			}
			if kind != "sqlite" { // where dropping the column took the index along
				want = append(want, "halves: no index on (tenant_id, owner_id, id)", "faulties: column owner_id holds 20 characters")
			}
			if kind == "postgres" {
				want = append(want, "halves: row-level security is enabled but not forced", "halves: the connection's role bypasses row-level security")
			}
			for _, text := range want {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q is not among:\n%v", text, err)
				}
			}
		})
	}
}

func TestCheckPassesASoundTable(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t, kind, silent())
			type sound struct {
				ID       scope.ID `gorm:"primaryKey;uniqueIndex:idx_sound,priority:3"`
				TenantID string   `gorm:"size:255;not null;uniqueIndex:idx_sound,priority:1;uniqueIndex:idx_slug,priority:1"`
				OwnerID  string   `gorm:"size:255;not null;uniqueIndex:idx_sound,priority:2"`
				Slug     string   `gorm:"size:100;uniqueIndex:idx_slug,priority:2"`
			}
			if err := db.AutoMigrate(&sound{}); err != nil {
				t.Fatal(err)
			}
			if err := scope.Check(db, &sound{}); err != nil {
				t.Error(err)
			}
			if err := scope.Check(db); err == nil {
				t.Error("nothing to check passed")
			}
		})
	}
}
