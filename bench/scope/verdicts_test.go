package scope_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/bench/internal/database"
)

// A comparison of speed is void unless all give the same verdicts.
func TestAllVariantsTouchTheSameRows(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { verdicts(t, sqlite(t)) })
	t.Run("postgres", func(t *testing.T) { verdicts(t, database.Postgres(t)) })
}

func verdicts(t *testing.T, db *gorm.DB) {
	t.Helper()
	views, ctx := handles(t, db), caller(t.Context())
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			view := views[v.guarded].WithContext(ctx)
			for _, op := range operations() {
				n, err := op.run(ctx, view, v, foreign)
				want := int64(0)
				switch op.name {
				case "select":
					want = 20
				case "create":
					want = 1
				}
				if err != nil || n != want {
					t.Errorf("%s with somebody else's id: %d rows, %v", op.name, n, err)
				}
			}
			for _, op := range operations()[:3] {
				if n, err := op.run(ctx, view, v, 17); err != nil || n == 0 {
					t.Errorf("%s of an own row: %d rows, %v", op.name, n, err)
				}
			}
			var d document
			if err := db.First(&d, foreign).Error; err != nil || d.Title != "secret" || d.Amount != 1 {
				t.Errorf("somebody else's row is now %+v, %v", d, err)
			}
			var orphans int64
			if err := db.Model(&document{}).Where("owner_id = '' OR tenant_id = ''").Count(&orphans).Error; err != nil || orphans != 0 {
				t.Errorf("%d rows without an owner, %v", orphans, err)
			}
		})
	}
}
