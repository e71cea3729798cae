package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func genericAttacks() []attack {
	g := func(e *env) gorm.ChainInterface[Document] { return gorm.G[Document](e.db).Scopes(e.gen) }
	return []attack{
		{"Find with Or", func(e *env) (any, error) { return g(e).Where("title = 'x'").Or("1 = 1").Find(e.ctx) }},
		{"Or before the scope", func(e *env) (any, error) {
			return gorm.G[Document](e.db).Where("title = 'x'").Or("1 = 1").Scopes(e.gen).Find(e.ctx)
		}},
		{"First of a foreign id", func(e *env) (any, error) { return g(e).Where("id = ?", "bob-doc-1").First(e.ctx) }},
		{"Take with Or", func(e *env) (any, error) { return g(e).Or("owner_id = 'bob'").Where("owner_id = 'bob'").Take(e.ctx) }},
		{"Last with Or", func(e *env) (any, error) { return g(e).Or("1 = 1").Last(e.ctx) }},
		{"Count", func(e *env) (any, error) {
			n, err := g(e).Where("1 = 1").Or("1 = 1").Count(e.ctx, "*")
			if n > 2 {
				return "bob's rows were counted", err
			}
			return n, err
		}},
		{"Update with Or", func(e *env) (any, error) { return g(e).Where("id = 'x'").Or("1 = 1").Update(e.ctx, "title", "x") }},
		{"Update of the owner", func(e *env) (any, error) { return g(e).Where("id = 'alice-doc-1'").Update(e.ctx, "owner_id", "bob") }},
		{"Updates of the owner", func(e *env) (any, error) {
			return g(e).Where("id = 'alice-doc-1'").Updates(e.ctx, Document{OwnerID: "bob"})
		}},
		{"Set of the owner", func(e *env) (any, error) {
			return g(e).Where("id = 'alice-doc-1'").Set(clause.Assignment{Column: clause.Column{Name: "owner_id"}, Value: "bob"}).Update(e.ctx)
		}},
		{"Set without a condition", func(e *env) (any, error) {
			return gorm.G[Document](e.db).Set(clause.Assignment{Column: clause.Column{Name: "title"}, Value: "x"}).Update(e.ctx)
		}},
		{"Delete with Or", func(e *env) (any, error) {
			return gorm.G[Cover](e.db).Scopes(e.gen).Where("id = 'x'").Or("1 = 1").Delete(e.ctx)
		}},
		{"Delete without a condition", func(e *env) (any, error) { return gorm.G[Cover](e.db).Scopes(e.gen).Delete(e.ctx) }},
		{"Create with another owner", func(e *env) (any, error) {
			return nil, gorm.G[Document](e.db).Create(e.ctx, &Document{ID: "g1", OwnerID: "bob"})
		}},
		{"CreateInBatches with another owner", func(e *env) (any, error) {
			return nil, gorm.G[Document](e.db).CreateInBatches(e.ctx, &[]Document{{ID: "g2"}, {ID: "g3", OwnerID: "bob"}}, 1)
		}},
		{"Create by assignments", func(e *env) (any, error) {
			return nil, gorm.G[Document](e.db).Set(clause.Assignment{Column: clause.Column{Name: "id"}, Value: "g4"}, clause.Assignment{Column: clause.Column{Name: "owner_id"}, Value: "bob"}).Create(e.ctx)
		}},
		{"an upsert option", func(e *env) (any, error) {
			return nil, gorm.G[Document](e.db, clause.OnConflict{UpdateAll: true}).Create(e.ctx, &Document{ID: "bob-doc-1", Title: "x"})
		}},
		{"Raw", func(e *env) (any, error) { return gorm.G[Document](e.db).Raw("SELECT * FROM documents").Find(e.ctx) }},
		{"Exec", func(e *env) (any, error) { return nil, gorm.G[Document](e.db).Exec(e.ctx, "DELETE FROM covers") }},
		{"Table", func(e *env) (any, error) { return gorm.G[Country](e.db).Table("folders").Select("name").Find(e.ctx) }},
		{"a subquery with an empty context", func(e *env) (any, error) {
			var d []Document
			err := e.q().Where("id NOT IN (?)", gorm.G[Document](e.w.db).Select("id")).Find(&d).Error
			if err == nil {
				return "bob's rows decided", nil
			}
			return d, err
		}},
		{"Preload with LimitPerRecord", func(e *env) (any, error) {
			return gorm.G[Folder](e.db).Scopes(e.gen).Preload("Documents", func(db gorm.PreloadBuilder) error { db.LimitPerRecord(5); return nil }).Find(e.ctx)
		}},
		{"Joins with an Or", func(e *env) (any, error) {
			return g(e).Joins(clause.Has("Folder"), func(db gorm.JoinBuilder, _, _ clause.Table) error { db.Where("name = 'x' OR 1 = 1"); return nil }).Find(e.ctx)
		}},
		{"Joins from a subquery", func(e *env) (any, error) {
			return g(e).Joins(clause.LeftJoin.AssociationFrom("Folder", gorm.G[Folder](e.w.db).Select("id", "name")).As("f"), func(db gorm.JoinBuilder, a, b clause.Table) error {
				db.Where("1 = 1")
				return nil
			}).Find(e.ctx)
		}},
		{"Row", func(e *env) (any, error) {
			var s string
			return s, g(e).Select("title").Where("owner_id = 'bob'").Row(e.ctx).Scan(&s)
		}},
		{"an association created below a foreign parent", func(e *env) (any, error) {
			return gorm.G[Folder](e.db).Where("id = ?", "bob-folder-1").Set(clause.Association{Association: "Documents", Type: clause.OpCreate, Set: []clause.Assignment{{Column: clause.Column{Name: "id"}, Value: "g5"}}}).Update(e.ctx)
		}},
		{"an association deleted below a foreign parent", func(e *env) (any, error) {
			return gorm.G[Document](e.db).Where("id = ?", "bob-doc-1").Set(clause.Association{Association: "Comments", Type: clause.OpDelete}).Update(e.ctx)
		}},
		{"an association unlinked", func(e *env) (any, error) {
			return gorm.G[Document](e.db).Where("id = ?", "bob-doc-1").Set(clause.Association{Association: "Tags", Type: clause.OpUnlink}).Update(e.ctx)
		}},
	}
}
