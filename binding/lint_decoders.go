package binding

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// legacy complains of structs that decode themselves with the standard
// library's interface: what they call inside accepts unknown and mis-cased
// members, whatever stands around it. So do maps, and lists of structs.
func (l *linter) legacy(t reflect.Type) {
	if t.Kind() != reflect.Struct && t.Kind() != reflect.Map && !listsStructs(t) {
		return
	}
	if slices.Contains(standardEscape, t.PkgPath()) {
		return
	}
	l.add(t, "", "decodes itself with UnmarshalJSON, which hides what is inside from every check: implement UnmarshalJSONFrom or UnmarshalText")
}

// listsStructs reports whether t is a list of structs that do not decode themselves:
// those are objects.
func listsStructs(t reflect.Type) bool {
	elem := t
	for range deepest {
		if k := elem.Kind(); k != reflect.Slice && k != reflect.Array && k != reflect.Map {
			break
		}
		elem = base(elem.Elem())
	}
	return elem != t && elem.Kind() == reflect.Struct && decoder(reflect.PointerTo(elem)) == nil
}

// decoder is the interface by which a type decodes itself, or nil.
func decoder(own reflect.Type) reflect.Type {
	for _, iface := range []reflect.Type{fromType, legacyType, textType} {
		if own.Implements(iface) {
			return iface
		}
	}
	return nil
}

// promoted complains of structs that decode as a field they embed: nothing else in
// them is ever filled or judged.
func (l *linter) promoted(t, own reflect.Type) bool {
	iface := decoder(own)
	if iface == nil {
		return false
	}
	inner := plan.Promoted(t, iface)
	if inner == nil {
		return false
	}
	for i := range t.NumField() {
		sf := t.Field(i)
		if sf.Anonymous && plan.Indirect(sf.Type) == inner {
			if k := sf.Type.Kind(); k == reflect.Pointer || k == reflect.Interface {
				l.add(t, sf.Name, "decodes this type, and panics since it embeds nothing but nil: embed no pointer")
				return true
			}
			continue
		}
		if tag, ok := sf.Tag.Lookup("json"); sf.IsExported() && tag != "-" && (ok || !elsewhere(sf)) {
			l.add(t, sf.Name, fmt.Sprintf("is never filled, since the struct decodes as the %v it embeds: give that a name", inner))
			return true
		}
	}
	return false
}

// elsewhere reports whether another source than JSON has a tag.
func elsewhere(sf reflect.StructField) bool {
	return slices.ContainsFunc(sourceTags[1:], func(tag string) bool { _, ok := sf.Tag.Lookup(tag); return ok })
}

// takesAnything reports whether a type that decodes itself takes an object with a
// member it cannot know. One that has a text form as well is mostly a number, an
// identifier or a time, and takes no object at all.
func takesAnything(t reflect.Type) bool {
	return takes(t, `{"\u2603 unknown":1}`) || takes(t, `[{"\u2603 unknown":1}]`)
}

func takes(t reflect.Type, doc string) (taken bool) {
	defer func() { _ = recover() }()
	u, ok := reflect.New(t).Interface().(json.Unmarshaler)
	return ok && u.UnmarshalJSON([]byte(doc)) == nil
}
