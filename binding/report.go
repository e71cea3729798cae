package binding

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
)

const control = "binding"

// clock returns the time when somebody wants to know how long we took.
func (s *settings) clock() time.Time {
	if s.Audit == nil {
		return time.Time{}
	}
	return time.Now()
}

// report sends the event of one decision. Its reason is the error's code, or
// "ok".
func (s *settings) report(c *gin.Context, started time.Time, e *Error) {
	if s.Audit == nil {
		return
	}
	event := audit.Event{Control: control, Verdict: audit.Allow, Reason: "ok", Route: c.FullPath()}
	if e != nil {
		event.Verdict, event.Reason, event.Status, event.Err = audit.Deny, e.Code, e.Status, e
		if e.Status >= http.StatusInternalServerError {
			event.Verdict = audit.Error
		}
	}
	ctx := c.Request.Context()
	if !audit.Wanted(ctx, s.Audit, event.Verdict) {
		return
	}
	event.Duration = time.Since(started)
	s.Audit.Record(ctx, event)
}
