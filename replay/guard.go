package replay

import (
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
)

// Guard accepts each id once. It is immutable and safe for concurrent use.
type Guard struct {
	cfg      Config
	store    Store
	fallback *fronted // what decides when store cannot; nil to refuse
}

// New makes a guard. It does no network I/O. All mistakes in cfg are reported at
// once. Close the guard when the service stops.
func New(cfg Config) (*Guard, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	g := &Guard{cfg: cfg, store: cfg.Store}
	if g.store == nil {
		if g.store, err = Local(LocalConfig{}); err != nil {
			return nil, err
		}
	}
	if _, ok := g.store.(*local); ok {
		return g, nil
	}
	front, ok := g.store.(*fronted)
	if !ok { // a store of the application's own
		front = newFronted(g.store, windows{int64(defaultWindow.Seconds())}, defaultTimeout)
	}
	if cfg.Timeout > 0 {
		front = front.within(cfg.Timeout)
	}
	g.store = front
	if cfg.OnStoreFailure == LocalFallback {
		g.fallback = front
	}
	return g, nil
}

// Close closes the store: what it runs in the background ends, and nothing is
// accepted any more. Clients given to a store stay open. It waits for commands
// under way: on a Redis that hangs a second, or the store's Timeout if that is
// longer, or as long as the client takes to give up connecting.
func (g *Guard) Close() error { return g.store.Close() }

// Consume uses t up, for jobs, websockets and transports other than gin. It
// returns nil when this was the first use, and else an error that matches one of
// this package's: deny whatever it is, with 503 for [ErrUnavailable]. With
// ReportOnly it always returns nil.
//
// Derive ctx from c.Request.Context(), not from a *gin.Context: gin uses that one again
// for another request, and a store that answers too late may still read ctx. A
// *gin.Context itself will do: its request's context is taken.
func (g *Guard) Consume(ctx context.Context, t Token) error {
	if c, ok := ctx.(*gin.Context); ok && c.Request != nil { // never handed to a store: it is reused
		ctx = c.Request.Context()
	}
	start := time.Now()
	d := g.decide(ctx, t, t.id(), start)
	g.record(ctx, d, "", 0, start)
	if d.verdict == audit.Report {
		return nil
	}
	return d.err
}

// Stats is what a guard keeps in this process: all of it with [Local], else what
// this instance has accepted itself.
type Stats struct {
	// Tokens is the number of ids.
	Tokens int
	// Windows is the number of windows they are spread over.
	Windows int
	// Bytes is their memory.
	Bytes int64
	// Grown is how many filters were added to those a window began with. It grows
	// when LocalConfig.Capacity is too small for the traffic, or MaxBytes for it, which
	// costs time and memory but neither exactness nor safety.
	Grown int
}

// Stats counts, for a gauge read every now and then.
func (g *Guard) Stats() Stats {
	if f, ok := g.store.(*fronted); ok {
		return f.known.stats()
	}
	return g.store.(*local).stats() //nolint:forcetypeassert // New admits only these two
}

// decision is the outcome for one id. A request passes when err is nil or the
// verdict is Report.
type decision struct {
	verdict audit.Verdict
	reason  string
	err     error // what the caller is told
	cause   error // what only the operator is told
}

func (d decision) passes() bool { return d.err == nil || d.verdict == audit.Report }

// The reasons of events, a closed set.
const (
	reasonFresh        = "fresh"
	reasonReplayed     = "replayed"
	reasonNoPrincipal  = "no_principal"
	reasonNoID         = "no_id"
	reasonLifetime     = "lifetime"
	reasonIssuedBefore = "issued_before"
	reasonRefused      = "refused_by_application"
	reasonFallback     = "local_fallback"
	reasonUnavailable  = "store_unavailable"
	reasonNoBloom      = "no_bloom"
	reasonCanceled     = "canceled"
)

// decide judges t, which is cheap, and then asks the store, which is the use.
func (g *Guard) decide(ctx context.Context, t Token, id [16]byte, now time.Time) decision {
	if d := g.inspect(t, now); d.err != nil {
		return d
	}
	until := t.NotAfter.Add(g.cfg.Leeway)
	fresh, err := g.store.Use(ctx, id, until)
	switch {
	case err != nil:
		return g.undecided(ctx, id, until, err)
	case !fresh:
		return g.deny(reasonReplayed, ErrReplayed)
	default:
		return decision{verdict: audit.Allow, reason: reasonFresh}
	}
}

// inspect refuses what could not be kept long enough. Nothing is ever kept for
// less time than it could be used.
func (g *Guard) inspect(t Token, now time.Time) decision {
	left := t.NotAfter.Sub(now)
	switch {
	case t.ID == "" || len(t.ID) > maxID:
		return g.deny(reasonNoID, ErrNoID)
	case left <= -g.cfg.Leeway || left > g.cfg.MaxLifetime+g.cfg.Leeway:
		return g.deny(reasonLifetime, ErrLifetime)
	case !t.IssuedAt.IsZero() && t.NotAfter.Sub(t.IssuedAt) > g.cfg.MaxLifetime:
		return g.deny(reasonLifetime, ErrLifetime)
	case t.IssuedAt.Before(g.cfg.RejectIssuedBefore):
		return g.deny(reasonIssuedBefore, ErrIssuedBefore)
	}
	return decision{}
}

// undecided applies the policy for a store that failed.
func (g *Guard) undecided(ctx context.Context, id [16]byte, until time.Time, err error) decision {
	failed := func(reason string, err error) decision {
		d := decision{verdict: audit.Error, reason: reason, err: unavailable(err), cause: err}
		if g.cfg.ReportOnly {
			d.verdict = audit.Report
		}
		return d
	}
	switch {
	case errors.Is(err, ErrNoBloom):
		return failed(reasonNoBloom, err)
	case ctx.Err() != nil:
		return failed(reasonCanceled, err)
	case g.fallback == nil, errors.Is(err, errReplicas), errors.Is(err, errBusy):
		// The store is there, and other processes ask it: nothing is decided without it.
		return failed(reasonUnavailable, err)
	}
	fresh, full := g.fallback.alone(ctx, id, until)
	switch {
	case full != nil:
		return failed(reasonUnavailable, errors.Join(err, full))
	case !fresh:
		return g.deny(reasonReplayed, ErrReplayed)
	default:
		return decision{verdict: audit.Error, reason: reasonFallback, cause: err}
	}
}

func (g *Guard) deny(reason string, err error) decision {
	d := decision{verdict: audit.Deny, reason: reason, err: err}
	if g.cfg.ReportOnly {
		d.verdict = audit.Report
	}
	return d
}

// record sends the decision's event, if anybody wants it.
func (g *Guard) record(ctx context.Context, d decision, route string, status int, start time.Time) {
	if !audit.Wanted(ctx, g.cfg.Audit, d.verdict) {
		return
	}
	e := audit.Event{
		Control: "replay", Verdict: d.verdict, Reason: d.reason, Route: route,
		Status: status, Duration: time.Since(start), Err: d.cause,
	}
	if p, ok := identity.From(ctx); ok {
		e.Subject = audit.SubjectOf(p.ID())
	}
	g.cfg.Audit.Record(ctx, e)
}
