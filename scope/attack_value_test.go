package scope_test

import (
	"database/sql"

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

// hiddenAttacks put SQL where gorm unpacks a value: foreign rows decide whether
// alice's come back.
func hiddenAttacks() []attack {
	text := gorm.Expr("(SELECT MAX(name) FROM folders)")
	type inner struct{ X any }
	type Embedded struct{ X any }
	where := func(name, cond string, arg any) attack {
		return named(name, func(e *env) (any, error) {
			var d []Document
			err := e.q().Where(cond, arg).Find(&d).Error
			if err == nil && len(d) > 0 {
				return "foreign rows of bob's decide", nil
			}
			return nil, err
		})
	}
	return []attack{
		where("a named map", "title > @x OR title < @x", map[string]any{"x": text}),
		where("sql.Named", "title > @x OR title < @x", sql.Named("x", text)),
		where("a named list", "title NOT IN @x", sql.Named("x", []any{text})),
		where("a struct", "title > @X OR title < @X", inner{text}),
		where("a pointer to a struct", "title > @X OR title < @X", &inner{text}),
		where("an embedded struct", "title > @X OR title < @X", struct{ Embedded }{Embedded{text}}),
		where("a list of expressions", "title NOT IN ?", []clause.Expr{text}),
		where("a list of lists", "(title, id) NOT IN ?", [][]any{{text, "x"}}),
		where("an array", "title NOT IN ?", [1]any{text}),
		named("Select of a named argument", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("@x AS x", map[string]any{"x": text}).Find(&rows).Error
			return rows, err
		}),
		named("Select of a list", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("? AS x", []clause.Expr{text}).Find(&rows).Error
			return rows, err
		}),
	}
}

// rawClauseAttacks put text into clauses that usually hold names.
func rawClauseAttacks() []attack {
	out := "1=1) UNION SELECT * FROM documents -- "
	pair := "owner_id = 'bob', stars"
	return []attack{
		named("clause.Insert as a condition", func(e *env) (any, error) { return docs(e.q().Where(clause.Insert{Modifier: out})) }),
		named("clause.Update as a condition", func(e *env) (any, error) {
			return docs(e.q().Where("stars > 0").Where(clause.Update{Modifier: out}))
		}),
		named("a lock that ends a subquery", func(e *env) (any, error) {
			return maps(e.q().Table("(?) AS t", e.db.Model(&Country{}).Clauses(clause.Locking{Strength: "UPDATE) AS x, (SELECT title FROM documents"})))
		}),
		named("a lock's options that end a subquery", func(e *env) (any, error) {
			return maps(e.q().Table("(?) AS t", e.db.Model(&Country{}).Clauses(clause.Locking{Strength: "UPDATE", Options: "NOWAIT) AS x, (SELECT title FROM documents"})))
		}),
		named("a lock on raw text", func(e *env) (any, error) {
			return docs(e.q().Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: "documents; DELETE FROM covers", Raw: true}}))
		}),
		effect("a raw conflict column", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{
				Columns:   []clause.Column{{Name: "id) DO UPDATE SET title = 'taken' WHERE true -- ", Raw: true}},
				DoUpdates: clause.AssignmentColumns([]string{"title"}),
			}).Create(&Document{ID: "bob-doc-1", Title: "taken"})
		}),
		effect("a raw assignment from the inserted row", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id"}}, DoUpdates: clause.Set{{
				Column: clause.Column{Name: pair, Raw: true}, Value: clause.Column{Table: "excluded", Name: pair, Raw: true},
			}}}).Create(&Document{ID: "alice-doc-1"})
		}),
	}
}
