package binding

import (
	"reflect"
	"strings"
)

// firstHole is hole for a whole target, of whatever kind.
func (r *ruler) firstHole(out reflect.Value) (at []byte, ok bool) {
	defer func() {
		if recover() != nil { // while a panic is answered a second one would not be
			at, ok = nil, false
		}
	}()
	return r.hole(out, "", nil)
}

// hole finds a nil among the elements that a rule unique compares, from v on, and
// returns where it is. Null is a value of a pointer, but the validator panics at
// one there: a fault of the client's, not of the program.
func (r *ruler) hole(v reflect.Value, rules string, path []byte) ([]byte, bool) {
	v, ok := plainly(v)
	if !ok {
		return nil, false
	}
	switch v.Kind() {
	case reflect.Struct:
		t := v.Type()
		for i := range t.NumField() {
			sf := t.Field(i)
			if !sf.IsExported() && (!sf.Anonymous || sf.Type.Kind() != reflect.Struct) {
				continue
			}
			inner := path
			if name, own := memberName(sf, r.in); own {
				inner = appendName(path[:len(path):len(path)], name)
			}
			if at, ok := r.hole(v.Field(i), sf.Tag.Get("binding"), inner); ok {
				return at, true
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if at, ok := r.element(v.Index(i), rules, appendIndex(path, i)); ok {
				return at, true
			}
		}
	case reflect.Map:
		for entry := v.MapRange(); entry.Next(); {
			if at, ok := r.element(entry.Value(), rules, appendName(path[:len(path):len(path)], keyText(entry.Key()))); ok {
				return at, true
			}
		}
	}
	return nil, false
}

// element looks at an element of a list or map with rules.
func (r *ruler) element(v reflect.Value, rules string, path []byte) ([]byte, bool) {
	before, after, _ := cutDive(rules)
	for rule := range strings.SplitSeq(before, ",") {
		if name, _, _ := strings.Cut(rule, "="); name == "unique" && v.Kind() == reflect.Pointer && v.IsNil() {
			return path, true
		}
	}
	return r.hole(v, after, path)
}
