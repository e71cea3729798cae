package scope

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	rules "github.com/ginsec/ginsec/scope/policy"
)

// members is the join table behind Policy.Members.
type members struct {
	schema  *schema.Schema
	row     *schema.Field
	subject *column
	key     string // the protected model's primary key
	live    []live // what a row must hold besides to count
}

// live is a column that says that a row has not been deleted, and what it then holds.
// NULL is nil.
type live struct {
	column string
	value  any
}

func membersOf(db *gorm.DB, of *schema.Schema, r *rules.Members) (*members, error) {
	s, err := parse(db, r.Model)
	if err != nil {
		return nil, err
	}
	row, subject := fieldNamed(s, r.Row), fieldNamed(s, r.Subject)
	if row == nil || subject == nil {
		return nil, fmt.Errorf("%s has no field %s or no field %s", s.Name, r.Row, r.Subject)
	}
	if len(of.PrimaryFieldDBNames) != 1 {
		return nil, fmt.Errorf("%s needs a primary key of one column for Members", of.Name)
	}
	m := &members{schema: s, row: row, subject: columnOf(subject), key: of.PrimaryFieldDBNames[0]}
	m.live, err = liveOf(db, s)
	return m, err
}

// liveOf reads what gorm adds to every query of a model, which is how it deletes softly.
func liveOf(db *gorm.DB, s *schema.Schema) ([]live, error) {
	stmt := &gorm.Statement{DB: db.Session(&gorm.Session{NewDB: true}), Table: s.Table, Schema: s, Clauses: map[string]clause.Clause{}}
	for _, c := range s.QueryClauses {
		stmt.AddClause(c)
	}
	unknown := fmt.Errorf("%s is filtered in a way that the rule for its members cannot hold", s.Name)
	var out []live
	for name, c := range stmt.Clauses {
		where, ok := c.Expression.(clause.Where)
		if name != "WHERE" || !ok {
			if c.Expression != nil {
				return nil, unknown
			}
			continue
		}
		for _, expr := range where.Exprs {
			eq, ok := expr.(clause.Eq)
			col, isColumn := eq.Column.(clause.Column)
			if !ok || !isColumn || s.FieldsByDBName[col.Name] == nil {
				return nil, unknown
			}
			value := plainValue(eq.Value)
			if _, ok := canonical(value); !ok && value != nil {
				return nil, unknown
			}
			out = append(out, live{column: col.Name, value: value})
		}
	}
	return out, nil
}

// plainValue is what a driver is given for v.
func plainValue(v any) any {
	if isNothing(v) {
		return nil
	}
	if valuer, ok := v.(driver.Valuer); ok {
		if inner, err := valuer.Value(); err == nil {
			return inner
		}
		return v
	}
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer {
		return plainValue(rv.Elem().Interface())
	}
	return v
}

// membership writes "FROM members WHERE the caller is one", deleted ones not counted.
func (w *writer) membership(m *members, link string) error {
	w.text(" FROM ")
	w.stmt.QuoteTo(&w.stmt.SQL, clause.Table{Name: m.schema.Table, Alias: link})
	w.text(" WHERE ")
	if err := w.equal(m.subject, link, w.who.owner); err != nil {
		return err
	}
	for _, l := range m.live {
		w.text(" AND ")
		w.column(link, l.column)
		switch {
		case l.value == nil:
			w.text(" IS NULL")
		case w.rls:
			return refuse(ErrUnsupported, "a soft deletion that is not NULL cannot be a database's rule: "+m.schema.Table)
		default:
			w.text(" = ")
			w.bind(l.value)
		}
	}
	return nil
}

// confirm lets only who may write a row make a membership of it count again, or for
// somebody else: whose the membership is says nothing about that, since who made it may
// be a member no longer. An assignment that names the row given is judged by that.
func (s *shield) confirm(stmt *gorm.Statement, set clause.Set) {
	var open []*edge
	for _, e := range s.pol.gives {
		_, named := assigned(set, e.child[0].DBName)
		if !named && e.to.extra.members.revivedBy(set, s.op == deleting && !stmt.Unscoped) && !slices.ContainsFunc(s.pol.parents(), e.equal) {
			open = append(open, e)
		}
	}
	if len(open) > 0 {
		s.pol = s.pol.confirming(open)
	}
}

// confirming is p where the caller must also be allowed to write what edges point to.
func (p *policy) confirming(edges []*edge) *policy {
	c := *p
	if p.tenant == nil && p.owner == nil {
		c.ends, c.via = append(p.parents(), edges...), nil
		return &c
	}
	c.extra = &extra{}
	if p.extra != nil {
		*c.extra = *p.extra
	}
	c.extra.confirm = edges
	return &c
}

// revivedBy reports whether assignments may make a membership count, or somebody else's.
// The deletion that gorm itself makes of a Delete is none.
func (m *members) revivedBy(set clause.Set, deletion bool) bool {
	for _, a := range set {
		if sameColumn(a.Column.Name, m.subject.name) {
			return true
		}
		for _, l := range m.live {
			if sameColumn(a.Column.Name, l.column) && (!deletion || !l.endedBy(a.Value)) {
				return true
			}
		}
	}
	return false
}

// endedBy reports whether a value says that a row is deleted, as far as gorm and plugins
// say it: with a time or a number.
func (l live) endedBy(v any) bool {
	switch v := v.(type) {
	case time.Time:
		return true
	case int, int64, uint, uint64:
		now, _ := canonical(v)
		then, _ := canonical(l.value)
		return now != then
	default:
		return false
	}
}
