package auth

import (
	"context"
	"net/http"
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

// record tells sink of a refusal, an error when it was not the request's fault.
// The subject is told only when the token was good, as e then says.
func record(ctx context.Context, sink audit.Sink, route string, e *verified, refusal *Error, start time.Time) {
	subject := ""
	if e != nil && e.principal != nil {
		subject = e.principal.ID()
	}
	recordOf(ctx, sink, route, subject, refusal, start)
}

func recordOf(ctx context.Context, sink audit.Sink, route, subject string, refusal *Error, start time.Time) {
	verdict := audit.Deny
	if refusal.Status >= http.StatusInternalServerError && refusal.Reason != reasonCanceled {
		verdict = audit.Error
	}
	if !audit.Wanted(ctx, sink, verdict) {
		return
	}
	event := audit.Event{
		Control: control, Verdict: verdict, Reason: string(refusal.Reason), Route: route, Status: refusal.Status,
		Subject: audit.SubjectOf(subject), Err: refusal.cause,
	}
	if !start.IsZero() { // a guard is not worth a look at the clock
		event.Duration = time.Since(start)
	}
	sink.Record(ctx, event)
}

// recordKeys tells of a fetch that failed, or of an issuer that publishes its
// private keys: nobody's request, but the operator's business.
func (v *Verifier) recordKeys(reason Reason, err error, start time.Time) {
	defer func() { _ = recover() }() // nobody watches this goroutine: a sink must not end the process
	ctx := context.Background()
	if audit.Wanted(ctx, v.cfg.Audit, audit.Error) {
		v.cfg.Audit.Record(ctx, audit.Event{
			Control: control, Verdict: audit.Error, Reason: string(reason), Duration: time.Since(start), Err: err,
		})
	}
}
