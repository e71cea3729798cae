package scope_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// gorm drops the error of a subquery: a refused one must make the database reject
// the whole statement, with Owned alone too. "NOT IN ()" would be true.
func TestARefusedSubqueryIsNeverTrueWithOwnedAlone(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for name, refused := range map[string]func(tx *gorm.DB) *gorm.DB{
				"nobody": func(tx *gorm.DB) *gorm.DB { return tx.Scopes(scope.Owned(t.Context())) },
				"two": func(tx *gorm.DB) *gorm.DB {
					return tx.WithContext(as(t.Context(), bob)).Scopes(scope.Owned(as(t.Context(), alice)))
				},
				"a join": func(tx *gorm.DB) *gorm.DB {
					return tx.Joins("JOIN countries ON 1 = 1").Scopes(scope.Owned(as(t.Context(), alice)))
				},
				"the wrong columns": func(tx *gorm.DB) *gorm.DB {
					return tx.Scopes(scope.Owned(as(t.Context(), alice), scope.Columns("nothing", "")))
				},
				"raw text": func(tx *gorm.DB) *gorm.DB {
					return tx.Where("1 = 1) OR (1 = 1").Scopes(scope.Owned(as(t.Context(), alice)))
				},
			} {
				for _, op := range []string{"IN", "NOT IN"} {
					sub := refused(w.root.Model(&Document{}).Select("documents.id"))
					var found []Document
					if err := w.root.Where("id "+op+" (?)", sub).Find(&found).Error; err == nil || len(found) > 0 {
						t.Errorf("%s (%s): %d rows, %v", op, name, len(found), err)
					}
				}
			}
			ok := w.root.Model(&Document{}).Select("id").Scopes(scope.Owned(as(t.Context(), alice))).Where(clause.Eq{Column: "stars", Value: 1})
			var found []Document
			if err := w.root.Where("id IN (?)", ok).Find(&found).Error; err != nil || len(found) != 1 {
				t.Errorf("an own subquery: %d rows, %v", len(found), errors.Join(err))
			}
		})
	}
}

// What an upsert's own text could do to the predicate behind it.
func TestNoTextOfAnUpsertGetsAroundOwnedAlone(t *testing.T) {
	t.Parallel()
	byID := []clause.Column{{Name: "id"}}
	title := clause.AssignmentColumns([]string{"title"})
	const end = "DO UPDATE SET title = excluded.title --"
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			q := func() *gorm.DB { return w.root.Scopes(scope.Owned(as(t.Context(), alice))) }
			for what, oc := range map[string]clause.OnConflict{
				"a constraint":                {OnConstraint: "documents_pkey " + end, DoUpdates: title},
				"a constraint and nothing":    {OnConstraint: "documents_pkey " + end, DoNothing: true},
				"a target condition":          {Columns: byID, DoUpdates: title, TargetWhere: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1 " + end}}}},
				"a target condition, nothing": {Columns: byID, DoNothing: true, TargetWhere: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1 " + end}}}},
				"a column":                    {Columns: []clause.Column{{Name: "id) " + end, Raw: true}}, DoUpdates: title},
				"a value":                     {Columns: byID, DoUpdates: clause.Assignments(map[string]any{"title": gorm.Expr("excluded.title --")})},
				"a condition":                 {Columns: byID, DoUpdates: title, Where: clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "1 = 1) OR (1 = 1"}}}},
			} {
				ignored := kind == "mariadb" && oc.DoNothing && oc.OnConstraint == "" // it has no target
				if err := q().Clauses(oc).Create(&Document{ID: "bob-doc-1", Title: "x"}).Error; err == nil && !ignored {
					t.Errorf("%s: not refused", what)
				}
			}
			err := q().Model(&Folder{}).Create(map[string]any{"id": "bob-folder-1", "tenant_id": "acme", "owner_id": "alice", "name": gorm.Expr("'x', 'acme', 'alice') ON CONFLICT (id) DO UPDATE SET name = excluded.name --")}).Error
			if err == nil {
				t.Error("an inserted value: not refused")
			}
			var n int64
			w.root.Model(&Document{}).Where("title = 'x'").Count(&n)
			if n > 0 {
				t.Error("bob's document was changed")
			}
			w.root.Model(&Folder{}).Where("id = 'bob-folder-1' AND name <> 'x'").Count(&n)
			if n != 1 {
				t.Error("bob's folder was changed")
			}
			good := clause.OnConflict{Columns: byID, DoUpdates: clause.Assignments(map[string]any{"stars": gorm.Expr("documents.stars + ?", 1)})}
			if err := q().Clauses(good).Create(&Document{ID: "alice-doc-1"}).Error; err != nil && kind != "mariadb" {
				t.Errorf("an own upsert: %v", err)
			}
			if err := q().Create(&Document{ID: "new", Title: "t"}).Error; err != nil {
				t.Errorf("a create: %v", err)
			}
			if err := q().Model(&Document{}).Create(map[string]any{"id": "newer", "title": gorm.Expr("UPPER(?)", "t")}).Error; err != nil {
				t.Errorf("a value that is an expression: %v", err)
			}
		})
	}
}

// A builder in the place of a query's beginning could read from wherever it likes.
func TestNoBuilderOfItsOwnBeginsAQueryWithOwnedAlone(t *testing.T) {
	t.Parallel()
	texts := map[string]string{
		"SELECT": "SELECT * FROM (SELECT * FROM documents) AS documents, (SELECT 1 AS one) AS more -- ",
		"FROM":   "FROM (SELECT id, title, 'acme' AS tenant_id, 'alice' AS owner_id FROM documents) AS documents",
	}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			for name, text := range texts {
				builder := func(db *gorm.DB) *gorm.DB {
					c := db.Statement.Clauses[name]
					c.Name, c.Builder = name, func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString(text) }
					db.Statement.Clauses[name] = c
					return db
				}
				owned := scope.Owned(as(t.Context(), alice))
				for order, tx := range map[string]*gorm.DB{
					"before": w.root.Scopes(builder, owned), "after": w.root.Scopes(owned, builder),
				} {
					var found []Document
					if err := tx.Find(&found).Error; !errors.Is(err, scope.ErrUnsupported) || len(found) > 0 {
						t.Errorf("%s, %s the scope: %d rows, %v", name, order, len(found), err)
					}
				}
			}
			var found []Document
			if err := w.root.Scopes(scope.Owned(as(t.Context(), alice))).Select("id", "title").Find(&found).Error; err != nil || len(found) == 0 {
				t.Errorf("an ordinary query: %d rows, %v", len(found), err)
			}
		})
	}
}

// What shifts values, hides the end of a condition or cuts a statement is stopped with
// Owned alone too.
func TestNoPieceOfTextGetsAroundOwnedAlone(t *testing.T) {
	t.Parallel()
	var list []attack
	for _, a := range slices.Concat(shiftAttacks(), glueAttacks(), tokenAttacks()) {
		for _, alone := range []string{"for none", "for two", "for three", "leave no trace", "an insert", "an update", "in a literal", "comment", "strings that go on", "a dollar", "raw subquery that ends", "variable", "zero byte"} {
			if strings.Contains(a.name, alone) && !strings.Contains(a.name, "of Select") && !strings.HasPrefix(a.name, "raw: ") {
				list = append(list, a)
				break
			}
		}
	}
	list = append(list, assignmentAttacks()...)
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			before := w.picture(t)
			for _, a := range list {
				e := w.env(t, settings[1])
				e.db, e.own = w.root.WithContext(e.ctx), scope.Owned(e.ctx)
				before = w.judge(t, a.name, a, e, settings[0], before)
			}
		})
	}
}
