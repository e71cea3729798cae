package scope_test

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func docs(tx *gorm.DB) (any, error) {
	var d []Document
	err := tx.Find(&d).Error
	return d, err
}

func notes(tx *gorm.DB) (any, error) {
	var n []Note
	err := tx.Find(&n).Error
	return n, err
}

func named(name string, run func(*env) (any, error)) attack { return attack{name, run} }

func readAttacks() []attack {
	all := func(db *gorm.DB) *gorm.DB { return db.Or("1 = 1") }
	return []attack{
		named("a plain Find", func(e *env) (any, error) { return docs(e.q()) }),
		named("First by a foreign id", func(e *env) (any, error) {
			var d Document
			err := e.q().First(&d, "id = ?", "bob-doc-1").Error
			return d, err
		}),
		named("First by a foreign id of another tenant", func(e *env) (any, error) {
			var d Document
			err := e.q().First(&d, "id = ?", "mallory-doc-1").Error
			return d, err
		}),
		named("a filled struct as condition", func(e *env) (any, error) {
			d := Document{ID: "bob-doc-1"}
			err := e.q().First(&d).Error
			return d.Title, err
		}),
		named("Or before the scope", func(e *env) (any, error) { return docs(e.db.Where("title = ?", "x").Or("1 = 1").Scopes(e.own)) }),
		named("Or after the scope", func(e *env) (any, error) { return docs(e.q().Where("title = ?", "x").Or("1 = 1")) }),
		named("only an Or", func(e *env) (any, error) { return docs(e.q().Or("1 = 1")) }),
		named("a later scope with Or", func(e *env) (any, error) { return docs(e.q().Where("title = 'x'").Scopes(all)) }),
		named("an earlier scope with Or", func(e *env) (any, error) { return docs(e.db.Scopes(all, e.own).Where("title = 'x'")) }),
		named("a scope that wraps itself", func(e *env) (any, error) {
			return docs(e.q().Scopes(func(d *gorm.DB) *gorm.DB { return d.Where(d.Where("title = 'x'").Or("1 = 1")) }))
		}),
		named("a group with Or", func(e *env) (any, error) { return docs(e.q().Where(e.db.Where("title = 'x'").Or("1 = 1"))) }),
		named("Or of a group", func(e *env) (any, error) { return docs(e.q().Where("title = 'x'").Or(e.db.Where("1 = 1"))) }),
		named("the scope inside a group", func(e *env) (any, error) { return docs(e.db.Where(e.db.Scopes(e.own)).Or("1 = 1")) }),
		named("Not", func(e *env) (any, error) { return docs(e.q().Not("title = ?", "x")) }),
		named("Not and Or", func(e *env) (any, error) { return docs(e.q().Not("title = ?", "x").Or("1 = 1")) }),
		named("Not of the own owner", func(e *env) (any, error) { return docs(e.q().Not("owner_id = ?", "alice")) }),
		named("Not with a struct", func(e *env) (any, error) { return docs(e.q().Not(&Document{OwnerID: "alice"})) }),
		named("clause.Or", func(e *env) (any, error) {
			return docs(e.q().Clauses(clause.Or(clause.Expr{SQL: "1 = 1"}), clause.Eq{Column: "title", Value: "x"}))
		}),
		named("clause.Where with Or", func(e *env) (any, error) {
			return docs(e.q().Clauses(clause.Where{Exprs: []clause.Expression{clause.Or(clause.Expr{SQL: "1 = 1"})}}))
		}),
		named("a raw OR with blanks", func(e *env) (any, error) { return docs(e.q().Where("title = 'x' OR 1 = 1")) }),
		named("a raw OR with tabs", func(e *env) (any, error) { return docs(e.q().Where("title = 'x'\tOR\t1 = 1")) }),
		named("a raw OR with newlines", func(e *env) (any, error) { return docs(e.q().Where("title = 'x'\nor\n1 = 1")) }),
		named("a raw OR between comments", func(e *env) (any, error) { return docs(e.q().Where("title = 'x'/**/OR/**/1 = 1")) }),
		named("a named OR", func(e *env) (any, error) {
			return docs(e.q().Where("title = @a OR 1 = @b", map[string]any{"a": "x", "b": 1}))
		}),
		named("a raw condition that ends in a comment", func(e *env) (any, error) { return docs(e.q().Where("1 = 1 OR 1 = 1 --")) }),
		named("a raw condition that closes the parenthesis", func(e *env) (any, error) { return docs(e.q().Where("1 = 1) OR (1 = 1")) }),
		named("a raw condition that opens a comment", func(e *env) (any, error) { return docs(e.q().Where("1 = 1 /*")) }),
		named("a parenthesis hidden in a comment that runs", func(e *env) (any, error) { return docs(e.q().Where("1 = 1 /*!(*/ ) OR (1 = 1 /*!)*/")) }),
		named("a parenthesis hidden in dollar quotes", func(e *env) (any, error) { return docs(e.q().Where("title = $$($$ ) OR (1 = 1 OR title = $$)$$")) }),
		named("a parenthesis hidden in an escape", func(e *env) (any, error) { return docs(e.q().Where(`title = '\'(' ) OR (1 = 1 OR title = '\')'`)) }),
		named("a parenthesis hidden in a string", func(e *env) (any, error) { return docs(e.q().Where("title = '(' ) OR (1 = 1 OR title = ')'")) }),
		named("a parenthesis hidden in a name", func(e *env) (any, error) { return docs(e.q().Where(`title = "(" ) OR (1 = 1 OR title = ")"`)) }),
		named("a select that ends in a comment", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("title FROM \ufeffdocuments --").Find(&rows).Error
			return rows, err
		}),
		named("a UNION in Select", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("name FROM countries UNION SELECT title").Find(&rows).Error
			return rows, err
		}),
		named("a UNION in Order", func(e *env) (any, error) { return docs(e.q().Order("title UNION SELECT name FROM countries")) }),
		named("a second statement in Order", func(e *env) (any, error) { return docs(e.q().Order("title; SELECT 1")) }),
		named("a comment closed by a later condition", func(e *env) (any, error) { return docs(e.q().Where("1 = 1 /*").Where("*/ OR 1 = 1")) }),
		named("a condition on another tenant", func(e *env) (any, error) { return docs(e.q().Where("tenant_id = ?", "globex")) }),
		named("a map condition on another owner", func(e *env) (any, error) { return docs(e.q().Where(map[string]any{"owner_id": "bob"})) }),
		named("a struct condition on another owner", func(e *env) (any, error) { return docs(e.q().Where(&Document{OwnerID: "bob", TenantID: "acme"})) }),
		named("inline conditions", func(e *env) (any, error) {
			var d []Document
			err := e.q().Find(&d, "title = ? OR 1 = 1", "x").Error
			return d, err
		}),
		named("an inline list of ids", func(e *env) (any, error) {
			var d []Document
			err := e.q().Find(&d, []string{"bob-doc-1", "mallory-doc-1"}).Error
			return d, err
		}),
		named("an IN list of everybody's ids", func(e *env) (any, error) {
			return docs(e.q().Where("id IN ?", []string{"alice-doc-1", "bob-doc-1", "mallory-doc-2"}))
		}),
		named("a string taken for SQL", func(e *env) (any, error) {
			var d Document
			err := e.q().First(&d, "1 = 1 OR 'a' = 'a'").Error
			return d, err
		}),
		named("FOR UPDATE", func(e *env) (any, error) {
			return docs(e.q().Or("1 = 1").Clauses(clause.Locking{Strength: "UPDATE"}))
		}),
		named("Unscoped", func(e *env) (any, error) { return notes(e.q().Unscoped().Or("1 = 1")) }),
		named("soft delete and Or", func(e *env) (any, error) { return notes(e.q().Where("slug = 'x'").Or("1 = 1")) }),
		named("soft delete and a later Or scope", func(e *env) (any, error) { return notes(e.q().Scopes(all)) }),
		named("a statement built without WHERE", func(e *env) (any, error) {
			tx := e.q()
			tx.Statement.BuildClauses = []string{"SELECT", "FROM"}
			return docs(tx)
		}),
		named("an offset and an order", func(e *env) (any, error) { return docs(e.q().Order("owner_id DESC").Offset(0).Limit(100).Or("1 = 1")) }),
		named("Limit minus one", func(e *env) (any, error) { return docs(e.q().Limit(-1).Or("1 = 1")) }),
		named("Distinct", func(e *env) (any, error) { return docs(e.q().Distinct("title", "owner_id").Or("1 = 1")) }),
		named("a composite key", func(e *env) (any, error) {
			var l []Ledger
			err := e.q().Where("number = ?", 2).Or("number = ?", 3).Find(&l).Error
			return l, err
		}),
		named("a composite key in the destination", func(e *env) (any, error) {
			l := Ledger{Number: 2, Part: 1}
			err := e.q().First(&l).Error
			return l.Text, err
		}),
		named("renamed columns named by field", func(e *env) (any, error) {
			var l []Ledger
			err := e.q().Where(&Ledger{Whose: Whose{User: "bob"}}).Or("usr = 'bob'").Find(&l).Error
			return l, err
		}),
		named("children without columns", func(e *env) (any, error) {
			var c []Comment
			err := e.q().Where("text LIKE ?", "%secret%").Or("1 = 1").Find(&c).Error
			return c, err
		}),
		named("a child without columns by id", func(e *env) (any, error) {
			var c Comment
			err := e.q().First(&c, "id = ?", "bob-comment-1").Error
			return c, err
		}),
		named("a foreign order expression", func(e *env) (any, error) {
			return docs(e.q().Order("(SELECT title FROM documents WHERE id = 'bob-doc-1')"))
		}),
		named("QueryFields", func(e *env) (any, error) { return docs(e.q().Session(&gorm.Session{QueryFields: true}).Or("1 = 1")) }),
		named("a select that names another table's rows", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("id, (SELECT name FROM folders WHERE owner_id = 'bob') AS stolen").Find(&rows).Error
			return rows, err
		}),
		named("the soft delete mark set by hand", func(e *env) (any, error) {
			tx := e.q()
			tx.Statement.Clauses["soft_delete_enabled"] = clause.Clause{}
			return notes(tx.Or("1 = 1"))
		}),
	}
}

func finisherAttacks() []attack {
	atMost := func(n int64, limit int64, err error) (any, error) {
		if n > limit {
			return "counted rows of bob", err
		}
		return n, err
	}
	return []attack{
		named("Count", func(e *env) (any, error) {
			var n int64
			err := e.q().Model(&Document{}).Where("1 = 1").Or("1 = 1").Count(&n).Error
			return atMost(n, 2, err)
		}),
		named("Count distinct", func(e *env) (any, error) {
			var n int64
			err := e.q().Model(&Document{}).Distinct("owner_id").Or("1 = 1").Count(&n).Error
			return atMost(n, 1, err)
		}),
		named("Count with a group", func(e *env) (any, error) {
			var n int64
			err := e.q().Model(&Document{}).Group("owner_id").Or("1 = 1").Count(&n).Error
			return atMost(n, 1, err)
		}),
		named("Pluck", func(e *env) (any, error) {
			var s []string
			err := e.q().Model(&Document{}).Or("1 = 1").Pluck("title", &s).Error
			return s, err
		}),
		named("Pluck of an expression", func(e *env) (any, error) {
			var s []string
			err := e.q().Model(&Document{}).Pluck("(SELECT MAX(title) FROM documents)", &s).Error
			return s, err
		}),
		named("Row", func(e *env) (any, error) {
			var s string
			row := e.q().Model(&Document{}).Select("title").Where("id = ?", "bob-doc-1").Or("owner_id = 'bob'").Row()
			return s, row.Scan(&s)
		}),
		named("Rows", func(e *env) (any, error) {
			rows, err := e.q().Model(&Document{}).Select("title").Or("1 = 1").Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var out []string
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					return out, err
				}
				out = append(out, s)
			}
			return out, rows.Err()
		}),
		named("Scan", func(e *env) (any, error) {
			var d []Document
			err := e.q().Model(&Document{}).Or("1 = 1").Scan(&d).Error
			return d, err
		}),
		named("Take", func(e *env) (any, error) {
			var d Document
			err := e.q().Where("id = 'bob-doc-1'").Or("id = 'mallory-doc-1'").Take(&d).Error
			return d, err
		}),
		named("Last", func(e *env) (any, error) {
			var d Document
			err := e.q().Or("1 = 1").Last(&d).Error
			return d, err
		}),
		named("Group and Having", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("owner_id, COUNT(*) AS n").Group("owner_id").Having("COUNT(*) > 0 OR 1 = 1").Find(&rows).Error
			return rows, err
		}),
		named("Having with a subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("owner_id").Group("owner_id").Having("(SELECT COUNT(*) FROM documents) > 2").Find(&rows).Error
			return rows, err
		}),
		named("FirstOrInit", func(e *env) (any, error) {
			var d Document
			err := e.q().Where("id = ?", "bob-doc-1").FirstOrInit(&d).Error
			return d.Title, err
		}),
		named("FindInBatches", func(e *env) (any, error) {
			var d []Document
			var seen []Document
			err := e.q().Where("1 = 1").FindInBatches(&d, 1, func(*gorm.DB, int) error { seen = append(seen, d...); return nil }).Error
			return seen, err
		}),
		named("a new query inside FindInBatches", func(e *env) (any, error) {
			var d, other []Document
			err := e.q().FindInBatches(&d, 10, func(tx *gorm.DB, _ int) error { return tx.Or("1 = 1").Find(&other).Error }).Error
			return other, err
		}),
		named("a sum", func(e *env) (any, error) {
			var n int64
			err := e.q().Model(&Document{}).Select("COALESCE(SUM(stars), 0)").Or("1 = 1").Scan(&n).Error
			return atMost(n, 3, err)
		}),
		named("ScanRows of foreign rows", func(e *env) (any, error) {
			rows, err := e.q().Model(&Document{}).Where("owner_id <> 'alice'").Rows()
			if err != nil {
				return nil, err
			}
			defer rows.Close()
			var d Document
			for rows.Next() {
				if err := e.db.ScanRows(rows, &d); err != nil {
					return d, err
				}
			}
			return d, rows.Err()
		}),
	}
}
