package scope_test

import (
	"database/sql"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// A second handle of the same database has no guard: as a part of a guarded
// statement it would bring rows past the first one's.
func secondHandleAttacks() []attack {
	secrets := func(e *env) *gorm.DB { return e.w.root.Model(&Document{}).Where("title LIKE 'secret%'") }
	titles := func(e *env) *gorm.DB { return secrets(e).Select("title").Where("owner_id = 'bob'").Limit(1) }
	generic := func(e *env) any { return gorm.G[Document](e.w.root).Select("id").Where("owner_id = 'bob'") }
	guess := func(tx *gorm.DB) (any, error) {
		var d []Document
		err := tx.Find(&d).Error
		if len(d) > 0 {
			return "a title of bob's can be guessed", err
		}
		return nil, err
	}
	return []attack{
		{"an unguarded subquery in Where", func(e *env) (any, error) {
			return guess(e.q().Where("EXISTS (?)", secrets(e).Where("owner_id = 'bob'").Select("id")))
		}},
		{"an unguarded subquery in a named argument", func(e *env) (any, error) {
			return guess(e.q().Where("EXISTS (@q)", sql.Named("q", secrets(e).Where("owner_id = 'bob'").Select("id"))))
		}},
		{"an unguarded subquery in a group", func(e *env) (any, error) {
			return guess(e.q().Where(e.w.root.Where("EXISTS (?)", secrets(e).Where("owner_id = 'bob'").Select("id"))))
		}},
		{"an unguarded subquery in Select", func(e *env) (any, error) {
			return maps(e.q().Model(&Document{}).Select("(?) AS t", titles(e)))
		}},
		{"an unguarded subquery in Having", func(e *env) (any, error) {
			return guess(e.q().Model(&Document{}).Select("id").Group("id").Having("EXISTS (?)", secrets(e).Where("owner_id = 'bob'").Select("id")))
		}},
		{"an unguarded derived table", func(e *env) (any, error) { return maps(e.q().Table("(?) AS t", secrets(e))) }},
		{"an unguarded joined subquery", func(e *env) (any, error) {
			return maps(e.q().Model(&Document{}).Joins("JOIN (?) AS t ON 1 = 1", secrets(e)).Select("t.title"))
		}},
		{"an unguarded subquery from a public model", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("(?) AS t", titles(e)))
		}},
		{"an unguarded subquery inside a guarded one", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("(?) AS t", e.db.Model(&Country{}).Select("(?)", titles(e)).Limit(1)))
		}},
		{"an unguarded subquery as an assigned value", func(e *env) (any, error) {
			tx := e.q().Model(&Tag{}).Where("id = ?", "alice-tag-1").Update("name", titles(e))
			var tag Tag
			e.q().First(&tag, "id = ?", "alice-tag-1")
			return tag, tx.Error
		}},
		{"an unguarded subquery as a new value", func(e *env) (any, error) {
			tx := e.q().Model(&Tag{}).Create(map[string]any{"id": "n1", "name": titles(e)})
			var tag Tag
			e.q().Limit(1).Find(&tag, "id = ?", "n1")
			return tag, tx.Error
		}},
		{"an unguarded generic subquery", func(e *env) (any, error) { return guess(e.q().Where("EXISTS (?)", generic(e))) }},
		{"an unguarded generic subquery in a list", func(e *env) (any, error) {
			return guess(e.q().Where("? IN (?)", "bob-doc-1", []any{generic(e)}))
		}},
		{"an unguarded generic derived table", func(e *env) (any, error) {
			return maps(e.q().Table("(?) AS t", gorm.G[Document](e.w.root).Select("title")))
		}},
		{"an unguarded generic subquery in clause.Eq", func(e *env) (any, error) {
			return guess(e.q().Where(clause.Eq{Column: clause.Expr{SQL: "'bob-doc-1'"}, Value: clause.Expr{SQL: "(?)", Vars: []any{gorm.G[Document](e.w.root).Select("id").Where("id = 'bob-doc-1'")}}}))
		}},
		{"a WHERE clause of a foreign type", func(e *env) (any, error) { return maps(e.q().Model(&Document{}).Clauses(otherWhere{})) }},
		{"a WHERE clause of a foreign type inside a subquery", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("(?) AS t", e.db.Model(&Document{}).Select("title").Clauses(otherWhere{}).Limit(1).Offset(3)))
		}},
		{"a refused join inside a subquery", func(e *env) (any, error) {
			var c []Country
			err := e.q().Where("EXISTS (?)", e.db.Model(&Pin{}).Joins("Document").Where("pins.country_id = countries.id AND title LIKE ?", "%bob")).Find(&c).Error
			if len(c) > 0 {
				return "a title of bob's can be guessed through a join", err
			}
			return nil, err
		}},
	}
}

// otherWhere takes the place of gorm's conditions.
type otherWhere struct{}

func (otherWhere) Name() string                   { return "WHERE" }
func (w otherWhere) MergeClause(c *clause.Clause) { c.Expression = w }
func (otherWhere) Build(b clause.Builder)         { _, _ = b.WriteString("1 = 1") }

// In SQLite a string after IN is a table's name.
func nameStringAttacks() []attack {
	guess := func(name, sql string) attack {
		return attack{name, func(e *env) (any, error) {
			var d []Document
			err := e.q().Where(sql).Find(&d).Error
			if len(d) > 0 {
				return "a link of bob's can be guessed", err
			}
			return nil, err
		}}
	}
	return []attack{
		guess("IN and a string", "('bob-tag-1', 'bob-doc-1') IN 'document_tags'"),
		guess("IN, a schema and a string", "('bob-tag-1', 'bob-doc-1') IN main . 'document_tags'"),
		guess("IN, a quoted schema and a string", "('bob-tag-1', 'bob-doc-1') IN \"main\".'document_tags'"),
		guess("IN, a string as a schema and a string", "('bob-tag-1', 'bob-doc-1') IN 'main'.'document_tags'"),
		guess("IN, a comment and a string", "('bob-tag-1', 'bob-doc-1') in/**/'Document_Tags'"),
		text("IN and a string", "SELECT 'bob' AS guessed WHERE ('bob-tag-1', 'bob-doc-1') IN 'document_tags'"),
		execute("a trigger on a string", "CREATE TRIGGER spy AFTER INSERT ON 'documents' BEGIN UPDATE countries SET name = new.title; END"),
		execute("a key that refers to a string", "CREATE TABLE probe (id text REFERENCES 'documents')"),
	}
}
