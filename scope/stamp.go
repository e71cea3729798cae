package scope

import (
	"reflect"

	"gorm.io/gorm"
)

// stampDest fills the owner and tenant of structs about to be created, so that
// gorm's own conversion and the hooks after it see them. It only fills what is
// empty and spelled as text; insert judges what is really stored.
func (s *shield) stampDest(stmt *gorm.Statement) {
	if stmt.Schema == nil {
		return
	}
	for _, col := range [...]*column{s.pol.tenant, s.pol.owner} {
		own := s.who.owner
		if col == s.pol.tenant {
			own = s.who.tenant
		}
		if col == nil || !col.text || own == "" {
			continue
		}
		field := stmt.Schema.FieldsByDBName[col.name]
		if field == nil || field.FieldType.Kind() != reflect.String || field.DefaultValueInterface != nil {
			continue
		}
		set := func(row reflect.Value) {
			row = reflect.Indirect(row)
			if row.Kind() != reflect.Struct || !row.CanAddr() || row.Type() != stmt.Schema.ModelType {
				return
			}
			if f := field.ReflectValueOf(stmt.Context, row); f.Kind() == reflect.String && f.CanSet() && f.Len() == 0 {
				f.SetString(own)
			}
		}
		switch rv := stmt.ReflectValue; rv.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range rv.Len() {
				set(rv.Index(i))
			}
		case reflect.Struct:
			set(rv)
		}
	}
}
