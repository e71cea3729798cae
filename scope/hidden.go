package scope

import (
	"database/sql"
	"database/sql/driver"
	"reflect"

	"gorm.io/gorm"
)

// hidden finds SQL text in the values gorm takes apart: lists of any type.
func (g *guard) hidden(stmt *gorm.Statement, v any) error {
	switch v.(type) {
	case sql.NamedArg: // gorm binds it without writing anything
		return errForm
	case driver.Valuer, []string, []int, []int64, []uint:
		return nil
	}
	rv := reflect.ValueOf(v)
	if k := rv.Kind(); k != reflect.Slice && k != reflect.Array || rv.Type().Elem().Kind() == reflect.Uint8 {
		return nil
	}
	for i := range rv.Len() {
		if err := g.argument(stmt, rv.Index(i).Interface(), rv.Len() == 1); err != nil {
			return err
		}
	}
	return nil
}
