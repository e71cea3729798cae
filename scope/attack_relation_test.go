package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// forged plants, past the guard, a row of alice's that points to a foreign one, as
// data from before the guard might; the attack then tries to follow it.
func forged(name, table, column, id, to string, run func(*env) (any, error)) attack {
	return attack{name, func(e *env) (any, error) {
		if err := e.w.root.Exec("UPDATE "+table+" SET "+column+" = ? WHERE id = ?", to, id).Error; err != nil {
			panic(err)
		}
		defer e.w.root.Exec("UPDATE "+table+" SET "+column+" = ? WHERE id = ?", "alice-"+to[len(to)-len("folder-1"):], id)
		return run(e)
	}}
}

func joinAttacks() []attack {
	toBob := func(name string, run func(*env) (any, error)) attack {
		return forged(name, "documents", "folder_id", "alice-doc-1", "bob-folder-1", run)
	}
	return []attack{
		toBob("Joins of a foreign parent", func(e *env) (any, error) {
			var d []Document
			err := e.q().Joins("Folder").Find(&d).Error
			for i := range d {
				d[i].FolderID = nil
			}
			return d, err
		}),
		toBob("InnerJoins of a foreign parent", func(e *env) (any, error) {
			var d []Document
			err := e.q().InnerJoins("Folder").Find(&d).Error
			for i := range d {
				d[i].FolderID = nil
			}
			return d, err
		}),
		toBob("Joins with an ON that holds Or", func(e *env) (any, error) {
			var d []Document
			err := e.q().Joins("Folder", e.db.Where("name = ?", "x").Or("1 = 1")).Find(&d).Error
			for i := range d {
				d[i].FolderID = nil
			}
			return d, err
		}),
		toBob("Joins and a raw OR in ON", func(e *env) (any, error) {
			var d []Document
			err := e.q().Joins("Folder", e.db.Where("name = 'x'\tOR\t1 = 1")).Find(&d).Error
			for i := range d {
				d[i].FolderID = nil
			}
			return d, err
		}),
		toBob("a column of the joined parent", func(e *env) (any, error) {
			var s []string
			err := e.q().Model(&Document{}).Joins("Folder").Pluck("COALESCE(name, '')", &s).Error
			return s, err
		}),
		toBob("a condition on the joined parent", func(e *env) (any, error) {
			var d []Document
			err := e.q().Joins("Folder").Where(`name LIKE ?`, "%bob%").Find(&d).Error
			if len(d) > 0 {
				return "the name of bob's folder can be guessed", err
			}
			return d, err
		}),
		named("Joins of a has-many's child and Or", func(e *env) (any, error) { return docs(e.q().Joins("Cover").Or("1 = 1")) }),
		named("Joins from a public model", func(e *env) (any, error) {
			var c []map[string]any
			err := e.q().Model(&Country{}).Joins("JOIN documents ON documents.country_id = countries.id").Select("documents.title").Find(&c).Error
			return c, err
		}),
		named("a raw JOIN", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Joins("JOIN folders f ON f.owner_id <> documents.owner_id").Select("f.name").Find(&rows).Error
			return rows, err
		}),
		named("a raw JOIN that ends in a comment", func(e *env) (any, error) { return docs(e.q().Joins("JOIN countries ON 1 = 1 WHERE 1 = 1 --")) }),
		named("a raw JOIN that brings its own WHERE", func(e *env) (any, error) {
			return docs(e.q().Joins("JOIN countries ON 1 = 1 WHERE 1 = 1 OR countries.id IN (1, 2) OR"))
		}),
		named("a raw JOIN that ends in a zero byte", func(e *env) (any, error) { return docs(e.q().Joins("JOIN countries ON 1 = 1 \x00")) }),
		named("a raw JOIN that opens a comment", func(e *env) (any, error) { return docs(e.q().Joins("JOIN countries ON 1 = 1 /*").Order("stars */")) }),
		named("a raw JOIN of the same table", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Joins("JOIN documents AS o ON 1 = 1").Select("o.title").Find(&rows).Error
			return rows, err
		}),
		named("a raw JOIN in other letters", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Joins("cross join FOLDERS f").Select("f.name").Find(&rows).Error
			return rows, err
		}),
		named("a raw JOIN with a subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Joins("JOIN (SELECT name FROM folders) f ON 1 = 1").Select("f.name").Find(&rows).Error
			return rows, err
		}),
		named("a raw JOIN on a bound subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Joins("JOIN (?) f ON 1 = 1", e.db.Model(&Folder{}).Select("name").Or("1 = 1")).Select("f.name").Find(&rows).Error
			return rows, err
		}),
		named("clause.From with a join", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("folders.name").Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "folders"},
				ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1"}}},
			}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with an alias and an Or", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("f.name").Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "folders", Alias: "f"},
				ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 2"}, clause.Or(clause.Expr{SQL: "1 = 1"})}},
			}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with a raw join", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("folders.name").Clauses(clause.From{Joins: []clause.Join{{
				Expression: clause.Expr{SQL: "CROSS JOIN folders"},
			}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with a raw table name", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("f.name").Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "folders f", Raw: true},
				ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1"}}},
			}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with USING", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("folders.name").Clauses(clause.From{Joins: []clause.Join{{
				Type: clause.InnerJoin, Table: clause.Table{Name: "folders"}, Using: []string{"tenant_id"},
			}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with two tables", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("folders.name").Clauses(clause.From{Tables: []clause.Table{{Name: "documents"}, {Name: "folders"}}}).Find(&rows).Error
			return rows, err
		}),
		named("clause.From with another table", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Country{}).Select("name").Clauses(clause.From{Tables: []clause.Table{{Name: "folders"}}}).Find(&rows).Error
			return rows, err
		}),
		named("an undeclared model joined", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Clauses(clause.From{Joins: []clause.Join{{Type: clause.LeftJoin, Table: clause.Table{Name: "strangers"}, ON: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1=1"}}}}}}).Find(&rows).Error
			return rows, err
		}),
	}
}

func preloadAttacks() []attack {
	// own returns documents without the forged key itself.
	own := func(tx *gorm.DB) (any, error) {
		var d []Document
		err := tx.Find(&d).Error
		for i := range d {
			d[i].FolderID = nil
		}
		return d, err
	}
	toBob := func(name string, run func(*env) (any, error)) attack {
		return forged(name, "documents", "folder_id", "alice-doc-1", "bob-folder-1", run)
	}
	// planted lets a foreign cover point to alice's document.
	planted := func(name string, run func(*env) (any, error)) attack {
		return attack{name, func(e *env) (any, error) {
			e.w.root.Exec("UPDATE covers SET document_id = 'alice-doc-1' WHERE id = 'bob-cover-1'")
			defer e.w.root.Exec("UPDATE covers SET document_id = 'bob-doc-1' WHERE id = 'bob-cover-1'")
			return run(e)
		}}
	}
	return []attack{
		toBob("Preload of a foreign parent", func(e *env) (any, error) { return own(e.q().Preload("Folder")) }),
		toBob("Preload of everything", func(e *env) (any, error) { return own(e.q().Preload(clause.Associations)) }),
		toBob("a nested preload through a foreign parent", func(e *env) (any, error) { return own(e.q().Preload("Folder.Documents")) }),
		toBob("a nested preload with Or", func(e *env) (any, error) {
			return own(e.q().Preload("Folder.Documents", func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }))
		}),
		toBob("Joins and Preload together", func(e *env) (any, error) { return own(e.q().Joins("Folder").Preload("Folder.Documents")) }),
		planted("Preload of a foreign child", func(e *env) (any, error) { return own(e.q().Preload("Cover")) }),
		planted("Preload with an Or function", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }))
		}),
		planted("Preload with an Or condition", func(e *env) (any, error) { return own(e.q().Preload("Cover", "1 = 1 OR 1 = 1")) }),
		planted("Preload with Unscoped", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB { return db.Unscoped().Or("1 = 1") }))
		}),
		named("Preload that becomes raw SQL", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB { return db.Raw("SELECT * FROM covers") }))
		}),
		named("Preload with a raw subquery", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB {
				return db.Where("id IN (?)", db.Raw("SELECT id FROM covers"))
			}))
		}),
		named("Preload in a new session", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{NewDB: true}) }))
		}),
		named("Preload from a public model", func(e *env) (any, error) {
			var c []Country
			err := e.db.Preload("Documents").Find(&c).Error
			return c, err
		}),
		named("Preload of tags linked across owners", func(e *env) (any, error) {
			e.w.root.Exec("INSERT INTO document_tags (document_id, tag_id) VALUES ('alice-doc-1', 'bob-tag-1')")
			defer e.w.root.Exec("DELETE FROM document_tags WHERE document_id = 'alice-doc-1' AND tag_id = 'bob-tag-1'")
			return own(e.q().Preload("Tags"))
		}),
		named("Preload with another table", func(e *env) (any, error) {
			return own(e.q().Preload("Cover", func(db *gorm.DB) *gorm.DB { return db.Table("folders") }))
		}),
	}
}

func associationAttacks() []attack {
	bobDoc, aliceDoc := func() *Document { return &Document{ID: "bob-doc-1"} }, func() *Document { return &Document{ID: "alice-doc-1"} }
	bobFolder, aliceFolder := func() *Folder { return &Folder{ID: "bob-folder-1"} }, func() *Folder { return &Folder{ID: "alice-folder-1"} }
	return []attack{
		named("Find on a foreign parent", func(e *env) (any, error) {
			var c []Comment
			err := e.q().Model(bobDoc()).Association("Comments").Find(&c)
			return c, err
		}),
		named("Find on a foreign parent with Or", func(e *env) (any, error) {
			var d []Document
			err := e.q().Model(bobFolder()).Association("Documents").Find(&d, "1 = 1 OR 1 = 1")
			return d, err
		}),
		named("Find of tags of a foreign document", func(e *env) (any, error) {
			var d []Tag
			err := e.q().Model(bobDoc()).Association("Tags").Find(&d)
			return d, err
		}),
		named("Count on a foreign parent", func(e *env) (any, error) {
			if n := e.q().Model(bobFolder()).Association("Documents").Count(); n > 0 {
				return "bob's documents were counted", nil
			}
			return nil, nil
		}),
		named("Count of tags of a foreign document", func(e *env) (any, error) {
			if n := e.q().Model(bobDoc()).Association("Tags").Count(); n > 0 {
				return "bob's tags were counted", nil
			}
			return nil, nil
		}),
		named("Append of a foreign child", func(e *env) (any, error) {
			return nil, e.q().Model(aliceFolder()).Association("Documents").Append(&Document{ID: "bob-doc-1"})
		}),
		named("Append below a foreign parent", func(e *env) (any, error) {
			return nil, e.q().Model(bobFolder()).Association("Documents").Append(&Document{ID: "new-1", Title: "planted"})
		}),
		named("Append of a comment below a foreign document", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Comments").Append(&Comment{ID: "new-2", Text: "planted"})
		}),
		named("Append of a foreign comment", func(e *env) (any, error) {
			return nil, e.q().Model(aliceDoc()).Association("Comments").Append(&Comment{ID: "bob-comment-1"})
		}),
		named("Append of a map below a foreign parent", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Comments").Append(map[string]any{"id": "new-3", "text": "planted"})
		}),
		named("Append of a foreign tag", func(e *env) (any, error) {
			return nil, e.q().Model(aliceDoc()).Association("Tags").Append(&Tag{ID: "bob-tag-1"})
		}),
		named("Append of an own tag to a foreign document", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Tags").Append(&Tag{ID: "alice-tag-1"})
		}),
		named("Replace with a foreign child", func(e *env) (any, error) {
			return nil, e.q().Model(aliceFolder()).Association("Documents").Replace(&Document{ID: "mallory-doc-1"})
		}),
		named("Replace of a foreign document's tags", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Tags").Replace(&Tag{ID: "alice-tag-1"})
		}),
		named("Replace of a belongs-to by a foreign one", func(e *env) (any, error) {
			return nil, e.q().Model(aliceDoc()).Association("Folder").Replace(bobFolder())
		}),
		named("Append of a belongs-to to a foreign row", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Folder").Append(aliceFolder())
		}),
		named("Delete of a foreign child", func(e *env) (any, error) {
			return nil, e.q().Model(bobFolder()).Association("Documents").Delete(bobDoc())
		}),
		named("Delete of a foreign link", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Tags").Delete(&Tag{ID: "bob-tag-1"})
		}),
		named("Unscoped Delete of a foreign child", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Comments").Unscoped().Delete(&Comment{ID: "bob-comment-1"})
		}),
		named("Clear of a foreign parent", func(e *env) (any, error) { return nil, e.q().Model(bobFolder()).Association("Documents").Clear() }),
		named("Clear of a foreign document's tags", func(e *env) (any, error) { return nil, e.q().Model(bobDoc()).Association("Tags").Clear() }),
		named("Unscoped Clear of a foreign parent", func(e *env) (any, error) {
			return nil, e.q().Model(bobDoc()).Association("Comments").Unscoped().Clear()
		}),
		named("Clear of own comments leaves orphans", func(e *env) (any, error) { return nil, e.q().Model(aliceDoc()).Association("Comments").Clear() }),
		named("a has-one replaced by a foreign one", func(e *env) (any, error) {
			return nil, e.q().Model(aliceDoc()).Association("Cover").Replace(&Cover{ID: "bob-cover-1", Color: "red"})
		}),
		named("Unscoped replace of a foreign belongs-to", func(e *env) (any, error) {
			return nil, e.q().Model(&Document{ID: "alice-doc-1", FolderID: ptr("bob-folder-1")}).Association("Folder").Unscoped().Replace(aliceFolder())
		}),
		named("Append for several parents, one foreign", func(e *env) (any, error) {
			return nil, e.q().Model(&[]Folder{*aliceFolder(), *bobFolder()}).Association("Documents").Append(&Document{ID: "new-4"}, &Document{ID: "new-5"})
		}),
		named("FullSaveAssociations through Append", func(e *env) (any, error) {
			return nil, e.q().Session(&gorm.Session{FullSaveAssociations: true}).Model(aliceDoc()).Association("Tags").Append(&Tag{ID: "bob-tag-1", Name: "x"})
		}),
	}
}
