package ratelimit

import (
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
)

const control = "ratelimit"

// Use returns middleware that charges policies, all or none, in one step. It
// works on an engine, a group or a route, unmatched routes included.
//
// A request over a limit is answered with 429 and consumes nothing, also of the
// limits of the groups around this one. A policy whose key cannot be told for a
// request, such as [ByUser] where nobody is authenticated, is never skipped: all
// such requests share one count. Mounted twice, or run again by HandleContext, it
// charges a request once.
//
// Policies that are not valid panic, as a wrong route does: they are a mistake in
// the program.
func (l *Limiter) Use(policies ...Policy) gin.HandlerFunc {
	return l.gate("Use", nil, policies).serve
}

// gate is one middleware.
type gate struct {
	l        *Limiter
	inner    gin.HandlerFunc // of Around
	policies []*policy
	after    bool     // something is to be done after the handler
	quotas   []string // the RateLimit-Policy header when every policy applies as it is
	shown    int      // how many policies that are; 0 when it is never so
}

func (l *Limiter) gate(method string, inner gin.HandlerFunc, policies []Policy) *gate {
	compiled, err := compileAll(policies)
	if err != nil {
		panic(fmt.Sprintf("ratelimit.%s: %v", method, err))
	}
	g := &gate{l: l, inner: inner, policies: compiled}
	constant, planned := "", false
	for _, p := range compiled {
		g.after = g.after || p.CountIf != nil
		planned = planned || p.Plan != nil
		if !p.Hidden {
			constant = joined(constant, p.header)
			g.shown++
		}
	}
	if g.quotas = []string{constant}; planned {
		g.shown = -1
	}
	return g
}

func (g *gate) serve(c *gin.Context) {
	if probe.Met(c, control) {
		return
	}
	v := g.l.visit(c)
	if v.ran(g) {
		return
	}
	d := g.begin(c, v)
	if g.resolve(d, func(*policy) bool { return true }) {
		g.finish(d)
	}
	g.l.free(d)
}

// begin starts one step's way through a gate.
func (g *gate) begin(c *gin.Context, v *visit) *batch {
	d := g.l.batch()
	d.subject = subject{c: c, resolver: g.l.resolver}
	d.visit = v
	d.started = time.Time{}
	if audit.Wanted(c.Request.Context(), g.l.audit, audit.Allow) {
		d.started = time.Now()
	}
	return d
}

// resolve adds the items of the policies that are wanted and apply. When it
// returns false the request has been refused.
func (g *gate) resolve(d *batch, wanted func(*policy) bool) bool {
	for _, p := range g.policies {
		if !wanted(p) || p.Skip != nil && p.Skip(d.c) {
			continue
		}
		cost, limit, window := int64(1), p.Limit, p.Window
		if p.Cost != nil {
			cost = p.Cost(d.c)
		}
		if p.Plan != nil {
			limit, window = p.Plan(d.c)
		}
		if cost < 0 || limit < 1 || limit > maxLimit || window < minWindow || window > maxWindow {
			g.l.refuseInvalid(d)
			return false
		}
		d.key = p.Key.appendKey(d.key[:0], &d.subject)
		g.l.add(d, p, cost, limit, window)
	}
	d.dropCharged()
	return true
}

// finish charges, answers when the request is over a limit, and settles what
// counts only after the handler.
func (g *gate) finish(d *batch) {
	l := g.l
	if len(d.items) > 0 {
		out := l.store.take(d.c.Request.Context(), l.timeout, d.items, false)
		if out.err != nil {
			l.refuseUnavailable(d, out.err)
			return
		}
		if !out.ok {
			l.refuse(d, true)
			return
		}
	}
	v := l.enter(d, g)
	from := len(v.charged)
	l.writeHeaders(d, g)
	v.keep(d.items)
	l.recordAllowed(d)
	if g.after {
		d.c.Next()
		g.settle(d.c, v, from)
	}
}

// visit is what a limiter remembers of one request.
type visit struct {
	gates     []*gate
	charged   []item
	gateRoom  [2]*gate
	itemRoom  [2]item
	stateRoom [1]string
}

// visit returns what l remembers of the request; nil before its first step.
func (l *Limiter) visit(c *gin.Context) *visit {
	v, _ := reqctx.Get(c, l).(*visit)
	return v
}

func (v *visit) ran(g *gate) bool {
	if v == nil {
		return false
	}
	for _, other := range v.gates {
		if other == g {
			return true
		}
	}
	return false
}

// enter notes that g has let the request pass.
func (l *Limiter) enter(d *batch, g *gate) *visit {
	if d.visit == nil {
		d.visit = &visit{}
		d.visit.gates = d.visit.gateRoom[:0]
		d.visit.charged = d.visit.itemRoom[:0]
		reqctx.Put(d.c, l, d.visit)
	}
	if !d.visit.ran(g) {
		d.visit.gates = append(d.visit.gates, g)
	}
	return d.visit
}

// keep remembers charged items, for later steps and for refunds.
func (v *visit) keep(items []item) { v.charged = append(v.charged, items...) }

// dropCharged leaves out what another step has already charged this request for:
// the same policy and key. A limit that is tighter here is only checked.
func (d *batch) dropCharged() {
	if d.visit == nil || len(d.visit.charged) == 0 {
		return
	}
	kept := d.items[:0]
	for i := range d.items {
		it := d.items[i]
		for j := range d.visit.charged {
			done := &d.visit.charged[j]
			if done.hash != it.hash || it.lock || done.cost == 0 {
				continue
			}
			if done.rule.limit <= it.rule.limit {
				it.hash = 0
			}
			it.cost = 0
		}
		if it.hash != 0 {
			kept = append(kept, it)
		}
	}
	d.items = kept
}

// settle gives back what did not count after all, and locks out keys whose limit
// counted requests have used up.
func (g *gate) settle(c *gin.Context, v *visit, from int) {
	status := c.Writer.Status()
	b := g.l.batch()
	lock := g.l.batch()
	for i := from; i < len(v.charged); i++ { // none when a later step refused and gave all back
		it := v.charged[i]
		switch {
		case it.policy.CountIf == nil || it.cost == 0 || !it.ok || it.unknown:
		case !it.policy.CountIf(status):
			b.items = append(b.items, it)
			v.charged[i].cost = 0
		case it.policy.Lockout > 0 && it.remaining == 0:
			lock.items = append(lock.items, v.charged[i+1])
		}
	}
	ctx := c.Request.Context()
	if len(b.items) > 0 {
		g.l.store.refund(ctx, g.l.timeout, b.items)
	}
	g.l.lockOut(ctx, lock)
	g.l.free(b)
	g.l.free(lock)
}

func (l *Limiter) recordAllowed(d *batch) {
	verdict, reason := audit.Allow, reasonOK
	for i := range d.items {
		if it := &d.items[i]; !it.ok {
			verdict, reason = audit.Report, it.reason()
		}
	}
	l.record(d, verdict, reason, 0, nil)
}

func who(s *subject) audit.Subject {
	if p := s.principal(); p != nil {
		return audit.SubjectOf(p.ID())
	}
	return audit.Subject{}
}
