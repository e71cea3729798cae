package scope_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// What a statement costs beyond the one written by hand, in allocations: at most
// two, with the plugin and without. Nothing is sent, so that only building counts.
func TestAScopeCostsAtMostTwoAllocations(t *testing.T) { //nolint:paralleltest // it counts allocations
	dry := func() *gorm.Config {
		cfg := silent()
		cfg.DryRun, cfg.SkipDefaultTransaction = true, true
		return cfg
	}
	hand, guarded := open(t, "sqlite", dry()), open(t, "sqlite", dry())
	if err := guarded.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Row{}}})); err != nil {
		t.Fatal(err)
	}
	ctx := as(t.Context(), alice)
	byHand := func() *gorm.DB {
		return hand.WithContext(ctx).Where("tenant_id = ? AND owner_id = ?", "acme", "alice")
	}
	for _, op := range []struct {
		name      string
		run, hand func(db *gorm.DB) *gorm.DB
	}{
		{"select", func(db *gorm.DB) *gorm.DB { return db.Where("stars < ?", 3).Order("stars").Limit(9).Find(&[]Row{}) }, nil},
		{"take", func(db *gorm.DB) *gorm.DB { return db.Take(&Row{}, "id = ?", "x") }, nil},
		{"update", func(db *gorm.DB) *gorm.DB { return db.Model(&Row{}).Where("id = ?", "x").Update("stars", 3) }, nil},
		{"delete", func(db *gorm.DB) *gorm.DB { return db.Delete(&Row{}, "id = ?", "x") }, nil},
		{
			"create", func(db *gorm.DB) *gorm.DB { return db.Create(&Row{ID: "x"}) },
			func(*gorm.DB) *gorm.DB {
				return hand.WithContext(ctx).Create(&Row{ID: "x", TenantID: "acme", OwnerID: "alice"})
			},
		},
	} {
		count := func(run func() *gorm.DB) float64 {
			return testing.AllocsPerRun(200, func() {
				if err := run().Error; err != nil {
					t.Fatal(err)
				}
			})
		}
		base := count(func() *gorm.DB {
			if op.hand != nil {
				return op.hand(nil)
			}
			return op.run(byHand())
		})
		for how, db := range map[string]*gorm.DB{"alone": hand, "with Guard": guarded} {
			got := count(func() *gorm.DB { return op.run(db.WithContext(ctx).Scopes(scope.Owned(ctx))) })
			if got > base+2 {
				t.Errorf("%s, Owned %s: %.0f allocations, by hand %.0f", op.name, how, got, base)
			}
		}
	}
}
