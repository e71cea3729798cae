package scope_test

import (
	"errors"
	"testing"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/scope"
)

// What is beside the clauses may tell a database how to run a statement. It must not
// be taken for something that changes what the statement means.
func TestHintsAndCommentsPass(t *testing.T) {
	t.Parallel()
	every := []string{"sqlite", "postgres", "mariadb"}
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, kind)
			ctx := as(t.Context(), alice)
			for handle, own := range map[string]*gorm.DB{
				"the guard":   w.db.WithContext(ctx),
				"Owned":       w.db.WithContext(ctx).Scopes(scope.Owned(ctx)),
				"Owned alone": w.root.WithContext(ctx).Scopes(scope.Owned(ctx)),
			} {
				docs := func() *gorm.DB { return own.Session(&gorm.Session{}).Model(&Document{}).Where("stars < ?", 9) }
				for _, tc := range []struct {
					what string
					on   []string
					tx   *gorm.DB
				}{
					{"a comment before SELECT", every, with(docs(), "SELECT", before("/* list of documents, or: an OR */"))},
					{"a comment after SELECT", every, with(docs(), "SELECT", afterName("/*+ SeqScan(documents) */"))},
					{"a comment after FROM", every, with(docs(), "FROM", after("/* ' */"))},
					{"a comment before ORDER BY", every, with(docs().Order("id"), "ORDER BY", before("/* OR 1 = 1 */"))},
					{"a comment on a line before LIMIT", every, with(docs().Limit(2), "LIMIT", before("-- OR 1 = 1\n"))},
					{"a comment before GROUP BY", every, with(docs().Select("id").Group("id"), "GROUP BY", before("/* x */"))},
					{"a comment after WHERE", every, with(docs(), "WHERE", after("/* x */"))},
					{"DISTINCT", every, with(docs(), "SELECT", afterName("DISTINCT"))},
					{"Distinct", every, docs().Distinct()},
					{"a group with a condition", every, docs().Select("id").Group("id").Having("COUNT(*) = ?", 1)},
					{"a lone HAVING", []string{"postgres"}, docs().Select("'x' AS id").Having("COUNT(*) > ?", 1).Or("1 = 0")},
					{"an order with a function", every, docs().Order("LENGTH(title) DESC, id")},
					{"an order that is an expression", every, docs().Order(clause.OrderBy{Expression: clause.Expr{SQL: "CASE WHEN id = ? THEN 0 ELSE 1 END", Vars: []any{"alice-doc-2"}}})},
					{"an offset", every, docs().Order("id").Limit(5).Offset(0)},
					{"a lock", every, docs().Clauses(clause.Locking{Strength: "UPDATE"})},
					{"a lock on a table", []string{"postgres"}, docs().Clauses(clause.Locking{Strength: "UPDATE", Table: clause.Table{Name: clause.CurrentTable}, Options: "SKIP LOCKED"})},
					{"an index hint", []string{"mariadb"}, with(docs(), "FROM", after("USE INDEX (`idx_document`)"))},
					{"two index hints", []string{"mariadb"}, with(docs(), "FROM", after("FORCE INDEX FOR ORDER BY (idx_document, PRIMARY) IGNORE INDEX FOR JOIN (PRIMARY)"))},
					{"a key hint", []string{"mariadb"}, with(docs(), "FROM", after("IGNORE KEY FOR GROUP BY (PRIMARY)"))},
					{"an option of SELECT", []string{"mariadb"}, with(docs(), "SELECT", afterName("SQL_NO_CACHE"))},
					{"an index", []string{"sqlite"}, with(docs(), "FROM", after("INDEXED BY idx_document"))},
					{"a quoted index", []string{"sqlite"}, with(docs(), "FROM", after("indexed by \"idx_document\""))},
					{"no index", []string{"sqlite"}, with(docs(), "FROM", after("NOT INDEXED"))},
					{"an order of NULL", []string{"sqlite", "postgres"}, with(docs().Order("id"), "ORDER BY", after("NULLS LAST"))},
					{"a rollup", []string{"mariadb"}, with(docs().Select("COALESCE(id, 'x') AS id").Group("id").Limit(2), "GROUP BY", after("WITH ROLLUP"))},
					{"a count", every, docs().Clauses(shorten{"SELECT", "FROM", "WHERE"})},
					{"all clauses in full", every, built(docs(), "SELECT", "FROM", "WHERE", "GROUP BY", "ORDER BY", "LIMIT", "FOR")},
				} {
					var rows []map[string]any
					err := tc.tx.Find(&rows).Error
					here := false
					for _, k := range tc.on {
						here = here || k == kind
					}
					if here && (err != nil || len(rows) == 0 || len(rows) > 2) {
						t.Errorf("%s, %s: %d rows, %v", handle, tc.what, len(rows), err)
					}
				}
				hintedWrites(t, handle, own)
			}
		})
	}
}

func hintedWrites(t *testing.T, handle string, own *gorm.DB) {
	t.Helper()
	fresh := func() *gorm.DB { return own.Session(&gorm.Session{}) }
	doc := func() *gorm.DB { return fresh().Model(&Document{}).Where("id = ?", "alice-doc-1") }
	title := clause.Set{{Column: clause.Column{Name: "title"}, Value: handle + "!"}}
	for _, write := range []func() *gorm.DB{
		func() *gorm.DB { return with(fresh(), "INSERT", before("/* request 7 */")).Create(&Note{Slug: handle}) },
		func() *gorm.DB { return with(doc(), "UPDATE", before("/* request 7 */")).Update("title", handle) },
		func() *gorm.DB { return with(doc().Clauses(title), "SET", after("/* OR 1 = 1 */")).Update("stars", 1) },
		func() *gorm.DB {
			tx := with(fresh().Where("slug = ?", handle), "DELETE", before("/* a */"))
			return with(tx, "FROM", after("/* b */")).Unscoped().Delete(&Note{})
		},
	} {
		if tx := write(); tx.Error != nil || tx.RowsAffected != 1 {
			t.Errorf("%s: %d rows, %v, %s", handle, tx.RowsAffected, tx.Error, tx.Statement.SQL.String())
		}
	}
}

// What is refused is refused with the package's own error, before anything is sent.
func TestAStatementBuiltOfOtherClausesIsUnsupported(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	ctx := as(t.Context(), alice)
	for handle, own := range map[string]*gorm.DB{
		"the guard": w.db.WithContext(ctx), "Owned alone": w.root.WithContext(ctx).Scopes(scope.Owned(ctx)),
	} {
		fresh := func() *gorm.DB { return own.Session(&gorm.Session{}).Where("1 = 1") }
		for what, tx := range map[string]*gorm.DB{
			"a query":                   built(fresh(), "SELECT", "FROM").Find(&[]Document{}),
			"an update":                 built(fresh().Model(&Document{}), "UPDATE", "SET").Update("title", "x"),
			"a delete":                  built(fresh(), "DELETE", "FROM").Delete(&Document{}),
			"an insert":                 built(fresh(), "INSERT").Create(&Document{ID: "n"}),
			"a query with a clause":     built(with(fresh(), "X", called("", sqlText("OR 1 = 1"))), "SELECT", "FROM", "WHERE", "X").Find(&[]Document{}),
			"text before a clause":      with(fresh().Limit(1), "LIMIT", before("OR 1 = 1")).Find(&[]Document{}),
			"text behind a clause":      with(fresh(), "VALUES", after(", (1)")).Create(&Document{ID: "n"}),
			"a name":                    with(fresh().Order("id"), "ORDER BY", called("AND 1 = 1 ORDER BY", nil)).Find(&[]Document{}),
			"a nested comment":          with(fresh().Limit(1), "LIMIT", before("/* /* */ OR 1 = 1 */")).Find(&[]Document{}),
			"a comment never closed":    with(fresh().Limit(1), "LIMIT", before("/* OR 1 = 1")).Find(&[]Document{}),
			"a hint with a query":       with(fresh(), "FROM", after("INDEXED BY (SELECT 1)")).Model(&Document{}).Limit(1).Update("title", "x"),
			"a hint with a string":      with(fresh().Limit(1), "LIMIT", before("NOT 'x'")).Find(&[]Document{}),
			"a hint with another word":  with(fresh().Limit(1), "LIMIT", before("NOT INDEXED OR")).Find(&[]Document{}),
			"a hint in a hint":          with(fresh().Limit(1), "LIMIT", before("USE NOT INDEXED")).Find(&[]Document{}),
			"a hint in deep":            with(fresh().Limit(1), "LIMIT", before("USE INDEX ((a))")).Find(&[]Document{}),
			"a hint with half":          with(fresh().Limit(1), "LIMIT", before("USE INDEX (a")).Find(&[]Document{}),
			"a quoted word for a hint":  with(fresh().Limit(1), "LIMIT", before("\"NOT\" INDEXED")).Find(&[]Document{}),
			"brackets for a hint":       with(fresh().Limit(1), "LIMIT", before("DISTINCT (a)")).Find(&[]Document{}),
			"a join for a hint":         with(fresh().Limit(1), "LIMIT", before("JOIN (a)")).Find(&[]Document{}),
			"a hint beside a hint":      with(fresh().Limit(1), "LIMIT", before("USE INDEX (a), b")).Find(&[]Document{}),
			"a name without its clause": with(fresh().Limit(1), "LIMIT", before("BY idx_document")).Find(&[]Document{}),
		} {
			if !errors.Is(tx.Error, scope.ErrUnsupported) {
				t.Errorf("%s, %s: %v", handle, what, tx.Error)
			}
		}
	}
}
