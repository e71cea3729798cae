package binding

import (
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding/internal/scan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// Passes runs the three stages of decoding on their own, for tests that hold
// them against one another.
type Passes struct {
	Clean   bool   // the quick look had no doubt
	Walked  *Error // what the walk lists, or nil
	Decoded error  // what the decoder says
}

// RunPasses runs every stage over data for the type that out points to.
func RunPasses(data []byte, out any, opts ...Options) Passes {
	s := builtin
	for _, o := range opts {
		s = s.with(o)
	}
	p := plans.Of(reflect.TypeOf(out).Elem())
	if p.Err != nil {
		panic(p.Err)
	}
	return Passes{
		Clean:   scan.Clean(data, p, &s.limits),
		Walked:  s.walk(data, p),
		Decoded: jsonv2.Unmarshal(data, out, s.decoding()),
	}
}

// Decode runs the stages in their order, without a request around them.
func Decode(data []byte, out any, opts ...Options) *Error {
	s := builtin
	for _, o := range opts {
		s = s.with(o)
	}
	return s.decode(data, out)
}

// Judgements returns what the rules say of what out points to: as a request gets to
// know it, and all of it.
func Judgements(out any, opts ...Options) (told, all *Error) {
	s := builtin.withAll(opts)
	told = s.validate(InBody, reflect.ValueOf(out), true)
	all = s.with(Options{MaxIssues: 1 << 30}).validate(InBody, reflect.ValueOf(out), true)
	return told, all
}

// NamesOf returns the names of a field's parameters as they are written.
func NamesOf(field string) (names []string) {
	for name := range parameters(field) {
		names = append(names, name)
	}
	return names
}

// Ambiguous tells of a disposition that others read differently.
func Ambiguous(disposition string) bool { return ambiguous(disposition) }

// MultipartInto is Multipart for a type that is made at run time.
func MultipartInto(c *gin.Context, out any) error {
	s := settle(c, nil)
	f, e := s.filler(InForm, out, true)
	if e == nil {
		e = s.multipart(c.Writer, c.Request, f)
	}
	if e != nil {
		return e
	}
	return nil
}

// CausesOf returns how many of the validator's errors are behind e: one for each part
// where the target was sampled, one for all otherwise.
func CausesOf(e *Error) int {
	if joined, ok := e.cause.(interface{ Unwrap() []error }); ok {
		return len(joined.Unwrap())
	}
	return 1
}
