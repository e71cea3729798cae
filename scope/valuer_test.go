package scope_test

import (
	"database/sql"
	"testing"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

// Diary has an owner whose Go type is no string, but whose column is text.
type Diary struct {
	ID       string         `gorm:"primaryKey;size:36"`
	TenantID string         `gorm:"size:36"`
	OwnerID  sql.NullString `gorm:"size:36"`
	Text     string         `gorm:"size:200"`
}

func TestOwnersThatAreValuersAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t, kind, silent())
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Diary{}}})); err != nil {
				t.Fatal(err)
			}
			if err := db.WithContext(scope.System(t.Context(), "tables")).AutoMigrate(&Diary{}); err != nil {
				t.Fatal(err)
			}
			as := func(subject string) *identity.Principal {
				return &identity.Principal{Subject: subject, Tenant: "acme"}
			}
			bobs := db.WithContext(identity.With(t.Context(), as("bob")))
			if err := bobs.Create(&Diary{ID: "1", Text: "secret"}).Error; err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"BOB", "bob ", "b\u00f3b"} {
				tx := db.WithContext(identity.With(t.Context(), as(name)))
				var d []Diary
				read := tx.Find(&d)
				gone := tx.Where("1 = 1").Delete(&Diary{})
				if read.Error != nil || gone.Error != nil || len(d) > 0 || gone.RowsAffected > 0 {
					t.Errorf("%q reads %+v (%v) and deletes %d (%v)", name, d, read.Error, gone.RowsAffected, gone.Error)
				}
			}
			var d []Diary
			if err := bobs.Find(&d).Error; err != nil || len(d) != 1 {
				t.Errorf("bob reads %+v, %v", d, err)
			}
		})
	}
}
