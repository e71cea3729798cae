package ratelimit

import (
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/probe"
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
	shown    int      // how many policies that are; -1 when it is never so
}

func (l *Limiter) gate(method string, inner gin.HandlerFunc, policies []Policy) *gate {
	compiled, err := l.compileAll(policies)
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
	v, outermost := g.l.visits.enter(c)
	if outermost {
		defer g.l.visits.leave(v)
	} else if v.passed(g) {
		return
	}
	d := g.begin(c, v)
	passed := g.resolve(d, everyPolicy) && g.charge(d)
	own := d.own
	g.end(d)
	if passed {
		g.proceed(c, v, own, outermost)
	}
}

// begin starts one step's way through a gate.
func (g *gate) begin(c *gin.Context, v *visit) *batch {
	d := &v.batch
	if v.busy { // Around's handler has limits of its own
		d = g.l.batch()
	}
	v.busy = true
	d.subject = subject{c: c, resolver: g.l.resolver, direct: g.l.direct}
	d.visit = v
	d.started = time.Time{}
	if audit.Wanted(c.Request.Context(), g.l.audit, audit.Allow) {
		d.started = time.Now()
	}
	return d
}

// end gives the working memory of a step back.
func (g *gate) end(d *batch) {
	if v := d.visit; d == &v.batch {
		d.clear()
		v.busy = false
		return
	}
	g.l.free(d)
}

// proceed runs the rest of the chain where something is to be done after it. The
// last own items charged are this step's.
func (g *gate) proceed(c *gin.Context, v *visit, own int, outermost bool) {
	if !outermost && !g.after {
		return
	}
	if g.after {
		g.proceedAndSettle(c, v, own)
		return
	}
	c.Next()
}

func (g *gate) proceedAndSettle(c *gin.Context, v *visit, own int) {
	to, refusals, returned := len(v.charged), v.refusals, false
	defer func() {
		if refusals == v.refusals { // else a later step refused and gave all back
			g.settle(c, v.charged[to-own:to], returned)
		}
	}()
	c.Next()
	returned = true
}

func everyPolicy(*policy) bool { return true }

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
		d.appendKey(&p.Key)
		g.l.add(d, p, cost, limit, window)
	}
	if len(d.visit.charged) > 0 {
		d.dropCharged()
	}
	return true
}

// charge takes the items, and answers the request when it is over a limit.
func (g *gate) charge(d *batch) bool {
	l := g.l
	if len(d.items) > 0 {
		out := l.store.take(d.c.Request.Context(), l.timeout, d.items, false)
		if out.err != nil {
			l.refuseUnavailable(d, out.err)
			return false
		}
		if out.lost != nil {
			l.record(d, audit.Error, reasonStore, 0, out.lost)
		}
		if !out.ok {
			l.refuse(d, true)
			return false
		}
	}
	l.writeHeaders(d, g)
	if !d.visit.passed(g) {
		d.visit.gates = append(d.visit.gates, g)
	}
	l.recordAllowed(d)
	d.own = len(d.items)
	if v := d.visit; len(v.charged) == 0 { // as a rule: no need to copy
		v.charged, d.items = d.items, v.charged
	} else {
		v.charged = append(v.charged, d.items...)
	}
	return true
}

// dropCharged leaves out what another step has already charged this request for:
// the same policy and key. A limit that is tighter here is only checked, and of a
// cost that is higher here the rest is charged.
func (b *batch) dropCharged() {
	kept := b.items[:0]
	for i := range b.items {
		it, drop := b.items[i], false
		it.cost = it.asked
		for j := range b.visit.charged {
			done := &b.visit.charged[j]
			if done.hash == it.hash && !it.lock && done.charged() {
				drop = drop || done.rule.limit <= it.rule.limit
				it.cost = max(it.cost-done.cost, 0)
			}
		}
		if !drop || it.cost > 0 {
			kept = append(kept, it)
		}
	}
	b.items = kept
}

// settle gives back what did not count after all, and locks out keys whose limit
// counted requests have used up. A handler that panics counts: there is no status.
func (g *gate) settle(c *gin.Context, items []item, returned bool) {
	status, counted := c.Writer.Status(), false
	back := g.l.batch()
	for i := range items {
		it := &items[i]
		switch {
		case it.policy.CountIf == nil || !it.charged():
		case returned && !it.policy.CountIf(status):
			back.items = append(back.items, *it)
			it.cost = 0
		default:
			counted = counted || it.policy.Lockout > 0
		}
	}
	ctx := c.Request.Context()
	if len(back.items) > 0 {
		g.l.store.refund(ctx, g.l.timeout, back.items)
	}
	g.l.free(back)
	if counted {
		g.l.lockCounted(ctx, items)
	}
}
