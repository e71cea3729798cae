package auth

import (
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
)

// Option changes what one [Verifier.Middleware] asks.
type Option func(*options)

type options struct {
	optional  bool
	audiences []string
}

// Optional lets a request without an Authorization header pass as nobody. A
// request with one is judged like any other: a bad token never passes, and while
// no keys can be had a token is answered with 503.
func Optional() Option { return func(o *options) { o.optional = true } }

// Audience demands that the token is meant for one of these, besides
// Config.Audiences: for a group of routes with an audience of its own. It panics
// without a name or with a blank one, which would demand nothing.
func Audience(anyOf ...string) Option {
	if len(anyOf) == 0 {
		panic("auth.Audience: no audience given")
	}
	for _, a := range anyOf {
		if blank(a) {
			panic("auth.Audience: a blank audience")
		}
	}
	return func(o *options) { o.audiences = append(o.audiences, anyOf...) }
}

// Middleware returns the handler that lets a request pass when it carries a good
// token, and publishes whose it is with [identity.Set]. Otherwise it ends the
// request: 401 with a challenge, 400 for credentials that are not exactly one
// token, 503 with Retry-After while keys are unavailable. A second run on the
// same request changes nothing.
func (v *Verifier) Middleware(opts ...Option) gin.HandlerFunc {
	o := &options{}
	for _, opt := range opts {
		opt(o)
	}
	name := control
	if o.optional {
		name += ".optional" // such a route is open
	}
	return func(c *gin.Context) {
		if !probe.Met(c, name) {
			v.serve(c, o)
		}
	}
}

func (v *Verifier) serve(c *gin.Context, o *options) {
	e, again := v.published(c)
	if again && o.satisfied(e) {
		v.publish(c, e) // another verifier may have published its own since
		return
	}
	start := time.Now()
	s := e.scheme()
	var refusal *Error
	if !again || e == v.nobody {
		e, s, refusal = v.authenticate(c, start)
	}
	if refusal != nil && refusal.Reason == reasonNoToken && o.optional && !presented(c) {
		e, refusal = v.nobody, nil
	}
	if refusal == nil && !o.satisfied(e) {
		refusal = badToken(reasonAudience)
	}
	ctx := c.Request.Context()
	if refusal != nil {
		refusal = refusal.blamed(ctx)
		record(ctx, v.cfg.Audit, c.FullPath(), e, refusal, start)
		v.answers.write(c, refusal, s, "")
		return
	}
	v.publish(c, e)
	if audit.Wanted(ctx, v.cfg.Audit, audit.Allow) {
		v.recordAllowed(ctx, c.FullPath(), e.principal, start)
	}
}

// satisfied reports whether what is known about a request is enough here.
func (o *options) satisfied(e *verified) bool {
	if e.principal == nil {
		return o.optional
	}
	return len(o.audiences) == 0 || intersect(e.audience, o.audiences)
}

// presented reports whether the request carries credentials of any kind.
func presented(c *gin.Context) bool {
	for _, value := range c.Request.Header["Authorization"] {
		if value != "" {
			return true
		}
	}
	return false
}

// authenticate judges the request's credentials. A refusal with a verdict is one of
// a good token.
func (v *Verifier) authenticate(c *gin.Context, now time.Time) (*verified, scheme, *Error) {
	token, s, refusal := credentials(c.Request.Header, v.proofs != nil)
	if refusal != nil {
		return nil, s, refusal
	}
	ctx := c.Request.Context()
	e, refusal := v.check(ctx, token, now)
	if refusal != nil {
		if refusal.Reason == reasonMalformed && !oneToken(token) {
			refusal = badRequest(reasonMalformedHeader)
		}
		return nil, s, refusal
	}
	if s != bearer || e.confirm.kind() != identity.Bearer || v.proofs != nil {
		if refusal = v.bound(c, e, s, token, now); refusal != nil {
			return e, s, refusal
		}
	}
	return e, s, v.revoked(ctx, e.principal)
}

type publishedKey struct{}

// published returns what this verifier found out about the request before.
func (v *Verifier) published(c *gin.Context) (*verified, bool) {
	e, _ := reqctx.Own(c, publishedKey{}).(*verified)
	if e == nil || e.owner == v {
		return e, e != nil
	}
	e, ok := reqctx.Own(c, v).(*verified) // another verifier came in between
	return e, ok
}

// publish makes e's principal that of the request. It joins the one value all
// controls share, so that it costs one copy of the request at most.
func (v *Verifier) publish(c *gin.Context, e *verified) {
	other, _ := reqctx.Own(c, publishedKey{}).(*verified)
	if other == e {
		return
	}
	// Nobody hides somebody: whom another verifier found, and the principal that a
	// request made from another's context inherits.
	hides := e.principal == nil && (other != nil && other.principal != nil ||
		other == nil && c.Request.Context().Value(publishedKey{}) != nil)
	if other != nil && other.owner != v {
		reqctx.Put(c, other.owner, other)
	}
	reqctx.Put(c, publishedKey{}, e)
	if e.principal != nil || hides {
		identity.Set(c, e.principal)
	}
}
