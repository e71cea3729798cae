package scope

import (
	"slices"
	"strings"

	"gorm.io/gorm"
)

// members looks at the table of a policy's members.
func (c *checker) members() {
	if c.pol.extra == nil || c.pol.extra.members == nil {
		return
	}
	m := c.pol.extra.members
	if g := guardOf(c.db); g != nil {
		switch listed := g.lookup(m.schema.Table); {
		case listed == nil:
		case listed.public:
			c.fault("the table of its members, %s, is public: everybody could become one", m.schema.Table)
		case c.pol.outlived(listed):
			c.fault("who has added members in %s keeps them, and himself among them, when he is removed: let the key to %s decide whose they are (via)", m.schema.Table, c.pol.table)
		}
	}
	types, err := c.db.Migrator().ColumnTypes(m.schema.Table)
	if err != nil || len(types) == 0 {
		c.fault("the table of its members, %s, does not exist or cannot be read", m.schema.Table)
		return
	}
	names := []string{m.row.DBName, m.subject.name}
	for _, l := range m.live {
		names = append(names, l.column)
	}
	for i, name := range names {
		t := typeNamed(types, name)
		switch {
		case t == nil:
			c.fault("column %s of the table of its members is missing", name)
		case i < 2 && c.folds(m.schema.Table, t):
			c.fault("column %s of the table of its members ignores case: two of them could be one", name)
		}
	}
}

// outlived reports whether those who may write rows of p that are not theirs own the
// memberships they add, so that nobody else can remove them.
func (p *policy) outlived(table *policy) bool {
	return p.writesOthers() && !p.extra.TenantWide && !table.writesOthers() &&
		(table.owner != nil || table.tenant == nil && !slices.ContainsFunc(table.gives, func(e *edge) bool {
			return slices.ContainsFunc(table.parents(), e.equal)
		}))
}

func typeNamed(types []gorm.ColumnType, name string) gorm.ColumnType {
	for _, t := range types {
		if strings.EqualFold(t.Name(), name) {
			return t
		}
	}
	return nil
}

// folds reports whether a column takes two spellings for one. On MySQL and MariaDB,
// where most do, bytes are compared.
func (c *checker) folds(table string, t gorm.ColumnType) bool {
	switch c.db.Name() {
	case "sqlite":
		var ddl string
		c.db.Raw("SELECT sql FROM sqlite_master WHERE name = ?", table).Scan(&ddl)
		return foldsIn(ddl, t.Name())
	case "postgres":
		if strings.Contains(strings.ToLower(t.DatabaseTypeName()), "citext") {
			return true
		}
		var folds bool
		c.db.Raw(`SELECT NOT c.collisdeterministic FROM pg_attribute a JOIN pg_collation c ON c.oid = a.attcollation
			WHERE a.attrelid = to_regclass(?) AND a.attname = ?`, quote(c.db, table), t.Name()).Scan(&folds)
		return folds
	default:
		return false
	}
}

// foldsIn reads a column's collation from SQLite's text of a table.
func foldsIn(ddl, column string) bool {
	l := lexer{sql: ddl, dialect: dialect{sqlite: true}}
	for here, before := false, ""; ; {
		tok, kind := l.next()
		switch {
		case kind == tokEnd || kind == tokOpaque:
			return false
		case kind == tokOther && tok == "," && l.nest == 1, kind == tokOther && tok == "(" && l.nest == 1:
			here = false
			tok = "("
		case before == "(" && l.nest == 1:
			here = strings.EqualFold(tok, column)
		case here && among(before, "COLLATE") && among(tok, "NOCASE", "RTRIM"):
			return true
		}
		before = tok
	}
}
