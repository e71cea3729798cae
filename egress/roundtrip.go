package egress

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// roundTripper holds the rules for one request. follows says that an http.Client of
// ours will follow the answer's Location.
type roundTripper struct {
	c       *Client
	follows bool
}

// RoundTrip judges req, sends it and bounds the answer.
func (rt roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{c: rt.c, req: req, follows: rt.follows, start: time.Now()}
	resp, failure := x.run()
	if failure != nil {
		if !x.sent && req.Body != nil {
			_ = req.Body.Close()
		}
		failure.Hop = x.hop
		rt.c.record(req.Context(), x.start, failure)
		return nil, failure
	}
	if !x.reported.Load() {
		rt.c.record(req.Context(), x.start, nil)
	}
	return resp, nil
}

// exchange is one request and its answer.
type exchange struct {
	c       *Client
	req     *http.Request
	follows bool
	start   time.Time
	until   time.Time // the end of the total budget

	target  target
	hop     int
	crossed bool
	strip   bool
	sent    bool
	upgrade bool // asked for, in what was sent

	reported atomic.Bool // in report-only mode: something was refused in word
	ctx      leashed     // the exchange's own, ended by the watch
	stop     func() bool // no longer waits for the caller to leave
	stage    stage
	trace    httptrace.ClientTrace
	body     body // of the answer: one piece of memory with the rest
}

func (x *exchange) run() (*http.Response, *Error) {
	own, err := x.c.ready()
	if err != nil {
		return nil, asError(err)
	}
	if refused := x.judge(own); refused != nil {
		if !x.c.reports(refused) || x.hop > mostRedirects {
			return nil, refused
		}
		refused.Hop = x.hop
		x.reported.Store(true)
		x.c.record(x.req.Context(), x.start, refused)
		return x.send(x.req.URL, x.req.Host)
	}
	u := x.req.URL
	if u.Scheme != x.target.scheme || !x.target.spelled(u.Host) {
		clone := *u
		clone.Scheme, clone.Host = x.target.scheme, x.target.authority()
		u = &clone
	}
	return x.send(u, u.Host)
}

// judge holds all that can be said before anything is sent.
func (x *exchange) judge(own ownAddresses) *Error {
	r := x.c.rules
	if x.req.URL == nil {
		return blocked(ruleSyntax, "")
	}
	if refused := x.follow(); refused != nil {
		return refused
	}
	var refused *Error
	if x.target, refused = r.place(x.req.URL, own); refused != nil {
		return refused
	}
	if !r.allowsMethod(x.req.Method) {
		return blocked(ruleMethod, x.target.name)
	}
	if h := x.req.Host; h != "" && h != x.req.URL.Host && !x.sameAuthority(h) {
		return blocked(ruleHostHeader, x.target.name)
	}
	return nil
}

func (r *rules) allowsMethod(m string) bool {
	if r.methods != nil {
		return r.methods[m] || m == "" && r.methods[http.MethodGet]
	}
	return !strings.EqualFold(m, http.MethodConnect) && !strings.EqualFold(m, http.MethodTrace)
}

// sameAuthority reports whether a Host header names the URL's own host.
func (x *exchange) sameAuthority(header string) bool {
	name, port, ok := splitPort(header)
	h, rule := canonicalHost(name)
	if !ok || rule != "" || h.name != x.target.name {
		return false
	}
	return port == x.target.port || port == 0 && x.target.authority() == x.target.String()
}

func (x *exchange) send(u *url.URL, authority string) (*http.Response, *Error) {
	parent := x.req.Context()
	x.until = x.deadline()
	if x.c.rules.ReportOnly {
		parent = context.WithValue(parent, reportKey{}, &x.reported) // the dial finds it there
	}
	if parent.Err() != nil {
		failure := interrupted(parent, ruleTotalTime)
		failure.Host = x.target.name
		return nil, failure
	}
	x.ctx = leashed{Context: parent}
	if parent.Done() != nil {
		x.stop = context.AfterFunc(parent, func() { x.c.watch.left(x) })
	}
	x.c.watch.add(x)
	x.trace.WroteRequest = x.wrote
	out := x.req.WithContext(httptrace.WithClientTrace(&x.ctx, &x.trace))
	out.URL, out.Host, out.Response = u, authority, nil
	out.Header = x.header()
	x.sent, x.upgrade = true, out.Header.Get("Upgrade") != ""
	resp, err := x.c.transport.RoundTrip(out)
	if err != nil {
		failure := x.failure(err)
		x.release(false)
		return nil, failure
	}
	if refused := x.answer(resp); refused != nil {
		x.release(false) // first, so that closing does not read the rest
		_ = resp.Body.Close()
		return nil, refused
	}
	return resp, nil
}

// header is what goes over the wire. Where nothing speaks against it, it asks for gzip,
// as net/http would: the transport's own decompression has no bound but time.
func (x *exchange) header() http.Header {
	h := x.req.Header
	if x.strip {
		h = x.c.rules.redirectHeader(h, x.crossed)
	}
	if _, set := h["Accept-Encoding"]; h == nil || set || h.Get("Range") != "" || x.req.Method == http.MethodHead {
		return h
	}
	if !x.strip {
		h = maps.Clone(h)
	}
	x.body.gzipped = true
	h["Accept-Encoding"] = x.c.gzip
	return h
}

// wrote starts the wait for the answer's header.
func (x *exchange) wrote(httptrace.WroteRequestInfo) {
	x.c.watch.written(x, time.Now().Add(x.c.rules.HeaderTimeout))
}

// leave stops waiting for the caller to go, and reports that he has not gone.
func (x *exchange) leave() bool { return x.stop == nil || x.stop() }

// release gives back what the exchange holds, once. whole says that the answer came to
// its end; what did not is ended with its leash.
func (x *exchange) release(whole bool) {
	stopped := x.leave()
	x.c.watch.remove(x, whole && stopped && (x.req.Body == nil || x.req.Body == http.NoBody))
}

// untilKey finds, in the context of the request that a redirect answered, the end of
// the total budget. A middleware may wrap the answer's body, but not that.
type untilKey struct{}

// deadline is shared by all hops.
func (x *exchange) deadline() time.Time {
	if x.hop > 0 {
		if until, ok := x.req.Response.Request.Context().Value(untilKey{}).(time.Time); ok {
			return until
		}
	}
	return x.start.Add(x.c.rules.Timeout)
}

// answer bounds the answer's body and refuses what is not one.
func (x *exchange) answer(resp *http.Response) *Error {
	resp.Request = x.req
	x.c.watch.answered(x)
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if !x.upgrade {
			return blocked(ruleUpgrade, x.target.name)
		}
		x.release(false) // a tunnel now: no answer any more, and the caller's own
		return nil
	}
	if redirects(resp) {
		resp.Request = x.req.WithContext(context.WithValue(x.req.Context(), untilKey{}, x.until))
	}
	if x.follows && redirects(resp) {
		_, rule := textURL(resp.Header.Get("Location")) // net/http would quote it in its error
		if refused := (&Error{Kind: kindRedirect, Rule: rule, Host: x.target.name}); rule != "" && !x.c.reports(refused) {
			return refused
		}
	}
	return x.bound(resp)
}

// bound puts the answer's body behind its limits.
func (x *exchange) bound(resp *http.Response) *Error {
	b := &x.body
	b.inner, b.x, b.left, b.wire = resp.Body, x, x.c.rules.MaxBody, wireLimit(x.c.rules.MaxBody)
	b.gzipped = b.gzipped && resp.ContentLength != 0 && resp.Body != http.NoBody && strings.EqualFold(resp.Header.Get("Content-Encoding"), "gzip")
	most := b.left
	if b.gzipped {
		most = b.wire
	}
	if resp.ContentLength > most && x.req.Method != http.MethodHead && !b.passes() {
		return x.tooLarge()
	}
	if b.gzipped {
		resp.Header.Del("Content-Encoding")
		resp.Header.Del("Content-Length")
		resp.ContentLength, resp.Uncompressed = -1, true
	}
	resp.Body = b
	return nil
}

func (x *exchange) tooLarge() *Error {
	return &Error{Kind: kindTooLarge, Rule: ruleBody, Host: x.target.name, Hop: x.hop}
}

// failure turns what went wrong below into an Error.
func (x *exchange) failure(err error) *Error {
	f := explain(&x.ctx, err)
	if f.Host == "" {
		f.Host = x.target.name
	}
	f.Hop = x.hop
	return f
}
