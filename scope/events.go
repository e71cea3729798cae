package scope

import (
	"errors"

	"gorm.io/gorm"

	"github.com/ginsec/ginsec/audit"
)

// reasons is the closed set of reasons in this package's events.
var reasons = []struct {
	err    error
	reason string
}{
	{ErrNoPrincipal, "no_principal"},
	{ErrMismatch, "mismatch"},
	{ErrImmutable, "immutable"},
	{ErrRaw, "raw_sql"},
	{ErrUnprotected, "unprotected"},
	{ErrUnsupported, "unsupported"},
	{gorm.ErrRecordNotFound, "not_found"},
	{gorm.ErrMissingWhereClause, "unconditional"},
}

// use is the detail of an event: which operation on which table, and for a bypass
// why and from where. It is an error only because an event's detail is one.
type use struct {
	operation, table, reason, where string
	err                             error
}

func (u *use) Error() string {
	text := u.operation
	if u.table != "" {
		text += " on " + u.table
	}
	if u.reason != "" {
		text += " for " + u.reason
	}
	if u.where != "" {
		text += " by " + u.where
	}
	if u.err != nil {
		text += ": " + u.err.Error()
	}
	return text
}

func (u *use) Unwrap() error { return u.err }

func (g *guard) report(stmt *gorm.Statement, op operation, err error) {
	if g.cfg.Audit == nil {
		return
	}
	reason := "error"
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			reason = r.reason
		}
	}
	g.emit(stmt, audit.Event{Verdict: audit.Deny, Reason: reason, Err: &use{operation: op.String(), table: stmt.Table, err: err}})
}

func (g *guard) bypassed(stmt *gorm.Statement, operation string, s *system) {
	if g.cfg.Audit != nil {
		g.emit(stmt, audit.Event{Verdict: audit.Allow, Reason: "system", Err: &use{operation: operation, table: stmt.Table, reason: s.reason, where: s.where}})
	}
}

func (g *guard) rawAllowed(stmt *gorm.Statement) {
	if g.cfg.Audit != nil {
		g.emit(stmt, audit.Event{Verdict: audit.Allow, Reason: "raw_allowed", Err: &use{operation: "raw SQL"}})
	}
}

// done emits the event of a statement that was confined and not refused, whatever
// the database made of it.
func (g *guard) done(db *gorm.DB) {
	if g.cfg.Audit == nil {
		return
	}
	stmt := db.Statement
	s := shieldOf(stmt)
	if s == nil || s.guard != g || s.reported || !audit.Wanted(stmt.Context, g.cfg.Audit, audit.Allow) {
		return
	}
	s.reported = true
	g.emit(stmt, audit.Event{Verdict: audit.Allow, Reason: "scoped", Err: &use{operation: s.op.String(), table: stmt.Table}})
}

func (g *guard) emit(stmt *gorm.Statement, e audit.Event) {
	e.Control = "scope"
	if p := readCaller(stmt.Context).principal; p != nil {
		e.Subject = audit.SubjectOf(p.ID())
	}
	g.cfg.Audit.Record(stmt.Context, e)
}
