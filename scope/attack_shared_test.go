package scope_test

import (
	"strings"
	"sync"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// A scope called on a handle that everybody uses leaves no trace in it.
func TestAScopeCalledDirectlyLeavesTheHandleAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for name, db := range map[string]*gorm.DB{"alone": w.root, "guard": w.db} {
		var own, again []Document
		if err := scope.Owned(as(t.Context(), alice))(db).Find(&own).Error; err != nil || len(own) != 2 {
			t.Errorf("%s: %d rows, %v", name, len(own), err)
		}
		if len(db.Statement.Clauses) != 0 {
			t.Errorf("%s: the shared handle holds %d clauses", name, len(db.Statement.Clauses))
		}
		if err := scope.Owned(as(t.Context(), bob))(db).Find(&again).Error; err != nil {
			t.Errorf("%s: another caller: %v", name, err)
		}
		for _, d := range again {
			if d.OwnerID != bob.Subject {
				t.Errorf("%s: bob got %v", name, d)
			}
		}
	}
}

// One scoped handle used for two models at once confines each by its own columns.
func TestAHandleSharedByGoroutinesMixesNoModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	ctx := as(t.Context(), alice)
	const documents = "SELECT * FROM `documents` WHERE `documents`.`tenant_id` = ? AND `documents`.`owner_id` = ?"
	const ledgers = "SELECT * FROM `ledgers` WHERE `ledgers`.`org` = ? AND `ledgers`.`usr` = ?"
	for range 20 {
		base := scope.Owned(ctx)(w.root.WithContext(ctx)).Session(&gorm.Session{DryRun: true})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 6 {
					tx, want := base.Find(&[]Document{}), documents
					if i%2 == 1 {
						tx, want = base.Find(&[]Ledger{}), ledgers
					}
					if got := tx.Statement.SQL.String(); tx.Error != nil || got != want {
						t.Errorf("%v, %s", tx.Error, got)
					}
				}
			})
		}
		wg.Wait()
	}
}

// However deep it stands, a string in a list of tables is a table to SQLite.
func TestParenthesesHideNoListOfTables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	db := w.db.WithContext(as(t.Context(), alice))
	for depth := range 100 {
		var titles []string
		text := "SELECT " + strings.Repeat("(", depth) + "SELECT title FROM (SELECT 1 WHERE 1=1) x, 'documents' d" + strings.Repeat(")", depth)
		if err := db.Raw(text).Scan(&titles).Error; err == nil {
			t.Errorf("%d deep: %d rows", depth, len(titles))
		}
	}
	if err := db.Exec("SELECT " + strings.Repeat("(", 40) + "1" + strings.Repeat(")", 40)).Error; err != nil {
		t.Errorf("honest parentheses: %v", err)
	}
}
