package scope

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

// Check looks at models (with [Guard]: at every protected table when none is
// given) and at their tables, and returns every fault at once, joined: what would
// make protection fail, tell that somebody else's row exists, or be slow. Call it
// at start-up, after the migrations, with a context that may look at the tables
// (see [System]).
func Check(db *gorm.DB, models ...any) error {
	pols, err := policiesOf(db, models)
	faults := []error{err}
	for _, p := range pols {
		c := &checker{db: db, pol: p}
		c.run()
		faults = append(faults, c.faults...)
	}
	return errors.Join(faults...)
}

type checker struct {
	db     *gorm.DB
	pol    *policy
	faults []error
	types  []gorm.ColumnType
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("scope: table "+c.pol.table+": "+format, args...))
}

func (c *checker) run() {
	types, err := c.db.Migrator().ColumnTypes(c.pol.schema.Table)
	if err != nil || len(types) == 0 {
		c.fault("it does not exist or cannot be read")
		return
	}
	c.types = types
	for _, col := range c.scopeColumns() {
		c.column(col)
	}
	for _, e := range append(slices.Clone(c.pol.owning()), c.pol.refs...) {
		c.key(e)
	}
	c.members()
	c.indexes()
	c.primaryKey()
	if c.db.Name() == "postgres" {
		c.rowSecurity()
	}
}

func (c *checker) scopeColumns() []*column {
	var cols []*column
	for _, col := range []*column{c.pol.tenant, c.pol.owner} {
		if col != nil {
			cols = append(cols, col)
		}
	}
	return cols
}

func (c *checker) inDatabase(name string) gorm.ColumnType {
	return typeNamed(c.types, name)
}

// column looks at an owner or tenant column.
func (c *checker) column(col *column) {
	t := c.inDatabase(col.name)
	if t == nil {
		c.fault("column %s is missing", col.name)
		return
	}
	if def, ok := t.DefaultValue(); (ok && def != "" && !strings.EqualFold(def, "NULL")) || col.field.HasDefaultValue {
		c.fault("column %s has a default: a row inserted past this package would be somebody's", col.name)
	}
	if nullable, ok := t.Nullable(); ok && nullable && (c.pol.extra == nil || !c.pol.extra.Global) {
		c.fault("column %s may be NULL: such a row is nobody's", col.name)
	}
	if !col.field.Creatable || !col.field.Readable {
		c.fault("field %s must be creatable and readable", col.field.Name)
	}
	if c.folds(c.pol.schema.Table, t) {
		c.fault("column %s ignores case: two subjects could be one", col.name)
	}
	if n, ok := t.Length(); ok && n > 0 && n < 36 && col.text && c.db.Name() != "sqlite" {
		c.fault("column %s holds %d characters: a subject can be longer (OpenID Connect: 255)", col.name, n)
	}
}

// key looks at a foreign key to a protected table.
func (c *checker) key(e *edge) {
	for _, f := range e.child {
		if c.inDatabase(f.DBName) == nil {
			c.fault("column %s is missing", f.DBName)
		} else if t := c.inDatabase(f.DBName); slices.Contains(c.pol.parents(), e) {
			if nullable, ok := t.Nullable(); ok && nullable {
				c.fault("column %s decides whose a row is and may be NULL", f.DBName)
			}
		}
	}
	if e.kind == nil && c.pol.tenant != nil && e.to.tenant != nil && !e.has(c.pol.tenant.name) {
		c.fault("the foreign key to %s lacks %s: past this package a row could point into another tenant", e.to.table, c.pol.tenant.name)
	}
}

// index is an index as far as this check needs it.
type index struct {
	name    string
	columns []string
	unique  bool
}

// all returns the indexes of the database, or those of the model where the driver
// cannot list them.
func (c *checker) all() []index {
	if c.db.Name() == "postgres" {
		if out := c.postgresIndexes(); len(out) > 0 {
			return out
		}
	}
	var out []index
	found, err := c.db.Migrator().GetIndexes(c.pol.schema.Table)
	for _, idx := range found {
		primary, _ := idx.PrimaryKey()
		unique, _ := idx.Unique()
		out = append(out, index{name: idx.Name(), columns: idx.Columns(), unique: unique && !primary})
	}
	if err != nil || len(found) == 0 {
		for _, idx := range c.pol.schema.ParseIndexes() {
			out = append(out, index{name: idx.Name, columns: indexColumns(idx), unique: strings.EqualFold(idx.Class, "UNIQUE")})
		}
	}
	return append(out, index{name: "primary key", columns: c.pol.schema.PrimaryFieldDBNames})
}

// postgresIndexes lists indexes with their columns in the index's own order, which
// gorm's migrator does not keep.
func (c *checker) postgresIndexes() []index {
	var rows []struct {
		Name     string
		Columns  string
		IsUnique bool
	}
	err := c.db.Raw(`SELECT i.relname AS name, x.indisunique AND NOT x.indisprimary AS is_unique,
		(SELECT string_agg(COALESCE(a.attname, ''), ',' ORDER BY k.n) FROM unnest(x.indkey::int[]) WITH ORDINALITY AS k(att, n)
			LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.att) AS columns
		FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = to_regclass(?)`,
		quote(c.db, c.pol.schema.Table)).Scan(&rows).Error
	if err != nil {
		return nil
	}
	var out []index
	for _, r := range rows {
		out = append(out, index{name: r.Name, columns: strings.Split(r.Columns, ","), unique: r.IsUnique})
	}
	return out
}

func indexColumns(idx *schema.Index) []string {
	var names []string
	for _, f := range idx.Fields {
		if f.Field != nil {
			names = append(names, f.DBName)
		}
	}
	return names
}

func (c *checker) indexes() {
	var names []string
	for _, col := range c.scopeColumns() {
		names = append(names, col.name)
	}
	if len(names) == 0 {
		c.keyIndexes()
		return
	}
	led, whole := false, false
	exact := append(slices.Clone(names), c.pol.schema.PrimaryFieldDBNames...)
	for _, idx := range c.all() {
		if len(idx.columns) > 0 && idx.columns[0] == names[0] {
			led = true
			whole = whole || covers(idx.columns, exact)
		}
		if idx.unique && !slices.Contains(idx.columns, names[0]) && !slices.Equal(idx.columns, c.pol.schema.PrimaryFieldDBNames) {
			c.fault("unique index %s has no column %s: a conflict tells that somebody else's row exists", idx.name, names[0])
		}
	}
	switch {
	case !led:
		c.fault("no index starts with %s: every query reads the whole table", names[0])
	case !whole:
		c.fault("no index on (%s): reading a foreign id takes longer than reading none", strings.Join(unique(exact), ", "))
	}
}

// covers reports whether an index holds all columns, those of the scope first.
func covers(idx, columns []string) bool {
	for _, c := range columns {
		if !slices.Contains(idx, c) {
			return false
		}
	}
	return true
}

// keyIndexes looks for an index on the keys that decide whose a row is.
func (c *checker) keyIndexes() {
	for _, e := range c.pol.parents() {
		if !slices.ContainsFunc(c.all(), func(i index) bool { return len(i.columns) > 0 && e.has(i.columns[0]) }) {
			c.fault("no index starts with %s, which decides whose a row is", e.child[0].DBName)
		}
	}
}

func (c *checker) primaryKey() {
	f := c.pol.schema.PrioritizedPrimaryField
	switch {
	case len(c.pol.schema.PrimaryFields) == 0:
		c.fault("no primary key: an upsert cannot be told from a foreign row")
	case f != nil && f.AutoIncrement:
		c.fault("primary key %s counts up: it tells how many rows exist, and ids can be guessed", f.DBName)
	}
}

// rowSecurity looks at PostgreSQL's second line of defence, where it is in use.
func (c *checker) rowSecurity() {
	var state struct{ Enabled, Forced, Bypass bool }
	err := c.db.Raw(`SELECT c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
		(SELECT r.rolsuper OR r.rolbypassrls FROM pg_roles r WHERE r.rolname = current_user) AS bypass
		FROM pg_class c WHERE c.oid = to_regclass(?)`, quote(c.db, c.pol.schema.Table)).Scan(&state).Error
	switch {
	case err != nil:
		c.fault("row-level security cannot be looked at")
	case !state.Enabled:
		return
	case !state.Forced:
		c.fault("row-level security is enabled but not forced: the table's owner sees every row")
	}
	if err == nil && state.Enabled && state.Bypass {
		c.fault("the connection's role bypasses row-level security")
	}
}
