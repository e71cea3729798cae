package scope

import (
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// matched counts the rows an update on MySQL met without changing any: the server
// reports changed rows, not found ones, unless the connection has
// clientFoundRows=true. Elsewhere it is 0.
func matched(tx *gorm.DB) int64 {
	stmt := tx.Statement
	if tx.Error != nil || tx.DryRun || stmt == nil || tx.Name() != "mysql" {
		return 0
	}
	s := shieldOf(stmt)
	if s == nil || s.op != updating || s.pol == nil {
		return 0
	}
	ask := &gorm.Statement{
		DB: stmt.DB, Context: stmt.Context, Clauses: map[string]clause.Clause{"WHERE": stmt.Clauses["WHERE"]},
		Table: stmt.Table, TableExpr: stmt.TableExpr, Schema: stmt.Schema, Model: stmt.Model,
	}
	_, _ = ask.WriteString("SELECT COUNT(*) FROM ")
	ask.QuoteTo(&ask.SQL, clause.Table{Name: clause.CurrentTable})
	_, _ = ask.WriteString(" ")
	ask.Build("WHERE")
	if tx.Error != nil {
		return 0
	}
	var n int64
	if err := stmt.ConnPool.QueryRowContext(stmt.Context, ask.SQL.String(), ask.Vars...).Scan(&n); err != nil {
		return 0
	}
	return n
}
