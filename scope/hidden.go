package scope

import (
	"database/sql"
	"database/sql/driver"
	"reflect"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// hidden finds SQL text in the values gorm takes apart: named arguments, maps of
// them, and lists of any type.
func (g *guard) hidden(stmt *gorm.Statement, v any) error {
	switch v := v.(type) {
	case sql.NamedArg:
		return g.value(stmt, v.Value)
	case map[string]any:
		for _, inner := range v {
			if err := g.value(stmt, inner); err != nil {
				return err
			}
		}
		return nil
	case driver.Valuer, []string, []int, []int64, []uint:
		return nil
	}
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array || rv.Type().Elem().Kind() == reflect.Uint8 {
		return nil
	}
	for i := range rv.Len() {
		if err := g.value(stmt, rv.Index(i).Interface()); err != nil {
			return err
		}
	}
	return nil
}

// named finds SQL text in the fields of structs, which "@Field" names.
func (g *guard) named(stmt *gorm.Statement, vars []any) error {
	for _, v := range vars {
		switch v.(type) {
		case *gorm.DB, clause.Expression, sql.NamedArg:
			continue
		}
		rv := reflect.Indirect(reflect.ValueOf(v))
		if rv.Kind() != reflect.Struct {
			continue
		}
		for i := range rv.NumField() {
			f := rv.Type().Field(i)
			if !f.IsExported() {
				continue
			}
			field := rv.Field(i).Interface()
			if err := g.value(stmt, field); err != nil {
				return err
			}
			if f.Anonymous {
				if err := g.named(stmt, []any{field}); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
