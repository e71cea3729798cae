package scope

import (
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// coverWrites hooks into the clauses that are built for inserts and updates, at
// the last moment before the SQL exists: whatever maps, structs, hooks, Select,
// Omit or other plugins did before, these are the values that would be stored.
func coverWrites(stmt *gorm.Statement) {
	coverInsert(stmt, buildInsert)
	hook(stmt, "UPDATE", buildUpdate)
	// Both kinds of what else there is have a FROM, and queries a SELECT: one clause more
	// than the eight that gorm's map has room for would cost more than all judging.
	hookHead(stmt, "SELECT")
	hookHead(stmt, "FROM")
	if !hookable(stmt.DB) {
		_ = stmt.AddError(errDialect)
	}
}

// plainInsert is what gorm would put there, made once.
var plainInsert clause.Expression = clause.Insert{}

func coverInsert(stmt *gorm.Statement, b clause.ClauseBuilder) {
	_, theirs := stmt.ClauseBuilders["INSERT"]
	// What gorm would put there costs it two allocations; with LIMIT and ORDER BY it is
	// no insert, and the map has no room to spare.
	if c := stmt.Clauses["INSERT"]; c.Expression == nil && (!theirs || len(stmt.Clauses) <= 2) {
		c.Expression = plainInsert
		stmt.Clauses["INSERT"] = c
	}
	if theirs { // dialects that build INSERT themselves leave VALUES alone
		hook(stmt, "VALUES", b)
		return
	}
	hook(stmt, "INSERT", b)
}

var errDialect = refuse(ErrUnsupported, "a dialect with clause builders of its own")

// hookable reports whether a dialect leaves the clauses alone that this package
// must build: gorm prefers a dialect's builder.
func hookable(db *gorm.DB) bool {
	has := func(name string) bool { _, ok := db.ClauseBuilders[name]; return ok }
	return (!has("INSERT") || !has("VALUES")) && !has("UPDATE") && !has("WHERE")
}

func hook(stmt *gorm.Statement, name string, b clause.ClauseBuilder) {
	c := stmt.Clauses[name]
	c.Name = name
	c.Builder = b
	stmt.Clauses[name] = c
}

func unhook(stmt *gorm.Statement) {
	for _, name := range []string{"INSERT", "VALUES", "UPDATE"} {
		c, ok := stmt.Clauses[name]
		switch {
		case !ok || c.Builder == nil:
		case c.Expression == nil || c.Expression == plainInsert:
			delete(stmt.Clauses, name)
		default:
			c.Builder = nil
			stmt.Clauses[name] = c
		}
	}
}

func buildInsert(c clause.Clause, b clause.Builder) { build(c, b, (*shield).insert) }

func build(c clause.Clause, b clause.Builder, check func(*shield, *gorm.Statement) error) {
	stmt, ok := b.(*gorm.Statement)
	if !ok {
		_ = b.AddError(refuse(ErrUnsupported, "an unknown statement builder"))
		return
	}
	s := shieldOf(stmt)
	if s == nil {
		_ = stmt.AddError(refuse(ErrUnsupported, "the statement lost its scope"))
		return
	}
	s = s.mine(stmt)
	err := s.ready(stmt)
	if err == nil {
		err = check(s, stmt)
	}
	if err == nil {
		err = shape(stmt, s.op)
	}
	if err == nil && s.op == creating { // which has no WHERE to do it
		err = s.frame(stmt)
	}
	if err != nil {
		s.refuse(stmt, err)
		return
	}
	name := c.Name
	if c.Name == "" {
		name = "VALUES" // gorm's Values forgets its name when merged
	}
	c = stmt.Clauses[name]
	c.Builder = nil
	c.Build(b)
}

var errNested = refuse(ErrUnsupported, "nested writes need scope.Guard")

// insert stamps or refuses the rows about to be stored.
func (s *shield) insert(stmt *gorm.Statement) error {
	switch {
	case stmt.Error != nil:
		return nil //nolint:nilerr // gorm holds the error already, and sends nothing
	case nilMap(stmt.Dest): // nothing can be written back into it: gorm panics, as fill would
		return gorm.ErrInvalidValue
	}
	if i, ok := stmt.Clauses["INSERT"].Expression.(clause.Insert); ok {
		if i.Modifier != "" && !strings.EqualFold(i.Modifier, "IGNORE") && !strings.EqualFold(i.Modifier, "OR IGNORE") {
			return refuse(ErrUnsupported, "an INSERT with a modifier")
		}
		if i.Table.Name != "" && i.Table.Name != clause.CurrentTable {
			return refuse(ErrUnsupported, "an INSERT into another table")
		}
	}
	c := stmt.Clauses["VALUES"]
	values, ok := c.Expression.(clause.Values)
	if !ok {
		return refuse(ErrUnsupported, "an INSERT without values")
	}
	if len(values.Values) == 0 {
		values.Values = make([][]any, 1)
	}
	if s.guard == nil && nested(stmt) {
		return errNested
	}
	for _, row := range values.Values {
		if err := s.texts(stmt, row); err != nil {
			return err
		}
	}
	if err := once(len(values.Columns), func(i int) string { return values.Columns[i].Name }); err != nil {
		return err
	}
	before := len(values.Columns)
	if err := s.stamp(stmt, &values, s.pol.tenant, s.who.tenant); err != nil {
		return err
	}
	if err := s.stamp(stmt, &values, s.pol.owner, s.who.owner); err != nil {
		return err
	}
	if len(values.Columns) > before || before == 0 {
		c.Expression = values
		stmt.Clauses["VALUES"] = c
	}
	width, rows := len(values.Columns)+1, len(values.Values)
	reserve(stmt, width*rows, 4*width*rows)
	if err := s.insertKeys(stmt, values); err != nil {
		return err
	}
	if oc, ok := stmt.Clauses["ON CONFLICT"].Expression.(clause.OnConflict); ok {
		if err := s.singles(stmt, oc.DoUpdates); err != nil {
			return err
		}
	}
	return s.conflict(stmt)
}

// stamp gives every row the caller's value in one column, or refuses.
func (s *shield) stamp(stmt *gorm.Statement, values *clause.Values, col *column, from string) error {
	if col == nil {
		return nil
	}
	if from == "" {
		return ErrNoPrincipal
	}
	var own any // converted when first needed
	at := -1
	for i, c := range values.Columns {
		if sameColumn(c.Name, col.name) {
			if at >= 0 {
				return refuse(ErrMismatch, "column "+col.name+" is given twice")
			}
			at = i
		}
	}
	if at < 0 {
		at = len(values.Columns)
		values.Columns = append(values.Columns, clause.Column{Name: col.name})
		for i := range values.Values {
			values.Values[i] = append(values.Values[i], nil)
		}
	}
	for i, row := range values.Values {
		for len(row) <= at { // a map without the key leaves a short row
			row = append(row, nil)
		}
		verdict := col.judge(row[at], from)
		if verdict == foreign {
			return refuse(ErrMismatch, "column "+col.name)
		}
		if verdict == same && col.text {
			continue
		}
		if own == nil {
			var err error
			if own, err = col.value(stmt.Context, from); err != nil {
				return err
			}
		}
		if verdict == empty {
			fill(stmt, i, col, own)
		}
		row[at] = own
		values.Values[i] = row
	}
	return nil
}

// texts looks at the SQL text in what is to be stored.
func (s *shield) texts(stmt *gorm.Statement, row []any) error {
	if s.guard == nil {
		return s.standing(stmt, row...)
	}
	return s.guard.values(stmt, row)
}

func nilMap(dest any) bool {
	var rows []map[string]any
	switch dest := dest.(type) {
	case map[string]any:
		return dest == nil
	case *map[string]any:
		return dest == nil || *dest == nil
	case []map[string]any:
		rows = dest
	case *[]map[string]any:
		if dest != nil {
			rows = *dest
		}
	}
	return slices.ContainsFunc(rows, func(row map[string]any) bool { return row == nil })
}

// fill writes what was stamped back into the value the caller handed in.
func fill(stmt *gorm.Statement, row int, col *column, own any) {
	switch dest := stmt.Dest.(type) {
	case map[string]any:
		dest[col.name] = own
		return
	case *map[string]any:
		(*dest)[col.name] = own
		return
	case []map[string]any:
		dest[row][col.name] = own
		return
	case *[]map[string]any:
		(*dest)[row][col.name] = own
		return
	}
	if stmt.Schema == nil {
		return
	}
	field := stmt.Schema.FieldsByDBName[col.name]
	if field == nil {
		return
	}
	rv := stmt.ReflectValue
	if rv.Kind() == reflect.Slice || rv.Kind() == reflect.Array {
		if row >= rv.Len() {
			return
		}
		rv = rv.Index(row)
	}
	for rv.Kind() == reflect.Pointer {
		rv = rv.Elem()
	}
	if rv.Kind() == reflect.Struct && rv.CanAddr() {
		_ = stmt.AddError(field.Set(stmt.Context, rv, own))
	}
}
