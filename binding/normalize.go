package binding

import (
	"reflect"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// normalize applies strict:"trim", "nfc" and "lower" to v and everything below.
func normalize(v reflect.Value, n *plan.Node) {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		v = v.Elem()
	}
	switch n.Kind {
	case plan.Struct:
		for i := range n.List {
			f := &n.List[i]
			inner, err := v.FieldByIndexErr(f.Index)
			if err != nil || f.Hidden { // within an embedded pointer that is nil
				continue
			}
			if f.Trim || f.NFC || f.Lower {
				rewrite(inner, f)
				continue
			}
			normalize(inner, f.Node)
		}
	case plan.Slice, plan.Array:
		for i := range v.Len() {
			normalize(v.Index(i), n.Elem)
		}
	case plan.Map:
		for _, key := range v.MapKeys() {
			// Values of maps cannot be changed in place.
			inner := reflect.New(v.Type().Elem()).Elem()
			inner.Set(v.MapIndex(key))
			normalize(inner, n.Elem)
			v.SetMapIndex(key, inner)
		}
	}
}

func rewrite(v reflect.Value, f *plan.Field) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			rewrite(v.Elem(), f)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			rewrite(v.Index(i), f)
		}
	case reflect.String:
		v.SetString(normalText(v.String(), f))
	}
}

// longest is how many characters one can be composed of.
const longest = 4

func normalText(text string, f *plan.Field) string {
	if f.Trim {
		text = strings.TrimSpace(text)
	}
	if f.Most > 0 && len(text) > longest*f.Most && utf8.RuneCountInString(text) > longest*f.Most {
		return text // too long in any form, and composing costs 40 times what reading did
	}
	if f.NFC {
		text = norm.NFC.String(text)
	}
	if f.Lower {
		text = strings.ToLower(text)
	}
	return text
}
