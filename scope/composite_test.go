package scope_test

import (
	"testing"

	"github.com/ginsec/ginsec/scope"
)

type (
	Box struct {
		Row      int    `gorm:"primaryKey;autoIncrement:false"`
		Col      int    `gorm:"primaryKey;autoIncrement:false"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
	}
	Line struct {
		ID     string `gorm:"primaryKey;size:36"`
		BoxRow int
		BoxCol int
		Box    *Box `scope:"via" gorm:"foreignKey:BoxRow,BoxCol;references:Row,Col"`
	}
)

func TestAZeroInACompositeKeyIsCheckedLikeAnyValue(t *testing.T) {
	t.Parallel()
	db := open(t, "sqlite", silent())
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Box{}, &Line{}}})); err != nil {
		t.Fatal(err)
	}
	if err := db.WithContext(scope.System(t.Context(), "tables")).AutoMigrate(&Box{}, &Line{}); err != nil {
		t.Fatal(err)
	}
	bobs, own := db.WithContext(as(t.Context(), bob)), db.WithContext(as(t.Context(), alice))
	if err := bobs.Create(&Box{Row: 1, Col: 0}).Error; err != nil {
		t.Fatal(err)
	}
	if err := own.Create(&Box{Row: 2, Col: 0}).Error; err != nil {
		t.Fatal(err)
	}
	if err := own.Create(&Line{ID: "a", BoxRow: 2}).Error; err != nil {
		t.Errorf("alice's own box: %v", err)
	}
	if own.Create(&Line{ID: "b", BoxRow: 1}).Error == nil {
		t.Error("a line was put into bob's box")
	}
	if own.Model(&Line{ID: "a"}).Updates(map[string]any{"box_row": 1, "box_col": 0}).Error == nil {
		t.Error("a line was moved into bob's box")
	}
}
