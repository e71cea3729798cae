package scope

import (
	"database/sql"
	"go/ast"
	"reflect"
	"strings"

	"gorm.io/gorm/clause"
)

// flatten turns a text with named arguments into one with "?", as gorm's NamedExpr
// writes it: names go up to a blank or a quote, those nobody gave stay, and arguments
// without a "?" are dropped.
func flatten(text string, vars []any) (string, []any) {
	if !strings.Contains(text, "@") {
		return text, vars[:min(len(vars), strings.Count(text, "?"))]
	}
	values := map[string]any{}
	for _, v := range vars {
		switch v := v.(type) {
		case sql.NamedArg:
			values[v.Name] = v.Value
		case map[string]any:
			for name, inner := range v {
				values[name] = inner
			}
		default:
			fieldsInto(values, reflect.ValueOf(v))
		}
	}
	var (
		out    strings.Builder
		args   []any
		name   []byte
		inName bool
		next   int
	)
	end := func() {
		if !inName {
			return
		}
		inName = false
		if v, ok := values[string(name)]; ok {
			args = append(args, v)
			_ = out.WriteByte('?')
			return
		}
		_, _ = out.WriteString("@" + string(name))
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '@' && !inName:
			name, inName = name[:0], true
		case strings.IndexByte(" ,)\"'`\r\n;", c) >= 0:
			end()
			_ = out.WriteByte(c)
		case c == '?' && next < len(vars):
			args = append(args, vars[next])
			next++
			_ = out.WriteByte('?')
		case inName:
			name = append(name, c)
		default:
			_ = out.WriteByte(c)
		}
	}
	end()
	return out.String(), args
}

// fieldsInto adds the fields of a struct by name, those of embedded ones too.
func fieldsInto(values map[string]any, rv reflect.Value) {
	rv = reflect.Indirect(rv)
	if rv.Kind() != reflect.Struct {
		return
	}
	for i := range rv.NumField() {
		f := rv.Type().Field(i)
		if !ast.IsExported(f.Name) {
			continue
		}
		values[f.Name] = rv.Field(i).Interface()
		if f.Anonymous {
			fieldsInto(values, rv.Field(i))
		}
	}
}

// asText returns an expression's text as gorm writes it, before its arguments are put in.
func asText(e clause.Expression) (text string, vars []any, ok bool) {
	switch e := e.(type) {
	case clause.Expr:
		return e.SQL, e.Vars, true
	case clause.NamedExpr:
		text, vars = flatten(e.SQL, e.Vars)
		return text, vars, true
	default:
		return "", nil, false
	}
}
