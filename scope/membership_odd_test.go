package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

type (
	// Berth is the whole tenant's, has a key of row and subject, and another unique one.
	Berth struct {
		RinkID    string `gorm:"primaryKey;size:36"`
		UserID    string `gorm:"primaryKey;size:36"`
		TenantID  string `gorm:"size:36"`
		Slot      int    `gorm:"uniqueIndex"`
		DeletedAt gorm.DeletedAt
	}
	// Plinth is its own table of members: whom a plinth names may write the one it stands on.
	Plinth struct {
		ID       string  `gorm:"primaryKey;size:36"`
		TenantID string  `gorm:"size:36"`
		OwnerID  string  `gorm:"size:36"`
		OnID     *string `gorm:"size:36"`
		UserID   string  `gorm:"size:36"`
		Name     string  `gorm:"size:100"`
	}
)

func guardedBy(t *testing.T, root *gorm.DB, protect ...any) *gorm.DB {
	t.Helper()
	db, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: protect, MySQLUpsert: true})); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestAMembershipIsMetByAnotherKeyAndStaysWhatItWas(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := &rinks{root: open(t, kind, silent())}
			if err := r.root.AutoMigrate(&Rink{}, &Usher{}, &Berth{}); err != nil {
				t.Fatal(err)
			}
			r.db = guardedBy(t, r.root, &Berth{}, &Usher{}, policy.Policy{
				Model: &Rink{}, MembersWrite: true, Members: &policy.Members{Model: &Berth{}, Row: "rink_id", Subject: "user_id"},
			})
			if err := r.root.Create(&[]Rink{{ID: "bobs", TenantID: "acme", OwnerID: "bob"}, {ID: "mine", TenantID: "acme", OwnerID: "alice"}}).Error; err != nil {
				t.Fatal(err)
			}
			q := func() *gorm.DB { return r.as(t, bob) }
			on := func(column string, do ...string) clause.OnConflict {
				return clause.OnConflict{Columns: []clause.Column{{Name: column}}, DoUpdates: clause.AssignmentColumns(do)}
			}
			both := clause.OnConflict{Columns: []clause.Column{{Name: "rink_id"}, {Name: "user_id"}}, DoUpdates: clause.AssignmentColumns([]string{"deleted_at"})}
			for what, tx := range map[string]*gorm.DB{"added": q().Create(&Berth{RinkID: "bobs", UserID: "zed", Slot: 1}), "and another": q().Create(&Berth{RinkID: "bobs", UserID: "alice", Slot: 2})} {
				if tx.Error != nil {
					t.Fatalf("%s: %v", what, tx.Error)
				}
			}
			if got := r.rights(t, alice); got != full {
				t.Errorf("a member %s", got)
			}
			if tx := q().Delete(&Berth{RinkID: "bobs", UserID: "alice"}); tx.Error != nil || tx.RowsAffected != 1 {
				t.Errorf("deleted: %d rows, %v", tx.RowsAffected, tx.Error)
			}
			for what, tx := range map[string]*gorm.DB{
				"the subject by the slot":   r.as(t, alice).Clauses(on("slot", "user_id")).Create(&Berth{RinkID: "mine", UserID: "alice", Slot: 1}),
				"the deletion by the slot":  r.as(t, alice).Clauses(on("slot", "deleted_at")).Create(&Berth{RinkID: "mine", UserID: "eve", Slot: 2}),
				"the deletion by the key":   r.as(t, alice).Clauses(both).Create(&Berth{RinkID: "bobs", UserID: "alice", Slot: 3}),
				"all by the slot":           r.as(t, alice).Clauses(clause.OnConflict{UpdateAll: true, Columns: []clause.Column{{Name: "slot"}}}).Create(&Berth{RinkID: "mine", UserID: "alice", Slot: 2}),
				"an update of the deletion": r.as(t, alice).Unscoped().Model(&Berth{RinkID: "bobs", UserID: "alice"}).Update("deleted_at", nil),
			} {
				if got := r.rights(t, alice); got != none {
					t.Errorf("%s: alice %s, %v", what, got, tx.Error)
				}
			}
			if tx := q().Clauses(both).Create(&Berth{RinkID: "bobs", UserID: "alice", Slot: 2}); tx.Error != nil || tx.RowsAffected < 1 {
				t.Errorf("brought back by the key: %d rows, %v", tx.RowsAffected, tx.Error)
			}
			if got := r.rights(t, alice); got != full {
				t.Errorf("who was brought back %s", got)
			}
		})
	}
}

func TestATableThatIsItsOwnTableOfMembers(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			if err := root.AutoMigrate(&Plinth{}); err != nil {
				t.Fatal(err)
			}
			db := guardedBy(t, root, policy.Policy{Model: &Plinth{}, MembersWrite: true, Members: &policy.Members{Model: &Plinth{}, Row: "OnID", Subject: "UserID"}})
			a, b := db.WithContext(as(t.Context(), alice)), db.WithContext(as(t.Context(), bob))
			may := func(what string, want int64) {
				t.Helper()
				if tx := a.Model(&Plinth{}).Where("id = 'bobs'").Update("name", what); tx.Error != nil || tx.RowsAffected != want {
					t.Errorf("%s: alice writes %d rows, %v", what, tx.RowsAffected, tx.Error)
				}
			}
			for what, err := range map[string]error{
				"on nothing": b.Create(&Plinth{ID: "bobs", UserID: "bob"}).Error,
				"hers":       a.Create(&Plinth{ID: "hers", UserID: "zed"}).Error,
			} {
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
			}
			may("at first", 0)
			if err := b.Create(&Plinth{ID: "on", OnID: ptr("bobs"), UserID: "alice"}).Error; err != nil {
				t.Fatal(err)
			}
			may("while a plinth on it names her", 1)
			if err := a.Create(&Plinth{ID: "too", OnID: ptr("bobs"), UserID: "zed"}).Error; err != nil {
				t.Fatal(err)
			}
			if tx := b.Model(&Plinth{}).Where("id = 'on'").Update("user_id", "carol"); tx.Error != nil || tx.RowsAffected != 1 {
				t.Errorf("for another: %d rows, %v", tx.RowsAffected, tx.Error)
			}
			may("when it names another", 0)
			if tx := a.Model(&Plinth{}).Where("id = 'too'").Update("user_id", "alice"); tx.Error != nil || tx.RowsAffected != 0 {
				t.Errorf("hers to name her: %d rows, %v", tx.RowsAffected, tx.Error)
			}
			if err := a.Model(&Plinth{}).Where("id = 'hers'").Updates(map[string]any{"on_id": "bobs", "user_id": "alice"}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("hers onto bob's: %v", err)
			}
			may("in the end", 0)
			if tx := a.Model(&Plinth{}).Where("id = 'too'").Updates(map[string]any{"on_id": nil, "user_id": "alice"}); tx.Error != nil || tx.RowsAffected != 1 {
				t.Errorf("off it: %d rows, %v", tx.RowsAffected, tx.Error)
			}
		})
	}
}

// NULL is no member of anything where a row has an owner of its own; where the key decides
// whose a row is, it is nobody's row. What is empty may be somebody's key.
func TestOnlyNullMakesAMembershipOneOfNothing(t *testing.T) {
	t.Parallel()
	for i, want := range []map[string]error{
		0: {"": scope.ErrImmutable, "null": nil, "new": scope.ErrMismatch, "null new": nil},
		2: {"": scope.ErrImmutable, "null": nil, "new": scope.ErrMismatch, "null new": nil},
		3: {"": scope.ErrImmutable, "null": scope.ErrImmutable, "new": scope.ErrMismatch, "null new": scope.ErrMismatch},
	} {
		if want == nil {
			continue
		}
		r := newRinks(t, "sqlite", rosters()[i])
		given := func() *gorm.DB { return r.as(t, bob).Model(r.model()).Where("id = 'given'") }
		row := func(id string, more ...any) map[string]any {
			m := map[string]any{"id": id, "user_id": "eve"}
			if r.table == "passes" {
				m["person_id"] = "bob"
			}
			for range more {
				m["rink_id"] = nil
			}
			return m
		}
		for what, err := range map[string]error{
			"":         given().Update("rink_id", "").Error,
			"null":     given().Update("rink_id", nil).Error,
			"new":      r.as(t, bob).Model(r.model()).Create(row("1")).Error,
			"null new": r.as(t, bob).Model(r.model()).Create(row("2", nil)).Error,
		} {
			if !errors.Is(err, want[what]) {
				t.Errorf("%s: %q: %v", r.table, what, err)
			}
		}
	}
}
