package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func upsertAttacks() []attack {
	all := clause.OnConflict{UpdateAll: true}
	byID := []clause.Column{{Name: "id"}}
	return []attack{
		effect("UpdateAll on a foreign id", func(e *env) *gorm.DB { return e.q().Clauses(all).Create(&Document{ID: "bob-doc-1", Title: "x"}) }),
		effect("DoUpdates on a foreign id", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("DoUpdates that take the row over", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"owner_id", "tenant_id"})}).Create(&Document{ID: "bob-doc-1"})
		}),
		effect("DoUpdates that give the row away", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.Assignments(map[string]any{"owner_id": "bob"})}).Create(&Document{ID: "alice-doc-1"})
		}),
		effect("DoUpdates of the owner from another column", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.Set{{Column: clause.Column{Name: "owner_id"}, Value: clause.Column{Table: "excluded", Name: "title"}}}}).Create(&Document{ID: "alice-doc-1", Title: "bob"})
		}),
		effect("DoUpdates with a foreign subquery", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.Assignments(map[string]any{"title": gorm.Expr("(SELECT MAX(name) FROM folders)")})}).Create(&Document{ID: "alice-doc-1"})
		}),
		effect("DoUpdates of a key to a foreign parent", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.Assignments(map[string]any{"folder_id": "bob-folder-1"})}).Create(&Document{ID: "alice-doc-1"})
		}),
		effect("a Where with Or of the developer's", func(e *env) *gorm.DB {
			oc := clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"title"})}
			oc.Where = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 2"}, clause.Or(clause.Expr{SQL: "1 = 1"})}}
			return e.q().Clauses(oc).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a batch with one foreign id", func(e *env) *gorm.DB {
			return e.q().Clauses(all).Create(&[]Document{{ID: "alice-doc-1", Title: "x"}, {ID: "bob-doc-1", Title: "x"}})
		}),
		effect("a conflict on another unique column", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "slug"}}, DoUpdates: clause.AssignmentColumns([]string{"text"})}).Create(&Note{ID: 1099, Slug: "bob-note-1", Text: "x"})
		}),
		effect("DoNothing on a foreign id", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{DoNothing: true}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("an upsert of maps", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(map[string]any{"id": "bob-doc-1", "title": "x"})
		}),
		effect("an upsert of a foreign comment", func(e *env) *gorm.DB {
			return e.q().Clauses(all).Create(&Comment{ID: "bob-comment-1", DocumentID: "alice-doc-1", Text: "x"})
		}),
		effect("an upsert of a foreign link", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "document_id"}, {Name: "tag_id"}}, DoUpdates: clause.Assignments(map[string]any{"tag_id": "alice-tag-1"})}).
				Create(map[string]any{"document_id": "bob-doc-1", "tag_id": "bob-tag-1"})
		}),
		effect("an upsert of a composite key", func(e *env) *gorm.DB { return e.q().Clauses(all).Create(&Ledger{Number: 2, Part: 1, Text: "x"}) }),
		effect("UpdateAll without default transaction", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{SkipDefaultTransaction: true}).Clauses(all).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a constraint's name and more", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{OnConstraint: "documents_pkey DO UPDATE SET title = excluded.title --", DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a constraint's name and more, to do nothing", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{OnConstraint: "documents_pkey DO UPDATE SET title = excluded.title --", DoNothing: true}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a target condition that ends the clause", func(e *env) *gorm.DB {
			oc := clause.OnConflict{Columns: byID, DoUpdates: clause.AssignmentColumns([]string{"title"})}
			oc.TargetWhere = clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1 DO UPDATE SET title = excluded.title --"}}}
			return e.q().Clauses(oc).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("a conflict column that ends the clause", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: []clause.Column{{Name: "id) DO UPDATE SET title = excluded.title --", Raw: true}}, DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("an assigned value that ends in a comment", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{Columns: byID, DoUpdates: clause.Assignments(map[string]any{"title": gorm.Expr("excluded.title --")})}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("an inserted value that ends in an upsert", func(e *env) *gorm.DB {
			return e.q().Model(&Folder{}).Create(map[string]any{"id": "bob-folder-1", "tenant_id": "acme", "owner_id": "alice", "name": gorm.Expr("'x', 'acme', 'alice') ON CONFLICT (id) DO UPDATE SET name = excluded.name --")})
		}),
		effect("an upsert by constraint name", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.OnConflict{OnConstraint: "documents_pkey", DoUpdates: clause.AssignmentColumns([]string{"title"})}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
	}
}

func deleteAttacks() []attack {
	return []attack{
		effect("a modifier that ends the statement", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.Delete{Modifier: "FROM covers --"}).Where("1 = 1").Delete(&Cover{})
		}),
		effect("Delete of a foreign id", func(e *env) *gorm.DB { return e.q().Delete(&Document{}, "id = ?", "bob-doc-1") }),
		effect("Delete of a foreign model", func(e *env) *gorm.DB { return e.q().Delete(&Document{ID: "bob-doc-1"}) }),
		effect("Delete with Or", func(e *env) *gorm.DB { return e.q().Where("id = 'x'").Or("1 = 1").Delete(&Comment{}) }),
		effect("Delete without a condition", func(e *env) *gorm.DB { return e.q().Delete(&Cover{}) }),
		effect("a permitted global Delete", func(e *env) *gorm.DB { return e.q().Session(&gorm.Session{AllowGlobalUpdate: true}).Delete(&Cover{}) }),
		effect("Delete of a slice", func(e *env) *gorm.DB { return e.q().Delete(&[]Cover{{ID: "alice-cover-1"}, {ID: "bob-cover-1"}}) }),
		effect("a soft Delete of a foreign row", func(e *env) *gorm.DB { return e.q().Delete(&Note{}, "slug = ?", "bob-note-1") }),
		effect("a soft Delete with Or", func(e *env) *gorm.DB { return e.q().Where("slug = 'x'").Or("1 = 1").Delete(&Note{}) }),
		effect("a soft Delete with a later Or scope", func(e *env) *gorm.DB {
			return e.q().Scopes(func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }).Delete(&Note{})
		}),
		effect("a soft Delete without a condition", func(e *env) *gorm.DB { return e.q().Delete(&Note{}) }),
		effect("an unscoped Delete", func(e *env) *gorm.DB { return e.q().Unscoped().Where("1 = 1").Or("1 = 1").Delete(&Note{}) }),
		effect("Delete with its children of a foreign row", func(e *env) *gorm.DB {
			return e.q().Select("Comments", "Cover", "Tags").Delete(&Document{ID: "bob-doc-1"})
		}),
		effect("Delete with all associations of a foreign row", func(e *env) *gorm.DB {
			return e.q().Select(clause.Associations).Delete(&Document{ID: "mallory-doc-1"})
		}),
		effect("Delete with another model", func(e *env) *gorm.DB { return e.q().Model(&Document{ID: "bob-doc-1"}).Delete(&Document{}) }),
		effect("Delete through a public model", func(e *env) *gorm.DB { return e.q().Table("covers").Where("1 = 1").Delete(&Country{}) }),
		effect("Delete of a foreign comment", func(e *env) *gorm.DB { return e.q().Delete(&Comment{ID: "bob-comment-1"}) }),
		effect("Delete of foreign links", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Where("document_id = ?", "bob-doc-1").Delete(map[string]any{})
		}),
		effect("Delete with a modifier", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.Delete{Modifier: "covers"}).Where("1 = 1").Delete(&Cover{})
		}),
		effect("Delete with a join", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.From{Joins: []clause.Join{{Expression: clause.Expr{SQL: "JOIN folders ON 1 = 1"}}}}).Where("1 = 1").Delete(&Cover{})
		}),
		{"Delete RETURNING", func(e *env) (any, error) {
			var c []Cover
			err := e.q().Clauses(clause.Returning{}).Where("1 = 1").Or("1 = 1").Delete(&c).Error
			return c, err
		}},
		effect("Delete of a composite key", func(e *env) *gorm.DB { return e.q().Delete(&Ledger{Number: 2, Part: 1}) }),
	}
}
