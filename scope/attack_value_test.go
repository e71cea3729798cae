package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// twiceAttacks give one column two values under two spellings: the harmless one is
// to be judged, the other one stored.
func twiceAttacks() []attack {
	var out []attack
	for _, spelled := range []string{"DocumentID", "DOCUMENT_ID", "comments.document_id", "`document_id`"} {
		for _, ids := range [][2]string{{"alice-doc-1", "bob-doc-1"}, {"bob-doc-1", "alice-doc-1"}} {
			two := func(more map[string]any) map[string]any {
				row := map[string]any{spelled: ids[0], "document_id": ids[1]}
				for k, v := range more {
					row[k] = v
				}
				return row
			}
			name := spelled + " as " + ids[0]
			out = append(out, effect("Updates with "+name, func(e *env) *gorm.DB {
				return e.q().Model(&Comment{}).Where("id = ?", "alice-comment-1").Updates(two(nil))
			}), effect("Create with "+name, func(e *env) *gorm.DB {
				return e.q().Model(&Comment{}).Create(two(map[string]any{"id": "n90", "text": "planted below bob's"}))
			}))
		}
	}
	return out
}

// documentView and countryView are second structs for tables that are known.
type (
	documentView struct {
		ID        string `gorm:"primaryKey"`
		CountryID *int64
		OwnerID   string
		Title     string
	}
	countryView struct {
		ID   int64
		Name string
		Doc  *documentView `gorm:"foreignKey:CountryID"`
	}
)

func (documentView) TableName() string { return "documents" }
func (countryView) TableName() string  { return "countries" }

func secondModelAttacks() []attack {
	return []attack{
		named("Joins", func(e *env) (any, error) {
			var v []countryView
			err := e.db.Joins("Doc").Find(&v).Error
			return v, err
		}),
		named("InnerJoins", func(e *env) (any, error) {
			var v []countryView
			err := e.db.InnerJoins("Doc").Find(&v).Error
			return v, err
		}),
		named("Preload", func(e *env) (any, error) {
			var v []countryView
			err := e.db.Preload("Doc").Find(&v).Error
			return v, err
		}),
	}
}

// publicAttacks have the database copy a foreign row into a table that everybody
// may read.
func publicAttacks() []attack {
	var out []attack
	for name, stolen := range map[string]func(*env) any{
		"an expression":  func(*env) any { return gorm.Expr("(SELECT MAX(name) FROM folders)") },
		"a raw subquery": func(e *env) any { return e.w.db.Raw("SELECT MAX(name) FROM folders") },
	} {
		copied := func(what string, write func(*env, any) *gorm.DB) {
			out = append(out, named(what+" with "+name, func(e *env) (any, error) {
				return nil, write(e, stolen(e)).Error
			}))
		}
		copied("Update", func(e *env, v any) *gorm.DB { return e.db.Model(&Country{}).Where("id = 1").Update("name", v) })
		copied("Create", func(e *env, v any) *gorm.DB {
			return e.db.Model(&Country{}).Create(map[string]any{"id": 9, "name": v})
		})
		copied("an upsert", func(e *env, v any) *gorm.DB {
			return e.db.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Assignments(map[string]any{"name": v}),
			}).Create(&Country{ID: 1, Name: "x"})
		})
	}
	return out
}
