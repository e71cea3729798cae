package binding

import (
	"fmt"
	"net/http"
	"reflect"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// contain makes an error of a panic in code of the application's that decodes a
// type: a failure of the program, of which the client learns nothing.
func (s *settings) contain(e **Error) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		*e = s.broken(fmt.Errorf("binding: a type that decodes itself panicked: %v", p))
	}
}

// decoderPanic is a panic of such code on its way up.
type decoderPanic struct{ value any }

// guarded runs a binder. Of panics only those of decoding types are contained: what
// a body's reader does is not ours.
func (s *settings) guarded(run func(*settings, any) *Error, out any) (e *Error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case decoderPanic:
			e = s.broken(fmt.Errorf("binding: a type that decodes itself panicked: %v", p.value))
		default:
			panic(p)
		}
	}()
	return run(s, out)
}

// setOwn lets the type of v decode text itself.
func setOwn(v reflect.Value, p *param, text string, s *settings) string {
	if d := plan.DigitsOf(v.Type()); d != plan.Plain && d.TooLong([]byte(text), s.MaxNumberLen) {
		return codeNumberLen
	}
	defer func() {
		switch p := recover(); p {
		case nil:
		case http.ErrAbortHandler:
			panic(p)
		default:
			panic(decoderPanic{p})
		}
	}()
	return setForeign(v, p, text)
}
