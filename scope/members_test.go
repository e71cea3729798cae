package scope_test

import (
	"context"
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	// Stall is its members' to read and write, also in sub-tenants.
	Stall struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
	// Clerk has an owner of its own: whoever made somebody a member.
	Clerk struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		StallID  string `gorm:"size:36"`
		UserID   string `gorm:"size:36"`
	}
)

// stalls is a database with a stall of bob's, one of alice's, and one of alice's in a
// sub-tenant.
func stalls(t *testing.T, kind string) (guarded, root *gorm.DB) {
	t.Helper()
	root = open(t, kind, silent())
	guarded, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	guarded.ConnPool, guarded.Statement.ConnPool = root.ConnPool, root.ConnPool
	if err := guarded.Use(scope.Guard(scope.GuardConfig{Protect: []any{
		policy.Policy{
			Model: &Stall{}, MembersWrite: true, Members: &policy.Members{Model: &Clerk{}, Row: "StallID", Subject: "UserID"},
			Tenants: func(context.Context, *identity.Principal) []string { return []string{"sub"} },
		},
		&Clerk{},
	}})); err != nil {
		t.Fatal(err)
	}
	if err := root.AutoMigrate(&Stall{}, &Clerk{}); err != nil {
		t.Fatal(err)
	}
	if err := root.Create(&[]Stall{
		{"bobs", "acme", "bob", "the stall of bob"}, {"mine", "acme", "alice", "my stall"}, {"below", "sub", "alice", "my stall below"},
	}).Error; err != nil {
		t.Fatal(err)
	}
	return guarded, root
}

func TestNobodyMakesHimselfAMember(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, _ := stalls(t, kind)
			asAlice, asBob := db.WithContext(as(t.Context(), alice)), db.WithContext(as(t.Context(), bob))
			for name, err := range map[string]error{
				"a row":      asAlice.Create(&Clerk{ID: "1", StallID: "bobs", UserID: "alice"}).Error,
				"a map":      asAlice.Model(&Clerk{}).Create(map[string]any{"id": "2", "stall_id": "bobs", "user_id": "alice"}).Error,
				"a batch":    asAlice.Create(&[]Clerk{{ID: "3", StallID: "mine", UserID: "carol"}, {ID: "4", StallID: "bobs", UserID: "alice"}}).Error,
				"no stall":   asAlice.Create(&Clerk{ID: "5", UserID: "alice"}).Error,
				"absent":     asAlice.Create(&Clerk{ID: "6", StallID: "nowhere", UserID: "alice"}).Error,
				"an upsert":  asAlice.Save(&Clerk{ID: "7", StallID: "bobs", UserID: "alice"}).Error,
				"a creation": asAlice.Where(Clerk{StallID: "bobs", UserID: "alice"}).Attrs(Clerk{ID: "8"}).FirstOrCreate(&Clerk{}).Error,
			} {
				if err == nil {
					t.Errorf("%s makes a member", name)
				}
			}
			if err := asAlice.Create(&Clerk{ID: "own", StallID: "mine", UserID: "alice"}).Error; err != nil {
				t.Fatalf("a member of an own stall: %v", err)
			}
			if err := asAlice.Model(&Clerk{}).Where("id = 'own'").Update("stall_id", "bobs").Error; !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("a member moved to bob's stall: %v", err)
			}
			var n int64
			if err := asAlice.Model(&Stall{}).Where("id = 'bobs'").Count(&n).Error; err != nil || n != 0 {
				t.Errorf("alice sees bob's stall: %d, %v", n, err)
			}
			if err := asBob.Create(&Clerk{ID: "given", StallID: "bobs", UserID: "alice"}).Error; err != nil {
				t.Fatalf("bob makes alice a member: %v", err)
			}
			if tx := asAlice.Model(&Stall{}).Where("id = 'bobs'").Update("name", "by a member"); tx.Error != nil || tx.RowsAffected != 1 {
				t.Errorf("a member's write: %d, %v", tx.RowsAffected, tx.Error)
			}
		})
	}
}

func TestOwnRowsOfSubTenantsAreSeenWhereMembersAreToo(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, _ := stalls(t, kind)
			var ids []string
			if err := db.WithContext(as(t.Context(), alice)).Model(&Stall{}).Order("id").Pluck("id", &ids).Error; err != nil || len(ids) != 2 || ids[0] != "below" || ids[1] != "mine" {
				t.Errorf("alice sees %v, %v", ids, err)
			}
		})
	}
}

// Stored in a text column the number 0 is the text "0", which may be somebody's key.
func TestTheNumberZeroIsNoMissingKeyOfATextColumn(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			if err := w.root.Create(&Folder{ID: "0", TenantID: "acme", OwnerID: "bob", Name: "bob zero"}).Error; err != nil {
				t.Fatal(err)
			}
			db := w.db.WithContext(as(t.Context(), alice))
			for name, err := range map[string]error{
				"an update": db.Model(&Document{}).Where("id = ?", "alice-doc-1").Updates(map[string]any{"folder_id": 0}).Error,
				"an insert": db.Model(&Document{}).Create(map[string]any{"id": "new", "folder_id": 0, "title": "t"}).Error,
			} {
				if !errors.Is(err, gorm.ErrRecordNotFound) {
					t.Errorf("%s: %v", name, err)
				}
			}
			var n int64
			if err := w.root.Model(&Document{}).Where("folder_id = ?", "0").Count(&n).Error; err != nil || n != 0 {
				t.Errorf("%d documents are in bob's folder, %v", n, err)
			}
			if err := db.Model(&Document{}).Where("id = ?", "alice-doc-1").Updates(map[string]any{"folder_id": nil}).Error; err != nil {
				t.Errorf("no folder: %v", err)
			}
		})
	}
}
