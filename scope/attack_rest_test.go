package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// Each of these is stopped by one rule alone.
func TestTablesInUnusualPlacesAreRefused(t *testing.T) {
	t.Parallel()
	join := func(table clause.Table) clause.From { return clause.From{Joins: []clause.Join{{Table: table}}} }
	text := func(tx *gorm.DB) *gorm.DB {
		return with(tx, "FROM", func(c *clause.Clause) { c.Name, c.Expression = "FROM", sqlText("countries") })
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			db := w.db.WithContext(as(t.Context(), alice)).Session(&gorm.Session{})
			public, docs := func() *gorm.DB { return db.Model(&Country{}) }, func() *gorm.DB { return db.Model(&Document{}) }
			for name, tx := range map[string]*gorm.DB{
				"raw text that ends like a public table": public().Select("d.title").Clauses(join(clause.Table{Name: "documents d, main.countries", Raw: true})),
				"raw text to lock":                       public().Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: "countries", Raw: true}}),
				"an alias in FROM":                       docs().Clauses(clause.From{Tables: []clause.Table{{Name: clause.CurrentTable, Alias: "d"}}}),
				"columns as a table":                     public().Where("EXISTS (SELECT 1 FROM ? x)", []clause.Column{{Name: "documents"}}),
				"an alias of a join with an empty part":  public().Clauses(join(clause.Table{Name: "countries", Alias: ". ON 1=1 -- "})),
				"a table in text with an empty part":     public().Where("EXISTS (SELECT 1 FROM ?)", clause.Table{Name: "countries", Alias: ". -- "}),
			} {
				var found []map[string]any
				if err := tx.Find(&found).Error; !errors.Is(err, scope.ErrUnsupported) && !errors.Is(err, scope.ErrRaw) && !errors.Is(err, scope.ErrUnprotected) {
					t.Errorf("%s: %d rows, %v", name, len(found), err)
				}
			}
			if _, err := gorm.G[Pin](w.db).Joins(clause.LeftJoin.Association("Document").As(". ON 1=1 -- "), nil).Find(as(t.Context(), alice)); !errors.Is(err, scope.ErrUnsupported) {
				t.Errorf("an alias of a relation with an empty part: %v", err)
			}
			for name, err := range map[string]error{
				"update": text(docs().Where("id = ?", "alice-doc-1")).Update("stars", 1).Error,
				"delete": text(docs().Where("id = ?", "alice-doc-1")).Delete(&Document{}).Error,
			} {
				if !errors.Is(err, scope.ErrUnsupported) {
					t.Errorf("FROM as text in a %s: %v", name, err)
				}
			}
		})
	}
}

// SQLite takes strings for names of tables, behind words that may stand between and in
// parentheses; where no table is expected they are strings.
func TestStringsAreTablesOnlyWhereTheyMayStand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	db := w.db.WithContext(as(t.Context(), alice))
	for _, text := range []string{"UPDATE OR IGNORE 'documents' SET title = 'x'", "DROP TABLE IF EXISTS 'documents'"} {
		if err := db.Exec(text).Error; !errors.Is(err, scope.ErrRaw) {
			t.Errorf("%s: %v", text, err)
		}
	}
	var found []map[string]any
	if err := db.Model(&Country{}).Select("d.title").Joins("JOIN countries c2 ON 1=1, ('documents' d)").Find(&found).Error; !errors.Is(err, scope.ErrRaw) {
		t.Errorf("in parentheses: %d rows, %v", len(found), err)
	}
	var names []string
	if err := db.Raw("SELECT name FROM countries ORDER BY name, 'documents'").Scan(&names).Error; err != nil || len(names) == 0 {
		t.Errorf("a string to order by: %v, %v", names, err)
	}
}

// A handle that is used again keeps its clauses; whose rows a join shows is found out anew.
func TestAJoinUsedAgainShowsRowsOfWhoAsks(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			doc := clause.Join{Table: clause.Table{Name: "documents", Alias: "d"}}
			tx := w.db.WithContext(as(t.Context(), bob)).Model(&Country{}).Select("d.owner_id").Clauses(clause.From{Joins: []clause.Join{doc}})
			for _, who := range []string{"bob", "alice"} {
				if who == "alice" {
					tx = tx.WithContext(as(t.Context(), alice))
				}
				var owners []string
				if err := tx.Scan(&owners).Error; err != nil || len(owners) == 0 {
					t.Fatalf("%s: %d rows, %v", who, len(owners), err)
				}
				for _, owner := range owners {
					if owner != who {
						t.Errorf("%s sees a row of %s", who, owner)
					}
				}
			}
		})
	}
}
