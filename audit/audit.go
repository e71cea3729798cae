// Package audit carries one event for every decision of every control, allowed
// ones too. It knows neither gin nor any metrics library: an application turns
// events into logs with [Slog], or into counters with a [Sink] of its own.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Verdict is what a control decided.
type Verdict uint8

// The verdicts. Report is a denial in report-only mode: the request passed.
const (
	Allow  Verdict = iota + 1 // the request passed
	Deny                      // the request was refused because of what it is
	Report                    // it would have been refused, but the control only reports
	Error                     // the control could not decide as configured (store or keys down)
)

// String returns the verdict's lower-case name, for logs and metric labels.
func (v Verdict) String() string {
	switch v {
	case Allow:
		return "allow"
	case Deny:
		return "deny"
	case Report:
		return "report"
	case Error:
		return "error"
	default:
		return "unknown"
	}
}

// Event is one decision. Control, Verdict and Reason come from small closed sets
// and Route is a pattern, so all four serve as metric labels; Subject and Err do not.
type Event struct {
	// Control is the package that decided: "auth", "ratelimit", …
	Control string
	// Verdict is what it decided.
	Verdict Verdict
	// Reason is why, from the control's documented closed set.
	Reason string
	// Route is the route's pattern, never the path; empty outside HTTP.
	Route string
	// Status is the HTTP status written; 0 when the request passed.
	Status int
	// Subject is who was judged, readable only as a hash.
	Subject Subject
	// Duration is how long the control took.
	Duration time.Duration
	// Err is the cause of an Error verdict or a detail of a denial. It is for
	// operators and never reaches a client.
	Err error
}

// Sink receives events. Record is called on the request's path by many
// goroutines at once and must not block; ctx is the request's context.
type Sink interface {
	Record(ctx context.Context, e Event)
}

// Selective is a [Sink] that can say beforehand which verdicts it drops, so that
// a control spares a busy path the making of events nobody reads.
type Selective interface {
	Sink
	// Wants reports whether events with verdict v are of interest just now.
	Wants(ctx context.Context, v Verdict) bool
}

// Wanted reports whether s takes events with verdict v: false for a nil sink,
// true for one that is not [Selective].
func Wanted(ctx context.Context, s Sink, v Verdict) bool {
	if s == nil {
		return false
	}
	if selective, ok := s.(Selective); ok {
		return selective.Wants(ctx, v)
	}
	return true
}

// Subject is a principal's id that can be printed only as a hash: an event never
// carries an e-mail address or a user name in clear (ASVS 16.2.5).
type Subject struct{ id *string } // behind a pointer, which no verb of fmt follows in a field

// SubjectOf wraps a principal's id. Hashing is put off until the subject is read.
func SubjectOf(id string) Subject {
	if id == "" {
		return Subject{}
	}
	return Subject{id: &id}
}

// String returns the first 16 hexadecimal digits of the id's SHA-256, or "" for
// nobody. The hash is stable, so events of one subject can be joined; it is not
// salted, so it hides an id from a reader, not from one who can guess it.
func (s Subject) String() string {
	if s.id == nil {
		return ""
	}
	sum := sha256.Sum256([]byte(*s.id))
	return hex.EncodeToString(sum[:8])
}

// Format writes the hash whatever the verb, so that no verb of fmt prints the id.
func (s Subject) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText keeps the id out of JSON and gives its hash.
func (s Subject) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
