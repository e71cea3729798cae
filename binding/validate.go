package binding

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"reflect"
	"slices"
	"strings"

	gb "github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"
)

// validate judges the values of out, a pointer, by the rules of the binding tag. A
// target of which much may be wrong is sampled first: see census.
func (s *settings) validate(in Source, out reflect.Value, sample bool) *Error {
	size := 0
	if sample {
		size = math.MaxInt
	}
	return s.judge(in, out, size)
}

// judge is validate for what a document of size bytes made.
func (s *settings) judge(in Source, out reflect.Value, size int) *Error {
	v := s.Validator
	if v == nil {
		v = gb.Validator
	}
	if v == nil {
		return nil // gin's documented way to switch validation off
	}
	r := ruler{s: s, in: in, by: v, size: size}
	r.engine = ginEngine(v)
	return r.run(out)
}

// validatePart judges only what a merge patch brought. A validator that is not
// built on validator.v10 cannot do that and judges the whole.
func (s *settings) validatePart(out reflect.Value, f Fields) *Error {
	v := s.Validator
	if v == nil {
		v = gb.Validator
	}
	if v == nil {
		return nil
	}
	r := ruler{s: s, in: InBody, by: v, size: math.MaxInt}
	r.engine = ginEngine(v)
	if engine, ok := v.Engine().(*validator.Validate); ok {
		name := base(out.Type()).Name() + "."
		present := map[string]bool{}
		var wholes []string
		f.root.wholes("", &wholes)
		for _, path := range f.Paths() {
			for end := range len(path) {
				if path[end] == '.' { // embedded structs on the way
					present[path[:end]] = true
				}
			}
			present[path] = true
		}
		r.part = func(target any) error {
			if base(reflect.TypeOf(target)) != base(out.Type()) {
				return engine.Struct(target) // an element of a list or a map
			}
			return engine.StructFiltered(target, func(ns []byte) bool {
				path := strings.TrimPrefix(string(ns), name)
				// Elements of lists and maps come as a whole.
				return !present[path] && !strings.Contains(path, "[") &&
					!slices.ContainsFunc(wholes, func(w string) bool { return strings.HasPrefix(path, w) })
			})
		}
	}
	return r.run(out)
}

// base removes all pointers.
func base(t reflect.Type) reflect.Type {
	for range deepest { // a pointer can point to its own type
		if t.Kind() != reflect.Pointer {
			break
		}
		t = t.Elem()
	}
	return t
}

func (r *ruler) run(out reflect.Value) (e *Error) {
	s := r.s
	defer func() {
		p := recover()
		if p == nil {
			return
		}
		// The validator panics at rules that do not fit their field.
		e = s.broken(fmt.Errorf("binding: the validator panicked: %v", p))
		if at, ok := r.firstHole(out); ok {
			null := Issue{In: r.in, Code: codeNull}
			null.place(at)
			cause := e.cause
			e = s.invalid(null)
			e.cause = cause
		}
	}()
	r.value(out, nil)
	if len(r.issues) == 0 {
		return nil
	}
	e = s.invalid(r.issues...)
	e.Status, e.Truncated, e.cause = s.ValidationStatus, r.truncated, errors.Join(r.causes...)
	if len(r.causes) == 1 {
		e.cause = r.causes[0]
	}
	if e.Status == 0 {
		e.Status = http.StatusBadRequest
	}
	return e
}

// ginValidator is the type of gin's own validator, which has no exported name: it
// stands in gin's variable until an application puts another there.
var ginValidator = func(t reflect.Type) reflect.Type {
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Name() != "defaultValidator" || t.Elem().PkgPath() != ginBinding {
		return nil
	}
	return t
}(reflect.TypeOf(gb.Validator))

const ginBinding = "github.com/gin-gonic/gin/binding"

// ginEngine returns the engine of gin's own validator, and nil of others.
func ginEngine(v gb.StructValidator) *validator.Validate {
	if reflect.TypeOf(v) != ginValidator {
		return nil
	}
	engine, _ := v.Engine().(*validator.Validate)
	return engine
}

// ruler collects failed rules.
type ruler struct {
	s         *settings
	in        Source
	by        gb.StructValidator
	engine    *validator.Validate // gin's, for the same rules without its copy of the target
	size      int                 // of the document
	part      func(any) error     // instead, for the part of a target that a patch brought
	issues    []Issue
	causes    []error
	truncated bool
	texts     map[uintptr]map[string]reflect.Value // keys of maps by how they are written
}

// value validates every struct that v holds: the validator itself stops at
// top-level maps and counts errors instead of elements.
func (r *ruler) value(v reflect.Value, path []byte) {
	if !holdsStructs(v.Type()) {
		return // the validator takes nothing else, and no times
	}
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return
		}
		if v.Elem().Kind() == reflect.Struct {
			r.structure(v, path)
			return
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		if v.CanAddr() {
			v = v.Addr()
		}
		r.structure(v, path)
	case reflect.Slice, reflect.Array:
		for i := 0; i < v.Len() && !r.truncated; i++ {
			r.value(v.Index(i), appendIndex(path, i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(keyText(a), keyText(b)) })
		for _, key := range keys {
			if r.truncated {
				break // one more fault changes nothing
			}
			r.value(v.MapIndex(key), appendName(slices.Clone(path), keyText(key)))
		}
	}
}

// holdsStructs reports whether rules can sit below t.
func holdsStructs(t reflect.Type) bool {
	for range deepest { // a list can be a list of itself
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t.Kind() == reflect.Struct && !isTime(t)
		}
	}
	return false
}

// check applies the rules to target, a struct or a pointer to one.
func (r *ruler) check(target any) error {
	switch {
	case r.part != nil:
		return r.part(target)
	case r.engine != nil:
		return r.engine.Struct(target)
	default:
		return r.by.ValidateStruct(target)
	}
}

// isTime reports whether t is time.Time under any name. Counting comes first: to
// compare two structs costs more than to pass most of them.
func isTime(t reflect.Type) bool {
	return t.NumField() == timeType.NumField() && t.ConvertibleTo(timeType)
}

func (r *ruler) structure(v reflect.Value, path []byte) {
	if r.flooded(v, path) {
		return
	}
	err := r.check(v.Interface())
	if err == nil {
		return
	}
	r.causes = append(r.causes, err)
	var failed validator.ValidationErrors
	if !errors.As(err, &failed) {
		// A validator of the application's own, or a value it cannot judge.
		r.add(Issue{In: r.in, Pointer: cut(path), Code: codeRuleWithoutName})
		return
	}
	for _, f := range failed {
		if len(r.issues) >= r.s.MaxIssues {
			r.truncated = true // locating what nobody will read costs
			break
		}
		r.add(r.issue(reflect.Indirect(v), path, f))
	}
}

func (r *ruler) add(i Issue) {
	if len(r.issues) >= r.s.MaxIssues {
		r.truncated = true
		return
	}
	r.issues = append(r.issues, i)
}

func (r *ruler) issue(root reflect.Value, path []byte, f validator.FieldError) Issue {
	inner := strings.TrimPrefix(f.StructNamespace(), root.Type().Name()+".")
	at, parent := r.locate(root, inner, slices.Clone(path))
	return r.placed(at, f, parent)
}

// placed is the issue of a rule that failed at a place, in a field of parent.
func (r *ruler) placed(at []byte, f validator.FieldError, parent reflect.Type) Issue {
	i := Issue{In: r.in, Rule: ruleName(f.Tag()), Param: ruleParam(f, parent, r.in)}
	i.Code = codeRulePrefix + i.Rule
	i.place(at)
	return i
}

// place says where i is, by a path in the words of its source.
func (i *Issue) place(path []byte) {
	if i.In == InBody {
		i.Pointer = cut(path)
	} else {
		i.Name = unescape.Replace(strings.TrimPrefix(string(path), "/")) // no pointer
	}
}

// ruleName is the tag of a failed rule without parameters, which alternatives
// ("eq=a|eqfield=B") carry in their tag.
func ruleName(tag string) string {
	if !strings.ContainsAny(tag, "=|") {
		return tag
	}
	var names []string
	for one := range strings.SplitSeq(tag, "|") {
		name, _, _ := strings.Cut(one, "=")
		names = append(names, name)
	}
	return strings.Join(names, "|")
}
