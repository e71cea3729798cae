package ratelimit

import (
	"errors"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/probe"
)

// Around returns middleware that limits around inner, a handler that
// authenticates, with one step of counting:
//
//  1. Before inner, a request that is already known to be over a limit is refused
//     with 429, without charging anything: with [Memory] that is known exactly, with
//     [Redis] as far as this replica has been refused the same key, which it asks
//     about once more a second, at most. Only policies count whose key needs no identity:
//     [ByIP], [ByAPIKey], [ByRoute], [Global] and what is joined of them. Their
//     Cost, Plan and Skip are called before inner, all others after it.
//  2. inner runs. It must not call c.Next.
//  3. When inner did not abort, all policies are charged in one step, and the
//     request is refused with 429 when one is over. When it did abort, only the
//     policies of step 1 are charged, and nothing is written: a flood of bad
//     tokens uses up the limit of its address. When it panics they are charged, too.
//
// A policy by user or tenant does not apply to a request that has no principal
// after inner, such as one on a public route; the others limit it. Where
// authentication is optional, use [ByUserOrIP].
//
// A second run on the same request runs inner again and charges nothing. Policies
// that are not valid panic.
func (l *Limiter) Around(inner gin.HandlerFunc, policies ...Policy) gin.HandlerFunc {
	if inner == nil {
		panic("ratelimit.Around: inner is nil")
	}
	return l.gate("Around", inner, policies).around
}

func (g *gate) around(c *gin.Context) {
	if probe.Met(c, control) {
		g.inner(c)
		return
	}
	v, outermost := g.l.visits.enter(c)
	if outermost {
		defer g.l.visits.leave(v)
	} else if v.passed(g) {
		g.inner(c)
		return
	}
	d := g.begin(c, v)
	passed := g.surround(d)
	own := d.own
	g.end(d)
	if passed {
		g.proceed(c, v, own, outermost)
	}
}

// surround takes the three steps and reports whether the request may go on.
func (g *gate) surround(d *batch) bool {
	if !g.resolve(d, func(p *policy) bool { return p.early }) || !g.knownToFit(d) {
		return false
	}
	d.visit.gates = append(d.visit.gates, g)
	g.runInner(d)
	d.asked = false
	if d.c.IsAborted() {
		g.chargeAborted(d)
		return false
	}
	anonymous := d.principal() == nil
	late := func(p *policy) bool { return !p.early && (!anonymous || !p.personal) }
	return g.resolve(d, late) && g.charge(d)
}

// runInner charges a request whose inner panics as one that it refused, whatever
// CountIf says: there is no status yet.
func (g *gate) runInner(d *batch) {
	returned := false
	defer func() {
		if !returned {
			g.chargeRefused(d)
		}
	}()
	g.inner(d.c)
	returned = true
}

// knownToFit refuses what is known to be over a limit.
func (g *gate) knownToFit(d *batch) bool {
	if len(d.items) == 0 {
		return true
	}
	out := g.l.store.known(d.c.Request.Context(), g.l.timeout, d.items)
	if out.err != nil {
		g.l.refuseUnavailable(d, out.err)
		return false
	}
	if out.lost != nil {
		g.l.record(d, audit.Error, reasonStore, 0, out.lost)
	}
	for i := range d.items {
		if d.items[i].denies() {
			g.l.refuse(d, !g.l.remote)
			return false
		}
	}
	return true
}

// chargeAborted charges a request that inner refused, as far as it can be told
// whom. Its answer has been written.
func (g *gate) chargeAborted(d *batch) {
	status := d.c.Writer.Status()
	kept := d.items[:0]
	for i := range d.items {
		if it := d.items[i]; it.policy.CountIf == nil || it.policy.CountIf(status) {
			kept = append(kept, it)
		}
	}
	d.items = kept
	g.chargeRefused(d)
}

func (g *gate) chargeRefused(d *batch) {
	if len(d.items) == 0 {
		return
	}
	ctx := d.c.Request.Context()
	out := g.l.store.take(ctx, g.l.timeout, d.items, false)
	switch {
	case out.err != nil:
	case out.ok:
		g.l.lockCounted(ctx, d.items)
	default:
		g.l.lockExceeded(ctx, d)
	}
	if lost := errors.Join(out.err, out.lost); lost != nil {
		g.l.record(d, audit.Error, reasonStore, 0, lost)
	}
}
