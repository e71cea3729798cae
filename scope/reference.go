package scope

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// insertKeys lets foreign keys of new rows only point to rows the caller may see,
// and puts rows without columns of their own only below parents that are the
// caller's to write.
func (s *shield) insertKeys(stmt *gorm.Statement, values clause.Values) error {
	for _, e := range s.pol.refs {
		if err := s.insertEdge(stmt, values, e, false); err != nil {
			return err
		}
	}
	for _, e := range s.pol.owning() {
		if err := s.insertEdge(stmt, values, e, true); err != nil {
			return err
		}
	}
	return nil
}

// owning returns the edges that decide whose a row is.
func (p *policy) owning() []*edge { return append(p.parents(), p.gives...) }

// parents are those that every reader and writer of a row is judged by.
func (p *policy) parents() []*edge {
	if p.via != nil && p.tenant == nil && p.owner == nil {
		return []*edge{p.via}
	}
	return p.ends[:len(p.ends):len(p.ends)]
}

func (s *shield) insertEdge(stmt *gorm.Statement, values clause.Values, e *edge, owns bool) error {
	at := make([]int, len(e.child))
	for i, f := range e.child {
		at[i] = indexOf(values, f)
	}
	kindAt := indexOf(values, e.kind)
	var keys [][]any
	for _, row := range values.Values {
		key := make([]any, len(at))
		missing, zero, null := false, true, false
		for i, j := range at {
			if j < 0 || j >= len(row) || isNothing(row[j]) {
				missing, null = true, j >= 0 && j < len(row) && isNull(row[j])
				continue
			}
			key[i] = row[j]
			// A zero is part of a composite key, unless all that is no scope column is zero.
			zero = zero && (isNoKey(e.child[i], row[j]) || s.scoped(e.child[i].DBName))
		}
		missing = missing || zero && !s.allScoped(e)
		switch {
		case missing && null && s.givesNothing(e):
		case missing && owns:
			return refuse(ErrMismatch, "a row without the parent that owns it")
		case !missing:
			var kind any
			if kindAt >= 0 && kindAt < len(row) {
				kind = row[kindAt]
			}
			means, err := e.means(kind)
			if err != nil {
				return err
			}
			if means {
				keys = append(keys, key)
			}
		}
	}
	return s.visible(stmt, e, keys, owns)
}

// givesNothing reports whether NULL in e makes a membership one of no row, and does not
// leave a row without the parent that decides about it.
func (s *shield) givesNothing(e *edge) bool { return slices.Contains(s.pol.gives, e) }

// indexOf finds the column of a field among the inserted ones.
func indexOf(values clause.Values, f *schema.Field) int {
	at := -1
	for i, c := range values.Columns {
		if f != nil && sameColumn(c.Name, f.DBName) {
			at = i
		}
	}
	return at
}

// allScoped reports whether a key consists of nothing but scope columns.
func (s *shield) allScoped(e *edge) bool {
	for _, f := range e.child {
		if !s.scoped(f.DBName) {
			return false
		}
	}
	return true
}

// updateKeys does the same for assignments.
func (s *shield) updateKeys(stmt *gorm.Statement, set clause.Set) error {
	for _, e := range s.pol.refs {
		if err := s.updateEdge(stmt, set, e, false); err != nil {
			return err
		}
	}
	for _, e := range s.pol.owning() {
		if err := s.updateEdge(stmt, set, e, true); err != nil {
			return err
		}
	}
	return nil
}

func (s *shield) updateEdge(stmt *gorm.Statement, set clause.Set, e *edge, owns bool) error {
	key := make([]any, len(e.child))
	touched, missing := false, ""
	for i, f := range e.child {
		v, assigned := assigned(set, f.DBName)
		switch {
		case assigned && isNoKey(f, v) && (isNothing(v) || len(e.child) == 1):
			if nothing := isNull(v) && s.givesNothing(e); owns && !nothing {
				return ErrImmutable // the row would belong to nobody
			}
			return nil
		case assigned:
			touched, key[i] = true, v
		case s.pol.tenant != nil && f.DBName == s.pol.tenant.name:
			key[i], _ = s.pol.tenant.value(stmt.Context, s.who.tenant)
		case s.pol.owner != nil && f.DBName == s.pol.owner.name:
			key[i], _ = s.pol.owner.value(stmt.Context, s.who.owner)
		default:
			missing = f.DBName
		}
	}
	if e.kind != nil {
		kind, given := assigned(set, e.kind.DBName)
		if !given && touched {
			missing = e.kind.DBName
		}
		if means, err := e.means(kind); given && (err != nil || !means) {
			return err
		}
		touched = touched || given
	}
	switch {
	case !touched || e.kind == nil && s.onlyScopeColumns(set, e):
		return nil
	case missing != "":
		return refuse(ErrUnsupported, "part of a composite foreign key: assign "+missing+" too")
	}
	return s.visible(stmt, e, [][]any{key}, owns)
}

// onlyScopeColumns reports whether all that is assigned of a composite key is the
// owner's or tenant's column, which cannot change.
func (s *shield) onlyScopeColumns(set clause.Set, e *edge) bool {
	for _, f := range e.child {
		if _, ok := assigned(set, f.DBName); ok && !s.scoped(f.DBName) {
			return false
		}
	}
	return true
}

func assigned(set clause.Set, name string) (any, bool) {
	for _, a := range set {
		if sameColumn(a.Column.Name, name) {
			return a.Value, true
		}
	}
	return nil, false
}

// isZero reports whether a key is absent in gorm's sense: NULL or a zero value.
func isZero(v any) bool {
	if isNothing(v) {
		return true
	}
	switch v.(type) {
	case clause.Expression, clause.Column, clause.Table, gorm.Valuer, *gorm.DB:
		return false // SQL, not a value
	}
	rv := reflect.ValueOf(v)
	for rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	return rv.IsZero()
}

// isNoKey is isZero for the key of a field: the zero of a number is stored in a text
// column as "0", which may well be one.
func isNoKey(f *schema.Field, v any) bool {
	return isZero(v) && (isNothing(v) || numeric(f) || textual(v) || ofField(f, v))
}

// maxKeys is how many keys one check asks for.
const maxKeys = 500

// visible checks that every key names a row the caller may see (or, for a parent
// that owns the row, write). A foreign and a missing one give the same error.
func (s *shield) visible(stmt *gorm.Statement, e *edge, keys [][]any, write bool) error {
	if len(keys) == 0 || stmt.DryRun {
		return nil
	}
	unique := make([][]any, 0, len(keys))
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		for i, v := range key {
			switch v.(type) {
			case clause.Expression, clause.Column, clause.Table, gorm.Valuer, *gorm.DB, []any:
				return refuse(ErrUnsupported, "a foreign key that is an SQL expression")
			}
			if stmt.Name() != "sqlite" && !numeric(e.child[i]) && !textual(v) && !ofField(e.child[i], v) {
				return gorm.ErrRecordNotFound
			}
		}
		if id := keyText(key); !seen[id] {
			seen[id] = true
			unique = append(unique, key)
		}
	}
	step := maxKeys
	if len(e.child) > 1 {
		step = 1 // no portable COUNT(DISTINCT a, b)
	}
	for ; len(unique) > 0; unique = unique[min(step, len(unique)):] {
		if err := s.count(stmt, e, unique[:min(step, len(unique))], write); err != nil {
			return err
		}
	}
	return nil
}

// numeric reports whether a field holds no text. A number is no key of a text column:
// MySQL would look for the texts that begin with it, PostgreSQL cannot, and SQLite
// turns it into text before it looks.
func numeric(f *schema.Field) bool {
	switch f.DataType {
	case schema.Int, schema.Uint, schema.Float, schema.Bool, schema.Time:
		return true
	}
	k := f.IndirectFieldType.Kind()
	return k >= reflect.Bool && k <= reflect.Float64
}

// ofField reports whether a value is of the field's own type, which knows its spelling.
func ofField(f *schema.Field, v any) bool {
	t := reflect.TypeOf(v)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t == f.IndirectFieldType
}

func keyText(key []any) string {
	var text strings.Builder
	for _, v := range key {
		part, ok := canonical(v)
		if !ok {
			part = fmt.Sprint(v)
		}
		fmt.Fprintf(&text, "%d:%s,", len(part), part)
	}
	return text.String()
}

// count asks the database on the statement's own connection or transaction, past
// all callbacks.
func (s *shield) count(stmt *gorm.Statement, e *edge, keys [][]any, write bool) error {
	const alias = "ginsec_p0"
	ask := &gorm.Statement{DB: stmt.DB, Context: stmt.Context, Clauses: map[string]clause.Clause{}}
	w := &writer{stmt: ask, who: s.who, write: write, mysql: stmt.Name() == "mysql"}
	w.text("SELECT COUNT(DISTINCT ")
	w.column(alias, e.parent[0])
	w.text(") FROM ")
	ask.QuoteTo(&ask.SQL, clause.Table{Name: e.to.schema.Table, Alias: alias})
	w.text(" WHERE ")
	for i := range e.child {
		w.column(alias, e.parent[i])
		w.text(" IN (")
		for j, key := range keys {
			if j > 0 {
				w.text(",")
			}
			w.bind(key[i])
		}
		w.text(") AND ")
	}
	if err := w.predicate(e.to, alias); err != nil {
		return err
	}
	var n int
	if err := stmt.ConnPool.QueryRowContext(stmt.Context, ask.SQL.String(), ask.Vars...).Scan(&n); err != nil {
		return err
	}
	if n < len(keys) {
		return gorm.ErrRecordNotFound
	}
	return nil
}
