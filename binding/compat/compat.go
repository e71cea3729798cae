// Package compat makes gin's own binding calls strict, for code that is not
// changed to package binding yet.
//
// [Strict] is a binding for one call; [Override] replaces gin's for the whole
// process. Errors are [*binding.Error]s: pass them to binding.Abort. gin's Must
// methods (BindJSON, Bind) go on answering by themselves, with a bare status.
// Nothing here sends audit events: a gin binding does not see the route.
package compat

import (
	"net/http"
	"slices"

	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/binding"
)

// Strict returns a binding for gin's ShouldBindWith and ShouldBindBodyWith that
// reads JSON by the rules of package binding. With ShouldBindWith, options set with
// binding.Defaults apply where opts leave a gap.
//
// ShouldBindBodyWith hands over bytes without the request they came in, so there
// binding.Defaults do not apply, and neither Content-Type nor Content-Encoding is
// judged: text/plain, which another site may send without a preflight, is read as
// JSON. Judge the headers before, or use ShouldBindWith.
//
//	err := c.ShouldBindWith(&in, compat.Strict(binding.Options{}))
func Strict(opts binding.Options) gb.BindingBody { return newStrict(opts) }

func newStrict(opts binding.Options) strict {
	opts.MediaTypes = slices.Clone(opts.MediaTypes) // the caller may go on changing its own
	return strict{opts}
}

type strict struct{ opts binding.Options }

// Name returns the name gin has for JSON.
func (strict) Name() string { return "json" }

// Bind reads the body of a request.
func (s strict) Bind(r *http.Request, out any) error { return s.opts.DecodeRequest(r, out) }

// BindBody reads a body that gin has cached, which it did whole, however large: set
// http.MaxBytesHandler in front. What the request says otherwise, its headers and
// binding.Defaults, does not get here.
func (s strict) BindBody(body []byte, out any) error { return s.opts.Decode(body, out) }
