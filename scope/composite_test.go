package scope_test

import (
	"errors"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

type (
	Box struct {
		Row      int    `gorm:"primaryKey;autoIncrement:false"`
		Col      int    `gorm:"primaryKey;autoIncrement:false"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
	}
	// Line belongs to whom its box does, Label points to a box and has an owner.
	Line struct {
		ID     string `gorm:"primaryKey;size:36"`
		BoxRow int
		BoxCol int
		Box    *Box   `scope:"via" gorm:"foreignKey:BoxRow,BoxCol;references:Row,Col;constraint:-"`
		Text   string `gorm:"size:100"`
	}
	Label struct {
		ID       string `gorm:"primaryKey;size:36"`
		TenantID string `gorm:"size:36"`
		OwnerID  string `gorm:"size:36"`
		BoxRow   *int
		BoxCol   *int
		Box      *Box `gorm:"foreignKey:BoxRow,BoxCol;references:Row,Col;constraint:-"`
	}
)

// Alice has the boxes (2,0) and (1,5), a line and a label in the first; bob has
// (1,0) and (2,5).
func boxes(t *testing.T, kind string) (own, root *gorm.DB) {
	t.Helper()
	root = open(t, kind, silent())
	db, err := gorm.Open(root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Box{}, &Line{}, &Label{}}, MySQLUpsert: true})); err != nil {
		t.Fatal(err)
	}
	if err := root.AutoMigrate(&Box{}, &Line{}, &Label{}); err != nil {
		t.Fatal(err)
	}
	own = db.WithContext(as(t.Context(), alice))
	for _, tx := range []*gorm.DB{
		db.WithContext(as(t.Context(), bob)).Create([]Box{{Row: 1}, {Row: 2, Col: 5}}),
		own.Create([]Box{{Row: 2}, {Row: 1, Col: 5}}),
		own.Create(&Line{ID: "a", BoxRow: 2}),
		own.Create(&Label{ID: "a", BoxRow: ptr(2), BoxCol: ptr(0)}),
	} {
		if tx.Error != nil {
			t.Fatal(tx.Error)
		}
	}
	return own, root
}

func TestACompositeKeyIsCheckedAsAWhole(t *testing.T) {
	t.Parallel()
	byID := func(columns ...string) clause.OnConflict {
		return clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.AssignmentColumns(columns)}
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			own, root := boxes(t, kind)
			for what, run := range map[string]func() *gorm.DB{
				"a new line in bob's box":          func() *gorm.DB { return own.Create(&Line{ID: "b", BoxRow: 1}) },
				"lines in two of bob's, crosswise": func() *gorm.DB { return own.Create([]Line{{ID: "b", BoxRow: 1}, {ID: "c", BoxRow: 2, BoxCol: 5}}) },
				"one own and one foreign":          func() *gorm.DB { return own.Create([]Line{{ID: "b", BoxRow: 2}, {ID: "c", BoxRow: 1}}) },
				"a label on bob's box":             func() *gorm.DB { return own.Create(&Label{ID: "b", BoxRow: ptr(1), BoxCol: ptr(0)}) },
				"labels crosswise": func() *gorm.DB {
					return own.Create([]Label{{ID: "b", BoxRow: ptr(1), BoxCol: ptr(0)}, {ID: "c", BoxRow: ptr(2), BoxCol: ptr(5)}})
				},
				"a line moved":         func() *gorm.DB { return own.Model(&Line{ID: "a"}).Updates(map[string]any{"box_row": 1, "box_col": 0}) },
				"a line half moved":    func() *gorm.DB { return own.Model(&Line{ID: "a"}).Update("box_row", 1) },
				"a label half moved":   func() *gorm.DB { return own.Model(&Label{ID: "a"}).Update("box_col", 5) },
				"a label moved":        func() *gorm.DB { return own.Model(&Label{ID: "a"}).Updates(Label{BoxRow: ptr(1), BoxCol: ptr(0)}) },
				"a line half upserted": func() *gorm.DB { return own.Clauses(byID("box_row")).Create(&Line{ID: "a", BoxRow: 1, BoxCol: 5}) },
				"a label half upserted": func() *gorm.DB {
					return own.Clauses(byID("box_col")).Create(&Label{ID: "a", BoxRow: ptr(1), BoxCol: ptr(5)})
				},
				"a label upserted": func() *gorm.DB {
					return own.Clauses(byID("box_row", "box_col")).Create(&Label{ID: "a", BoxRow: ptr(1), BoxCol: ptr(0)})
				},
			} {
				err := run().Error
				if half := strings.Contains(what, "half"); err == nil || half != errors.Is(err, scope.ErrUnsupported) {
					t.Errorf("%s: %v", what, err)
				}
				var lines []Line
				var labels []Label
				root.Find(&lines)
				root.Find(&labels)
				if len(lines) != 1 || lines[0].BoxRow != 2 || lines[0].BoxCol != 0 || len(labels) != 1 || *labels[0].BoxRow != 2 || *labels[0].BoxCol != 0 {
					t.Fatalf("%s: %+v %+v", what, lines, labels)
				}
			}
			moved := own.Clauses(byID("box_row", "box_col")).Create(&Line{ID: "a", BoxRow: 1, BoxCol: 5})
			if kind == "mariadb" { // assigned one after the other, each would be judged by half of the key
				if !errors.Is(moved.Error, scope.ErrUnsupported) {
					t.Errorf("an upsert of both columns: %v", moved.Error)
				}
			} else if moved.Error != nil {
				t.Errorf("an upsert of both columns: %v", moved.Error)
			}
			for what, tx := range map[string]*gorm.DB{
				"a line moved":           own.Model(&Line{ID: "a"}).Updates(map[string]any{"box_row": 2, "box_col": 0, "text": "t"}),
				"lines in two own boxes": own.Create([]Line{{ID: "b", BoxRow: 1, BoxCol: 5}, {ID: "c", BoxRow: 2}}),
				"a label moved":          own.Model(&Label{ID: "a"}).Updates(Label{BoxRow: ptr(1), BoxCol: ptr(5)}),
				"a label taken off":      own.Model(&Label{ID: "a"}).Updates(map[string]any{"box_row": nil, "box_col": nil}),
				"a label on no box":      own.Create(&Label{ID: "d"}),
				"an upsert of the rest":  own.Clauses(byID("text")).Create(&Line{ID: "a", BoxRow: 1, BoxCol: 5, Text: "u"}),
			} {
				if tx.Error != nil {
					t.Errorf("%s: %v", what, tx.Error)
				}
			}
		})
	}
}

// MySQL assigns from left to right: what decides whose a row is comes last, where
// it no longer decides about the other columns.
func TestTheOwningKeyIsAssignedLastOnMySQL(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "mariadb with upserts")
	db := w.db.WithContext(as(t.Context(), alice)).Session(&gorm.Session{DryRun: true})
	for _, columns := range [][]string{{"document_id", "text"}, {"text", "document_id"}} {
		tx := db.Clauses(clause.OnConflict{DoUpdates: clause.AssignmentColumns(columns)}).Create(&Comment{ID: "alice-comment-1", DocumentID: "alice-doc-2"})
		sql := tx.Statement.SQL.String()
		key, other := strings.Index(sql, "`document_id`=IF("), strings.Index(sql, "`text`=IF(")
		if tx.Error != nil || key < 0 || other < 0 || key < other {
			t.Errorf("%v: %v %s", columns, tx.Error, sql)
		}
	}
}

type (
	link0 struct {
		ID      int `gorm:"primaryKey"`
		OwnerID string
	}
	link1 struct {
		ID, ParentID int
		Parent       *link0 `scope:"via"`
	}
	link2 struct {
		ID, ParentID int
		Parent       *link1 `scope:"via"`
	}
	link3 struct {
		ID, ParentID int
		Parent       *link2 `scope:"via"`
	}
	link4 struct {
		ID, ParentID int
		Parent       *link3 `scope:"via"`
	}
	link5 struct {
		ID, ParentID int
		Parent       *link4 `scope:"via"`
	}
	link6 struct {
		ID, ParentID int
		Parent       *link5 `scope:"via"`
	}
	link7 struct {
		ID, ParentID int
		Parent       *link6 `scope:"via"`
	}
	link8 struct {
		ID, ParentID int
		Parent       *link7 `scope:"via"`
	}
)

func TestOwnershipReachesSevenParentsAndNoMore(t *testing.T) {
	t.Parallel()
	chain := []any{&link0{}, &link1{}, &link2{}, &link3{}, &link4{}, &link5{}, &link6{}, &link7{}}
	db := open(t, "sqlite", silent())
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: chain})); err != nil {
		t.Fatal(err)
	}
	if err := db.WithContext(scope.System(t.Context(), "tables")).AutoMigrate(chain...); err != nil {
		t.Fatal(err)
	}
	own := db.WithContext(as(t.Context(), alice))
	if err := own.Create(&link7{ID: 1, Parent: &link6{ID: 1, Parent: &link5{ID: 1, Parent: &link4{ID: 1, Parent: &link3{ID: 1, Parent: &link2{ID: 1, Parent: &link1{ID: 1, Parent: &link0{ID: 1}}}}}}}}).Error; err != nil {
		t.Fatal(err)
	}
	for who, n := range map[*gorm.DB]int{own: 1, db.WithContext(as(t.Context(), bob)): 0} {
		if err := affected(who.Find(&[]link7{}), n); err != nil {
			t.Error(err)
		}
	}
	err := open(t, "sqlite", silent()).Use(scope.Guard(scope.GuardConfig{Protect: append(chain, &link8{})}))
	if !errors.Is(err, scope.ErrUnprotected) || !strings.Contains(err.Error(), "link8") || strings.Contains(err.Error(), "link7 ") {
		t.Errorf("eight parents: %v", err)
	}
}
