package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// rows makes an attack of a statement whose effect is all that counts.
func effect(name string, run func(*env) *gorm.DB) attack {
	return attack{name, func(e *env) (any, error) { return nil, run(e).Error }}
}

func updateAttacks() []attack {
	doc := func(id string) *Document { return &Document{ID: id} }
	return []attack{
		effect("Updates of a foreign row by condition", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id = ?", "bob-doc-1").Updates(map[string]any{"title": "x"})
		}),
		effect("Updates of a foreign row by model", func(e *env) *gorm.DB { return e.q().Model(doc("bob-doc-1")).Updates(Document{Title: "x"}) }),
		effect("Update with Or", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id = ?", "x").Or("1 = 1").Update("title", "x")
		}),
		effect("Update with a raw OR", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id = 'x'\nOR 1 = 1").Update("title", "x")
		}),
		effect("UpdateColumn with Or", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("1 = 1").Or("1 = 1").UpdateColumn("title", "x")
		}),
		effect("UpdateColumns of a foreign model", func(e *env) *gorm.DB {
			return e.q().Model(doc("mallory-doc-1")).UpdateColumns(map[string]any{"title": "x"})
		}),
		effect("Update of a slice with a foreign row", func(e *env) *gorm.DB {
			return e.q().Model(&[]Document{*doc("alice-doc-1"), *doc("bob-doc-1")}).Update("title", "x")
		}),
		effect("Update of an IN list", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id IN ?", []string{"alice-doc-1", "bob-doc-1"}).Update("title", "x")
		}),
		effect("Update without a condition", func(e *env) *gorm.DB { return e.q().Model(&Document{}).Update("title", "x") }),
		effect("a permitted global update", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Document{}).Update("title", "x")
		}),
		effect("the owner in a map", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"owner_id": "bob"})
		}),
		effect("the tenant in a map", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"tenant_id": "globex"})
		}),
		effect("the owner by its field's name", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"OwnerID": "bob"})
		}),
		effect("the owner in upper case", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"OWNER_ID": "bob"})
		}),
		effect("the owner qualified", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"documents.owner_id": "bob"})
		}),
		effect("the owner quoted", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"`owner_id`": "bob"})
		}),
		effect("the owner with blanks", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{" owner_id ": "bob"})
		}),
		effect("the owner emptied", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"owner_id": ""})
		}),
		effect("the owner set to NULL", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(map[string]any{"owner_id": nil})
		}),
		effect("the owner in a struct with Select", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Select("*").Updates(Document{ID: "alice-doc-1", OwnerID: "bob", TenantID: "acme"})
		}),
		effect("the owner in a struct", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Updates(Document{OwnerID: "bob"})
		}),
		effect("the owner with UpdateColumn", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).UpdateColumn("owner_id", "bob")
		}),
		effect("the owner as an expression", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("owner_id", gorm.Expr("'b' || 'ob'"))
		}),
		effect("the owner as a column", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("owner_id", clause.Column{Name: "tenant_id"})
		}),
		effect("the owner in clause.Set", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Clauses(clause.Set{{Column: clause.Column{Name: "owner_id"}, Value: "bob"}}).Updates(map[string]any{})
		}),
		effect("clause.Set without a condition", func(e *env) *gorm.DB {
			return e.q().Model(doc("bob-doc-1")).Clauses(clause.Set{{Column: clause.Column{Name: "title"}, Value: "x"}}).Updates(map[string]any{})
		}),
		effect("clause.Set on a raw column list", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Clauses(clause.Set{{Column: clause.Column{Name: "(owner_id, title)", Raw: true}, Value: gorm.Expr("('bob', 'x')")}}).Updates(map[string]any{})
		}),
		effect("a hook that moves the row", func(e *env) *gorm.DB {
			return e.q().Model(&mover{ID: "alice-doc-1"}).Updates(map[string]any{"title": "x"})
		}),
		effect("a renamed owner column", func(e *env) *gorm.DB {
			return e.q().Model(&Ledger{}).Where("number = 1").Updates(map[string]any{"usr": "bob"})
		}),
		effect("a renamed owner by its field's name", func(e *env) *gorm.DB {
			return e.q().Model(&Ledger{}).Where("number = 1").Updates(map[string]any{"User": "bob", "Org": "globex"})
		}),
		effect("a foreign parent", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("folder_id", "bob-folder-1")
		}),
		effect("a foreign parent as an expression", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("folder_id", gorm.Expr("?", "bob-folder-1"))
		}),
		effect("a foreign parent as a subquery", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("folder_id", e.db.Model(&Folder{}).Select("id").Limit(1))
		}),
		effect("a missing parent", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Update("folder_id", "no-such-folder")
		}),
		effect("a foreign parent for a child without columns", func(e *env) *gorm.DB {
			return e.q().Model(&Comment{ID: "alice-comment-1"}).Update("document_id", "bob-doc-1")
		}),
		effect("no parent for a child without columns", func(e *env) *gorm.DB {
			return e.q().Model(&Comment{ID: "alice-comment-1"}).Update("document_id", nil)
		}),
		effect("an empty parent for a child without columns", func(e *env) *gorm.DB {
			return e.q().Model(&Comment{ID: "alice-comment-1"}).Update("document_id", "")
		}),
		effect("a foreign child without columns", func(e *env) *gorm.DB {
			return e.q().Model(&Comment{}).Where("id = ?", "bob-comment-1").Or("1 = 1").Update("text", "x")
		}),
		effect("a foreign has-one's key", func(e *env) *gorm.DB {
			return e.q().Model(&Cover{ID: "alice-cover-1"}).Update("document_id", "bob-doc-1")
		}),
		{"a title copied from a foreign row", func(e *env) (any, error) {
			err := e.q().Model(doc("alice-doc-1")).Update("title", gorm.Expr("(SELECT title FROM documents d WHERE d.id = 'bob-doc-1')")).Error
			return nil, err
		}},
		{"a title copied with a subquery", func(e *env) (any, error) {
			err := e.q().Model(doc("alice-doc-1")).Update("title", e.db.Model(&Folder{}).Select("name").Where("id = ?", "bob-folder-1")).Error
			return nil, err
		}},
		effect("an UPDATE of another table", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Clauses(clause.Update{Table: clause.Table{Name: "folders"}}).Where("1 = 1").Update("owner_id", "alice")
		}),
		effect("an UPDATE with FROM", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Clauses(clause.From{Tables: []clause.Table{{Name: "folders"}}}).Update("title", gorm.Expr("folders.name"))
		}),
		effect("an UPDATE with a modifier", func(e *env) *gorm.DB {
			return e.q().Model(doc("alice-doc-1")).Clauses(clause.Update{Modifier: "folders, "}).Where("1 = 1").Update("title", "x")
		}),
		{"RETURNING", func(e *env) (any, error) {
			d := []Document{}
			err := e.q().Model(&d).Clauses(clause.Returning{}).Where("1 = 1").Or("1 = 1").Update("stars", 1).Error
			return d, err
		}},
		{"RETURNING a subquery", func(e *env) (any, error) {
			d := []Document{}
			err := e.q().Model(&d).Clauses(clause.Returning{Columns: []clause.Column{{Name: "(SELECT MAX(name) FROM folders) AS title", Raw: true}}}).Where("1 = 1").Update("stars", 1).Error
			return d, err
		}},
		effect("the soft delete of a foreign row undone", func(e *env) *gorm.DB {
			return e.q().Unscoped().Model(&Note{}).Where("slug = ?", "bob-note-1").Update("deleted_at", nil)
		}),
		effect("a public model pointed at a protected table", func(e *env) *gorm.DB {
			return e.q().Model(&Country{}).Table("folders").Where("1 = 1").Update("name", "x")
		}),
		effect("Table with a map", func(e *env) *gorm.DB {
			return e.q().Table("documents").Where("id = ?", "bob-doc-1").Updates(map[string]any{"title": "x"})
		}),
		effect("a link moved to a foreign tag", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Where("document_id = ?", "alice-doc-1").Updates(map[string]any{"tag_id": "bob-tag-1"})
		}),
		effect("a link moved to a foreign document", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Where("document_id = ?", "alice-doc-1").Updates(map[string]any{"document_id": "bob-doc-1"})
		}),
		effect("an update in a foreign order", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Where("1 = 1").Or("1 = 1").Order("owner_id DESC").Limit(1).Update("title", "x")
		}),
	}
}

func saveAttacks() []attack {
	return []attack{
		effect("Save of a foreign id", func(e *env) *gorm.DB { return e.q().Save(&Document{ID: "bob-doc-1", Title: "x"}) }),
		effect("Save of a foreign row as it is", func(e *env) *gorm.DB {
			return e.q().Save(&Document{ID: "bob-doc-1", TenantID: "acme", OwnerID: "bob", Title: "x"})
		}),
		effect("Save of an own row with another owner", func(e *env) *gorm.DB {
			return e.q().Save(&Document{ID: "alice-doc-1", TenantID: "acme", OwnerID: "bob", Title: "x"})
		}),
		effect("Save of a slice", func(e *env) *gorm.DB { return e.q().Save(&[]Document{{ID: "alice-doc-1"}, {ID: "bob-doc-1"}}) }),
		effect("Save with a foreign parent's key", func(e *env) *gorm.DB {
			return e.q().Save(&Document{ID: "alice-doc-1", FolderID: ptr("bob-folder-1")})
		}),
		effect("Save of a composite key of another tenant", func(e *env) *gorm.DB {
			return e.q().Save(&Ledger{Whose: Whose{Org: "globex", User: "mallory"}, Number: 3, Part: 1, Text: "x"})
		}),
		effect("Save of a composite key", func(e *env) *gorm.DB { return e.q().Save(&Ledger{Number: 2, Part: 1, Text: "x"}) }),
		effect("Save of a foreign comment", func(e *env) *gorm.DB {
			return e.q().Save(&Comment{ID: "bob-comment-1", DocumentID: "alice-doc-1", Text: "x"})
		}),
		effect("Save of a nested foreign parent", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{FullSaveAssociations: true}).Save(&Document{ID: "alice-doc-1", Folder: &Folder{ID: "bob-folder-1", Name: "x"}})
		}),
		effect("Save with Select", func(e *env) *gorm.DB {
			return e.q().Select("title", "owner_id").Save(&Document{ID: "alice-doc-1", OwnerID: "bob", Title: "x"})
		}),
		effect("Save of a soft-deleted foreign row", func(e *env) *gorm.DB {
			return e.q().Unscoped().Save(&Note{ID: 1011, Slug: "bob-note-1", Text: "x"})
		}),
	}
}

func createAttacks() []attack {
	return []attack{
		effect("another owner in the struct", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "n1", TenantID: "acme", OwnerID: "bob"}) }),
		effect("another tenant in the struct", func(e *env) *gorm.DB {
			return e.q().Create(&Document{ID: "n1", TenantID: "globex", OwnerID: "alice"})
		}),
		effect("no owner", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "n2"}) }),
		effect("a slice with one foreign row", func(e *env) *gorm.DB {
			return e.q().Create(&[]Document{{ID: "n3"}, {ID: "n4", OwnerID: "bob"}})
		}),
		effect("a map with another owner", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create(map[string]any{"id": "n5", "owner_id": "bob"})
		}),
		effect("a map with the owner by field name", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create(map[string]any{"ID": "n5", "OwnerID": "bob"})
		}),
		effect("a map with the owner twice", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create(map[string]any{"id": "n5", "owner_id": "alice", "OWNER_ID": "bob"})
		}),
		effect("a map without an owner", func(e *env) *gorm.DB { return e.q().Model(&Document{}).Create(map[string]any{"id": "n6"}) }),
		effect("maps, one with another owner", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create([]map[string]any{{"id": "n7"}, {"id": "n8", "owner_id": "bob"}})
		}),
		effect("an owner from an expression", func(e *env) *gorm.DB {
			return e.q().Model(&Document{}).Create(map[string]any{"id": "n9", "owner_id": gorm.Expr("'bob'")})
		}),
		effect("a table without a model", func(e *env) *gorm.DB {
			return e.q().Table("documents").Create(map[string]any{"id": "n10", "owner_id": "bob", "tenant_id": "acme"})
		}),
		effect("a table without a model or owner", func(e *env) *gorm.DB { return e.q().Table("documents").Create(map[string]any{"id": "n11"}) }),
		effect("Omit of the owner", func(e *env) *gorm.DB { return e.q().Omit("OwnerID", "TenantID").Create(&Document{ID: "n12"}) }),
		effect("Select without the owner", func(e *env) *gorm.DB { return e.q().Select("ID", "Title").Create(&Document{ID: "n13"}) }),
		effect("a database default for the tenant", func(e *env) *gorm.DB { return e.q().Create(&Note{Slug: "n14"}) }),
		effect("a default and Omit", func(e *env) *gorm.DB {
			return e.q().Omit("TenantID").Create(&[]Note{{Slug: "n15"}, {Slug: "n16", TenantID: "acme"}})
		}),
		effect("comments below an own and a foreign document", func(e *env) *gorm.DB {
			return e.q().Create(&[]Comment{{ID: "n51", DocumentID: "alice-doc-1"}, {ID: "n52", DocumentID: "bob-doc-1"}})
		}),
		effect("documents in an own and a foreign folder", func(e *env) *gorm.DB {
			return e.q().Create(&[]Document{{ID: "n53", FolderID: ptr("alice-folder-1")}, {ID: "n54", FolderID: ptr("bob-folder-1")}})
		}),
		effect("CreateInBatches with a bad row", func(e *env) *gorm.DB {
			return e.q().CreateInBatches(&[]Document{{ID: "n17"}, {ID: "n18"}, {ID: "n19", OwnerID: "bob"}}, 1)
		}),
		effect("a hook that moves the row", func(e *env) *gorm.DB { return e.q().Create(&mover{ID: "n20"}) }),
		effect("SkipHooks and another owner", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{SkipHooks: true}).Create(&Document{ID: "n21", OwnerID: "bob"})
		}),
		effect("a foreign parent's key", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "n22", FolderID: ptr("bob-folder-1")}) }),
		effect("a missing parent's key", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "n23", FolderID: ptr("nowhere")}) }),
		effect("a foreign parent as a struct", func(e *env) *gorm.DB {
			return e.q().Create(&Document{ID: "n24", Folder: &Folder{ID: "bob-folder-1", Name: "x"}})
		}),
		effect("a foreign parent saved fully", func(e *env) *gorm.DB {
			return e.q().Session(&gorm.Session{FullSaveAssociations: true}).Create(&Document{ID: "n25", Folder: &Folder{ID: "bob-folder-1", Name: "x"}})
		}),
		effect("a foreign child in the body", func(e *env) *gorm.DB {
			return e.q().Create(&Folder{ID: "n26", Documents: []Document{{ID: "bob-doc-1", Title: "x"}}})
		}),
		effect("a foreign has-one in the body", func(e *env) *gorm.DB {
			return e.q().Create(&Document{ID: "n27", Cover: &Cover{ID: "bob-cover-1", Color: "x"}})
		}),
		effect("a foreign comment in the body", func(e *env) *gorm.DB {
			return e.q().Create(&Document{ID: "n28", Comments: []Comment{{ID: "bob-comment-1"}}})
		}),
		effect("a foreign tag in the body", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "n29", Tags: []Tag{{ID: "bob-tag-1"}}}) }),
		effect("a nested row with another owner", func(e *env) *gorm.DB {
			return e.q().Create(&Folder{ID: "n30", Documents: []Document{{ID: "n31", OwnerID: "bob"}}})
		}),
		effect("a comment below a foreign document", func(e *env) *gorm.DB {
			return e.q().Create(&Comment{ID: "n32", DocumentID: "bob-doc-1"})
		}),
		effect("a comment below nothing", func(e *env) *gorm.DB { return e.q().Create(&Comment{ID: "n33"}) }),
		effect("a comment with a foreign document as a struct", func(e *env) *gorm.DB {
			return e.q().Create(&Comment{ID: "n34", Document: &Document{ID: "bob-doc-1"}})
		}),
		effect("a link to a foreign tag", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Create(map[string]any{"document_id": "alice-doc-1", "tag_id": "bob-tag-1"})
		}),
		effect("a link from a foreign document", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Create(map[string]any{"document_id": "bob-doc-1", "tag_id": "alice-tag-1"})
		}),
		effect("half a link", func(e *env) *gorm.DB {
			return e.q().Table("document_tags").Create(map[string]any{"document_id": "alice-doc-1", "tag_id": ""})
		}),
		effect("a cover for a foreign document", func(e *env) *gorm.DB { return e.q().Create(&Cover{ID: "n35", DocumentID: "bob-doc-1"}) }),
		effect("INSERT OR REPLACE", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.Insert{Modifier: "OR REPLACE"}).Create(&Document{ID: "bob-doc-1", Title: "x"})
		}),
		effect("an INSERT into another table", func(e *env) *gorm.DB {
			return e.q().Clauses(clause.Insert{Table: clause.Table{Name: "folders"}}).Create(&Tag{ID: "n36", Name: "x"})
		}),
		effect("FirstOrCreate of a foreign id", func(e *env) *gorm.DB {
			var d Document
			return e.q().Where(Document{ID: "bob-doc-1"}).FirstOrCreate(&d)
		}),
		effect("FirstOrCreate with string conditions", func(e *env) *gorm.DB {
			d := Document{ID: "n37"}
			return e.q().Where("owner_id = ?", "bob").FirstOrCreate(&d)
		}),
		effect("FirstOrCreate with another owner's attributes", func(e *env) *gorm.DB {
			var d Document
			return e.q().Where(Document{ID: "n38"}).Attrs(Document{OwnerID: "bob"}).FirstOrCreate(&d)
		}),
		effect("FirstOrCreate that assigns another owner", func(e *env) *gorm.DB {
			var d Document
			return e.q().Where(Document{ID: "alice-doc-1"}).Assign(Document{OwnerID: "bob"}).FirstOrCreate(&d)
		}),
		effect("an undeclared model", func(e *env) *gorm.DB { return e.q().Create(&Stranger{ID: 1}) }),
		effect("a foreign primary key", func(e *env) *gorm.DB { return e.q().Create(&Document{ID: "bob-doc-1", Title: "x"}) }),
		effect("a foreign document of a public parent", func(e *env) *gorm.DB {
			return e.q().Create(&Country{ID: 9, Documents: []Document{{ID: "bob-doc-1"}}})
		}),
	}
}
