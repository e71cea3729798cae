// Package problem writes denials as RFC 9457 problem details. It is the one
// place in the suite that writes a refusal, so that every one of them is
// constant for its reason, uncacheable, and free of anything the client sent.
package problem

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
)

// Problem is the body of a refusal. Every text in it is fixed when the program
// is written: never put input, an error's text or a Go name into one.
type Problem struct {
	// Type identifies the kind of problem; empty means "about:blank".
	Type string `json:"type"`
	// Title is a short summary; empty means the status text.
	Title string `json:"title"`
	// Status is the HTTP status; it must be 400 to 599, anything else becomes 500.
	Status int `json:"status"`
	// Code is the machine-readable reason; empty when the status says it all.
	Code string `json:"code,omitempty"`
	// Detail explains this kind of problem to a developer.
	Detail string `json:"detail,omitempty"`
	// Instance identifies this occurrence, such as a request id the server made.
	Instance string `json:"instance,omitempty"`
	// Errors lists single faults of a payload.
	Errors []Field `json:"errors,omitempty"`
	// ViolatedPolicies names the limits that were exceeded
	// (draft-ietf-httpapi-ratelimit-headers, problem type quota-exceeded).
	ViolatedPolicies []string `json:"violated-policies,omitempty"`
}

// Field is one fault of a payload. Exactly one of Pointer, Parameter and Header
// says where it is.
type Field struct {
	Code      string `json:"code"`
	Pointer   string `json:"pointer,omitempty"`   // JSON pointer as a URI fragment (RFC 6901 section 6)
	Parameter string `json:"parameter,omitempty"` // query, path or form parameter
	Header    string `json:"header,omitempty"`    // header field
	Param     string `json:"param,omitempty"`     // the rule's parameter, such as a maximum
	Expected  string `json:"expected,omitempty"`  // the expected JSON type
	Detail    string `json:"detail,omitempty"`    // text for people, from the application
}

var (
	contentType  = []string{"application/problem+json"}
	cacheControl = []string{"no-store"}
)

// WriteTo sends p. It sets Content-Type and Cache-Control: no-store and drops
// headers that described the answer this one replaces. It is for transports
// without gin; handlers use [Abort].
func (p Problem) WriteTo(w http.ResponseWriter) {
	if p.Status < 400 || p.Status > 599 {
		p.Status = http.StatusInternalServerError
	}
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	body, err := json.Marshal(p)
	if err != nil { // cannot happen: the struct holds strings and integers only
		body = []byte(`{"type":"about:blank","title":"Internal Server Error","status":500}`)
		p.Status = http.StatusInternalServerError
	}
	h := w.Header()
	// Content-Encoding stays: it is a compressing writer's around this one, if any.
	for _, stale := range []string{"Etag", "Last-Modified", "Content-Disposition"} {
		delete(h, stale)
	}
	h["Content-Type"] = contentType
	h["Cache-Control"] = cacheControl
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(p.Status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
}

// Abort ends the request with p. When a response has already been started it
// only stops the chain: two bodies are worse than one.
func Abort(c *gin.Context, p Problem) {
	c.Abort()
	if c.Writer.Written() {
		return
	}
	p.WriteTo(c.Writer)
}
