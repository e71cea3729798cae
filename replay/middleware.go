package replay

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
	"github.com/ginsec/ginsec/problem"
)

// SingleUse returns middleware for routes whose access tokens are one-time: a
// payment, a deletion, a one-time link. It reads the principal that authentication
// has published and needs its token to have a jti and an expiry. Register it
// last, right before the handler.
//
// A token used before, without an id, or living too long is answered with 401 and
// error="invalid_token" (RFC 6750 section 3.1), and no answer tells which of these
// it was; a store that cannot decide with 503. A second run on the same request
// (HandleContext, mounted twice) changes nothing.
func (g *Guard) SingleUse() gin.HandlerFunc { return g.principal }

// EveryRequest is SingleUse under the name it deserves in front of a whole API:
// every access token passes exactly once, for issuers that mint one per request.
// An ordinary client that uses its token twice is refused, and a request for a
// route that does not exist uses its token up too.
func (g *Guard) EveryRequest() gin.HandlerFunc { return g.principal }

// By returns middleware that accepts once what id returns: the id and the signed
// expiry of a webhook, a nonce or a link. The function must have verified what it
// returns; its expiry must come from signed data alone (a nonce needs a signed
// timestamp), never from the current time. An error refuses the request like a
// replay. By panics when id is nil.
func (g *Guard) By(id func(*gin.Context) (Token, error)) gin.HandlerFunc {
	if id == nil {
		panic("replay: By needs a function")
	}
	return func(c *gin.Context) {
		if probe.Met(c, "replay") {
			return
		}
		t, err := id(c)
		start := time.Now() // not before: the function may take its time
		if err != nil {
			d := g.deny(reasonRefused, ErrNoID)
			d.cause = err
			g.conclude(c, d, start)
			return
		}
		g.consume(c, t, start)
	}
}

func (g *Guard) principal(c *gin.Context) {
	if probe.Met(c, "replay") {
		return
	}
	start := time.Now()
	p, ok := identity.From(c)
	if !ok {
		g.conclude(c, g.deny(reasonNoPrincipal, errNoPrincipal), start)
		return
	}
	g.consume(c, Token{
		Kind: KindToken, Issuer: p.Issuer, Client: p.ClientID, ID: p.TokenID,
		IssuedAt: p.IssuedAt, NotAfter: p.ExpiresAt,
	}, start)
}

// used marks, in a request's context, an id that this very request has used up.
type used struct {
	guard *Guard
	id    [16]byte
}

func (g *Guard) consume(c *gin.Context, t Token, start time.Time) {
	mark := used{guard: g, id: t.id()}
	if reqctx.Own(c, mark) != nil {
		return
	}
	d := g.decide(c.Request.Context(), t, mark.id, start)
	if d.passes() {
		reqctx.Put(c, mark, true)
	}
	g.conclude(c, d, start)
}

// conclude records the decision and, unless the request passes, ends it.
func (g *Guard) conclude(c *gin.Context, d decision, start time.Time) {
	status := 0
	if !d.passes() {
		status = refuse(c, d)
	}
	g.record(c.Request.Context(), d, c.FullPath(), status, start)
}

// refuse answers the client. What it says depends on the store's failure and on
// whether anybody is authenticated, and on nothing else.
func refuse(c *gin.Context, d decision) int {
	p := problem.Problem{Status: http.StatusUnauthorized, Code: "invalid_token"}
	switch {
	case d.verdict == audit.Error:
		_ = c.Error(d.err)
		c.Header("Retry-After", "1")
		p.Status, p.Code = http.StatusServiceUnavailable, "temporarily_unavailable"
	case d.reason == reasonNoPrincipal:
		c.Header("WWW-Authenticate", "Bearer")
		p.Code = ""
	default:
		c.Header("WWW-Authenticate", challenge(c))
	}
	problem.Abort(c, p)
	return p.Status
}

// challenge names the scheme with which the client came (RFC 6750 section 3, RFC
// 9449 section 7.1).
func challenge(c *gin.Context) string {
	if p, ok := identity.From(c); ok && p.Binding == identity.DPoP {
		return `DPoP error="invalid_token"`
	}
	return `Bearer error="invalid_token"`
}
