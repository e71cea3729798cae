package binding

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// TypeError is a mistake in a target type or in [Options]: something to fix in
// the program. It never reaches a client.
type TypeError struct {
	Type   reflect.Type // nil for Options
	Field  string       // the Go field, or empty
	Reason string
}

// Error names the type, the field and the mistake.
func (e *TypeError) Error() string {
	switch {
	case e.Type == nil:
		return fmt.Sprintf("%s %s", e.Field, e.Reason)
	case e.Field == "":
		return fmt.Sprintf("%v %s", e.Type, e.Reason)
	default:
		return fmt.Sprintf("%v.%s %s", e.Type, e.Field, e.Reason)
	}
}

// Check reports every mistake in T as a target, as [*TypeError]s joined, so that
// a test or the start of a program finds them before a request does: exported
// fields without a tag, members named "-", database models, types that are
// reachable from two sources, types that decode themselves and hide their
// strictness, time.Duration, rules that are undefined, that a missing dive
// leaves unread or that every query, form, path or header breaks, since it cannot set
// the field. That every document does, [Handle] alone can tell.
//
// To find rules that panic, the validator runs over made-up values, at each start
// and with it the rules an application registered: register them first, and let
// none need what is not open yet. One that panics is a mistake in this list.
func Check[T any](opts ...Options) error {
	return check(reflect.TypeFor[T](), opts, false)
}

// check is [Check]. With document set, T is never a [Patch], nor the target of
// [Options.Decode], which may hold something before.
func check(t reflect.Type, opts []Options, document bool) error {
	s := builtin.withAll(opts)
	if s.err != nil {
		return s.err
	}
	l := &linter{s: s, document: document, seen: map[reflect.Type]bool{}}
	l.plan(t)
	l.params(t)
	l.visit(t)
	if len(l.errs) == 0 {
		l.rules()
	}
	return errors.Join(l.errs...)
}

// plan takes over what the decoder's plan complains of.
func (l *linter) plan(t reflect.Type) {
	err := plans.Of(t).Err
	if err == nil {
		return
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		l.errs = append(l.errs, err)
		return
	}
	for _, e := range joined.Unwrap() {
		var f *plan.FaultError
		if errors.As(e, &f) {
			l.add(f.Type, f.Field, f.Err.Error())
		} else {
			l.errs = append(l.errs, e)
		}
	}
}

// params takes over what the plans of the sources whose tags t uses complain of.
func (l *linter) params(t reflect.Type) {
	t = plan.Indirect(t)
	if t.Kind() != reflect.Struct {
		return
	}
	for _, in := range []Source{InForm, InPath, InHeader} {
		p := paramsOf(paramKey{t, in, in == InForm})
		if p.err != nil {
			l.errs = append(l.errs, p.err)
		}
		for i := range p.list {
			l.file(t, &p.list[i])
		}
	}
}

// file complains of media types that a file field names in vain.
func (l *linter) file(t reflect.Type, p *param) {
	if p.file == nil {
		return
	}
	for _, media := range p.file.unmatched() {
		l.add(t, t.FieldByIndex(p.index).Name, fmt.Sprintf("names a media type in its file tag that no content is recognised as: %q; leave types out to take any file", media))
	}
}
