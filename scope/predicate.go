package scope

import (
	"database/sql/driver"
	"reflect"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// writer writes one predicate into a statement. Every column is qualified and
// every value is a bind variable.
type writer struct {
	stmt  *gorm.Statement
	who   *caller
	write bool // the rule for changing a row, not the one for seeing it
	rls   bool // values are names of settings
	depth int
	mysql bool
}

// predicate writes "t.tenant_id = ? AND t.owner_id = ?" or the form the policy
// has instead. The text is one operand of AND: any OR in it is in parentheses.
func (w *writer) predicate(p *policy, table string) error {
	switch {
	case w.who.err != nil:
		return w.who.err
	case p.tenant == nil && p.owner == nil && p.via != nil:
		return w.exists(p.via, table)
	case len(p.ends) > 0:
		return w.all(p.ends, table)
	case p.tenant == nil && p.owner == nil:
		return ErrUnprotected
	case p.extra == nil:
		return w.columns(p, table)
	default:
		return w.widened(p, table)
	}
}

// columns writes the plain rule: the own tenant and the own rows.
func (w *writer) columns(p *policy, table string) error {
	if p.tenant != nil {
		if err := w.equal(p.tenant, table, w.who.tenant); err != nil {
			return err
		}
	}
	if p.owner == nil {
		return nil
	}
	if p.tenant != nil {
		w.text(" AND ")
	}
	return w.equal(p.owner, table, w.who.owner)
}

func (w *writer) text(s string) { _, _ = w.stmt.WriteString(s) }

// column writes a qualified name as gorm does for a clause.Column, which it would
// have to be given on the heap.
func (w *writer) column(table, name string) {
	if table != "" {
		w.stmt.Dialector.QuoteTo(&w.stmt.SQL, table)
		w.text(".")
	}
	w.stmt.Dialector.QuoteTo(&w.stmt.SQL, name)
}

func (w *writer) bind(v any) {
	w.stmt.Vars = append(w.stmt.Vars, v)
	w.stmt.BindVarTo(w.stmt, w.stmt, v)
}

// equal compares a column with a value byte by byte. MySQL's collations are
// case-insensitive and ignore trailing blanks, so there the comparison that uses
// the index is followed by one that looks at the bytes.
func (w *writer) equal(c *column, table string, from string) error {
	if w.rls {
		w.setting(c, table, from)
		return nil
	}
	v, err := c.value(w.stmt.Context, from)
	if err != nil {
		return err
	}
	w.column(table, c.name)
	w.text(" = ")
	w.bind(v)
	if w.mysql && (c.text || c.field.DataType != "uuid" && textual(v)) {
		w.text(" AND CAST(")
		w.column(table, c.name)
		w.text(" AS BINARY) = CAST(")
		w.bind(v)
		w.text(" AS BINARY)")
	}
	return nil
}

// textual reports whether a driver is given text for v, whatever its type in Go.
func textual(v any) bool {
	if valuer, ok := v.(driver.Valuer); ok {
		inner, err := valuer.Value()
		if err != nil {
			return true
		}
		v = inner
	}
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t != nil && (t.Kind() == reflect.String || t.Kind() == reflect.Slice)
}

// alias names a table of the predicate's own, never as the one outside is named: a
// column of that one would be read from this one.
func (w *writer) alias(prefix, outside string) string {
	for {
		w.depth++
		if name := prefix + strconv.Itoa(w.depth); !strings.EqualFold(name, outside) {
			return name
		}
	}
}

// exists ties a row to a parent that is the caller's.
func (w *writer) exists(e *edge, table string) error {
	alias := w.alias("ginsec_p", table)
	w.text("EXISTS (SELECT 1 FROM ")
	w.stmt.QuoteTo(&w.stmt.SQL, clause.Table{Name: e.to.schema.Table, Alias: alias})
	w.text(" WHERE ")
	for i, f := range e.child {
		w.column(alias, e.parent[i])
		w.text(" = ")
		w.column(table, f.DBName)
		w.text(" AND ")
	}
	if err := w.predicate(e.to, alias); err != nil {
		return err
	}
	w.text(")")
	return nil
}

func (w *writer) all(edges []*edge, table string) error {
	for i, e := range edges {
		if i > 0 {
			w.text(" AND ")
		}
		if err := w.exists(e, table); err != nil {
			return err
		}
	}
	return nil
}

// condition is a predicate as a gorm expression, for ON and for upserts.
type condition struct {
	who   *caller
	pol   *policy
	table string
	write bool
	rest  []clause.Expression // what the developer wrote, in parentheses
}

// Build writes the predicate and then everything else as one operand of AND.
func (c condition) Build(b clause.Builder) {
	stmt, ok := b.(*gorm.Statement)
	if !ok {
		_ = b.AddError(refuse(ErrUnsupported, "an unknown statement builder"))
		return
	}
	w := &writer{stmt: stmt, who: c.who, write: c.write, mysql: stmt.Name() == "mysql"}
	if err := w.predicate(c.pol, c.table); err != nil {
		_ = stmt.AddError(err)
		w.text(" (" + poison + ")")
		return
	}
	if len(c.rest) > 0 {
		w.text(" AND (")
		start, bound := stmt.SQL.Len(), len(stmt.Vars)
		clause.Where{Exprs: c.rest}.Build(stmt)
		if !dialectOf(stmt.Name()).whole(stmt.SQL.String()[start:], len(stmt.Vars)-bound) {
			_ = stmt.AddError(errForm)
			w.text(") AND (" + poison)
		}
		w.text(")")
	}
}
