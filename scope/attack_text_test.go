package scope_test

import (
	"context"
	"errors"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
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

// sneakyValue becomes SQL when gorm binds it.
type sneakyValue struct{ sql string }

// GormValue implements gorm.Valuer.
func (s sneakyValue) GormValue(context.Context, *gorm.DB) clause.Expr { return clause.Expr{SQL: s.sql} }
