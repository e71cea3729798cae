package binding

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/problem"
)

// Source is the part of a request that a value came from.
type Source string

// The sources.
const (
	InBody   Source = "body"   // a JSON document; issues carry a pointer
	InForm   Source = "form"   // a form or multipart body
	InQuery  Source = "query"  // the query of the URL
	InPath   Source = "path"   // a parameter of the route
	InHeader Source = "header" // a header field
)

// Issue is one fault of a request. Nothing in it is a value the client sent, a
// Go name or an error's text; the names of members are the only input.
type Issue struct {
	// In is where the fault is.
	In Source
	// Pointer is the RFC 6901 JSON pointer of the faulty value in a body, cut at
	// 256 bytes; "" is the whole document.
	Pointer string
	// Name is the name of the parameter or header field.
	Name string
	// Code is the machine-readable kind of fault: one of the codes listed in the
	// package's documentation.
	Code string
	// Rule is the failed rule of the binding tag, when Code is "rule." + Rule.
	Rule string
	// Param is the rule's parameter, such as a maximum.
	Param string
	// Expected is what kind of value belongs there, in JSON's words.
	Expected string
}

// Error is why a request was refused: what every function of this package
// returns. Write it with [Abort].
type Error struct {
	// Status is the HTTP status of the refusal.
	Status int
	// Code is the reason as a whole: "invalid_payload" with Issues, or the code of
	// a request that was refused unread.
	Code string
	// Issues are the faults in the order of the document; the first
	// Options.MaxIssues of them.
	Issues []Issue
	// Truncated says that there were more.
	Truncated bool

	cause    error
	settings *settings
}

// Error lists the codes. It contains no input.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("binding: " + e.Code)
	for i, issue := range e.Issues {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(issue.Code)
	}
	return b.String()
}

// Unwrap returns the cause, if there is one: *http.MaxBytesError,
// validator.ValidationErrors, or an error of reading. It may quote input: keep
// it away from clients.
func (e *Error) Unwrap() error { return e.cause }

// Problem is the body of the refusal as [Abort] writes it, without the texts of
// Options.Detail.
func (e *Error) Problem() problem.Problem { return e.problem(nil) }

func (e *Error) problem(c *gin.Context) problem.Problem {
	p := problem.Problem{Status: e.Status, Code: e.Code}
	if e.settings != nil && e.settings.TypeBase != "" {
		p.Type = e.settings.TypeBase + e.Code
	}
	room := maxResponse - len(p.Type)
	for i, issue := range e.Issues {
		f := e.field(c, issue)
		if room -= width(f.Code, f.Pointer, f.Parameter, f.Header, f.Param, f.Expected, f.Detail); room < 0 {
			if i > 0 {
				break
			}
			f.Detail, f.Param = "", "" // texts of the application's, which alone can be so long
		}
		p.Errors = append(p.Errors, f)
	}
	switch cut := len(e.Issues) - len(p.Errors); {
	case cut > 0 && e.Truncated:
		p.Detail = fmt.Sprintf("At least %d more faults are not listed.", cut+1)
	case cut > 0:
		p.Detail = fmt.Sprintf("%d more faults are not listed.", cut)
	case e.Truncated:
		p.Detail = "There are more faults than are listed."
	}
	return p
}

func (e *Error) field(c *gin.Context, issue Issue) problem.Field {
	f := problem.Field{Code: issue.Code, Param: issue.Param, Expected: issue.Expected}
	switch issue.In {
	case InBody:
		f.Pointer = fragment(issue.Pointer)
	case InHeader:
		f.Header = brief(issue.Name)
	default:
		f.Parameter = brief(issue.Name)
	}
	if c != nil && e.settings != nil && e.settings.Detail != nil {
		f.Detail = e.settings.Detail(c, issue)
	}
	return f
}

// maxResponse is what a response may have for its list of faults: 16 kB without
// the texts around it.
const maxResponse = 16<<10 - 512

// width is how many bytes JSON writes for a member of each of texts, and more.
func width(texts ...string) int {
	n := len("{},")
	for _, text := range texts {
		if text != "" {
			n += len(`"parameter":"",`) + escaped(text)
		}
	}
	return n
}

// escaped is how many bytes JSON writes for text at most.
func escaped(text string) (n int) {
	for _, r := range text {
		n += escapedRune(r)
	}
	return n
}

func escapedRune(r rune) int {
	if r < ' ' || strings.ContainsRune("\"\\<>&\u2028\u2029\x7f\ufffd", r) {
		return len(`\u0000`)
	}
	return utf8.RuneLen(r)
}

// fragment writes a JSON pointer as a URI fragment (RFC 6901 section 6), cut at
// 256 bytes as they are sent. What JSON would escape is escaped here, shorter.
func fragment(pointer string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 1, min(3*len(pointer), maxPointer)+1)
	b[0] = '#'
	whole := len(b) // up to the last whole character
	for i := range len(pointer) {
		c := pointer[i]
		if utf8.RuneStart(c) {
			whole = len(b)
		}
		// RFC 3986: fragment = *( pchar / "/" / "?" ).
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~!$'()*+,;=:@/?", c) >= 0 {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
		if len(b) > maxPointer+1 {
			return string(b[:whole])
		}
	}
	return string(b)
}

// brief cuts a name so that it has at most 256 bytes as JSON writes it.
func brief(name string) string {
	size := 0
	for i, r := range name {
		size += escapedRune(r)
		if size > maxPointer {
			return name[:i]
		}
	}
	return name
}

// Abort ends the request with err. An [Error] is written as problem details (RFC
// 9457): 413, 408 and the 415 of a body that is large or of unknown length also
// close an HTTP/1 connection, 415 says what would be accepted. Any other error, nil
// included, is a 500 without a word about it, recorded with c.Error. Nothing is
// written when a response has already been started.
func Abort(c *gin.Context, err error) {
	if err == nil {
		err = errors.New("binding: Abort without an error")
	}
	var e *Error
	if errors.As(err, &e) && e == nil {
		err = errors.New("binding: Abort with a nil *Error")
	}
	if e == nil {
		e = &Error{Status: http.StatusInternalServerError, Code: codeInternal}
	}
	if e.Status >= http.StatusInternalServerError {
		_ = c.Error(err)
	}
	if !c.Writer.Written() {
		h := c.Writer.Header()
		if e.Code == codeContentEncoding {
			h["Accept-Encoding"] = []string{"identity"} // RFC 9110 section 15.5.16
		}
		if e.hangsUp(c.Request) {
			h["Connection"] = []string{"close"}
		}
	}
	problem.Abort(c, e.problem(c))
}

// drained is how large an unread body may be for the server to read it away, so
// that the connection serves the next request.
const drained = 64 << 10

// hangsUp reports whether the connection ends with this refusal, since the rest of
// the body is not worth waiting for. HTTP/2 ends the stream by itself, and other
// clients' requests may share its connection.
func (e *Error) hangsUp(r *http.Request) bool {
	if r != nil && r.ProtoMajor > 1 {
		return false
	}
	switch e.Status {
	case http.StatusRequestEntityTooLarge, http.StatusRequestTimeout:
		return true
	case http.StatusUnsupportedMediaType:
		return r != nil && !bodiless(r) && (r.ContentLength < 0 || r.ContentLength > drained)
	default:
		return false
	}
}

func (s *settings) fail(status int, code string, cause error) *Error {
	return &Error{Status: status, Code: code, cause: cause, settings: s}
}

// invalid is a payload whose faults are known one by one.
func (s *settings) invalid(issues ...Issue) *Error {
	return &Error{Status: http.StatusBadRequest, Code: codeInvalid, Issues: issues, settings: s}
}

// broken is a failure of the program, not of the client.
func (s *settings) broken(err error) *Error {
	return s.fail(http.StatusInternalServerError, codeInternal, err)
}
