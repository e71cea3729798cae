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
// target, and the rules are about the whole of it.
func (l *linter) unreachable(t reflect.Type) {
	judged := l.judged(t)
	e := l.s.validate(InBody, reflect.New(t), false)
	var failed validator.ValidationErrors
	if len(judged) == 0 || e == nil || !errors.As(e, &failed) {
		return
	}
	mistakes := map[Source]validator.FieldError{}
	for _, f := range slices.Backward(failed) {
		if !local(f.Tag()) {
			continue // what it asks for may depend on other fields
		}
		for _, in := range judged {
			if !reaches(t, fieldNames(t, f), in) {
				mistakes[in] = f
			}
		}
	}
	if len(mistakes) < len(judged) {
		return // one of them sets whatever must be set
	}
	for _, o := range origins {
		if f, ok := mistakes[o.in]; ok {
			l.add(t, strings.Join(fieldNames(t, f), "."), fmt.Sprintf("can be set from no %s, and its rule %s refuses every one: use one type for each source", o.text, ruleName(f.Tag())))
		}
	}
}

// judged are the sources one of which must set all that t wants set. In a type with
// members of a document the tags of other sources may say what the handler fills in
// itself, and a patch or a value to decode over wants nothing more. Beside the fields of
// a query or a form, those of a path or a header are what it has in common with other
// types.
func (l *linter) judged(t reflect.Type) (sources []Source) {
	for _, o := range origins {
		switch {
		case !gives(t, o.in, 0):
		case o.in == InBody && !l.document:
			return nil
		case o.in == InBody || o.in == InForm:
			return []Source{o.in}
		default:
			sources = append(sources, o.in)
		}
	}
	return sources
}

// fieldNames are the names of the fields that lead from t to where a rule failed.
func fieldNames(t reflect.Type, f validator.FieldError) []string {
	return strings.Split(strings.TrimPrefix(f.StructNamespace(), t.Name()+"."), ".")
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
