package auth

import (
	"context"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
)

const control = "auth"

// recordAllowed is called when the sink wants allowed events.
func (v *Verifier) recordAllowed(ctx context.Context, route string, p *identity.Principal, start time.Time) {
	reason := reasonOK
	e := audit.Event{Control: control, Verdict: audit.Allow, Route: route, Duration: time.Since(start)}
	if p == nil {
		reason = reasonAnonymous
	} else {
		e.Subject = audit.SubjectOf(p.ID())
	}
	e.Reason = string(reason)
	v.cfg.Audit.Record(ctx, e)
}

func (v *Verifier) recordRefusal(ctx context.Context, route string, refusal *Error, start time.Time) {
	record(ctx, v.cfg.Audit, route, "", refusal, time.Since(start))
}

// record tells sink of a refusal: an error when it was not the request's fault.
func record(ctx context.Context, sink audit.Sink, route, subject string, refusal *Error, took time.Duration) {
	verdict := audit.Deny
	if refusal.Status >= 500 {
		verdict = audit.Error
	}
	if !audit.Wanted(ctx, sink, verdict) {
		return
	}
	sink.Record(ctx, audit.Event{
		Control: control, Verdict: verdict, Reason: string(refusal.Reason), Route: route, Status: refusal.Status,
		Subject: audit.SubjectOf(subject), Duration: took, Err: refusal.cause,
	})
}
