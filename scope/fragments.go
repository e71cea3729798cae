package scope

import (
	"fmt"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// fragments looks at every piece of SQL text the developer put into a statement
// and at every table it joins.
func (g *guard) fragments(stmt *gorm.Statement, op operation) error {
	for name, c := range stmt.Clauses {
		if name == grantKey {
			continue
		}
		if c.Name != "" && c.Name != name {
			if err := g.fragment(c.Name); err != nil {
				return err
			}
		}
		ours := name == "INSERT" || name == "VALUES" || name == "UPDATE" || name == "WHERE" && shieldOf(stmt) != nil
		if c.Builder != nil && !ours {
			return refuse(ErrUnsupported, "a clause with a builder of its own")
		}
		for _, e := range [...]clause.Expression{c.BeforeExpression, c.AfterNameExpression, c.AfterExpression} {
			if err := g.beside(stmt, name, e); err != nil {
				return err
			}
		}
		where := operand
		if name == "SELECT" {
			where = selecting
		}
		if err := g.plainly(stmt, where, c.Expression); err != nil {
			return err
		}
	}
	if op != reading { // where Select holds names of fields and relations, no SQL
		return g.writeClauses(stmt, op)
	}
	for _, s := range stmt.Selects {
		if stmt.Schema != nil && stmt.Schema.LookUpField(s) != nil {
			continue // gorm writes it as a name
		}
		if err := g.read(stmt, fragment{sql: s, where: selecting, plain: true}); err != nil {
			return err
		}
	}
	for i := range stmt.Joins {
		if err := g.join(stmt, i); err != nil {
			return err
		}
	}
	return nil
}

// beside judges an expression beside a clause. Among the tables text could take a
// join's condition away: "OR 1 = 1" behind its ON, "RIGHT" before it.
func (g *guard) beside(stmt *gorm.Statement, name string, e clause.Expression) error {
	if e == nil {
		return nil
	}
	if name == "FROM" && !hinting(stmt, e) {
		return refuse(ErrUnsupported, "text around a clause that is no hint")
	}
	if ok, err := g.readText(stmt, e, around, false); ok {
		return err
	}
	return g.expression(stmt, e)
}

// writeClauses refuses what would make a write read or touch another table.
func (g *guard) writeClauses(stmt *gorm.Statement, op operation) error {
	if e := stmt.Clauses["FROM"].Expression; e != nil {
		if _, ok := e.(clause.From); !ok {
			return refuse(ErrUnsupported, "a FROM clause of unknown form")
		}
	}
	if from, ok := stmt.Clauses["FROM"].Expression.(clause.From); ok && op != creating && (len(from.Tables) > 0 || len(from.Joins) > 0) {
		return refuse(ErrUnsupported, "an UPDATE or DELETE over several tables")
	}
	if d, ok := stmt.Clauses["DELETE"].Expression.(clause.Delete); ok && d.Modifier != "" {
		return refuse(ErrUnsupported, "a DELETE with a modifier")
	}
	return nil
}

func (g *guard) expressions(stmt *gorm.Statement, exprs []clause.Expression) error {
	for _, e := range exprs {
		if err := g.expression(stmt, e); err != nil {
			return err
		}
	}
	return nil
}

// expression finds SQL text in an expression.
func (g *guard) expression(stmt *gorm.Statement, e clause.Expression) error {
	switch e := e.(type) {
	case nil, *shield, condition, ifOwn:
		return nil
	case clause.Expr, clause.NamedExpr:
		_, err := g.readText(stmt, e, operand, false)
		return err
	case clause.Where:
		return g.expressions(stmt, e.Exprs)
	case clause.AndConditions:
		return g.expressions(stmt, e.Exprs)
	case clause.OrConditions:
		return g.expressions(stmt, e.Exprs)
	case clause.NotConditions:
		return g.expressions(stmt, e.Exprs)
	case group:
		return g.expressions(stmt, e.exprs)
	case clause.CommaExpression:
		return g.expressions(stmt, e.Exprs)
	case clause.Eq:
		return g.comparison(stmt, e)
	case clause.Neq:
		return g.comparison(stmt, clause.Eq(e))
	case clause.Gt:
		return g.comparison(stmt, clause.Eq(e))
	case clause.Gte:
		return g.comparison(stmt, clause.Eq(e))
	case clause.Lt:
		return g.comparison(stmt, clause.Eq(e))
	case clause.Lte:
		return g.comparison(stmt, clause.Eq(e))
	case clause.Like:
		return g.comparison(stmt, clause.Eq(e))
	case clause.IN:
		if err := g.compared(stmt, e.Column); err != nil {
			return err
		}
		return g.values(stmt, e.Values)
	default:
		if isClause(e) {
			return refuse(ErrUnsupported, "a clause inside an expression")
		}
		return g.clauseExpression(stmt, e)
	}
}

// clauseExpression finds SQL text in the less common clauses.
func (g *guard) clauseExpression(stmt *gorm.Statement, e clause.Expression) error {
	switch e := e.(type) {
	case clause.Limit, clause.Delete, clause.Values: // a modifier is looked at elsewhere
		return nil
	case clause.Insert:
		if e.Table.Name != "" && e.Table.Name != clause.CurrentTable {
			return refuse(ErrUnsupported, "an INSERT into another table")
		}
		return g.fragment(e.Modifier)
	case clause.Update:
		if e.Table.Name != "" && e.Table.Name != clause.CurrentTable {
			return refuse(ErrUnsupported, "an UPDATE of another table")
		}
		return g.fragment(e.Modifier)
	case clause.Select:
		if err := g.columnsIn(stmt, e.Columns, selecting); err != nil {
			return err
		}
		return g.plainly(stmt, selecting, e.Expression)
	case clause.OrderBy:
		for _, c := range e.Columns {
			if err := g.columnsIn(stmt, []clause.Column{c.Column}, ordering); err != nil {
				return err
			}
		}
		return g.plainly(stmt, operand, e.Expression)
	case clause.GroupBy:
		if err := g.columnsIn(stmt, e.Columns, operand); err != nil {
			return err
		}
		return g.plainly(stmt, operand, e.Having...)
	case clause.Returning:
		return g.columns(stmt, e.Columns)
	case clause.From:
		return g.from(stmt, e)
	case clause.Set:
		return g.assignments(stmt, e)
	case clause.OnConflict:
		if err := g.fragment(e.OnConstraint); err != nil {
			return err
		}
		if err := g.columns(stmt, e.Columns); err != nil {
			return err
		}
		if err := g.assignments(stmt, e.DoUpdates); err != nil {
			return err
		}
		return g.expressions(stmt, append(e.Where.Exprs[:len(e.Where.Exprs):len(e.Where.Exprs)], e.TargetWhere.Exprs...))
	case clause.Locking:
		if e.Table.Raw {
			return refuse(ErrUnsupported, "a lock on raw text")
		}
		return g.fragment(e.Strength + " " + e.Options)
	default:
		return g.unknown(stmt, e)
	}
}

func (g *guard) comparison(stmt *gorm.Statement, e clause.Eq) error {
	if err := g.compared(stmt, e.Column); err != nil {
		return err
	}
	return g.value(stmt, e.Value)
}

// compared judges what stands before a comparison: gorm writes anything it does not
// know as a name.
func (g *guard) compared(stmt *gorm.Statement, column any) error {
	var names []string
	switch c := column.(type) {
	case string:
		names = []string{c}
	case []string:
		names = c
	case clause.Column, clause.Table, []clause.Column, clause.Expr:
		return g.value(stmt, c)
	default:
		names = []string{fmt.Sprint(c)}
	}
	for _, name := range names {
		if hollow(name) {
			return errName
		}
	}
	return nil
}

func (g *guard) values(stmt *gorm.Statement, vs []any) error {
	for _, v := range vs {
		if err := g.value(stmt, v); err != nil {
			return err
		}
	}
	return nil
}

// value finds SQL text in what looks like a value.
func (g *guard) value(stmt *gorm.Statement, v any) error {
	switch v := v.(type) {
	case nil, string, int, int64, uint, bool, []byte:
		return nil
	case clause.Column:
		return g.columns(stmt, []clause.Column{v})
	case clause.Table:
		return g.tableName(v)
	case *gorm.DB:
		return g.subquery(v, false)
	case gorm.Valuer:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil
		}
		return g.expression(stmt, v.GormValue(stmt.Context, stmt.DB))
	case clause.Expression:
		return g.expression(stmt, v)
	case []any:
		for _, inner := range v {
			if err := g.argument(stmt, inner, len(v) == 1); err != nil {
				return err
			}
		}
		return nil
	case []clause.Column:
		return g.columns(stmt, v)
	case []clause.Expression:
		return g.expressions(stmt, v)
	default:
		return g.hidden(stmt, v)
	}
}

func (g *guard) columns(stmt *gorm.Statement, cols []clause.Column) error {
	return g.columnsIn(stmt, cols, argument)
}

func (g *guard) columnsIn(stmt *gorm.Statement, cols []clause.Column, where place) error {
	for _, c := range cols {
		if hollowColumn(c) {
			return errName
		}
		if c.Raw {
			if err := g.read(stmt, fragment{sql: c.Name, where: where, plain: where < argument}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *guard) tableName(t clause.Table) error {
	if t.Raw {
		return g.fragment(t.Name)
	}
	if hollow(t.Name) || t.Alias != "" && hollow(t.Alias) {
		return errName
	}
	if t.Name == clause.CurrentTable || g.names(t.Name) {
		return ErrRaw
	}
	return nil
}

func (g *guard) assignments(stmt *gorm.Statement, set clause.Set) error {
	for _, a := range set {
		if err := g.columns(stmt, []clause.Column{a.Column}); err != nil {
			return err
		}
		e, isText := a.Value.(clause.Expr)
		if !isText {
			if err := g.value(stmt, a.Value); err != nil {
				return err
			}
		} else if err := g.plainly(stmt, operand, e); err != nil {
			return err
		}
	}
	return nil
}

// unknown builds an expression of a type this package does not know and looks at
// the text.
func (g *guard) unknown(stmt *gorm.Statement, e clause.Expression) error {
	if t := reflect.TypeOf(e); t.PkgPath() == "gorm.io/gorm" {
		if known, err := g.generic(e); known {
			return err
		}
	}
	scratch := &gorm.Statement{
		DB: stmt.Session(&gorm.Session{NewDB: true, DryRun: true}), Table: stmt.Table, Schema: stmt.Schema,
		Model: stmt.Model, Context: stmt.Context, ConnPool: stmt.ConnPool, Clauses: map[string]clause.Clause{},
	}
	scratch.Dest = stmt.Dest
	e.Build(scratch)
	f := fragment{sql: scratch.SQL.String(), vars: scratch.Vars, where: operand}
	if g.lex.postgres {
		f.vars = nil // numbered
	}
	if err := g.read(stmt, f); err != nil {
		return fmt.Errorf("%w, in %s", err, typeName(e))
	}
	return nil
}
