package egress

import (
	"context"
	"errors"
	"net/http"
	"net/url"
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
	x := exchange{c: rt.c, req: req, follows: rt.follows, start: time.Now()}
	resp, failure := x.run()
	if failure != nil {
		if !x.sent && req.Body != nil {
			_ = req.Body.Close()
		}
		failure.Hop = x.hop
		rt.c.record(req.Context(), x.start, failure)
		return nil, failure
	}
	rt.c.record(req.Context(), x.start, nil)
	return resp, nil
}

// exchange is one request and its answer.
type exchange struct {
	c       *Client
	req     *http.Request
	follows bool
	start   time.Time

	target  target
	hop     int
	crossed bool
	strip   bool
	sent    bool
	ctx     context.Context //nolint:containedctx // the exchange's own, with its time budget
	cancel  context.CancelFunc
}

// errBudget is the cause of a context whose total budget ran out.
var errBudget = errors.New("egress: total time budget exceeded")

func (x *exchange) run() (*http.Response, *Error) {
	own, err := x.c.ready()
	if err != nil {
		return nil, asError(err)
	}
	if refused := x.judge(own); refused != nil {
		if !x.c.reports(refused) {
			return nil, refused
		}
		refused.Hop = x.hop
		x.c.record(x.req.Context(), x.start, refused)
		return x.send(x.req.URL, x.req.Host)
	}
	u := x.req.URL
	if authority := x.target.authority(); u.Host != authority || u.Scheme != x.target.scheme {
		clone := *u
		clone.Scheme, clone.Host = x.target.scheme, authority
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
	return m != http.MethodConnect && m != http.MethodTrace
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
	x.ctx, x.cancel = context.WithDeadlineCause(parent, x.deadline(), errBudget)
	out := x.req.WithContext(x.ctx)
	out.URL, out.Host, out.Response = u, authority, nil
	if x.strip {
		out.Header = x.c.rules.redirectHeader(x.req.Header, x.crossed)
	}
	x.sent = true
	resp, err := x.c.transport.RoundTrip(out)
	if err != nil {
		failure := x.failure(err)
		x.cancel()
		return nil, failure
	}
	if refused := x.answer(resp); refused != nil {
		_ = resp.Body.Close()
		x.cancel()
		return nil, refused
	}
	return resp, nil
}

// deadline is shared by all hops: it stands in the previous answer's body.
func (x *exchange) deadline() time.Time {
	if x.hop > 0 {
		if b, ok := x.req.Response.Body.(*body); ok {
			return b.deadline
		}
	}
	return x.start.Add(x.c.rules.Timeout)
}

// answer bounds the answer's body and refuses what is not one.
func (x *exchange) answer(resp *http.Response) *Error {
	resp.Request = x.req
	if resp.StatusCode == http.StatusSwitchingProtocols {
		if x.req.Header.Get("Upgrade") == "" {
			return blocked(ruleUpgrade, x.target.name)
		}
		return nil // a tunnel now: not an answer any more, and the caller's own
	}
	if x.follows && redirects(resp) && gate(resp.Header.Get("Location")) != "" {
		return &Error{Kind: kindRedirect, Rule: ruleCharacter, Host: x.target.name}
	}
	limit := x.c.rules.MaxBody
	if resp.ContentLength > limit && x.req.Method != http.MethodHead {
		if tooLarge := x.tooLarge(); !x.c.reportsBody(x, tooLarge) {
			return tooLarge
		}
		limit = -1
	}
	deadline, _ := x.ctx.Deadline()
	if x.hop > 0 || deadline.IsZero() {
		deadline = x.deadline()
	}
	resp.Body = &body{inner: resp.Body, x: x, left: limit, deadline: deadline}
	return nil
}

func (x *exchange) tooLarge() *Error {
	return &Error{Kind: kindTooLarge, Rule: ruleBody, Host: x.target.name, Hop: x.hop}
}

// failure turns what went wrong below into an Error.
func (x *exchange) failure(err error) *Error {
	f := explain(x.ctx, err)
	if f.Host == "" {
		f.Host = x.target.name
	}
	f.Hop = x.hop
	return f
}
