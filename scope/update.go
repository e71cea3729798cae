package scope

import (
	"reflect"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

func buildUpdate(c clause.Clause, b clause.Builder) { build(c, b, (*shield).update) }

// update judges the final assignments, wherever they came from.
func (s *shield) update(stmt *gorm.Statement) error {
	if u, ok := stmt.Clauses["UPDATE"].Expression.(clause.Update); ok {
		if u.Modifier != "" || u.Table.Name != "" && u.Table.Name != clause.CurrentTable {
			return refuse(ErrUnsupported, "an UPDATE with a modifier or another table")
		}
	}
	set, ok := stmt.Clauses["SET"].Expression.(clause.Set)
	if !ok {
		return refuse(ErrUnsupported, "an UPDATE without assignments")
	}
	if s.guard == nil && nested(stmt) {
		return errNested
	}
	if s.guard != nil {
		if err := s.guard.assignments(stmt, set); err != nil {
			return err
		}
	}
	if err := once(len(set), func(i int) string { return set[i].Column.Name }); err != nil {
		return err
	}
	if err := s.singles(stmt, set); err != nil {
		return err
	}
	kept, err := s.judge(set, destIsStruct(stmt))
	if err != nil {
		return err
	}
	if len(kept) < len(set) {
		c := stmt.Clauses["SET"]
		c.Expression = kept
		stmt.Clauses["SET"] = c
	}
	s.confirm(stmt, kept)
	return s.updateKeys(stmt, set)
}

// singles refuses text that holds more than the one value it is assigned for.
func (s *shield) singles(stmt *gorm.Statement, set clause.Set) error {
	for _, a := range set {
		if list, ok := a.Value.([]any); ok && len(list) == 1 && s.guard != nil {
			if db, ok := list[0].(*gorm.DB); ok && db.Statement.SQL.Len() == 0 {
				continue // between parentheses, and judged
			}
		}
		if isText(a.Value) && !dialectOf(stmt.Name()).single(textOf(stmt, a.Value)) {
			return errForm
		}
	}
	return nil
}

// destIsStruct reports whether a whole struct is saved, where a zero owner means
// "not said" and not "nobody".
func destIsStruct(stmt *gorm.Statement) bool {
	rv := reflect.ValueOf(stmt.Dest)
	for rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	return rv.Kind() == reflect.Struct || rv.Kind() == reflect.Slice
}

// judge refuses assignments that would move a row, and drops those that say what
// the row already holds: under a policy that lets others write a row, even the
// caller's own name would move it.
func (s *shield) judge(set clause.Set, whole bool) (clause.Set, error) {
	kept := set
	for i, a := range set {
		if bareColumn(a.Column.Name) == "" {
			return nil, refuse(ErrUnsupported, "an assignment to something that is no plain column")
		}
		if s.scoped(a.Column.Name) {
			if !s.keeps(a, whole) {
				return nil, ErrImmutable
			}
			if len(kept) == len(set) {
				kept = append(make(clause.Set, 0, len(set)), set[:i]...)
			}
			continue
		}
		if len(kept) < len(set) {
			kept = append(kept, a)
		}
	}
	return kept, nil
}

// keeps reports whether an assignment to an owner or tenant column says what the
// caller's rows hold. A whole struct with a zero owner says nothing.
func (s *shield) keeps(a clause.Assignment, whole bool) bool {
	for _, col := range []struct {
		*column
		own string
	}{{s.pol.tenant, s.who.tenant}, {s.pol.owner, s.who.owner}} {
		if col.column == nil || !sameColumn(a.Column.Name, col.name) {
			continue
		}
		switch col.judge(a.Value, col.own) {
		case same:
		case empty:
			return whole
		case foreign:
			// Under a policy that lets the caller write others' rows, a whole struct
			// names their owner: it cannot be judged, but need not be assigned.
			return whole && col.column == s.pol.owner && s.pol.writesOthers()
		}
	}
	return true
}

// scoped reports whether name is one of the columns that say whose a row is.
func (s *shield) scoped(name string) bool {
	return s.pol.tenant != nil && sameColumn(name, s.pol.tenant.name) ||
		s.pol.owner != nil && sameColumn(name, s.pol.owner.name)
}

// sameColumn compares a column as written by anybody with a column's name:
// databases fold case, and a spelling may be quoted or qualified.
func sameColumn(written, name string) bool {
	if written == name {
		return true
	}
	return strings.EqualFold(bareColumn(written), name)
}

// once refuses a column that is written twice under two spellings: which of the
// values the database takes is its own affair, so that none can be judged.
func once(n int, written func(int) string) error {
	var few [24]string
	names := few[:]
	if n > len(few) {
		names = make([]string, n)
	}
	for i := range n {
		if names[i] = bareColumn(written(i)); names[i] == "" {
			names[i] = written(i)
		}
		for _, known := range names[:i] {
			if strings.EqualFold(known, names[i]) {
				return refuse(ErrMismatch, "column "+known+" is given twice")
			}
		}
	}
	return nil
}

// bareColumn strips qualifiers and quotes; it is empty for anything that is not
// a plain column.
func bareColumn(written string) string {
	name := written
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.Trim(name, " \t\r\n")
	if len(name) > 1 && strings.IndexByte("\"`[", name[0]) >= 0 {
		name = name[1 : len(name)-1]
	}
	for i := range len(name) {
		if !identByte(name[i]) {
			return ""
		}
	}
	return name
}

func identByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
