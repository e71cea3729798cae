package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

func TestGuardConfinesEveryKindOfStatement(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres", "mariadb"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			ctx := as(t.Context(), alice)
			db := w.db.WithContext(ctx)
			var docs []Document
			if err := db.Where("1=1").Or("1=1").Find(&docs).Error; err != nil || len(docs) != 2 {
				t.Errorf("%v %d", err, len(docs))
			}
			if err := db.Preload("Folder").Preload("Comments").Preload("Tags").Joins("Country").Find(&docs).Error; err != nil || len(docs) != 2 || docs[0].Folder == nil || len(docs[0].Comments) != 1 || len(docs[0].Tags) != 1 {
				t.Errorf("%v %+v", err, docs)
			}
			if err := db.Joins("Folder").Find(&docs).Error; err != nil || len(docs) != 2 || docs[0].Folder == nil {
				t.Errorf("%v %+v", err, docs)
			}
			d := Document{ID: "new", Title: "x"}
			if err := db.Create(&d).Error; err != nil || d.OwnerID != "alice" {
				t.Errorf("%v %+v", err, d)
			}
			d.Title = "y"
			if err := db.Save(&d).Error; err != nil {
				t.Error(err)
			}
			if tx := db.Save(&d); tx.Error != nil || tx.RowsAffected != 1 {
				t.Error(tx.Error, tx.RowsAffected)
			}
			if tx := db.Model(&Document{}).Where("id = ?", "bob-doc-1").Updates(map[string]any{"title": "x"}); tx.Error != nil || tx.RowsAffected != 0 {
				t.Error(tx.Error, tx.RowsAffected)
			}
			if tx := db.Delete(&Document{}, "id = ?", "new"); tx.Error != nil || tx.RowsAffected != 1 {
				t.Error(tx.Error, tx.RowsAffected)
			}
			if tx := w.db.WithContext(t.Context()).Find(&docs); !errors.Is(tx.Error, scope.ErrNoPrincipal) {
				t.Error(tx.Error)
			}
			if tx := db.Delete(&Document{}); !errors.Is(tx.Error, gorm.ErrMissingWhereClause) {
				t.Error(tx.Error)
			}
			if tx := db.Exec("DELETE FROM documents"); !errors.Is(tx.Error, scope.ErrRaw) {
				t.Error(tx.Error)
			}
			// Owned alone
			root := w.root.Scopes(scope.Owned(ctx))
			if err := root.Where("1=1").Or("1=1").Find(&docs).Error; err != nil || len(docs) != 2 {
				t.Errorf("%v %d", err, len(docs))
			}
			if err := w.root.Scopes(scope.Owned(ctx)).Create(&Document{ID: "z"}).Error; err != nil {
				t.Error(err)
			}
			if tx := w.root.Scopes(scope.Owned(ctx)).Delete(&Document{}, "id = ?", "bob-doc-1"); tx.Error != nil || tx.RowsAffected != 0 {
				t.Error(tx.Error, tx.RowsAffected)
			}
		})
	}
}
