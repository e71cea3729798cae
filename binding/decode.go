package binding

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/reqctx"
)

// Decode reads one JSON document into out, a non-nil pointer, by the rules of
// [JSON]: for messages that come some other way than in a request. Members that
// the document lacks keep what out held. Where out is an interface that holds a
// pointer, that pointer is filled; other interfaces must hold nothing but JSON.
// The error is an [*Error]; out is then as it was, except for what its own
// pointers and maps lead to.
func (o Options) Decode(data []byte, out any) error {
	return builtin.with(o).into(out, func(s *settings, out any) *Error {
		if int64(len(data)) > s.MaxBytes {
			return s.tooLarge(s.MaxBytes)
		}
		return s.decode(data, out)
	})
}

// DecodeRequest reads the body of r into out like [Options.Decode], and judges
// its headers like [JSON]. Options set with [Defaults] apply. For code that has
// no gin context.
func (o Options) DecodeRequest(r *http.Request, out any) error {
	s, ok := reqctx.Get(r.Context(), settingsKey{}).(*settings)
	if !ok {
		s = builtin
	}
	return s.with(o).into(out, func(s *settings, out any) *Error { return s.document(nil, r, out) })
}

// into checks that out can be filled, and leaves it as it was on failure.
func (s *settings) into(out any, run func(*settings, any) *Error) error {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return s.broken(errors.New("binding: the target is not a pointer"))
	}
	if s.err != nil {
		return s.broken(s.err)
	}
	v = behind(v)
	before := reflect.New(v.Type().Elem()).Elem()
	before.Set(v.Elem())
	e := prepare(s, v)
	if e == nil {
		e = run(s, v.Interface())
	}
	if e != nil {
		v.Elem().Set(before)
		return e
	}
	return nil
}

// behind follows interfaces that hold a pointer, as the decoder would: what is
// filled in the end is what the rules are read from.
func behind(v reflect.Value) reflect.Value {
	at := v.Elem()
	for range deepest { // a pointer can point to itself
		if at.Kind() != reflect.Pointer && at.Kind() != reflect.Interface || at.IsNil() {
			break
		}
		if at.Kind() == reflect.Interface && at.Elem().Kind() == reflect.Pointer && !at.Elem().IsNil() {
			v = at.Elem()
		}
		at = at.Elem()
	}
	return v
}

// prepare makes what v points to ready to be decoded over.
func prepare(s *settings, v reflect.Value) *Error {
	p := plans.Of(v.Type().Elem())
	if p.Err != nil {
		return s.broken(p.Err)
	}
	detach(v.Elem(), p.Root)
	if !lonely(v.Elem(), p.Root) {
		return s.broken(errors.New("binding: the target holds an interface with a value of a type whose rules would not be read"))
	}
	return nil
}

// lonely reports whether the interfaces that v holds are empty or hold what JSON
// makes of itself. The decoder would fill anything else without a look at its
// tags.
func lonely(v reflect.Value, n *plan.Node) bool {
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return true
		}
		v = v.Elem()
	}
	switch n.Kind {
	case plan.Any:
		return v.IsNil() || ownJSON(v.Elem(), n)
	case plan.Struct:
		for i := range n.List {
			f := &n.List[i]
			inner, err := v.FieldByIndexErr(f.Index)
			if err == nil && !f.Hidden && !lonely(inner, f.Node) {
				return false
			}
		}
	case plan.Map:
		for entry := v.MapRange(); entry.Next(); {
			if !lonely(entry.Value(), n.Elem) {
				return false
			}
		}
	}
	return true
}

// ownJSON reports whether v has a type that JSON gets in an interface.
func ownJSON(v reflect.Value, inner *plan.Node) bool {
	switch v.Type() {
	case reflect.TypeFor[bool](), reflect.TypeFor[string](), reflect.TypeFor[float64](), reflect.TypeFor[[]any]():
		return true
	case reflect.TypeFor[map[string]any]():
		return lonely(v, &plan.Node{Kind: plan.Map, Elem: inner})
	default:
		return false
	}
}

// detach gives the lists within v arrays of their own: the decoder writes over
// the old ones, up to their capacity, which others may be reading.
func detach(v reflect.Value, n *plan.Node) {
	switch n.Kind {
	case plan.Struct:
		if v.Kind() != reflect.Struct {
			return // behind a pointer, which is shared anyway
		}
		for i := range n.List {
			f := &n.List[i]
			inner, err := v.FieldByIndexErr(f.Index)
			if err == nil && !f.Hidden {
				detach(inner, f.Node)
			}
		}
	case plan.Slice, plan.Bytes, plan.Raw:
		if v.Kind() == reflect.Slice && !v.IsNil() && v.CanSet() {
			own := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(own, v)
			v.Set(own)
		}
	}
}
