package binding

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// linter looks for targets that let in more, or check less, than they seem to.
type linter struct {
	s        *settings
	document bool // the target is filled from nothing, by a document alone
	seen     map[reflect.Type]bool
	errs     []error
}

func (l *linter) add(t reflect.Type, field, reason string) {
	mistake := TypeError{Type: t, Field: field, Reason: reason}
	if slices.ContainsFunc(l.errs, func(err error) bool { old, ok := err.(*TypeError); return ok && *old == mistake }) { //nolint:errorlint // never wrapped here
		return // the plan says the same
	}
	l.errs = append(l.errs, &mistake)
}

var (
	fromType       = reflect.TypeFor[jsonv2.UnmarshalerFrom]()
	legacyType     = reflect.TypeFor[json.Unmarshaler]()
	textType       = reflect.TypeFor[encoding.TextUnmarshaler]()
	timeType       = reflect.TypeFor[time.Time]()
	rawType        = reflect.TypeFor[jsonv2.Value]()
	legacyRawType  = reflect.TypeFor[json.RawMessage]()
	sourceTags     = []string{"json", "form", "uri", "header"}
	standardEscape = []string{"time", "net/netip", "math/big", "net/url", "net"}
)

func (l *linter) visit(t reflect.Type) {
	if t = base(t); l.seen[t] {
		return
	}
	l.seen[t] = true
	switch own := reflect.PointerTo(t); {
	case t == plan.Regexp:
		l.add(t, "", plan.ErrProgram.Error())
		return
	case t == timeType || t == rawType || t == legacyRawType || t == fileType:
		return
	case l.promoted(t, own) || own.Implements(fromType):
		return
	case own.Implements(legacyType):
		if !own.Implements(textType) || takesAnything(t) {
			l.legacy(t)
		}
		return
	case own.Implements(textType):
		return
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		l.visit(t.Elem())
	case reflect.Struct:
		l.structure(t)
	}
}

func (l *linter) structure(t reflect.Type) {
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() && !sf.Anonymous {
			continue
		}
		if l.model(t, sf) {
			continue
		}
		l.tags(t, sf)
		l.dive(t, sf)
		l.panics(t, sf)
		if !excluded(sf) {
			l.visit(sf.Type)
		}
	}
}

// excluded reports whether no source reaches a field: all its tags say so.
func excluded(sf reflect.StructField) bool {
	if sf.Tag.Get("json") != "-" {
		return false
	}
	for _, tag := range sourceTags {
		if value, ok := sf.Tag.Lookup(tag); ok && value != "-" {
			return false
		}
	}
	return !sf.Anonymous // of an embedded struct other sources take the fields
}

// model complains of database models: each of their columns would be settable.
func (l *linter) model(t reflect.Type, sf reflect.StructField) bool {
	_, tagged := sf.Tag.Lookup("gorm")
	embedded := sf.Anonymous && strings.HasPrefix(plan.Indirect(sf.Type).PkgPath(), "gorm.io/")
	if l.s.AllowModels || !tagged && !embedded {
		return false
	}
	l.add(t, sf.Name, "makes this a database model: bind into a type of its own and copy what a client may set, or set Options.AllowModels")
	return true
}

func (l *linter) tags(t reflect.Type, sf reflect.StructField) {
	var from []string
	known := false
	for _, tag := range sourceTags {
		value, ok := sf.Tag.Lookup(tag)
		known = known || ok
		if ok && value != "-" {
			from = append(from, tag)
		}
		if strings.HasPrefix(value, "-,") {
			l.add(t, sf.Name, fmt.Sprintf(`has the tag %s:"-,": that is a member called "-", not an excluded one`, tag))
		}
	}
	if sf.Anonymous && plan.Indirect(sf.Type).Kind() == reflect.Struct && len(from) == 0 {
		return
	}
	switch {
	case !known:
		l.add(t, sf.Name, `has no tag of a source: name it, or exclude it with json:"-"`)
	case len(from) > 1:
		l.add(t, sf.Name, fmt.Sprintf("is settable from several sources (%s): use one type for each", strings.Join(from, ", ")))
	}
}

// dive complains of rules that the validator would never reach. It enters
// structs by itself, but lists and maps only at the word dive.
func (l *linter) dive(t reflect.Type, sf reflect.StructField) {
	elem := plan.Indirect(sf.Type)
	levels := 0
	for levels < deepest && (elem.Kind() == reflect.Slice || elem.Kind() == reflect.Array || elem.Kind() == reflect.Map) {
		elem = plan.Indirect(elem.Elem())
		levels++
	}
	if levels == 0 || !hasRules(elem, map[reflect.Type]bool{}) {
		return
	}
	dives := 0
	for rule := range strings.SplitSeq(sf.Tag.Get("binding"), ",") {
		if rule == "dive" {
			dives++
		}
	}
	if dives < levels {
		l.add(t, sf.Name, "holds structs with rules that are never read: add dive to its binding tag")
	}
}

// hasRules reports whether t or anything in it has a binding tag.
func hasRules(t reflect.Type, seen map[reflect.Type]bool) bool {
	for range deepest {
		if k := t.Kind(); k != reflect.Pointer && k != reflect.Slice && k != reflect.Array && k != reflect.Map {
			break
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return false
	}
	seen[t] = true
	for i := range t.NumField() {
		sf := t.Field(i)
		if rules := sf.Tag.Get("binding"); rules != "" && rules != "-" || hasRules(sf.Type, seen) {
			return true
		}
	}
	return false
}

// rules runs the validator over zero targets and over filled ones, which
// omitempty and nil do not keep it from: it panics at a rule nobody defined or
// that does not fit its field, and better now than at the first request.
func (l *linter) rules() {
	for t := range l.seen {
		if t.Kind() != reflect.Struct {
			continue
		}
		l.unreachable(t)
		for _, target := range samples(t) {
			if e := l.s.validate(InBody, target, true); e != nil && e.Code == codeInternal {
				l.add(t, "", fmt.Sprintf("has a rule the validator cannot apply: %v", e.cause))
				break
			}
		}
	}
}

// samples returns a zero struct of type t, and one for each kind of value that JSON
// brings below any: a client chooses it. The last one holds null wherever a client
// may send it.
func samples(t reflect.Type) []reflect.Value {
	out := []reflect.Value{reflect.New(t)}
	for _, dynamic := range []any{"1", 1.0, true, map[string]any{"1": "1"}, []any{"1"}, nil} {
		full := reflect.New(t)
		for i := range t.NumField() {
			if f := full.Elem().Field(i); f.CanSet() {
				sample(f, reflect.ValueOf(dynamic), 4)
			}
		}
		out = append(out, full)
	}
	return out
}

// sample gives v a value that is not zero. Structs have a turn of their own as
// well, but rules of lists compare them.
func sample(v, dynamic reflect.Value, depth int) {
	if depth == 0 {
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		if v.NumMethod() == 0 && dynamic.IsValid() {
			v.Set(dynamic)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				sample(f, dynamic, depth-1)
			}
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		sample(key, dynamic, depth-1)
		sample(elem, dynamic, depth-1)
		if key.Comparable() { // any may hold a list
			v.SetMapIndex(key, elem)
		}
	case reflect.Array:
		for i := range min(v.Len(), 2) {
			sample(v.Index(i), dynamic, depth-1)
		}
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("1")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(1)
	case reflect.Pointer:
		if !dynamic.IsValid() {
			return
		}
		v.Set(reflect.New(v.Type().Elem()))
		sample(v.Elem(), dynamic, depth-1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		sample(v.Index(0), dynamic, depth-1)
	}
}
