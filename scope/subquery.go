package scope

import (
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// subquery passes a query that goes through this guard's callbacks itself. One
// made of raw text, or on a connection without the guard, does not.
func (g *guard) subquery(db *gorm.DB, enclosed bool) error {
	switch {
	case db == nil || db.Statement == nil:
		return nil
	case guardOf(db) != g:
		return errUnguarded
	case db.Statement.SQL.Len() == 0:
		return nil
	}
	text := db.Statement.SQL.String()
	if g.names(text) {
		return ErrRaw
	}
	// gorm takes its text apart again and puts the values in for every "?".
	f := fragment{sql: text, where: argument, vars: db.Statement.Vars}
	if enclosed {
		f.where = inside
	}
	for _, v := range f.vars {
		if isText(v) {
			return errForm
		}
	}
	if g.lex.postgres {
		f.vars = nil // numbered
	}
	return g.read(db.Statement, f)
}

var errUnguarded = refuse(ErrUnsupported, "a subquery on a connection without this guard")

// generic judges what gorm's own package offers as an expression: a query of the
// generics API keeps its connection to itself, so it is looked for. Known is false
// for anything else.
func (g *guard) generic(e clause.Expression) (known bool, err error) {
	plugins, found := pluginsOf(reflect.ValueOf(e), 4)
	if !found {
		return false, nil
	}
	if p := plugins.MapIndex(reflect.ValueOf(pluginName)); p.IsValid() && p.Elem().Kind() == reflect.Pointer && p.Elem().Pointer() == reflect.ValueOf(g).Pointer() {
		return true, nil
	}
	return true, errUnguarded
}

// pluginsOf finds the *gorm.DB in a struct, and its plugins.
func pluginsOf(rv reflect.Value, depth int) (plugins reflect.Value, found bool) {
	for rv.Kind() == reflect.Pointer || rv.Kind() == reflect.Interface {
		if rv.IsNil() {
			return reflect.Value{}, false
		}
		if rv.Type() == reflect.TypeFor[*gorm.DB]() {
			config := rv.Elem().FieldByName("Config")
			return reflect.Indirect(config).FieldByName("Plugins"), true
		}
		rv = rv.Elem()
	}
	if rv.Kind() != reflect.Struct || depth == 0 {
		return reflect.Value{}, false
	}
	for i := range rv.NumField() {
		if plugins, found = pluginsOf(rv.Field(i), depth-1); found {
			return plugins, true
		}
	}
	return reflect.Value{}, false
}
