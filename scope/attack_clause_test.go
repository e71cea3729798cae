package scope_test

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

const bobsTitle = "name = (SELECT title FROM documents WHERE owner_id = 'bob' LIMIT 1), id"

// clauseAttacks put a table, or text, where a clause holds a name as a rule.
func clauseAttacks() []attack {
	read := func(name string, query func(e *env) *gorm.DB) attack {
		return attack{name, func(e *env) (any, error) {
			var rows []map[string]any
			err := query(e).Find(&rows).Error
			return rows, err
		}}
	}
	write := func(name string, change func(e *env) *gorm.DB) attack {
		return attack{name, func(e *env) (any, error) {
			err := change(e).Error
			var c Country
			e.w.root.First(&c, 1)
			return c, err
		}}
	}
	always := clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1=1"}}}
	crossed := clause.From{Joins: []clause.Join{{
		Type: "CROSS JOIN folders f LEFT", Table: clause.Table{Name: "countries", Alias: "c2"}, ON: always,
	}}}
	open := clause.Table{Name: "1=1) OR (1", Raw: true}
	raw := clause.Set{{Column: clause.Column{Name: bobsTitle, Raw: true}, Value: 1}}
	return []attack{
		read("a join's type in FROM", func(e *env) *gorm.DB {
			return e.db.Model(&Country{}).Select("f.name").Clauses(crossed)
		}),
		read("a join's type in FROM of a protected model", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Select("f.name").Clauses(crossed)
		}),
		{"a generic join's type", func(e *env) (any, error) {
			var rows []struct{ Name string }
			err := gorm.G[Document](e.db).Scopes(e.gen).Select("f.name").
				Joins(clause.JoinTarget{Type: "CROSS JOIN folders f LEFT", Association: "Folder"}, nil).Scan(e.ctx, &rows)
			return rows, err
		}},
		read("raw text as the table of a comparison", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where(clause.Eq{Column: open, Value: 1})
		}),
		read("raw text as a table in a value", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("? = 1", open)
		}),
		write("raw text as a table in an update", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("? = 1", open).Update("title", "gone")
		}),
		write("an insert into another table", func(e *env) *gorm.DB {
			return e.db.Clauses(clause.Insert{Table: clause.Table{Name: "folders"}}).Create(&Country{ID: 77, Name: "planted"})
		}),
		write("an update of another table", func(e *env) *gorm.DB {
			return e.db.Model(&Country{}).Clauses(clause.Update{Table: clause.Table{Name: "folders"}}).Where("name LIKE ?", "%bob%").Update("name", "gone")
		}),
		write("a raw column in SET", func(e *env) *gorm.DB {
			return e.db.Model(&Country{}).Where("id = 1").Clauses(raw).Update("name", "x")
		}),
		write("a raw column in an upsert", func(e *env) *gorm.DB {
			return e.db.Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: raw}).Create(&Country{ID: 1, Name: "q"})
		}),
		write("a raw column in SET of a protected model", func(e *env) *gorm.DB {
			away := clause.Set{{Column: clause.Column{Name: "title = 'x', owner_id", Raw: true}, Value: "bob"}}
			return e.q().Model(&Document{}).Where("1=1").Clauses(away).Update("title", "x")
		}),
		read("a builder behind the query", func(e *env) *gorm.DB {
			tx := e.db.Model(&Country{}).Select("name").Where("1=1")
			tx.Statement.Clauses["FOR"] = clause.Clause{Builder: func(_ clause.Clause, b clause.Builder) {
				_, _ = b.WriteString(" UNION ALL SELECT name FROM folders")
			}}
			return tx
		}),
	}
}

// With Owned alone a statement is about the one table it confines.
func TestOwnedAloneRefusesFurtherTablesInFrom(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for name, from := range map[string]clause.From{
		"tables": {Tables: []clause.Table{{Name: "documents"}, {Name: "folders"}}},
		"joins":  {Joins: []clause.Join{{Table: clause.Table{Name: "folders"}, ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1=1"}}}}}},
	} {
		var rows []map[string]any
		err := w.root.Model(&Document{}).Scopes(scope.Owned(as(t.Context(), alice))).Clauses(from).Select("folders.name").Find(&rows).Error
		if err == nil || len(rows) > 0 {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}

// MariaDB compares a number with a text by the number the text begins with: the key 9
// would be looked for in the caller's "9abc" and stored as somebody else's "9".
func TestANumberIsNoKeyOfATextColumn(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for _, f := range []Folder{{ID: "9", TenantID: "acme", OwnerID: "bob", Name: "b"}, {ID: "9abc", TenantID: "acme", OwnerID: "alice", Name: "a"}} {
				if err := w.root.Create(&f).Error; err != nil {
					t.Fatal(err)
				}
			}
			own := func() *gorm.DB { return w.db.WithContext(as(t.Context(), alice)).Model(&Document{ID: "alice-doc-1"}) }
			absent := answered(own().Updates(map[string]any{"folder_id": "nowhere"}).Error)
			for _, key := range []any{9, int64(9), float64(9), uint8(9), ptr(9), sql.NullInt64{Int64: 9, Valid: true}, sql.Null[int]{V: 9, Valid: true}, "9", []byte("9")} {
				err := own().Updates(map[string]any{"folder_id": key}).Error
				var d Document
				w.root.First(&d, "id = ?", "alice-doc-1")
				if err == nil || d.FolderID != nil && *d.FolderID == "9" {
					t.Errorf("%T: %v, stored %s", key, err, fmt.Sprint(d.FolderID))
				}
				if got := answered(err); got != absent {
					t.Errorf("%T: %v is %s, not %s", key, err, got, absent)
				}
				err = w.db.WithContext(as(t.Context(), alice)).Model(&Document{}).Create(map[string]any{"id": "number", "folder_id": key}).Error
				if got := answered(err); got != absent {
					t.Errorf("creating with %T: %v is %s, not %s", key, err, got, absent)
				}
			}
			if err := own().Updates(map[string]any{"folder_id": "9abc"}).Error; err != nil {
				t.Errorf("the caller's own folder: %v", err)
			}
		})
	}
}

type (
	// Shelf and Book name their columns' type themselves, Code is a number's own type.
	Shelf struct {
		ID       string `gorm:"primaryKey;type:varchar(36)"`
		TenantID string `gorm:"type:varchar(36)"`
		OwnerID  string `gorm:"type:varchar(36)"`
		Code     code   `gorm:"uniqueIndex"`
		Books    []Book
		Coded    []Book `gorm:"foreignKey:ShelfCode;references:Code"`
	}
	Book struct {
		ID        string  `gorm:"primaryKey;type:varchar(36)"`
		TenantID  string  `gorm:"type:varchar(36)"`
		OwnerID   string  `gorm:"type:varchar(36)"`
		ShelfID   *string `gorm:"type:varchar(36)"`
		ShelfCode *code
	}
	code struct{ n int64 }
)

func (code) GormDataType() string { return "bigint" }

func (c code) Value() (driver.Value, error) { return c.n, nil }

func (c *code) Scan(v any) error {
	c.n, _ = v.(int64)
	return nil
}

func TestANumberIsNoKeyOfAColumnWithATypeOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			root := open(t, kind, silent())
			if err := root.AutoMigrate(&Shelf{}, &Book{}); err != nil {
				t.Fatal(err)
			}
			for _, s := range []Shelf{{"9", "acme", "bob", code{1}, nil, nil}, {"9abc", "acme", "alice", code{2}, nil, nil}} {
				if err := root.Create(&s).Error; err != nil {
					t.Fatal(err)
				}
			}
			db, err := gorm.Open(root.Dialector, silent())
			if err != nil {
				t.Fatal(err)
			}
			db.ConnPool, db.Statement.ConnPool = root.ConnPool, root.ConnPool
			if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Shelf{}, &Book{}}})); err != nil {
				t.Fatal(err)
			}
			own := func() *gorm.DB { return db.WithContext(as(t.Context(), alice)).Model(&Book{ID: "b"}) }
			if err := own().Create(&Book{ID: "b", ShelfID: ptr("9abc"), ShelfCode: &code{2}}).Error; err != nil {
				t.Errorf("a book on the own shelf: %v", err)
			}
			if err := own().Updates(map[string]any{"shelf_code": code{2}}).Error; err != nil {
				t.Errorf("an own code: %v", err)
			}
			for _, key := range []any{9, sql.NullInt64{Int64: 9, Valid: true}, true} {
				if err := own().Updates(map[string]any{"shelf_id": key}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
					t.Errorf("%T: %v", key, err)
				}
			}
			if err := own().Updates(map[string]any{"shelf_code": code{1}}).Error; !errors.Is(err, gorm.ErrRecordNotFound) {
				t.Errorf("a foreign code: %v", err)
			}
		})
	}
}

// answered is all that a client sees of an error.
func answered(err error) string {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	scope.Abort(c, err)
	return fmt.Sprint(w.Code, w.Header(), w.Body)
}
