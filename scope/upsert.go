package scope

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// nestedKey is the setting gorm keeps while it saves associations. It upserts the
// children of a has-one or has-many then, without the developer asking for it.
const nestedKey = "gorm:saved_association_map"

// conflict confines an upsert to the caller's rows.
func (s *shield) conflict(stmt *gorm.Statement) error {
	c, ok := stmt.Clauses["ON CONFLICT"]
	if !ok || c.Expression == nil {
		return nil
	}
	oc, ok := c.Expression.(clause.OnConflict)
	if !ok {
		return refuse(ErrUnsupported, "an ON CONFLICT clause of unknown form")
	}
	if err := s.standingConflict(stmt, oc); err != nil {
		return err
	}
	if stmt.Name() == "mysql" {
		// MariaDB returns the row that was met, whosever it is.
		delete(stmt.Clauses, "RETURNING")
	}
	if s.upsert = !oc.DoNothing; !s.upsert {
		return nil
	}
	updates, others, err := s.conflictSet(oc.DoUpdates)
	if err != nil {
		return err
	}
	oc.DoUpdates = updates
	if err := s.wholeKeys(updates); err != nil {
		return err
	}
	if err := s.updateKeys(stmt, others); err != nil {
		return err
	}
	s.confirm(stmt, updates)
	if stmt.Name() == "mysql" {
		return s.conflictMySQL(stmt, c, oc)
	}
	rest := oc.Where.Exprs
	if len(rest) > 0 {
		if done, ok := rest[0].(condition); ok { // from an earlier use of the handle
			rest = done.rest
		}
	}
	s.partial = len(rest) > 0
	oc.Where = clause.Where{Exprs: []clause.Expression{condition{who: s.who, pol: s.pol, table: s.table, write: true, rest: rest}}}
	c.Expression = oc
	stmt.Clauses["ON CONFLICT"] = c
	return nil
}

// conflictSet drops the owner and the tenant from an upsert's assignments: the row
// that is met keeps its own. Others are those that do not simply take the inserted
// row's value, which has been judged already.
func (s *shield) conflictSet(set clause.Set) (updates, others clause.Set, err error) {
	if err := once(len(set), func(i int) string { return set[i].Column.Name }); err != nil {
		return nil, nil, err
	}
	for _, a := range set {
		if done, ok := a.Value.(ifOwn); ok { // from an earlier use of the handle
			a.Value = done.value
		}
		if col, ok := a.Value.(clause.Column); ok && col.Table == "excluded" && bareColumn(a.Column.Name) != "" && sameColumn(col.Name, a.Column.Name) {
			if !s.scoped(a.Column.Name) {
				updates = append(updates, a)
			}
			continue
		}
		kept, err := s.judge(clause.Set{a}, false)
		if err != nil {
			return nil, nil, err
		}
		updates, others = append(updates, kept...), append(others, kept...)
	}
	return updates, others, nil
}

// wholeKeys refuses an upsert of some columns of a foreign key: with the others of
// the row that is met they would be a key nobody has judged.
func (s *shield) wholeKeys(set clause.Set) error {
	for _, edges := range [][]*edge{s.pol.refs, s.pol.owning()} {
		for _, e := range edges {
			some, missing := false, ""
			for _, f := range e.columns() {
				if _, ok := assigned(set, f.DBName); ok {
					some = true
				} else if !s.scoped(f.DBName) {
					missing = f.DBName
				}
			}
			if some && missing != "" {
				return refuse(ErrUnsupported, "part of a composite foreign key: assign "+missing+" too")
			}
		}
	}
	return nil
}

// conflictMySQL confines an upsert where the database has no WHERE for it: every
// assignment keeps the old value of a row that is not the caller's, and whether
// there was one is looked up afterwards.
func (s *shield) conflictMySQL(stmt *gorm.Statement, c clause.Clause, oc clause.OnConflict) error {
	if _, nested := stmt.Settings.Load(nestedKey); !nested && (s.guard == nil || !s.guard.cfg.MySQLUpsert) {
		return refuse(ErrUnsupported, "an upsert on MySQL, which has no WHERE for it; see GuardConfig.MySQLUpsert")
	}
	deciding := func(a clause.Assignment) bool {
		return slices.ContainsFunc(s.pol.parents(), func(e *edge) bool { return e.has(bareColumn(a.Column.Name)) })
	}
	updates := slices.Clone(oc.DoUpdates)
	// MySQL assigns from left to right and sees its own changes: what decides whose
	// the row is comes last.
	slices.SortStableFunc(updates, func(a, b clause.Assignment) int {
		switch da, db := deciding(a), deciding(b); {
		case da == db:
			return 0
		case da:
			return 1
		default:
			return -1
		}
	})
	if n := len(updates); n > 1 && deciding(updates[n-2]) {
		return refuse(ErrUnsupported, "an upsert on MySQL that changes several columns of the owning key")
	}
	for i, a := range updates {
		updates[i].Value = ifOwn{condition{who: s.who, pol: s.pol, table: s.table, write: true}, a.Value, a.Column}
	}
	oc.DoUpdates = updates
	c.Expression = oc
	stmt.Clauses["ON CONFLICT"] = c
	return nil
}

// ifOwn writes IF(<the row is the caller's>, value, column).
type ifOwn struct {
	own    condition
	value  any
	column clause.Column
}

// Build writes the expression.
func (e ifOwn) Build(b clause.Builder) {
	_, _ = b.WriteString("IF(")
	e.own.Build(b)
	_, _ = b.WriteString(", ")
	if col, ok := e.value.(clause.Column); ok && col.Table == "excluded" {
		_, _ = b.WriteString("VALUES(")
		b.WriteQuoted(clause.Column{Name: col.Name})
		_, _ = b.WriteString(")")
	} else {
		b.AddVar(b, e.value)
	}
	_, _ = b.WriteString(", ")
	b.WriteQuoted(e.column)
	_, _ = b.WriteString(")")
}

// upserted reports, as gorm.ErrRecordNotFound, that an upsert met a row which is
// not the caller's and left it alone.
func (s *shield) upserted(stmt *gorm.Statement) error {
	values, _ := stmt.Clauses["VALUES"].Expression.(clause.Values)
	rows := int64(len(values.Values))
	if stmt.Name() != "mysql" && !s.partial {
		if stmt.RowsAffected < rows {
			return gorm.ErrRecordNotFound
		}
		return nil
	}
	if stmt.Name() != "mysql" && stmt.RowsAffected >= rows {
		return nil
	}
	keys := s.primaryKeys(values)
	if len(keys) < len(values.Values) && stmt.RowsAffected < rows-int64(len(keys)) {
		return gorm.ErrRecordNotFound
	}
	fields := s.pol.schema.PrimaryFields
	if len(fields) == 0 {
		return nil
	}
	self := &edge{child: fields, parent: s.pol.schema.PrimaryFieldDBNames, to: s.pol}
	return s.visible(stmt, self, keys, true)
}

// primaryKeys returns the keys of the rows that came with one.
func (s *shield) primaryKeys(values clause.Values) [][]any {
	fields := s.pol.schema.PrimaryFields
	var keys [][]any
	for _, row := range values.Values {
		var key []any
		for _, f := range fields {
			at := slices.IndexFunc(values.Columns, func(c clause.Column) bool { return sameColumn(c.Name, f.DBName) })
			if at >= 0 && at < len(row) && !isNothing(row[at]) && (!f.HasDefaultValue || !isZero(row[at])) {
				key = append(key, row[at])
			}
		}
		if len(key) == len(fields) {
			keys = append(keys, key)
		}
	}
	return keys
}
