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
// make protection fail, leak that a row exists, or be slow. Call it at start-up,
// after the migrations.
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
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Errorf("scope: table "+c.pol.table+": "+format, args...))
}

func (c *checker) run() {
	c.columns()
	c.indexes()
	c.primaryKey()
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

func (c *checker) columns() {
	for _, col := range c.scopeColumns() {
		f := col.field
		if f.HasDefaultValue && !f.AutoIncrement {
			c.fault("column %s has a default: a row inserted past this package would belong to somebody", col.name)
		}
		if !f.Creatable || !f.Readable {
			c.fault("field %s must be creatable and readable", f.Name)
		}
	}
}

func (c *checker) indexes() {
	cols := c.scopeColumns()
	if len(cols) == 0 {
		return
	}
	first, led := cols[0].name, false
	for _, idx := range c.pol.schema.ParseIndexes() {
		names := indexColumns(idx)
		if len(names) > 0 && names[0] == first {
			led = true
		}
		if strings.EqualFold(idx.Class, "UNIQUE") && !slices.Contains(names, first) {
			c.fault("unique index %s has no column %s: a conflict tells that somebody else's row exists", idx.Name, first)
		}
	}
	if pk := c.pol.schema.PrimaryFieldDBNames; len(pk) > 0 && pk[0] == first {
		led = true
	}
	if !led {
		c.fault("no index starts with %s: every query reads the whole table", first)
	}
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

func (c *checker) primaryKey() {
	if f := c.pol.schema.PrioritizedPrimaryField; f != nil && f.AutoIncrement {
		c.fault("primary key %s counts up: it tells how many rows exist, and ids can be guessed", f.DBName)
	}
}
