// Package web holds what a handler is driven with in process, made once and used
// again: httptest allocates more than the code under test.
package web

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
)

// Writer is a response writer that keeps the status and counts the body's bytes.
type Writer struct {
	Status, Bytes int
	header        http.Header
}

// NewWriter returns a writer.
func NewWriter() *Writer { return &Writer{header: make(http.Header, 8)} }

// Header returns the headers of the answer.
func (w *Writer) Header() http.Header { return w.header }

// WriteHeader keeps the status.
func (w *Writer) WriteHeader(status int) { w.Status = status }

// Write counts p, which a connection would have sent.
func (w *Writer) Write(p []byte) (int, error) {
	if w.Status == 0 {
		w.Status = http.StatusOK
	}
	w.Bytes += len(p)
	return len(p), nil
}

// Reset forgets the last answer.
func (w *Writer) Reset() {
	clear(w.header)
	w.Status, w.Bytes = 0, 0
}

// Request is a request that can be sent any number of times.
type Request struct {
	*http.Request
	raw  []byte
	body body
	auth []string
}

type body struct{ bytes.Reader }

// Close has nothing to close.
func (*body) Close() error { return nil }

// NewRequest makes a request as a server would have parsed it. The body is nil
// for none.
func NewRequest(method, target string, payload []byte) *Request {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		panic(err)
	}
	r := &Request{raw: payload, auth: make([]string, 1)}
	r.Request = &http.Request{
		Method: method, URL: u, RequestURI: target, Host: "api.example.com",
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "203.0.113.7:40112",
		Header: http.Header{"User-Agent": {"bench/1"}, "Accept": {"application/json"}},
		Body:   http.NoBody,
	}
	if payload != nil {
		r.Header["Content-Type"] = []string{"application/json"}
		r.ContentLength = int64(len(payload))
	}
	return r
}

// Authorize sets the Authorization header without allocating.
func (r *Request) Authorize(header string) {
	r.auth[0] = header
	r.Header["Authorization"] = r.auth
}

// Rewind returns the request ready to be sent again.
func (r *Request) Rewind() *http.Request {
	if r.raw != nil {
		r.body.Reset(r.raw)
		r.Body = &r.body
	}
	return r.Request
}

// Bearers returns n copies of the header for token, each in memory of its own: a
// server never sees the same string twice, and a cache that compared pointers
// would be flattered.
func Bearers(token string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = strings.Clone("Bearer " + token)
	}
	return all
}
