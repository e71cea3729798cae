package scope

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// nestedKey is the setting gorm keeps while it saves associations. It upserts the
// children of a has-one or has-many then, without the developer asking for it.
const nestedKey = "gorm:saved_association_map"

// conflictMySQL confines an upsert where the database has no WHERE for it: every
// assignment keeps the old value of a row that is not the caller's, and whether
// there was one is looked up afterwards.
func (s *shield) conflictMySQL(stmt *gorm.Statement, c clause.Clause, oc clause.OnConflict) error {
	if _, nested := stmt.Settings.Load(nestedKey); !nested && (s.guard == nil || !s.guard.cfg.MySQLUpsert) {
		return refuse(ErrUnsupported, "an upsert on MySQL, which has no WHERE for it; see GuardConfig.MySQLUpsert")
	}
	deciding := func(a clause.Assignment) bool {
		return slices.ContainsFunc(s.pol.owning(), func(e *edge) bool { return e.has(bareColumn(a.Column.Name)) })
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
