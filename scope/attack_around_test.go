package scope_test

import (
	"fmt"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func sqlText(sql string) clause.Expr { return clause.Expr{SQL: sql} }

// halfBuilt answers as what a query is read into: gorm asks it after the scopes.
type halfBuilt []Document

func (halfBuilt) ModifyStatement(stmt *gorm.Statement) {
	stmt.BuildClauses = []string{"SELECT", "FROM"}
}
func (halfBuilt) Build(clause.Builder) {}

// shorten is the same among the clauses of a statement.
type shorten []string

func (s shorten) ModifyStatement(stmt *gorm.Statement) { stmt.BuildClauses = s }
func (shorten) Build(clause.Builder)                   {}

// shortened has a hook that leaves the WHERE out.
type shortened struct {
	ID, TenantID, OwnerID, Title string
}

func (shortened) TableName() string { return "documents" }

func (shortened) BeforeUpdate(tx *gorm.DB) error {
	tx.Statement.BuildClauses = []string{"UPDATE", "SET"}
	return nil
}

// shortCover has one for its delete: nothing refers to a cover.
type shortCover struct {
	ID, TenantID, OwnerID, Color string
}

func (shortCover) TableName() string { return "covers" }

func (shortCover) BeforeDelete(tx *gorm.DB) error {
	tx.Statement.BuildClauses = []string{"DELETE", "FROM"}
	return nil
}

// with changes what a clause of a statement holds besides its expression.
func with(tx *gorm.DB, name string, change func(*clause.Clause)) *gorm.DB {
	c := tx.Statement.Clauses[name]
	change(&c)
	tx.Statement.Clauses[name] = c
	return tx
}

func before(sql string) func(*clause.Clause) {
	return func(c *clause.Clause) { c.BeforeExpression = sqlText(sql) }
}

func after(sql string) func(*clause.Clause) {
	return func(c *clause.Clause) { c.AfterExpression = sqlText(sql) }
}

func afterName(sql string) func(*clause.Clause) {
	return func(c *clause.Clause) { c.AfterNameExpression = sqlText(sql) }
}

func called(name string, e clause.Expression) func(*clause.Clause) {
	return func(c *clause.Clause) {
		c.Name = name
		if e != nil {
			c.Expression = e
		}
	}
}

func built(tx *gorm.DB, clauses ...string) *gorm.DB {
	tx.Statement.BuildClauses = clauses
	return tx
}

// aroundAttacks read and write with text beside the clauses gorm writes, or with
// clauses left out or put in.
func aroundAttacks() []attack {
	return append(aroundReads(), aroundWrites()...)
}

func aroundReads() []attack {
	read := func(name string, query func(e *env) *gorm.DB) attack {
		return attack{"reading, " + name, func(e *env) (any, error) {
			var rows []map[string]any
			err := query(e).Find(&rows).Error
			return rows, err
		}}
	}
	docs := func(e *env) *gorm.DB { return e.q().Model(&Document{}).Where("stars < ?", 9) }
	folders := func(e *env) *gorm.DB { return docs(e).Select("folders.name") }
	list := []attack{
		read("built without WHERE", func(e *env) *gorm.DB { return built(docs(e), "SELECT", "FROM") }),
		read("built without WHERE but the rest", func(e *env) *gorm.DB {
			return built(docs(e).Order("id").Limit(9), "SELECT", "FROM", "ORDER BY", "LIMIT")
		}),
		read("built in another order", func(e *env) *gorm.DB {
			return built(docs(e), "SELECT", "FROM", "LIMIT", "SELECT", "FROM", "WHERE")
		}),
		read("shortened by a clause", func(e *env) *gorm.DB { return docs(e).Clauses(shorten{"SELECT", "FROM"}) }),
		read("shortened after the scope", func(e *env) *gorm.DB {
			return built(e.own(e.db.Model(&Document{})), "SELECT", "FROM")
		}),
		read("text in the place of SELECT, after the scope", func(e *env) *gorm.DB {
			tx := built(e.own(e.db.Model(&Document{})).Where("1 = 1"), "X", "WHERE")
			return with(tx, "X", called("", sqlText("SELECT folders.name FROM folders CROSS JOIN documents")))
		}),
		{"reading, shortened by what it is read into", func(e *env) (any, error) {
			var rows halfBuilt
			err := e.q().Model(&Document{}).Find(&rows).Error
			return rows, err
		}},
		{"counting, built without WHERE", func(e *env) (any, error) {
			var n int64
			err := built(docs(e), "SELECT", "FROM").Count(&n).Error
			if n > 2 {
				return fmt.Sprintf("%d rows, bob's too", n), err
			}
			return n, err
		}},
		{"a generic one, shortened by an option", func(e *env) (any, error) {
			rows, err := gorm.G[Document](e.db, shorten{"SELECT", "FROM"}).Scopes(e.gen).Where("1 = 1").Find(e.ctx)
			return rows, err
		}},
		read("a clause of one's own behind WHERE", func(e *env) *gorm.DB {
			return built(with(docs(e), "X", called("", sqlText("OR 1 = 1"))), "SELECT", "FROM", "WHERE", "X")
		}),
		read("a clause whose name says more", func(e *env) *gorm.DB {
			return built(with(docs(e), "OR 1 = 1", called("OR 1 = 1", sqlText(""))), "SELECT", "FROM", "WHERE", "OR 1 = 1")
		}),
		read("text before GROUP BY", func(e *env) *gorm.DB {
			return with(docs(e).Select("id").Group("id"), "GROUP BY", before("OR 1 = 1"))
		}),
		read("text before a lone HAVING", func(e *env) *gorm.DB {
			return with(docs(e).Select("MAX(title) AS t").Having("1 = 1"), "GROUP BY", before("OR 1 = 1"))
		}),
		read("text before ORDER BY", func(e *env) *gorm.DB { return with(docs(e).Order("id"), "ORDER BY", before("OR 1 = 1")) }),
		read("text before LIMIT", func(e *env) *gorm.DB { return with(docs(e).Limit(9), "LIMIT", before("OR 1 = 1")) }),
		read("text before a lock", func(e *env) *gorm.DB {
			return with(docs(e).Clauses(clause.Locking{Strength: "UPDATE"}), "FOR", before("OR 1 = 1"))
		}),
		read("text before LIMIT, with an operator alone", func(e *env) *gorm.DB { return with(docs(e).Limit(9), "LIMIT", before("|| 1")) }),
		read("text before LIMIT, of two comments", func(e *env) *gorm.DB { return with(docs(e).Limit(9), "LIMIT", before("/* a */ OR 1 = 1 /* b */")) }),
		read("text before LIMIT, in a hint's place", func(e *env) *gorm.DB {
			return with(docs(e).Limit(9), "LIMIT", before("USE INDEX (PRIMARY) OR (1)"))
		}),
		read("another name for ORDER BY", func(e *env) *gorm.DB {
			return with(docs(e).Order("id"), "ORDER BY", called("OR 1 = 1 ORDER BY", nil))
		}),
		read("another name for LIMIT", func(e *env) *gorm.DB { return with(docs(e).Limit(9), "LIMIT", called("OR 1 = 1", nil)) }),
		read("text in LIMIT's place", func(e *env) *gorm.DB { return with(docs(e), "LIMIT", called("", sqlText("OR 1 = 1"))) }),
		read("text in LIMIT's place, by a type of one's own", func(e *env) *gorm.DB {
			return with(docs(e), "LIMIT", called("", shout("OR 1 = 1")))
		}),
		read("a lock without its name", func(e *env) *gorm.DB {
			return with(docs(e), "FOR", called("", clause.Locking{Strength: "OR 1 = 1"}))
		}),
		read("a lock in LIMIT's place", func(e *env) *gorm.DB {
			return with(docs(e), "LIMIT", called("", clause.Locking{Strength: "OR 1 = 1"}))
		}),
		read("a GROUP BY without its name", func(e *env) *gorm.DB {
			return with(docs(e), "GROUP BY", called("", clause.GroupBy{Columns: []clause.Column{{Name: "OR 1 = 1", Raw: true}}}))
		}),
		read("an ORDER BY without its name", func(e *env) *gorm.DB {
			return with(docs(e), "ORDER BY", called("", clause.OrderBy{Expression: sqlText("OR 1 = 1")}))
		}),
		read("conditions in ORDER BY's place", func(e *env) *gorm.DB {
			return with(docs(e), "ORDER BY", called("", clause.Where{Exprs: []clause.Expression{sqlText("OR 1 = 1")}}))
		}),
		read("a builder behind WHERE", func(e *env) *gorm.DB {
			return with(docs(e), "ORDER BY", func(c *clause.Clause) {
				c.Builder = func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("OR 1 = 1") }
			})
		}),
		read("a builder in SELECT's place", func(e *env) *gorm.DB {
			return with(built(docs(e), "SELECT"), "SELECT", func(c *clause.Clause) {
				c.Builder = func(_ clause.Clause, b clause.Builder) { _, _ = b.WriteString("SELECT * FROM documents") }
			})
		}),
		read("HAVING with another query", func(e *env) *gorm.DB {
			return docs(e).Select("title").Group("title").Having("1 = 1 UNION SELECT name FROM folders")
		}),
		read("GROUP BY with another query", func(e *env) *gorm.DB {
			return docs(e).Select("title").Clauses(clause.GroupBy{Columns: []clause.Column{{Name: "title UNION SELECT name FROM folders", Raw: true}}})
		}),
		read("ORDER BY with another query", func(e *env) *gorm.DB {
			return docs(e).Select("title").Order("1; SELECT name FROM folders")
		}),
		read("ORDER BY as an expression with another query", func(e *env) *gorm.DB {
			return docs(e).Select("title").Clauses(clause.OrderBy{Expression: sqlText("1; SELECT name FROM folders")})
		}),
		read("text in LIMIT's place, with another query", func(e *env) *gorm.DB {
			return with(docs(e).Select("title"), "LIMIT", called("LIMIT", sqlText("1; SELECT name FROM folders")))
		}),
		read("a lock with another query", func(e *env) *gorm.DB {
			return docs(e).Select("title").Clauses(clause.Locking{Strength: "UPDATE; SELECT name FROM folders"})
		}),
		read("GROUP BY, then another query", func(e *env) *gorm.DB {
			return with(docs(e).Select("title").Group("title"), "GROUP BY", after("UNION SELECT name FROM folders"))
		}),
	}
	for _, at := range []string{"CROSS JOIN folders", ", folders", "JOIN (folders)", "USE INDEX (PRIMARY), folders", "FORCE INDEX (PRIMARY) JOIN (folders)", "IGNORE INDEX FOR JOIN (PRIMARY) JOIN folders"} {
		list = append(list, read("text after FROM: "+at, func(e *env) *gorm.DB { return with(folders(e), "FROM", after(at)) }))
	}
	return append(list,
		read("text after FROM's name", func(e *env) *gorm.DB { return with(folders(e), "FROM", afterName("folders,")) }),
		read("another name for FROM", func(e *env) *gorm.DB { return with(folders(e), "FROM", called("FROM folders,", nil)) }),
		read("text before FROM", func(e *env) *gorm.DB {
			return with(docs(e), "FROM", before("FROM folders, documents AS d, (SELECT 1) AS t, documents -- \n; "))
		}),
	)
}

// shout is an expression gorm does not know.
type shout string

func (s shout) Build(b clause.Builder) { _, _ = b.WriteString(string(s)) }
