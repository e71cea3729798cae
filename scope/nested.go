package scope

import (
	"reflect"

	"gorm.io/gorm"
)

// nested reports whether gorm would save associated values along with the
// statement's own, in statements of their own that only a guard can see.
func nested(stmt *gorm.Statement) bool {
	if stmt.Schema == nil || len(stmt.Schema.Relationships.Relations) == 0 {
		return false
	}
	selected, restricted := stmt.SelectAndOmitColumns(true, false)
	rv := stmt.ReflectValue
	for _, rel := range stmt.Schema.Relationships.Relations {
		if on, ok := selected[rel.Name]; rel.Field == nil || rel.Schema != stmt.Schema || ok && !on || !ok && restricted {
			continue
		}
		has := func(v reflect.Value) bool {
			for v.Kind() == reflect.Pointer {
				v = v.Elem()
			}
			if v.Kind() != reflect.Struct || v.Type() != stmt.Schema.ModelType {
				return false
			}
			_, zero := rel.Field.ValueOf(stmt.Context, v)
			return !zero
		}
		switch rv.Kind() {
		case reflect.Slice, reflect.Array:
			for i := range rv.Len() {
				if has(rv.Index(i)) {
					return true
				}
			}
		default:
			if has(rv) {
				return true
			}
		}
	}
	return destHas(stmt)
}

// destHas looks at an update's values where they are not the model itself.
func destHas(stmt *gorm.Statement) bool {
	dest := reflect.ValueOf(stmt.Dest)
	for dest.Kind() == reflect.Pointer {
		dest = dest.Elem()
	}
	if dest.Kind() == reflect.Map {
		values, _ := dest.Interface().(map[string]any)
		for name := range values {
			if stmt.Schema.Relationships.Relations[name] != nil {
				return true
			}
		}
	}
	return false
}
