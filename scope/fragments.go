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
			if err := g.expression(stmt, e); err != nil {
				return err
			}
		}
		look := g.expression
		if name == "SELECT" {
			look = g.selected
		}
		if err := look(stmt, c.Expression); err != nil {
			return err
		}
	}
	if op != reading { // where Select holds names of fields and relations, no SQL
		return g.writeClauses(stmt, op)
	}
	for _, s := range stmt.Selects {
		if err := g.fragmentIn(s, selecting); err != nil {
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
	case nil, *shield, condition, ifOwn, clause.Limit, clause.Delete:
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
	case clause.Expr:
		return g.textWith(stmt, e.SQL, e.Vars)
	case clause.NamedExpr:
		if err := g.named(stmt, e.Vars); err != nil {
			return err
		}
		return g.textWith(stmt, e.SQL, e.Vars)
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
		if err := g.value(stmt, e.Column); err != nil {
			return err
		}
		return g.values(stmt, e.Values)
	default:
		return g.clauseExpression(stmt, e)
	}
}

// clauseExpression finds SQL text in the less common clauses.
func (g *guard) clauseExpression(stmt *gorm.Statement, e clause.Expression) error {
	switch e := e.(type) {
	case clause.Select:
		if err := g.columnsIn(e.Columns, selecting); err != nil {
			return err
		}
		return g.selected(stmt, e.Expression)
	case clause.OrderBy:
		for _, c := range e.Columns {
			if err := g.columnsIn([]clause.Column{c.Column}, ordering); err != nil {
				return err
			}
		}
		return g.expression(stmt, e.Expression)
	case clause.GroupBy:
		if err := g.columns(e.Columns); err != nil {
			return err
		}
		return g.expressions(stmt, e.Having)
	case clause.Returning:
		return g.columns(e.Columns)
	case clause.From:
		return g.from(stmt, e)
	case clause.Set:
		return g.assignments(stmt, e)
	case clause.OnConflict:
		if err := g.fragment(e.OnConstraint); err != nil {
			return err
		}
		if err := g.columns(e.Columns); err != nil {
			return err
		}
		if err := g.assignments(stmt, e.DoUpdates); err != nil {
			return err
		}
		return g.expressions(stmt, append(e.Where.Exprs[:len(e.Where.Exprs):len(e.Where.Exprs)], e.TargetWhere.Exprs...))
	case clause.Values:
		return nil
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
	if err := g.value(stmt, e.Column); err != nil {
		return err
	}
	return g.value(stmt, e.Value)
}

// selected is expression for a list of columns.
func (g *guard) selected(stmt *gorm.Statement, e clause.Expression) error {
	var text string
	var vars []any
	switch e := e.(type) {
	case clause.Expr:
		text, vars = e.SQL, e.Vars
	case clause.NamedExpr:
		if err := g.named(stmt, e.Vars); err != nil {
			return err
		}
		text, vars = e.SQL, e.Vars
	default:
		return g.expression(stmt, e)
	}
	if err := g.fragmentIn(text, selecting); err != nil {
		return err
	}
	return g.inText(stmt, vars)
}

func (g *guard) textWith(stmt *gorm.Statement, sql string, vars []any) error {
	if err := g.fragment(sql); err != nil {
		return err
	}
	return g.inText(stmt, vars)
}

// inText is values for what stands in a text, where a column's name may be a table's.
func (g *guard) inText(stmt *gorm.Statement, vs []any) error {
	for _, v := range vs {
		cols, _ := v.([]clause.Column)
		if c, ok := v.(clause.Column); ok {
			cols = []clause.Column{c}
		}
		for _, c := range cols {
			if !c.Raw && g.isProtected(lastPart(c.Name)) {
				return ErrRaw
			}
		}
	}
	return g.values(stmt, vs)
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
		return g.columns([]clause.Column{v})
	case clause.Table:
		return g.tableName(v)
	case *gorm.DB:
		return g.subquery(v)
	case gorm.Valuer:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil
		}
		return g.expression(stmt, v.GormValue(stmt.Context, stmt.DB))
	case clause.Expression:
		return g.expression(stmt, v)
	case []any:
		return g.values(stmt, v)
	case []clause.Column:
		return g.columns(v)
	case []clause.Expression:
		return g.expressions(stmt, v)
	default:
		return g.hidden(stmt, v)
	}
}

func (g *guard) columns(cols []clause.Column) error { return g.columnsIn(cols, somewhere) }

func (g *guard) columnsIn(cols []clause.Column, where place) error {
	for _, c := range cols {
		if hollowColumn(c) {
			return errName
		}
		if c.Raw {
			if err := g.fragmentIn(c.Name, where); err != nil {
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
	if hollow(t.Name) || hollow(t.Alias) {
		return errName
	}
	if t.Name != clause.CurrentTable && g.names(t.Name) {
		return ErrRaw
	}
	return nil
}

func (g *guard) assignments(stmt *gorm.Statement, set clause.Set) error {
	for _, a := range set {
		if err := g.columns([]clause.Column{a.Column}); err != nil {
			return err
		}
		if err := g.value(stmt, a.Value); err != nil {
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
	if err := g.fragment(scratch.SQL.String()); err != nil {
		return fmt.Errorf("%w, in %s", err, typeName(e))
	}
	return nil
}
