package scope

import (
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// target is the table a statement reads or writes.
type target struct {
	pol   *policy // nil for a derived table and for no table at all
	alias string
}

// target finds the table by its name, not by the model: a public model pointed at
// a protected table is protected.
func (g *guard) target(stmt *gorm.Statement) (target, error) {
	name, alias := stmt.Table, stmt.Table
	if stmt.TableExpr != nil {
		ref, err := g.tableExpr(stmt.TableExpr)
		if err != nil {
			return target{}, err
		}
		if ref.derived {
			return target{alias: ref.alias}, nil
		}
		name, alias = ref.name, ref.alias
	}
	if name == "" {
		if stmt.Schema == nil {
			return target{}, nil // no table: SELECT 1, or an error gorm has raised already
		}
		name, alias = stmt.Schema.Table, stmt.Schema.Table
	}
	pol := g.lookup(name)
	if pol == nil {
		if readCaller(stmt.Context).system != nil {
			return target{alias: alias}, nil
		}
		return target{}, refuse(ErrUnprotected, name)
	}
	return target{pol: pol, alias: alias}, nil
}

func (g *guard) lookup(name string) *policy {
	name = lastPart(name)
	if p := g.tables[name]; p != nil {
		return p
	}
	return g.tables[strings.ToLower(name)]
}

type tableRef struct {
	name, alias string
	derived     bool
}

// tableExpr understands one table with or without an alias, and one subquery with
// an alias. Everything else is refused.
func (g *guard) tableExpr(e *clause.Expr) (tableRef, error) {
	words := strings.Fields(e.SQL)
	if len(words) == 3 && strings.EqualFold(words[1], "as") {
		words = []string{words[0], words[2]}
	}
	switch len(words) {
	case 1:
		if name, ok := qualified(words[0]); ok && len(e.Vars) == 0 {
			return tableRef{name: name, alias: name}, nil
		}
	case 2:
		alias, ok := plain(words[1])
		if !ok {
			break
		}
		if words[0] == "(?)" && len(e.Vars) == 1 {
			if query, ok := e.Vars[0].(*gorm.DB); ok {
				if err := g.subquery(query, true); err != nil {
					return tableRef{}, err
				}
				return tableRef{alias: alias, derived: true}, nil
			}
			break
		}
		if name, ok := qualified(words[0]); ok && len(e.Vars) == 0 {
			return tableRef{name: name, alias: alias}, nil
		}
	}
	return tableRef{}, refuse(ErrUnsupported, "a table expression that is not one table")
}

// qualified returns the last part of a possibly quoted and qualified name.
func qualified(word string) (string, bool) {
	parts := strings.Split(word, ".")
	name := ""
	for _, part := range parts {
		var ok bool
		if name, ok = plain(part); !ok {
			return "", false
		}
	}
	return name, true
}

// plain strips one pair of quotes from an identifier.
func plain(word string) (string, bool) {
	if len(word) > 2 && (word[0] == '"' || word[0] == '`') && word[len(word)-1] == word[0] {
		word = word[1 : len(word)-1]
	}
	if word == "" {
		return "", false
	}
	for i := range len(word) {
		if !identByte(word[i]) {
			return "", false
		}
	}
	return word, true
}
