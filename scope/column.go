package scope

import (
	"context"
	"database/sql/driver"
	"encoding"
	"reflect"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"
)

// column is an owner or a tenant column of one model.
type column struct {
	field *schema.Field
	name  string
	// text is true when the field holds a string as it is: no conversion, but a
	// comparison that must not depend on the database's collation.
	text bool
}

// columnOf returns nil for no field.
func columnOf(f *schema.Field) *column {
	if f == nil {
		return nil
	}
	c := &column{}
	c.set(f)
	return c
}

func (c *column) set(f *schema.Field) {
	t := f.IndirectFieldType
	text := t == reflect.TypeFor[string]() || t.Kind() == reflect.String && !implements[driver.Valuer](t)
	*c = column{field: f, name: f.DBName, text: text && f.Serializer == nil}
}

func implements[T any](t reflect.Type) bool {
	i := reflect.TypeFor[T]()
	return t.Implements(i) || reflect.PointerTo(t).Implements(i)
}

// value converts what the principal has, a string, into what the column holds.
// A conversion that is not the exact inverse of the column's own spelling is
// refused: "7" and "07" must never be one owner.
func (c *column) value(ctx context.Context, s string) (any, error) {
	if s == "" {
		return nil, ErrNoPrincipal
	}
	if c.text {
		return s, nil
	}
	model := reflect.New(c.field.Schema.ModelType).Elem()
	if err := c.field.Set(ctx, model, s); err != nil {
		return nil, refuse(ErrNoPrincipal, "the principal does not fit column "+c.name)
	}
	v, _ := c.field.ValueOf(ctx, model)
	if got, ok := canonical(v); !ok || got != s {
		return nil, refuse(ErrNoPrincipal, "the principal is not spelled as column "+c.name+" spells it")
	}
	return v, nil
}

// judge says what a value about to be written into the column means.
func (c *column) judge(v any, own string) verdict {
	if isNothing(v) || c.field.DefaultValueInterface != nil && v == c.field.DefaultValueInterface {
		return empty // gorm fills in the default of a zero field itself
	}
	got, ok := canonical(v)
	switch {
	case !ok:
		return foreign
	case got == own:
		return same
	case got == "" || got == "0" && !c.text:
		return empty
	default:
		return foreign
	}
}

type verdict uint8

const (
	foreign verdict = iota
	same
	empty
)

// isNothing reports whether v is nil, a nil pointer, or the DEFAULT that gorm
// writes for a zero field with a database default.
func isNothing(v any) bool {
	if v == nil {
		return true
	}
	if e, ok := v.(clause.Expr); ok {
		return len(e.Vars) == 0 && (e.SQL == "DEFAULT" || e.SQL == "NULL")
	}
	return isNull(v)
}

// isNull is isNothing without what the database may make of DEFAULT.
func isNull(v any) bool {
	rv := reflect.ValueOf(v)
	return v == nil || rv.Kind() == reflect.Pointer && rv.IsNil()
}

// canonical spells a value as text; ok is false for what cannot be spelled, such
// as an SQL expression.
func canonical(v any) (s string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case clause.Expression, gorm.Valuer, clause.Column, clause.Table, *gorm.DB:
		return "", false
	case driver.Valuer:
		inner, err := v.Value()
		if err != nil || inner == nil {
			return "", err == nil
		}
		if _, again := inner.(driver.Valuer); again {
			return "", false
		}
		return canonical(inner)
	case encoding.TextMarshaler:
		b, err := v.MarshalText()
		return string(b), err == nil
	case []byte:
		return string(v), true
	}
	rv := reflect.ValueOf(v)
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface:
		if rv.IsNil() {
			return "", true
		}
		return canonical(rv.Elem().Interface())
	case reflect.String:
		return rv.String(), true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.FormatInt(rv.Int(), 10), true
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.FormatUint(rv.Uint(), 10), true
	default:
		return "", false
	}
}
