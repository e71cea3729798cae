package scope_test

import (
	"context"
	"errors"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/scope"
)

func text(name, sql string) attack {
	return attack{"raw: " + name, func(e *env) (any, error) {
		var rows []map[string]any
		err := e.q().Raw(sql).Scan(&rows).Error
		if err == nil && e.ctx != nil && len(rows) > 0 {
			return rows, err
		}
		return rows, err
	}}
}

// refusal is what an attack must meet whose success cannot be seen in rows.
func refusal(err error, otherwise string) (any, error) {
	if err == nil {
		return otherwise, nil
	}
	return nil, err
}

func maps(tx *gorm.DB) (any, error) {
	var rows []map[string]any
	err := tx.Find(&rows).Error
	return rows, err
}

func execute(name, sql string) attack {
	return attack{"exec: " + name, func(e *env) (any, error) { return nil, e.q().Exec(sql).Error }}
}

func rawAttacks() []attack {
	return []attack{
		text("a SELECT", "SELECT * FROM documents"),
		text("upper case", "SELECT * FROM DOCUMENTS"),
		text("double quotes", `SELECT * FROM "documents"`),
		text("backticks", "SELECT * FROM `documents`"),
		text("brackets", "SELECT * FROM [documents]"),
		text("a string as a name", "SELECT * FROM 'documents'"),
		text("a string as a name in parentheses", "SELECT * FROM ('documents')"),
		text("a string as the second name", "SELECT d.title FROM countries, 'documents' d"),
		text("a schema", "SELECT * FROM public.documents"),
		text("SQLite's schema", "SELECT * FROM main.documents"),
		text("a schema with comments", "SELECT * FROM main/**/./**/documents"),
		text("no blanks", "SELECT*FROM(documents)"),
		text("a CTE", "WITH x AS (SELECT * FROM documents) SELECT * FROM x"),
		text("a UNION", "SELECT name FROM countries UNION SELECT title FROM documents"),
		text("a subselect", "SELECT name FROM countries WHERE id IN (SELECT country_id FROM documents)"),
		text("a join table", "SELECT * FROM document_tags"),
		text("a comment before the name", "SELECT * FROM /* x */ documents"),
		text("a nested comment", "SELECT * FROM /* /* */ documents /* */ */ countries"),
		text("a MySQL comment that runs", "SELECT * FROM /*!documents*/"),
		text("a versioned MySQL comment", "SELECT * FROM /*!50000 documents */"),
		text("a MariaDB comment that runs", "SELECT * FROM /*M! documents */"),
		text("a hash that is no comment", "SELECT 1 # 2, title FROM documents"),
		text("an unclosed string", "SELECT 'x FROM documents"),
		text("an escaped quote", `SELECT 'x\' AS a FROM documents WHERE 'a' = '\''`),
		text("a dash that is no comment in MySQL", "SELECT 1--1 AS a, d.title FROM documents d"),
		text("unicode escapes", `SELECT * FROM U&"d\006Fcuments"`),
		text("a dollar-quoted string", "SELECT $$x$$ AS a, title FROM documents"),
		text("TABLE", "TABLE documents"),
		named("an alias and then the table", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("name AS documents, (SELECT title FROM documents LIMIT 1 OFFSET 3) AS t"))
		}),
		named("AS in a subselect", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("(SELECT title FROM countries AS c, documents LIMIT 1 OFFSET 3) AS t"))
		}),
		named("a table after AS and a name", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("title FROM countries AS c, documents -- "))
		}),
		named("a second FROM in Select", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("documents.title FROM countries AS x JOIN documents ON 1 = 1 --\n"))
		}),
		named("IN and a name in Order", func(e *env) (any, error) {
			var c []Country
			err := e.q().Order("('bob-tag-1', 'bob-doc-1') IN document_tags DESC").Find(&c).Error
			return refusal(err, "the order tells of bob's link")
		}),
		named("IN and a name after a comma in Order", func(e *env) (any, error) {
			var c []Country
			err := e.q().Order("name, ('bob-tag-1', 'bob-doc-1') IN document_tags DESC").Find(&c).Error
			return refusal(err, "the order tells of bob's link")
		}),
		named("a subselect in Group", func(e *env) (any, error) {
			return maps(e.q().Model(&Country{}).Select("COUNT(*) AS n").Group("(SELECT title FROM covers, documents LIMIT 1)"))
		}),
		text("a comment that ends with a carriage return", "SELECT 'x' AS name --\r UNION ALL SELECT name FROM folders\n"),
		execute("UPDATE", "UPDATE documents SET title = 'x'"),
		execute("DELETE", "DELETE FROM documents"),
		execute("INSERT", "INSERT INTO documents (id, tenant_id, owner_id) VALUES ('n50', 'acme', 'bob')"),
		execute("REPLACE", "REPLACE INTO folders (id, tenant_id, owner_id, name) VALUES ('bob-folder-1', 'acme', 'alice', 'x')"),
		execute("a DO block", "DO $$ BEGIN DELETE FROM covers; END $$"),
		execute("DROP", "DROP TABLE comments"),
		execute("TRUNCATE", "TRUNCATE covers"),
		execute("ALTER", "ALTER TABLE documents ADD COLUMN stolen int"),
		execute("CREATE VIEW", "CREATE VIEW leaked AS SELECT * FROM documents"),
		{"Table with a map", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("documents").Find(&rows).Error
			return rows, err
		}},
		{"Table with an alias", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("documents AS d").Where("d.title = 'x'").Or("1 = 1").Find(&rows).Error
			return rows, err
		}},
		{"Table with a bare alias", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("documents d").Or("1 = 1").Find(&rows).Error
			return rows, err
		}},
		{"Table in upper case", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("DOCUMENTS").Find(&rows).Error
			return rows, err
		}},
		{"Table with quotes", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("`documents`").Find(&rows).Error
			return rows, err
		}},
		{"Table with two tables", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("countries, documents").Find(&rows).Error
			return rows, err
		}},
		{"Table with a schema", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("main.documents").Find(&rows).Error
			return rows, err
		}},
		{"Table with a raw subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("(SELECT * FROM documents) t").Find(&rows).Error
			return rows, err
		}},
		{"Table with a bound subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("(?) t", e.db.Model(&Document{}).Select("title").Or("1 = 1")).Find(&rows).Error
			return rows, err
		}},
		{"Table with a bound raw subquery", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("(?) t", e.db.Raw("SELECT * FROM documents")).Find(&rows).Error
			return rows, err
		}},
		{"Table with a comment", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("countries/**/,/**/documents").Find(&rows).Error
			return rows, err
		}},
		{"Table of an undeclared table", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Table("strangers").Find(&rows).Error
			return rows, err
		}},
		{"a subselect in Where", func(e *env) (any, error) {
			var c []Country
			err := e.q().Where("id IN (SELECT country_id FROM documents WHERE title LIKE '%bob%')").Find(&c).Error
			if err == nil {
				return "bob's rows decide", err
			}
			return c, err
		}},
		{"a raw subquery in Where", func(e *env) (any, error) {
			return docs(e.q().Where("title IN (?) OR 1 = 1", e.db.Raw("SELECT title FROM folders")))
		}},
		{"NOT IN a refused subquery", func(e *env) (any, error) {
			nobody := e.w.db.Session(&gorm.Session{NewDB: true})
			var d []Document
			err := e.q().Where("id NOT IN (?)", nobody.Model(&Folder{}).Select("id")).Find(&d).Error
			if err == nil {
				return "a refused subquery of bob was true", nil
			}
			return d, err
		}},
		{"IN a refused subquery", func(e *env) (any, error) {
			nobody := e.w.db.Session(&gorm.Session{NewDB: true})
			var d []Document
			err := e.q().Where("id IN (?)", nobody.Model(&Document{}).Select("id")).Find(&d).Error
			if err == nil {
				return "a refused subquery of bob was accepted", nil
			}
			return d, err
		}},
		{"a subquery with an error of its own", func(e *env) (any, error) {
			bad := e.db.Model(&Folder{}).Select("id")
			_ = bad.AddError(errors.New("earlier"))
			var d []Document
			err := e.q().Where("id NOT IN (?)", bad).Find(&d).Error
			if err == nil {
				return "a failed subquery of bob was true", nil
			}
			return d, err
		}},
		{"a bound subquery with Or", func(e *env) (any, error) {
			var f []Folder
			err := e.q().Where("id IN (?)", e.db.Model(&Document{}).Select("folder_id").Where("1 = 1").Or("1 = 1")).Find(&f).Error
			return f, err
		}},
		{"an EXISTS that probes foreign rows", func(e *env) (any, error) {
			var d []Document
			err := e.q().Where("EXISTS (?)", e.db.Model(&Folder{}).Select("1").Where("name LIKE ?", "%bob%")).Find(&d).Error
			if len(d) > 0 {
				return "bob's rows decide", err
			}
			return d, err
		}},
		{"an expression in Select", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("?", gorm.Expr("(SELECT MAX(title) FROM documents)")).Find(&rows).Error
			return rows, err
		}},
		{"a raw expression in Order", func(e *env) (any, error) {
			return docs(e.q().Clauses(clause.OrderBy{Expression: clause.Expr{SQL: "(SELECT COUNT(*) FROM folders)"}}))
		}},
		{"a raw expression in Group", func(e *env) (any, error) {
			var rows []map[string]any
			err := e.q().Model(&Document{}).Select("1").Group("(SELECT MAX(name) FROM folders)").Find(&rows).Error
			return rows, err
		}},
		{"a raw column in a comparison", func(e *env) (any, error) {
			return docs(e.q().Where(clause.Eq{Column: clause.Column{Name: "(SELECT MAX(name) FROM folders)", Raw: true}, Value: "x"}))
		}},
		{"a raw value in a comparison", func(e *env) (any, error) {
			return docs(e.q().Where(clause.Gt{Column: "title", Value: clause.Expr{SQL: "(SELECT MIN(name) FROM folders)"}}))
		}},
		{"a table as a bind variable", func(e *env) (any, error) {
			var c []Country
			err := e.q().Where("id IN (SELECT country_id FROM ?)", clause.Table{Name: "documents"}).Find(&c).Error
			if err == nil {
				return "bob's rows decide", err
			}
			return c, err
		}},
		{"an expression of an unknown type", func(e *env) (any, error) { return docs(e.q().Where(sneaky{"(SELECT COUNT(*) FROM folders) > 0"})) }},
		{"a value that turns into SQL", func(e *env) (any, error) {
			return docs(e.q().Where("title > ?", sneakyValue{"(SELECT MIN(name) FROM folders)"}))
		}},
		{"a hint around a clause", func(e *env) (any, error) {
			tx := e.q()
			tx.Statement.Clauses["FROM"] = clause.Clause{Name: "FROM", AfterExpression: clause.Expr{SQL: ", folders"}}
			var rows []map[string]any
			err := tx.Model(&Document{}).Select("folders.name").Find(&rows).Error
			return rows, err
		}},
		{"a clause with a builder of its own", func(e *env) (any, error) {
			tx := e.q()
			tx.Statement.Clauses["FROM"] = clause.Clause{Name: "FROM", Builder: func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("FROM folders documents") }}
			var rows []map[string]any
			err := tx.Model(&Document{}).Select("name").Find(&rows).Error
			return rows, err
		}},
		{"a WHERE builder of its own", func(e *env) (any, error) {
			tx := e.q()
			tx.Statement.Clauses["WHERE"] = clause.Clause{Name: "WHERE", Builder: func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("WHERE 1 = 1") }}
			return docs(tx)
		}},
	}
}

// sneaky is an expression type the package cannot know.
type sneaky struct{ sql string }

func (s sneaky) Build(b clause.Builder) { _, _ = b.WriteString(s.sql) }

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

func sessionAttacks() []attack {
	return []attack{
		{"a new session", func(e *env) (any, error) { return docs(e.q().Session(&gorm.Session{NewDB: true}).Or("1 = 1")) }},
		{"a new session with prepared statements", func(e *env) (any, error) {
			return docs(e.q().Session(&gorm.Session{PrepareStmt: true}).Or("1 = 1"))
		}},
		{"a reused handle with a later Or", func(e *env) (any, error) {
			tx := e.q().Where("stars > 0")
			var first []Document
			tx.Find(&first)
			return docs(tx.Or("1 = 1"))
		}},
		{"a reused handle for another operation", func(e *env) (any, error) {
			tx := e.q().Model(&Document{}).Where("stars > 0")
			var n int64
			tx.Count(&n)
			return nil, tx.Or("1 = 1").Update("title", "x").Error
		}},
		{"a reused handle of a system statement", func(e *env) (any, error) {
			tx := e.w.db.WithContext(scope.System(e.ctx, "a job")).Model(&Document{}).Where("stars > 0")
			var n int64
			tx.Count(&n)
			return docs(tx.WithContext(e.ctx).Or("1 = 1"))
		}},
		{"a transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error { return tx.Scopes(e.own).Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"a nested transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error {
				return tx.Transaction(func(tx *gorm.DB) error { return tx.Or("1 = 1").Find(&d).Error })
			})
			return d, err
		}},
		{"a new session in a transaction", func(e *env) (any, error) {
			var d []Document
			err := e.db.Transaction(func(tx *gorm.DB) error { return tx.Session(&gorm.Session{NewDB: true}).Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"Begin by hand", func(e *env) (any, error) {
			tx := e.db.Begin()
			if tx.Error != nil {
				return nil, tx.Error
			}
			defer tx.Rollback()
			return docs(tx.Or("1 = 1"))
		}},
		{"a new session in a scope", func(e *env) (any, error) {
			return docs(e.q().Scopes(func(db *gorm.DB) *gorm.DB { return db.Session(&gorm.Session{NewDB: true}).Or("1 = 1") }))
		}},
		{"another principal's context", func(e *env) (any, error) {
			ctx := identity.With(e.ctx, bob)
			if _, ok := identity.From(e.ctx); !ok {
				ctx = e.ctx
			}
			tx := e.w.db.WithContext(ctx).Scopes(e.own)
			var d []Document
			if err := tx.Find(&d).Error; err != nil {
				return nil, err
			}
			for i := range d { // bob's context without a scope is bob's: not alice's affair
				if strings.Contains(d[i].Title, "alice") {
					return "bob's context read a row of alice: mallory", nil
				}
			}
			return nil, nil
		}},
		{"a connection", func(e *env) (any, error) {
			var d []Document
			err := e.db.Connection(func(tx *gorm.DB) error { return tx.Or("1 = 1").Find(&d).Error })
			return d, err
		}},
		{"Debug", func(e *env) (any, error) { return docs(e.q().Session(&gorm.Session{}).Or("1 = 1")) }},
		{"Set and Get", func(e *env) (any, error) { return docs(e.q().Set("ginsec:scope", nil).Or("1 = 1")) }},
		{"the scope's clause removed", func(e *env) (any, error) {
			return docs(e.q().Scopes(func(db *gorm.DB) *gorm.DB {
				delete(db.Statement.Clauses, "WHERE")
				delete(db.Statement.Clauses, "ginsec:scope")
				return db.Or("1 = 1")
			}))
		}},
		{"a dry run of a refused statement", func(e *env) (any, error) {
			tx := e.q().Session(&gorm.Session{DryRun: true}).Or("1 = 1").Find(&[]Document{})
			return tx.Statement.Vars, tx.Error
		}},
	}
}

type (
	docView struct {
		ID    string
		Title string
	}
	withOwner struct {
		Document
		Extra string `gorm:"-"`
	}
)

func shapeAttacks() []attack {
	return []attack{
		{"a smaller struct", func(e *env) (any, error) {
			var v []docView
			err := e.q().Model(&Document{}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"a smaller struct of a table", func(e *env) (any, error) {
			var v []docView
			err := e.q().Table("documents").Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"one map", func(e *env) (any, error) {
			m := map[string]any{}
			err := e.q().Model(&Document{}).Where("id = ?", "bob-doc-1").Take(&m).Error
			return m, err
		}},
		{"a slice of pointers", func(e *env) (any, error) {
			var d []*Document
			err := e.q().Or("1 = 1").Find(&d).Error
			return d, err
		}},
		{"an embedding struct", func(e *env) (any, error) {
			var v []withOwner
			err := e.q().Model(&Document{}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"an embedding struct of its own", func(e *env) (any, error) {
			var v []withOwner
			err := e.q().Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"another model of the same table", func(e *env) (any, error) {
			var v []mover
			err := e.q().Or("1 = 1").Find(&v).Error
			return v, err
		}},
		{"another model of the same table created", func(e *env) (any, error) {
			return nil, e.q().Session(&gorm.Session{SkipHooks: true}).Create(&mover{ID: "s1", OwnerID: "bob"}).Error
		}},
		{"an interface destination", func(e *env) (any, error) {
			var v any = &[]Document{}
			err := e.q().Or("1 = 1").Find(v).Error
			return v, err
		}},
		{"MapColumns", func(e *env) (any, error) {
			var v []docView
			err := e.q().Model(&Document{}).MapColumns(map[string]string{"owner_id": "title"}).Or("1 = 1").Find(&v).Error
			return v, err
		}},
	}
}

// collationAttacks come from principals whose names a database might take for
// another's.
func collationAttacks() []attack {
	var out []attack
	for _, name := range []string{"BOB", "Bob", "bob ", "bób", "bob\x00", "bob\t", "ｂｏｂ"} {
		out = append(out, attack{"a subject spelled " + name, func(e *env) (any, error) {
			if _, ok := identity.From(e.ctx); !ok {
				return nil, nil
			}
			other := identity.With(e.ctx, &identity.Principal{Subject: name, Tenant: "acme"})
			tx := e.w.db.WithContext(other)
			var d []Document
			err := tx.Or("1 = 1").Find(&d).Error
			tx.Model(&Document{}).Where("1 = 1").Update("title", "x")
			tx.Where("1 = 1").Delete(&Cover{})
			return d, err
		}}, attack{"a tenant spelled " + strings.ReplaceAll(name, "bob", "acme"), func(e *env) (any, error) {
			if _, ok := identity.From(e.ctx); !ok {
				return nil, nil
			}
			tenant := strings.NewReplacer("bob", "acme", "BOB", "ACME", "Bob", "Acme", "bób", "ácme").Replace(name)
			other := identity.With(e.ctx, &identity.Principal{Subject: "bob", Tenant: tenant})
			tx := e.w.db.WithContext(other)
			var d []Document
			err := tx.Or("1 = 1").Find(&d).Error
			tx.Where("1 = 1").Delete(&Comment{})
			return d, err
		}})
	}
	return out
}

// sneakyValue becomes SQL when gorm binds it.
type sneakyValue struct{ sql string }

// GormValue implements gorm.Valuer.
func (s sneakyValue) GormValue(context.Context, *gorm.DB) clause.Expr { return clause.Expr{SQL: s.sql} }
