package binding

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// origins are the sources by their tags, in words.
var origins = []struct {
	in   Source
	text string
}{{InBody, "JSON document"}, {InForm, "query or form"}, {InPath, "path"}, {InHeader, "header"}}

// unreachable complains of rules that refuse what a source leaves a field at because
// it cannot set it: no request is ever accepted then. Each binder begins with a zero
// target, and the rules are about the whole of it. A type with members of a document
// is judged as that: tags of other sources beside them may say what the handler fills
// in itself.
func (l *linter) unreachable(t reflect.Type) {
	e := l.s.validate(InBody, reflect.New(t), false)
	var failed validator.ValidationErrors
	if e == nil || !errors.As(e, &failed) {
		return
	}
	for _, f := range failed {
		if !local(f.Tag()) {
			continue // what it asks for may depend on other fields
		}
		names := strings.Split(strings.TrimPrefix(f.StructNamespace(), t.Name()+"."), ".")
		for _, o := range origins {
			if !gives(t, o.in, 0) {
				continue
			}
			if !reaches(t, names, o.in) {
				l.add(t, strings.Join(names, "."), fmt.Sprintf("can be set from no %s, and its rule %s refuses every one: use one type for each source", o.text, ruleName(f.Tag())))
				break
			}
			if o.in == InBody {
				break
			}
		}
	}
}

// settable reports whether a source sets a field by its tag.
func settable(sf reflect.StructField, in Source) bool {
	tag, ok := sf.Tag.Lookup(tagOf(in))
	if !ok || tag == "-" || !sf.IsExported() {
		return false
	}
	if in == InBody {
		words := strings.Split(sf.Tag.Get("strict"), ",")
		return !slices.ContainsFunc(words, func(word string) bool { return strings.TrimSpace(word) == "readonly" })
	}
	name, _, _ := strings.Cut(tag, ",")
	return name != "" && name != "-"
}

// embeds reports whether the fields of a struct count as those of the struct around
// it.
func embeds(sf reflect.StructField, in Source) bool {
	_, own := memberName(sf, in)
	return !own && plan.Indirect(sf.Type).Kind() == reflect.Struct && sf.Tag.Get(tagOf(in)) != "-"
}

// gives reports whether a source sets anything in t.
func gives(t reflect.Type, in Source, depth int) bool {
	for i := range t.NumField() {
		sf := t.Field(i)
		if embeds(sf, in) && depth < 8 && gives(plan.Indirect(sf.Type), in, depth+1) || settable(sf, in) {
			return true
		}
	}
	return false
}

// reaches reports whether a source sets the field of t at the end of names.
func reaches(t reflect.Type, names []string, in Source) bool {
	for _, name := range names {
		t = base(t)
		if t.Kind() != reflect.Struct {
			return true // within a list, whose elements have a turn of their own
		}
		sf, ok := t.FieldByName(name)
		if !ok {
			return true
		}
		if !embeds(sf, in) && !settable(sf, in) {
			return false
		}
		t = sf.Type
	}
	return true
}
