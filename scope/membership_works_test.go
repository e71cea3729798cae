package scope_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
	"github.com/ginsec/ginsec/scope/policy"
)

// Everything that those who may write a rink do with its members must work.
func TestWhoMayWriteARowKeepsItsMembers(t *testing.T) {
	t.Parallel()
	carol := &identity.Principal{Subject: "carol", Tenant: "acme"}
	for _, kind := range kinds {
		for _, of := range rosters() {
			if kind == "sqlite" && of.table == "guides" {
				continue // a time is stored in another spelling than the tag's there
			}
			t.Run(kind+" "+of.table, func(t *testing.T) {
				t.Parallel()
				r := newRinks(t, kind, of)
				own := func(p *identity.Principal) *gorm.DB {
					return r.as(t, p).Scopes(scope.Owned(as(t.Context(), p))).Omit("Person", "Rink")
				}
				given := func() *gorm.DB { return own(bob).Model(r.model()).Where("id = 'given'") }
				unscoped := func() *gorm.DB { return own(bob).Unscoped().Model(r.model()).Where("id = 'given'") }
				onID := func(columns ...string) clause.OnConflict {
					return clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns(columns)}
				}
				for _, step := range []struct {
					what         string
					tx           func() *gorm.DB
					carol, alice string
				}{
					{"at first", func() *gorm.DB { return given().Find(&[]map[string]any{}) }, full, none},
					{"a note", func() *gorm.DB { return given().Update("note", "n") }, full, none},
					{"for somebody else", func() *gorm.DB { return given().Update("user_id", "alice") }, none, full},
					{"for carol again, by Or", func() *gorm.DB {
						return own(bob).Model(r.model()).Where("1 = 0").Or("id = 'given'").Updates(map[string]any{"user_id": "carol", "note": "m"})
					}, full, none},
					{"the same once more", func() *gorm.DB { return given().Updates(map[string]any{"user_id": "carol", "note": "m"}) }, full, none},
					{"deleted", func() *gorm.DB { return own(bob).Delete(r.model(), "id = 'given'") }, none, none},
					{"brought back", func() *gorm.DB { return unscoped().Update(r.deleted, r.alive) }, full, none},
					{"deleted again", func() *gorm.DB { return given().Delete(r.model()) }, none, none},
					{"brought back by an upsert", func() *gorm.DB {
						return own(bob).Clauses(onID(r.deleted, "note")).Create(r.make("given", "bobs", "carol", "bob"))
					}, full, none},
					{"for alice, by an upsert", func() *gorm.DB {
						return own(bob).Clauses(onID("user_id")).Create(r.make("given", "bobs", "alice", "bob"))
					}, none, full},
					{"saved for carol", func() *gorm.DB { return own(bob).Save(r.make("given", "bobs", "carol", "bob")) }, full, none},
					{"noted", func() *gorm.DB { return given().Update("note", "o") }, full, none},
					{"an upsert of all", func() *gorm.DB {
						return own(bob).Clauses(clause.OnConflict{UpdateAll: true}).Create(r.make("given", "bobs", "carol", "bob"))
					}, full, none},
					{"deleted for good", func() *gorm.DB { return unscoped().Delete(r.model()) }, none, none},
					{"added again", func() *gorm.DB { return own(bob).Create(r.make("given", "bobs", "carol", "bob")) }, full, none},
				} {
					tx := step.tx()
					if tx.Error != nil || tx.RowsAffected < 1 || tx.RowsAffected > 2 || tx.RowsAffected > 1 && kind != "mariadb" {
						t.Errorf("%s: %d rows, %v", step.what, tx.RowsAffected, tx.Error)
					}
					if c, a := r.rights(t, carol), r.rights(t, alice); c != step.carol || a != step.alice {
						t.Errorf("%s: carol %s, alice %s", step.what, c, a)
					}
				}
				// What another has written stays his where it has an owner of its own.
				tx := own(bob).Model(r.model()).Where("id = 'x'").Update("user_id", "eve")
				if want := map[string]int64{"porters": 1, "guides": 1}[of.table]; tx.Error != nil || tx.RowsAffected != want {
					t.Errorf("alice's row for somebody else: %d rows, %v", tx.RowsAffected, tx.Error)
				}
				r.membersWrite(t, carol)
			})
		}
	}
}

// membersWrite is what a member, who may write the rink, does with its members.
func (r *rinks) membersWrite(t *testing.T, carol *identity.Principal) {
	t.Helper()
	asCarol := func() *gorm.DB { return r.as(t, carol).Omit("Person", "Rink") }
	by := "carol"
	for what, tx := range map[string]*gorm.DB{
		"a member added":   asCarol().Create(r.make("hers", "bobs", "eve", by)),
		"for another":      asCarol().Model(r.model()).Where("id = 'hers'").Update("user_id", "alice"),
		"taken away":       asCarol().Delete(r.model(), "id = 'hers'"),
		"given once again": asCarol().Unscoped().Model(r.model()).Where("id = 'hers'").Update(r.deleted, r.alive),
	} {
		if tx.Error != nil || tx.RowsAffected != 1 {
			t.Errorf("%s: %d rows, %v", what, tx.RowsAffected, tx.Error)
		}
	}
	if got := r.rights(t, alice); got != full {
		t.Errorf("whom a member added %s", got)
	}
	// What she added she may take away when she is a member no longer, if it is hers.
	tx := r.as(t, bob).Delete(r.model(), "id = 'given'")
	if tx.Error != nil || tx.RowsAffected != 1 {
		t.Errorf("carol dismissed: %d rows, %v", tx.RowsAffected, tx.Error)
	}
	if tx := asCarol().Model(r.model()).Where("id = 'hers'").Update("user_id", "carol"); tx.Error != nil || tx.RowsAffected != 0 {
		t.Errorf("hers again: %d rows, %v", tx.RowsAffected, tx.Error)
	}
	if got := r.rights(t, carol); got != none {
		t.Errorf("who was dismissed %s", got)
	}
	if tx := asCarol().Delete(r.model(), "id = 'hers'"); r.open && (tx.Error != nil || tx.RowsAffected != 1) {
		t.Errorf("taken back: %d rows, %v", tx.RowsAffected, tx.Error)
	}
	if got := r.rights(t, alice); r.open && got != none {
		t.Errorf("who was added and taken away %s", got)
	}
}

// With a has-many of its members a row is saved, preloaded and asked as any other.
func TestMembersAsAnAssociation(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRinks(t, kind, rosters()[0])
			q := func() *gorm.DB { return r.as(t, bob) }
			on := func() *gorm.Association { return q().Model(&Rink{ID: "bobs"}).Association("Ushers") }
			var rink Rink
			for _, step := range []struct {
				what string
				err  func() error
				want string
			}{
				{"appended", func() error { return on().Append(&Usher{ID: "a", UserID: "alice"}) }, full},
				{"counted", func() error { return want(int(on().Count()), 2, nil) }, full},
				{"preloaded", func() error { return q().Preload("Ushers").First(&rink, "id = 'bobs'").Error }, full},
				{"saved with it", func() error { return q().Save(&rink).Error }, full},
				{"saved with all of it", func() error { return q().Session(&gorm.Session{FullSaveAssociations: true}).Save(&rink).Error }, full},
				{"taken out", func() error { return on().Delete(&Usher{ID: "a"}) }, none},
				{"appended again", func() error { return on().Append(&Usher{ID: "a", UserID: "alice"}) }, full},
				{"replaced", func() error { return on().Replace(&Usher{ID: "b", UserID: "carol"}) }, none},
				{"deleted for good", func() error { return on().Unscoped().Delete(&Usher{ID: "b"}) }, none},
				{"with another at once", func() error {
					return q().Create(&Rink{ID: "new", Ushers: []Usher{{ID: "c", UserID: "alice"}, {ID: "d", UserID: "carol"}}}).Error
				}, none},
				{"cleared", func() error { return q().Model(&Rink{ID: "new"}).Association("Ushers").Clear() }, none},
			} {
				if err := step.err(); err != nil {
					t.Errorf("%s: %v", step.what, err)
				}
				if got := r.rights(t, alice); got != step.want {
					t.Errorf("%s: alice %s", step.what, got)
				}
			}
		})
	}
}

// A table of members whose own policy lets everybody of the tenant write its rows.
func TestMembersThatTheTenantWrites(t *testing.T) {
	t.Parallel()
	r := fillRinks(t, open(t, "sqlite", silent()), rosters()[0])
	r.db = guardedBy(t, r.root, policy.Policy{Model: &Usher{}, TenantWide: true}, policy.Policy{
		Model: &Rink{}, MembersWrite: true, Members: &policy.Members{Model: &Usher{}, Row: "RinkID", Subject: "UserID"},
	})
	for _, step := range []struct {
		by   *identity.Principal
		want int64
		then string
	}{{alice, 0, none}, {bob, 1, full}} {
		tx := r.as(t, step.by).Model(&Usher{}).Where("id = 'x'").Update("user_id", "alice")
		if got := r.rights(t, alice); tx.Error != nil || tx.RowsAffected != step.want || got != step.then {
			t.Errorf("by %s: %d rows, %v, alice %s", step.by.Subject, tx.RowsAffected, tx.Error, got)
		}
	}
	if tx := r.as(t, mallory).Delete(&Usher{}, "id = 'given'"); tx.Error != nil || tx.RowsAffected != 0 {
		t.Errorf("from another tenant: %d rows, %v", tx.RowsAffected, tx.Error)
	}
}
