package binding

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// Query returns the URL's query as a T, a struct whose form tags name the
// parameters. Names are exact; unknown parameters and a scalar given twice are
// refused; a slice takes repetitions. Numbers are canonical decimals and
// booleans true or false.
func Query[T any](c *gin.Context, opts ...Options) (T, error) {
	return bind[T](c, settle(c, opts), func(s *settings, out any) *Error {
		f, e := s.filler(InQuery, out, false)
		if e != nil {
			return e
		}
		return f.pairs(c.Request.URL.RawQuery, codeQuery)
	})
}

// URI returns the parameters of the route as a T, a struct with uri tags. A
// string arrives as the router decoded it: it is no path that was cleaned. A field
// whose name the route does not have is a mistake of the program, and a 500, unless
// it has a default or strict:"optional".
func URI[T any](c *gin.Context, opts ...Options) (T, error) {
	return bind[T](c, settle(c, opts), func(s *settings, out any) *Error {
		f, e := s.filler(InPath, out, false)
		if e != nil {
			return e
		}
		for i := range f.plan.list {
			p := &f.plan.list[i]
			text, ok := c.Params.Get(p.name)
			switch {
			case ok:
				f.set(i, text)
			case !p.field.Optional && p.defaults == nil:
				return s.broken(&TypeError{
					Type: f.out.Type(), Field: p.goName,
					Reason: fmt.Sprintf("is parameter %q of the route, but %s has none of that name: rename one of them, or tag the field strict:\"optional\"", p.name, c.FullPath()),
				})
			}
		}
		return f.done()
	})
}

// Header returns header fields as a T, a struct with header tags. Other header
// fields are never a fault; a scalar sent twice is.
func Header[T any](c *gin.Context, opts ...Options) (T, error) {
	return bind[T](c, settle(c, opts), func(s *settings, out any) *Error {
		f, e := s.filler(InHeader, out, false)
		if e != nil {
			return e
		}
		return f.headers(c.Request.Header)
	})
}

// Form returns a body of type application/x-www-form-urlencoded as a T, a struct
// with form tags, by the rules of [Query]. The URL's query is never mixed in. A body
// that something read before, such as gin's PostForm or another binder, is a mistake
// of the program, and a 500: it is no empty form.
func Form[T any](c *gin.Context, opts ...Options) (T, error) {
	return bind[T](c, settle(c, opts), func(s *settings, out any) *Error {
		f, e := s.filler(InForm, out, false)
		if e != nil {
			return e
		}
		d := s.deadline(c.Writer, c.Request)
		if e := s.accept(c.Request.Header, func(media string) bool { return media == "application/x-www-form-urlencoded" }); e != nil {
			return e
		}
		body, e := s.read(c.Writer, c.Request, d, s.MaxBytes)
		if e != nil {
			return e
		}
		defer body.free()
		if len(body.bytes) == 0 && (c.Request.ContentLength != 0 || parsed(c.Request)) {
			return s.absent(c.Request, codeEmpty)
		}
		return f.pairs(string(body.bytes), codeForm)
	})
}

var errConsumed = errors.New("binding: something read the body before: bind it first, or put it back (Request.Body)")

// consumed reports whether a body that was announced is empty.
func consumed(r *http.Request, body *buffer) bool { return r.ContentLength > 0 && len(body.bytes) == 0 }

// absent is the refusal of a body of which there is nothing to read. Who announced
// one has sent it, or reading would have failed: what took it is in this program.
func (s *settings) absent(r *http.Request, code string) *Error {
	if r.ContentLength > 0 || parsed(r) {
		return s.broken(errConsumed)
	}
	return s.invalid(Issue{In: InForm, Code: code})
}

// parsed reports whether a form of r's body was read already, as gin's PostForm does.
func parsed(r *http.Request) bool { return len(r.PostForm) > 0 || r.MultipartForm != nil }

// bind runs one binder: the event, and the zero value on error.
func bind[T any](c *gin.Context, s *settings, run func(*settings, any) *Error) (T, error) {
	started := s.clock()
	out := new(T)
	e := s.guarded(run, out)
	s.report(c, started, e)
	if e != nil {
		var zero T
		return zero, e
	}
	return *out, nil
}

// pairs fills f from name=value pairs joined with &.
func (f *filler) pairs(raw, malformed string) *Error {
	count := 0
	for raw = strings.TrimLeft(raw, "&"); raw != ""; raw = strings.TrimLeft(raw, "&") {
		var piece string
		piece, raw, _ = strings.Cut(raw, "&")
		if count++; count > f.s.MaxParams {
			// The rest was not read, so nothing can be said to be missing.
			return f.s.invalid(Issue{In: f.in, Code: codeParams})
		}
		f.pair(piece, malformed)
	}
	return f.done()
}

func (f *filler) pair(piece, malformed string) {
	rawName, rawText, _ := strings.Cut(piece, "=")
	name, err := url.QueryUnescape(rawName)
	if err != nil || !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
		f.add("", malformed, "")
		return
	}
	text, err := url.QueryUnescape(rawText)
	if err != nil || strings.IndexByte(piece, ';') >= 0 {
		f.add(name, malformed, "")
		return
	}
	at := f.plan.find(name)
	if at < 0 {
		f.unknown(name)
		return
	}
	f.set(at, text)
}
