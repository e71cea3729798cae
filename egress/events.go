package egress

import (
	"context"
	"errors"
	"time"

	"github.com/ginsec/ginsec/audit"
)

// clock is the time for an event's duration, read only when there is a sink.
func (c *Client) clock() time.Time {
	if c == nil || c.rules == nil || c.rules.Audit == nil {
		return time.Time{}
	}
	return time.Now()
}

// record writes one decision down. What the network did to an allowed request is an
// allow event with the kind as its reason and the cause.
func (c *Client) record(ctx context.Context, start time.Time, failure *Error) {
	if c == nil || c.rules == nil {
		return
	}
	verdict, reason := audit.Allow, "allowed"
	if failure != nil {
		verdict, reason = c.verdict(failure), failure.Rule
	}
	if !audit.Wanted(ctx, c.rules.Audit, verdict) {
		return
	}
	e := audit.Event{Control: "egress", Verdict: verdict, Reason: reason, Duration: time.Since(start)}
	if failure != nil {
		e.Err = errors.New(failure.Detail())
	}
	c.rules.Audit.Record(ctx, e)
}

func (c *Client) verdict(failure *Error) audit.Verdict {
	switch failure.Kind {
	case kindBlocked, kindRedirect:
		if c.reports(failure) {
			return audit.Report
		}
		return audit.Deny
	case kindTooLarge:
		if c.rules.ReportOnly && failure.Rule == ruleBody {
			return audit.Report
		}
		return audit.Deny
	case kindTimeout:
		return audit.Deny
	case kindDNS:
		return audit.Error
	default:
		return audit.Allow
	}
}

// reports says that a refusal is only to be reported. A client that cannot be used, a
// hook that panics, a text that is no URL and a forced tunnel end a request in any mode.
func (c *Client) reports(e *Error) bool {
	if c == nil || c.rules == nil || !c.rules.ReportOnly {
		return false
	}
	switch e.Rule {
	case ruleClosed, rulePanic, ruleSyntax, ruleUpgrade:
		return false
	default:
		return e.Kind == kindBlocked || e.Kind == kindRedirect
	}
}

// reportKey finds, in a dial's context, the mark that its exchange was reported.
type reportKey struct{}

// reportsBody reports a body over the limit and says whether it may pass.
func (c *Client) reportsBody(x *exchange) bool {
	if !c.rules.ReportOnly {
		return false
	}
	x.reported.Store(true)
	c.record(x.req.Context(), x.start, x.tooLarge())
	return true
}
