package scope_test

import (
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

type (
	Letter struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		Slips    []Slip `gorm:"polymorphic:Parent"`
	}
	// Slip hangs on a letter, or on something else.
	Slip struct {
		ID         string  `gorm:"primaryKey;size:36"`
		TenantID   string  `gorm:"size:36"`
		OwnerID    string  `gorm:"size:36"`
		ParentID   *string `gorm:"size:36"`
		ParentType *string `gorm:"size:36"`
		Text       string  `gorm:"size:36"`
	}
)

// A polymorphic key may point, like any other, only to rows one may see.
func TestAPolymorphicKeyPointsToVisibleRowsOnly(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			db, err := gorm.Open(root.Dialector, silent())
			if err != nil {
				t.Fatal(err)
			}
			db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Letter{}, &Slip{}}, MySQLUpsert: true})); err != nil {
				t.Fatal(err)
			}
			if err := root.AutoMigrate(&Letter{}, &Slip{}); err != nil {
				t.Fatal(err)
			}
			own := db.WithContext(as(t.Context(), alice))
			if err := db.WithContext(as(t.Context(), bob)).Create(&Letter{ID: "bob", Slips: []Slip{{ID: "bob", Text: "secret"}}}).Error; err != nil {
				t.Fatal(err)
			}
			if err := own.Create(&Letter{ID: "alice", Slips: []Slip{{ID: "a"}, {ID: "b"}}}).Error; err != nil {
				t.Fatal(err)
			}
			polymorphicWorks(t, own)
			kindOf := func(name string) *string { return &name }
			upsert := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"parent_id", "parent_type"})}
			half := clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns([]string{"parent_id"})}
			bobs := func() *Letter { return &Letter{ID: "bob"} }
			for what, run := range map[string]func() error{
				"a new one": func() error {
					return own.Create(&Slip{ID: "c", ParentID: ptr("bob"), ParentType: kindOf("letters")}).Error
				},
				"a new one, no such": func() error {
					return own.Create(&Slip{ID: "c", ParentID: ptr("none"), ParentType: kindOf("letters")}).Error
				},
				"a type as MySQL reads": func() error {
					return own.Create(&Slip{ID: "c", ParentID: ptr("bob"), ParentType: kindOf("LETTERS ")}).Error
				},
				"a type as collations read, with an accent": func() error {
					return own.Create(&Slip{ID: "c", ParentID: ptr("bob"), ParentType: kindOf("l\u00e9tters")}).Error
				},
				"a type as collations read, with a control character": func() error {
					return own.Model(&Slip{ID: "a"}).Updates(Slip{ParentID: ptr("bob"), ParentType: kindOf("let\u0001ters")}).Error
				},
				"a map": func() error {
					return own.Model(&Slip{}).Create(map[string]any{"id": "c", "parent_id": "bob", "parent_type": "letters"}).Error
				},
				"a type that is SQL": func() error {
					return own.Model(&Slip{}).Create(map[string]any{"id": "c", "parent_id": "bob", "parent_type": gorm.Expr("'letters'")}).Error
				},
				"an update": func() error {
					return own.Model(&Slip{ID: "a"}).Updates(Slip{ParentID: ptr("bob"), ParentType: kindOf("letters")}).Error
				},
				"an update of the key":  func() error { return own.Model(&Slip{ID: "a"}).Update("parent_id", "bob").Error },
				"an update of the type": func() error { return own.Model(&Slip{ID: "elsewhere"}).Update("parent_type", "letters").Error },
				"an upsert": func() error {
					return own.Clauses(upsert).Create(&Slip{ID: "a", ParentID: ptr("bob"), ParentType: kindOf("letters")}).Error
				},
				"half an upsert": func() error {
					return own.Clauses(half).Create(&Slip{ID: "a", ParentID: ptr("bob"), ParentType: kindOf("x")}).Error
				},
				"Append to a foreign":    func() error { return own.Model(bobs()).Association("Slips").Append(&Slip{ID: "c"}) },
				"Append of a foreign":    func() error { return own.Model(&Letter{ID: "alice"}).Association("Slips").Append(&Slip{ID: "bob"}) },
				"Replace of a foreign's": func() error { return own.Model(bobs()).Association("Slips").Replace(&Slip{ID: "a"}) },
			} {
				if run() == nil {
					t.Errorf("%s: not refused", what)
				}
			}
			_ = own.Model(bobs()).Association("Slips").Clear()
			_ = own.Model(bobs()).Association("Slips").Delete(&Slip{ID: "bob"})
			_ = own.Model(bobs()).Association("Slips").Unscoped().Clear()
			if n := own.Model(bobs()).Association("Slips").Count(); n != 0 {
				t.Errorf("%d slips of bob's were counted", n)
			}
			var found []Slip
			if err := own.Model(bobs()).Association("Slips").Find(&found); err != nil || len(found) > 0 {
				t.Errorf("found %+v, %v", found, err)
			}
			var below []Slip
			root.Find(&below, "parent_id = 'bob'")
			if len(below) != 1 || below[0].ID != "bob" || below[0].OwnerID != "bob" || below[0].Text != "secret" {
				t.Errorf("below bob's letter: %+v", below)
			}
		})
	}
}

func polymorphicWorks(t *testing.T, own *gorm.DB) {
	t.Helper()
	alices := func() *Letter { return &Letter{ID: "alice"} }
	var m []Letter
	for _, step := range []struct {
		what string
		err  error
	}{
		{"Append", own.Model(alices()).Association("Slips").Append(&Slip{ID: "c"})},
		{"Count", want(int(own.Model(alices()).Association("Slips").Count()), 3, nil)},
		{"Preload", affected(own.Preload("Slips").Find(&m), 1)},
		{"preloaded", want(len(m[0].Slips), 3, nil)},
		{"Delete", own.Model(alices()).Association("Slips").Delete(&Slip{ID: "c"})},
		{"Replace", own.Model(alices()).Association("Slips").Replace(&Slip{ID: "b"})},
		{"count again", want(int(own.Model(alices()).Association("Slips").Count()), 1, nil)},
		{"Clear", own.Model(alices()).Association("Slips").Clear()},
		{"a move", own.Model(&Slip{ID: "a"}).Updates(Slip{ParentID: ptr("alice"), ParentType: ptr("letters")}).Error},
		{"another column", own.Model(&Slip{ID: "a"}).Update("text", "t").Error},
		{"no parent", own.Create(&Slip{ID: "free"}).Error},
		{"another kind of parent", own.Create(&Slip{ID: "elsewhere", ParentID: ptr("bob"), ParentType: ptr("planets")}).Error},
		{"a take-off", own.Model(&Slip{ID: "elsewhere"}).Updates(map[string]any{"parent_id": "x", "parent_type": "planets"}).Error},
		{"Save", own.Save(&Slip{ID: "a", ParentID: ptr("alice"), ParentType: ptr("letters")}).Error},
		{"a delete", own.Delete(&Slip{ID: "c"}).Error},
	} {
		if step.err != nil {
			t.Errorf("%s: %v", step.what, step.err)
		}
	}
}
