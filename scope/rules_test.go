package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// Row has no error but in the row itself, which with prepared statements would be one
// that panics in Scan: within a transaction too, and the transaction goes on.
func TestARefusedRowOfAPreparedTransactionHasItsError(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			err := w.db.Session(&gorm.Session{PrepareStmt: true}).Transaction(func(tx *gorm.DB) error {
				var id string
				if err := tx.Model(&Document{}).Select("id").Row().Scan(&id); !errors.Is(err, scope.ErrNoPrincipal) {
					t.Errorf("nobody's row: %q, %v", id, err)
				}
				own := tx.WithContext(as(t.Context(), alice))
				if err := own.Raw("SELECT id FROM documents").Row().Scan(&id); !errors.Is(err, scope.ErrRaw) {
					t.Errorf("a raw row: %q, %v", id, err)
				}
				return own.Model(&Document{}).Select("id").Where("stars = 1").Row().Scan(&id)
			})
			if err != nil {
				t.Errorf("the transaction: %v", err)
			}
		})
	}
}

// Another guard has other rules: what it lets through is not for this one to trust.
func TestASubqueryUnderAnotherGuardIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	other, err := gorm.Open(w.root.Dialector, silent())
	if err != nil {
		t.Fatal(err)
	}
	other.ConnPool, other.Statement.ConnPool = w.root.ConnPool, w.root.ConnPool
	if err := other.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Cover{}}, Public: []any{&Document{}, &Folder{}, &Country{}}})); err != nil {
		t.Fatal(err)
	}
	e := w.env(t, settings[0])
	for what, sub := range map[string]any{
		"generic": gorm.G[Folder](other).Select("id").Where("owner_id = 'bob'"),
		"plain":   other.Model(&Folder{}).Select("id").Where("owner_id = 'bob'"),
	} {
		var rows []Document
		if err := e.q().Where("EXISTS (?)", sub).Find(&rows).Error; !errors.Is(err, scope.ErrUnsupported) {
			t.Errorf("%s: %d rows, %v", what, len(rows), err)
		}
	}
	var rows []Document
	if err := e.q().Where("EXISTS (?)", gorm.G[Folder](w.db, scope.Bind(e.ctx)).Select("id")).Find(&rows).Error; err != nil || len(rows) != 2 {
		t.Errorf("the same guard: %d rows, %v", len(rows), err)
	}
}

// With Owned alone one handle may serve one model after another, each by its own columns.
func TestOneHandleServesTwoModelsOneAfterTheOther(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	h := scope.Owned(as(t.Context(), alice))(w.root)
	var docs []Document
	if err := h.Find(&docs).Error; err != nil || len(docs) != 2 {
		t.Errorf("documents: %d, %v", len(docs), err)
	}
	var ledgers []Ledger
	if err := h.Table("").Model(&Ledger{}).Find(&ledgers).Error; err != nil || len(ledgers) != 2 {
		t.Errorf("ledgers: %d, %v", len(ledgers), err)
	}
}

// In ORDER BY a word between commas may be the name of a column; between parentheses it
// is a table's.
func TestATableBetweenParenthesesInOrderIsNoAlias(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	e := w.env(t, settings[0])
	for _, order := range []string{"(SELECT MAX(folders.name) FROM countries, folders)", "(SELECT 1 FROM countries , folders)", "(folders)"} {
		if err := e.db.Order(order).Find(&[]Country{}).Error; !errors.Is(err, scope.ErrRaw) {
			t.Errorf("%s: %v", order, err)
		}
	}
	var rows []map[string]any
	if err := e.db.Model(&Country{}).Select("name AS folders, id AS tags").Order("folders, tags").Find(&rows).Error; err != nil || len(rows) != 2 {
		t.Errorf("aliases: %d rows, %v", len(rows), err)
	}
}
