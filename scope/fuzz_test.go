package scope_test

import (
	"testing"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/scope"
)

// FuzzFragment puts any text where a developer may put SQL and asks SQLite: what
// comes back must be alice's, and nobody's row may have changed.
func FuzzFragment(f *testing.F) {
	for _, s := range []string{
		"1 = 1", "1 = 1 OR 1 = 1", "1 = 1) OR (1 = 1", "1 = 1 --", "1 = 1 /*", "/*!(*/) OR (1=1", "title = '('", `title = "("`, "[)] = 1",
		"x'00' = 1 OR 1", "1 UNION SELECT 1", "1; DELETE FROM covers", "\ufeffdocuments", "'documents'", "$$($$ OR $$)$$", "`)` = 1 OR (1", "1\x00",
		"EXISTS (SELECT 1 FROM 'documents')", "JOIN countries ON 1 WHERE 1 --", "CASE WHEN 1 THEN 1 END", "id IN (SELECT id FROM main.documents)",
		"JOIN countries", "LEFT JOIN countries c ON c.id = documents.country_id", "(SELECT max(name) FROM countries)", "documents.title", "'a''b' = title",
	} {
		f.Add(s)
	}
	w := newWorld(f, "sqlite")
	before := w.picture(f)
	ctx := as(f.Context(), alice)
	f.Fuzz(func(t *testing.T, s string) {
		for place, put := range map[string]func(*gorm.DB) *gorm.DB{
			"Where":  func(db *gorm.DB) *gorm.DB { return db.Where(s) },
			"Or":     func(db *gorm.DB) *gorm.DB { return db.Where("stars > 5").Or(s) },
			"Not":    func(db *gorm.DB) *gorm.DB { return db.Not(s) },
			"Order":  func(db *gorm.DB) *gorm.DB { return db.Order(s) },
			"Joins":  func(db *gorm.DB) *gorm.DB { return db.Joins(s) },
			"Select": func(db *gorm.DB) *gorm.DB { return db.Select(s) },
			"Having": func(db *gorm.DB) *gorm.DB { return db.Group("documents.id").Having(s) },
			"Table":  func(db *gorm.DB) *gorm.DB { return db.Table(s) },
		} {
			for _, db := range []*gorm.DB{w.db.WithContext(ctx), w.root.Scopes(scope.Owned(ctx))} {
				if len(db.Plugins) == 0 && (place == "Select" || place == "Order" || place == "Having" || place == "Joins" || place == "Table") {
					continue // without the guard only conditions are looked at
				}
				var rows []map[string]any
				if err := put(db.Model(&Document{})).Find(&rows).Error; err == nil && foreignLine(string(toJSON(rows))) {
					t.Errorf("%s(%q): %s", place, s, toJSON(rows))
				}
			}
		}
		w.db.WithContext(ctx).Raw(s).Scan(&[]map[string]any{})
		if after := w.picture(t); len(changes(before, after)) > 0 {
			t.Errorf("%q changed rows: %v", s, changes(before, after))
			w.reset(t)
		}
	})
}
