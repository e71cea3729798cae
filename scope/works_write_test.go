package scope_test

import (
	"errors"
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func writeWorks() []work {
	return []work{
		{"Create of a struct", func(e *env) error {
			d := Document{ID: "w1", Title: "t"}
			if err := affected(e.q().Create(&d), 1); err != nil || d.OwnerID != "alice" || d.TenantID != "acme" {
				return fmt.Errorf("%w %+v", err, d)
			}
			return nil
		}},
		{"Create with the own owner", func(e *env) error {
			return affected(e.q().Create(&Document{ID: "w1", OwnerID: "alice", TenantID: "acme"}), 1)
		}},
		{"Create of a slice", func(e *env) error {
			d := []Document{{ID: "w1"}, {ID: "w2"}}
			err := affected(e.q().Create(&d), 2)
			if err == nil && d[1].OwnerID != "alice" {
				err = errors.New("not stamped")
			}
			return err
		}},
		{"Create of pointers", func(e *env) error { return affected(e.q().Create([]*Document{{ID: "w1"}, {ID: "w2"}}), 2) }},
		{"Create of a map", func(e *env) error {
			m := map[string]any{"id": "w1", "title": "t"}
			err := affected(e.q().Model(&Document{}).Create(m), 1)
			if err == nil && m["owner_id"] != "alice" {
				err = errors.New("not stamped")
			}
			return err
		}},
		{"Create of maps of different shapes", func(e *env) error {
			return affected(e.q().Model(&Document{}).Create([]map[string]any{{"id": "w1", "title": "t"}, {"id": "w2", "stars": 1}}), 2)
		}},
		{"CreateInBatches", func(e *env) error {
			return affected(e.q().CreateInBatches(&[]Document{{ID: "w1"}, {ID: "w2"}, {ID: "w3"}}, 2), 3)
		}},
		{"Create with Omit and Select", func(e *env) error {
			return errors.Join(affected(e.q().Omit("OwnerID").Create(&Document{ID: "w1"}), 1), affected(e.q().Select("ID").Create(&Document{ID: "w2"}), 1))
		}},
		{"Create with a default and an automatic key", func(e *env) error {
			n := Note{Slug: "w"}
			err := affected(e.q().Create(&n), 1)
			if err == nil && (n.ID == 0 || n.TenantID != "acme") {
				err = fmt.Errorf("%+v", n)
			}
			return err
		}},
		{"Create below an own parent", func(e *env) error {
			return affected(e.q().Create(&Document{ID: "w1", FolderID: ptr("alice-folder-1")}), 1)
		}},
		{"Create with nested everything", func(e *env) error {
			return affected(e.q().Create(&Document{
				ID: "w1", Folder: &Folder{ID: "w2"}, Country: &Country{ID: 3, Name: "New"}, Comments: []Comment{{ID: "w3"}},
				Cover: &Cover{ID: "w4"}, Tags: []Tag{{ID: "w5"}, {ID: "alice-tag-1"}},
			}), 1)
		}},
		{"Create of a comment", func(e *env) error { return affected(e.q().Create(&Comment{ID: "w1", DocumentID: "alice-doc-1"}), 1) }},
		{"Create of comments below several documents", func(e *env) error {
			return affected(e.q().Create(&[]Comment{{ID: "w1", DocumentID: "alice-doc-1"}, {ID: "w2", DocumentID: "alice-doc-2"}, {ID: "w3", DocumentID: "alice-doc-1"}}), 3)
		}},
		{"Create of a composite key", func(e *env) error { return affected(e.q().Create(&Ledger{Number: 1, Part: 9}), 1) }},
		{"FirstOrCreate", func(e *env) error {
			var a, b Document
			return errors.Join(affected(e.q().Where(Document{ID: "w1"}).FirstOrCreate(&a), 1), e.q().Where(Document{ID: "alice-doc-1"}).Assign(Document{Title: "t"}).FirstOrCreate(&b).Error)
		}},
		{"Save of an own row", func(e *env) error {
			var d Document
			if err := e.q().First(&d, "id = ?", "alice-doc-1").Error; err != nil {
				return err
			}
			d.Title = "t"
			return errors.Join(affected(e.q().Save(&d), 1), affected(e.q().Save(&d), 1))
		}},
		{"Save of a body without an owner", func(e *env) error { return affected(e.q().Save(&Document{ID: "alice-doc-1", Title: "t"}), 1) }},
		{"Save of a new row", func(e *env) error { return affected(e.q().Save(&Note{Slug: "w"}), 1) }},
		{"Save with associations", func(e *env) error {
			return affected(e.q().Save(&Document{ID: "alice-doc-1", Title: "t", Comments: []Comment{{ID: "w3"}}, Tags: []Tag{{ID: "w4"}}}), 1)
		}},
		{"Updates", func(e *env) error {
			return errors.Join(affected(e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Updates(map[string]any{"title": "t"}), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Updates(Document{Title: "u"}), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("stars", gorm.Expr("stars + ?", 1)), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).UpdateColumn("stars", 7), 1))
		}},
		{"an update that changes nothing", func(e *env) error {
			return affected(e.q().Model(&Document{}).Where("id = ?", "alice-doc-1").Update("stars", 1), 1)
		}},
		{"the own owner assigned", func(e *env) error {
			return affected(e.q().Model(&Document{ID: "alice-doc-1"}).Updates(map[string]any{"owner_id": "alice", "title": "t"}), 1)
		}},
		{"a slice updated", func(e *env) error {
			return affected(e.q().Model(&[]Document{{ID: "alice-doc-1"}, {ID: "alice-doc-2"}}).Update("title", "t"), 2)
		}},
		{"an own parent assigned and removed", func(e *env) error {
			return errors.Join(affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("folder_id", nil), 1),
				affected(e.q().Model(&Document{ID: "alice-doc-1"}).Update("folder_id", "alice-folder-1"), 1))
		}},
		{"a comment updated and moved", func(e *env) error {
			return affected(e.q().Model(&Comment{ID: "alice-comment-1"}).Updates(map[string]any{"text": "t", "document_id": "alice-doc-2"}), 1)
		}},
		{"a permitted global update", func(e *env) error {
			return affected(e.q().Session(&gorm.Session{AllowGlobalUpdate: true}).Model(&Document{}).Update("title", "t"), 2)
		}},
		{"Delete", func(e *env) error {
			return errors.Join(affected(e.q().Delete(&Cover{}, "id = ?", "alice-cover-1"), 1), affected(e.q().Delete(&Cover{ID: "alice-cover-2"}), 1))
		}},
		{"Delete with children", func(e *env) error {
			return affected(e.q().Select("Comments", "Cover", "Tags").Delete(&Document{ID: "alice-doc-1"}), 1)
		}},
		{"a soft Delete and an unscoped one", func(e *env) error {
			return errors.Join(affected(e.q().Delete(&Note{}, "slug = ?", "alice-note-1"), 1), affected(e.q().Unscoped().Delete(&Note{}, "slug = ?", "alice-note-1"), 1))
		}},
		{"association Append, Replace, Delete, Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Tags").Append(&Tag{ID: "w1"}, &Tag{ID: "alice-tag-2"}),
				e.q().Model(&d).Association("Tags").Replace(&Tag{ID: "w1"}), e.q().Model(&d).Association("Tags").Delete(&Tag{ID: "w1"}),
				e.q().Model(&d).Association("Tags").Append(&Tag{ID: "w1"}), e.q().Model(&d).Association("Tags").Clear(),
				want(int(e.q().Model(&d).Association("Tags").Count()), 0, nil))
		}},
		{"has-many Append, Replace, Unscoped Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Comments").Append(&Comment{ID: "w1"}), want(int(e.q().Model(&d).Association("Comments").Count()), 2, nil),
				e.q().Model(&d).Association("Comments").Unscoped().Replace(&Comment{ID: "w2"}), e.q().Model(&d).Association("Comments").Unscoped().Clear(),
				want(int(e.q().Model(&d).Association("Comments").Count()), 0, nil))
		}},
		{"belongs-to Replace and Clear", func(e *env) error {
			d := Document{ID: "alice-doc-1"}
			return errors.Join(e.q().Model(&d).Association("Folder").Replace(&Folder{ID: "w1"}), e.q().Model(&d).Association("Folder").Clear())
		}},
		{"DoNothing", func(e *env) error {
			return e.q().Clauses(clause.OnConflict{DoNothing: true}).Create(&Document{ID: "alice-doc-1"}).Error
		}},
		{"public models", func(e *env) error {
			return errors.Join(affected(e.db.Create(&Country{ID: 7}), 1), affected(e.db.Model(&Country{ID: 7}).Update("name", "n"), 1), affected(e.db.Delete(&Country{ID: 7}), 1))
		}},
	}
}
