package ratelimit

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/problem"
)

// Reasons of events and codes of refusals.
const (
	reasonOK          = "ok"
	reasonQuota       = "quota_exceeded"
	reasonLocked      = "locked_out"
	reasonConcurrency = "concurrency_exceeded"
	reasonStore       = "store_unavailable"
	reasonInvalid     = "invalid_charge"
)

// Problem types and their titles (draft-ietf-httpapi-ratelimit-headers).
const (
	typeQuota    = "https://iana.org/assignments/http-problem-types#quota-exceeded"
	titleQuota   = "Request cannot be satisfied as assigned quota has been exceeded"
	typeAbnormal = "https://iana.org/assignments/http-problem-types#abnormal-usage-detected"
	titleAbnorm  = "Request not satisfied due to detection of abnormal request pattern"
	typeReduced  = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity"
	titleReduced = "Request cannot be satisfied due to temporary server capacity constraints"
)

func (i *item) reason() string {
	if i.lock {
		return reasonLocked
	}
	return reasonQuota
}

// refuse answers a request over a limit. All earlier steps of this request get
// their units back: it consumes nothing.
func (l *Limiter) refuse(d *batch, mayLock bool) {
	ctx := d.c.Request.Context()
	if mayLock {
		l.lockExceeded(ctx, d)
	}
	l.giveBack(ctx, d.visit)
	p := problem.Problem{Type: typeQuota, Title: titleQuota, Status: http.StatusTooManyRequests, Code: reasonQuota}
	for i := range d.items {
		it := &d.items[i]
		if !it.denies() {
			continue
		}
		if it.lock {
			p.Type, p.Title, p.Code = typeAbnormal, titleAbnorm, reasonLocked
		}
		if name := it.policy.Name; !it.policy.Hidden && !slices.Contains(p.ViolatedPolicies, name) {
			p.ViolatedPolicies = append(p.ViolatedPolicies, name)
		}
	}
	l.writeHeaders(d, nil)
	if wait := retryAfter(d.items); wait > 0 {
		d.c.Writer.Header()[headerRetry] = []string{strconv.FormatInt(seconds(wait), 10)}
	}
	d.visit.giveUp()
	problem.Abort(d.c, p)
	l.record(d, audit.Deny, p.Code, p.Status, nil)
}

// giveBack returns what all steps of a request have taken that is refused now. The
// caller empties v.charged once the headers are written.
func (l *Limiter) giveBack(ctx context.Context, v *visit) {
	if len(v.charged) == 0 {
		return
	}
	l.store.refund(ctx, l.timeout, v.charged)
	for i := range v.charged {
		if it := &v.charged[i]; it.ok {
			it.remaining += it.cost
		}
	}
}

func (l *Limiter) refuseUnavailable(d *batch, err error) {
	d.c.Writer.Header()[headerRetry] = []string{"1"}
	l.fail(d, problem.Problem{
		Type: typeReduced, Title: titleReduced, Status: http.StatusServiceUnavailable, Code: reasonStore,
	}, err)
}

var errInvalid = &Error{"policy", "gave a cost, a limit or a window that is not valid"}

func (l *Limiter) refuseInvalid(d *batch) {
	l.fail(d, problem.Problem{Status: http.StatusInternalServerError, Code: reasonInvalid}, errInvalid)
}

// fail answers a request that could not be decided.
func (l *Limiter) fail(d *batch, p problem.Problem, err error) {
	_ = d.c.Error(err)
	if v := d.visit; len(v.charged) > 0 {
		l.store.refund(d.c.Request.Context(), l.timeout, v.charged)
		v.giveUp()
	}
	problem.Abort(d.c, p)
	l.record(d, audit.Error, p.Code, p.Status, err)
}

func (l *Limiter) recordAllowed(d *batch) {
	if l.audit == nil {
		return
	}
	verdict, reason := audit.Allow, reasonOK
	for i := range d.items {
		if it := &d.items[i]; !it.ok {
			verdict, reason = audit.Report, it.reason()
		}
	}
	l.record(d, verdict, reason, 0, nil)
}

func (s *subject) audited() audit.Subject {
	if p := s.principal(); p != nil {
		return audit.SubjectOf(p.ID())
	}
	return audit.Subject{}
}

func (l *Limiter) record(d *batch, verdict audit.Verdict, reason string, status int, err error) {
	if l.audit == nil {
		return
	}
	ctx := d.c.Request.Context()
	if verdict == audit.Allow && d.started.IsZero() { // not wanted
		return
	}
	e := audit.Event{
		Control: control, Verdict: verdict, Reason: reason, Route: d.c.FullPath(), Status: status,
		Subject: d.audited(), Err: err,
	}
	if !d.started.IsZero() {
		e.Duration = time.Since(d.started)
	}
	l.audit.Record(ctx, e)
}
