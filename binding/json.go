package binding

import (
	"errors"
	"net/http"
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/binding/internal/scan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// plans is a cache of what reflection says about types; it never changes what a
// call does.
var plans plan.Cache

// JSON returns the request's body as a T. The body must be one JSON document in
// UTF-8, sent as application/json or application/…+json, that names only members
// T declares with a json tag, each once and spelled exactly, with values of the
// declared types and no null where T has no place for it. Every fault is listed
// in the error, which is an [*Error]; T is then its zero value.
func JSON[T any](c *gin.Context, opts ...Options) (T, error) {
	return readJSON[T](c, settle(c, opts))
}

func readJSON[T any](c *gin.Context, s *settings) (T, error) {
	return bind[T](c, s, func(s *settings, out any) *Error { return s.document(c.Writer, c.Request, out) })
}

// document reads a JSON body into out, a pointer.
func (s *settings) document(w http.ResponseWriter, r *http.Request, out any) *Error {
	if s.err != nil {
		return s.broken(s.err)
	}
	d := s.deadline(w, r)
	if e := s.acceptJSON(r.Header); e != nil {
		return e
	}
	body, e := s.read(w, r, d, s.MaxBytes)
	if e != nil {
		return e
	}
	defer body.free()
	if consumed(r, body) {
		return s.broken(errConsumed)
	}
	return s.decode(body.bytes, out)
}

// decode reads data into out, a pointer, and validates it. When it fails, out
// may hold anything.
func (s *settings) decode(data []byte, out any) (e *Error) {
	defer s.contain(&e)
	p := plans.Of(reflect.TypeOf(out).Elem())
	if p.Err != nil {
		return s.broken(p.Err)
	}
	checked := scan.Clean(data, p, &s.limits)
	if !checked {
		if e := s.walk(data, p); e != nil {
			return e
		}
	}
	if err := jsonv2.Unmarshal(data, out, s.decoding()); err != nil {
		return s.refused(data, p, err)
	}
	if p.Normal {
		normalize(reflect.ValueOf(out).Elem(), p.Root)
	}
	return s.judge(InBody, reflect.ValueOf(out), len(data))
}

var (
	strict = jsonv2.RejectUnknownMembers(true)
	lax    = jsonv2.RejectUnknownMembers(false)
)

func (s *settings) decoding() jsonv2.Options {
	if s.AllowUnknown {
		return lax
	}
	return strict
}

// refused turns the decoder's refusal into a list of every fault.
func (s *settings) refused(data []byte, p *plan.Result, err error) *Error {
	if e := s.walk(data, p); e != nil {
		e.cause = err
		return e
	}
	// A type that decodes itself may refuse what the walk could not judge.
	issue := Issue{In: InBody, Code: codeValue}
	var semantic *jsonv2.SemanticError
	if errors.As(err, &semantic) {
		issue.Pointer = cut(semantic.JSONPointer)
	}
	e := s.invalid(issue)
	e.cause = err
	return e
}
