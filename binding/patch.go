package binding

import (
	"bytes"
	"reflect"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// Patch returns a JSON merge patch (RFC 7396) as a T, and which members it had:
// each is absent, null or a value, which T alone cannot tell. The body is sent as
// application/merge-patch+json or application/json. Members are judged as by
// [JSON], but none is required outside of arrays, which a merge patch replaces as
// a whole, and rules of the binding tag are applied only to members that are
// present and not null.
//
// A member that comes as an object brings only what is to change: what T holds there
// is zero where nothing came. [Fields.Names] and [Fields.Parts] tell such fields
// from those that came whole.
func Patch[T any](c *gin.Context, opts ...Options) (T, Fields, error) {
	s := settle(c, opts)
	started := s.clock()
	out := new(T)
	fields, e := s.patch(c, out)
	s.report(c, started, e)
	if e != nil {
		if e.Code == codeMediaType && !c.Writer.Written() {
			c.Writer.Header()["Accept-Patch"] = []string{"application/merge-patch+json"} // RFC 5789 section 3.1
		}
		var zero T
		return zero, Fields{}, e
	}
	return *out, fields, nil
}

func (s *settings) patch(c *gin.Context, out any) (Fields, *Error) {
	if s.err != nil {
		return Fields{}, s.broken(s.err)
	}
	p := plans.Of(reflect.TypeOf(out).Elem())
	if p.Err != nil {
		return Fields{}, s.broken(p.Err)
	}
	d := s.deadline(c.Writer, c.Request)
	if e := s.accept(c.Request.Header, func(media string) bool {
		return media == "application/merge-patch+json" || media == "application/json"
	}); e != nil {
		return Fields{}, e
	}
	body, e := s.read(c.Writer, c.Request, d, s.MaxBytes)
	if e != nil {
		return Fields{}, e
	}
	defer body.free()
	if consumed(c.Request, body) {
		return Fields{}, s.broken(errConsumed)
	}
	return s.merge(body.bytes, p, out)
}

// merge reads a patch into out and validates what it holds.
func (s *settings) merge(data []byte, p *plan.Result, out any) (f Fields, e *Error) {
	defer s.contain(&e)
	root := &member{}
	w := newWalker(s, data)
	w.patch = root
	if e := w.document(p); e != nil {
		return Fields{}, e
	}
	if err := jsonv2.Unmarshal(data, out, s.decoding()); err != nil {
		return Fields{}, s.refused(data, p, err)
	}
	if p.Normal {
		normalize(reflect.ValueOf(out).Elem(), p.Root)
	}
	root.object = bytes.HasPrefix(bytes.TrimLeft(data, " \t\r\n"), []byte("{"))
	f = Fields{root}
	return f, s.validatePart(reflect.ValueOf(out), f)
}
