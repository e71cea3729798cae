package binding

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/ginsec/ginsec/internal/reqctx"
)

// Decode reads one JSON document into out, a non-nil pointer, by the rules of
// [JSON]: for messages that come some other way than in a request. Members that
// the document lacks keep what out held. The error is an [*Error]; out is then as
// it was, except for what its own pointers and maps lead to.
func (o Options) Decode(data []byte, out any) error {
	return builtin.with(o).into(out, func(s *settings) *Error {
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
	return s.with(o).into(out, func(s *settings) *Error { return s.document(nil, r, out) })
}

// into checks that out can be filled, and leaves it as it was on failure.
func (s *settings) into(out any, run func(*settings) *Error) error {
	v := reflect.ValueOf(out)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return s.broken(errors.New("binding: the target is not a pointer"))
	}
	if s.err != nil {
		return s.broken(s.err)
	}
	before := reflect.New(v.Type().Elem()).Elem()
	before.Set(v.Elem())
	if e := run(s); e != nil {
		v.Elem().Set(before)
		return e
	}
	return nil
}
