package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// gorm drops the error of a subquery: a refused one must make the database reject
// the whole statement, with Owned alone too. "NOT IN ()" would be true.
func TestARefusedSubqueryIsNeverTrueWithOwnedAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for name, refused := range map[string]func(tx *gorm.DB) *gorm.DB{
				"nobody": func(tx *gorm.DB) *gorm.DB { return tx.Scopes(scope.Owned(t.Context())) },
				"two": func(tx *gorm.DB) *gorm.DB {
					return tx.WithContext(as(t.Context(), bob)).Scopes(scope.Owned(as(t.Context(), alice)))
				},
				"a join": func(tx *gorm.DB) *gorm.DB {
					return tx.Joins("JOIN countries ON 1 = 1").Scopes(scope.Owned(as(t.Context(), alice)))
				},
				"the wrong columns": func(tx *gorm.DB) *gorm.DB {
					return tx.Scopes(scope.Owned(as(t.Context(), alice), scope.Columns("nothing", "")))
				},
				"raw text": func(tx *gorm.DB) *gorm.DB {
					return tx.Where("1 = 1) OR (1 = 1").Scopes(scope.Owned(as(t.Context(), alice)))
				},
			} {
				for _, op := range []string{"IN", "NOT IN"} {
					sub := refused(w.root.Model(&Document{}).Select("documents.id"))
					var found []Document
					if err := w.root.Where("id "+op+" (?)", sub).Find(&found).Error; err == nil || len(found) > 0 {
						t.Errorf("%s (%s): %d rows, %v", op, name, len(found), err)
					}
				}
			}
			ok := w.root.Model(&Document{}).Select("id").Scopes(scope.Owned(as(t.Context(), alice))).Where(clause.Eq{Column: "stars", Value: 1})
			var found []Document
			if err := w.root.Where("id IN (?)", ok).Find(&found).Error; err != nil || len(found) != 1 {
				t.Errorf("an own subquery: %d rows, %v", len(found), errors.Join(err))
			}
		})
	}
}
