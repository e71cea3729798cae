package scope_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	// Node has itself as a parent, in a column named as a twig's is.
	Node struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID string  `gorm:"size:36"`
		OwnerID  string  `gorm:"size:36"`
		NodeID   *string `gorm:"size:36"`
	}
	Twig struct {
		ID     string `gorm:"primaryKey;size:36"`
		NodeID string `gorm:"size:36"`
		Node   *Node  `scope:"via"`
		Name   string `gorm:"size:100"`
	}
	Plank struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Name     string `gorm:"size:100"`
	}
	// PlankSeat has a key of its own, named as a plank's is.
	PlankSeat struct {
		ID      string `gorm:"primaryKey;size:36"`
		PlankID string `gorm:"size:36"`
		UserID  string `gorm:"size:36"`
	}
)

// A table may be given the name the predicate gives to its own: a column of the outer
// one would then be read from the inner one.
func TestNoAliasIsMistakenForThePredicates(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			if err := root.AutoMigrate(&Node{}, &Twig{}, &Plank{}, &PlankSeat{}); err != nil {
				t.Fatal(err)
			}
			db, err := gorm.Open(root.Dialector, silent())
			if err != nil {
				t.Fatal(err)
			}
			db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
			seats := &policy.Members{Model: &PlankSeat{}, Row: "PlankID", Subject: "UserID"}
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Node{}, &Twig{}, policy.Policy{Model: &Plank{}, Members: seats, MembersWrite: true}}})); err != nil {
				t.Fatal(err)
			}
			for _, p := range []string{"alice", "bob"} {
				root.Create(&Node{ID: p, TenantID: "acme", OwnerID: p, NodeID: &p})
				root.Omit("Node").Create(&Twig{ID: p, NodeID: p, Name: p})
				root.Create(&Plank{ID: p, TenantID: "acme", OwnerID: p, Name: p})
			}
			root.Create(&PlankSeat{ID: "alice", PlankID: "alice", UserID: "alice"})
			own := db.WithContext(as(t.Context(), alice))
			names := []string{"ginsec_p1", "ginsec_p2", "ginsec_m1", "ginsec_m2", "ginsec_s1", "t"}
			if kind != "postgres" { // where gorm quotes the columns but not the alias
				names = append(names, "GINSEC_P1", "Ginsec_M1")
			}
			for _, alias := range names {
				var twigs []Twig
				err := own.Table("twigs AS " + alias).Find(&twigs).Error
				if err != nil || len(twigs) != 1 || twigs[0].ID != "alice" {
					t.Errorf("%s: %+v, %v", alias, twigs, err)
				}
				joined := gorm.G[Twig](db).Scopes(scope.Stmt(as(t.Context(), alice)))
				if rows, err := joined.Find(as(t.Context(), alice)); err != nil || len(rows) != 1 {
					t.Errorf("a generic one: %d rows, %v", len(rows), err)
				}
			}
			for _, alias := range names {
				tx := own.Table("planks AS " + alias).Where("1 = 1").Updates(map[string]any{"name": alias})
				if tx.Error != nil || tx.RowsAffected != 1 {
					t.Errorf("%s: %d rows, %v", alias, tx.RowsAffected, tx.Error)
				}
				var planks []Plank
				if err := own.Table("planks AS " + alias).Find(&planks).Error; err != nil || len(planks) != 1 {
					t.Errorf("%s: %d planks, %v", alias, len(planks), err)
				}
			}
			var bobs Plank
			if root.First(&bobs, "id = 'bob'"); bobs.Name != "bob" {
				t.Errorf("bob's plank is %+v", bobs)
			}
		})
	}
}
