package replay

import (
	"time"

	"github.com/ginsec/ginsec/audit"
)

// Failure says what happens when the store cannot decide.
type Failure uint8

const (
	// Deny answers 503 with Retry-After: nothing is accepted unchecked.
	Deny Failure = iota
	// LocalFallback lets this process decide alone from what it has accepted
	// itself: during an outage an id passes at most once per instance, and an id
	// this process has accepted stays refused. Where it could not remember all of
	// them (256 MiB), it refuses. It never applies to [ErrNoBloom], nor, with
	// RedisConfig.MinReplicas, to replicas that do not confirm and to other answers of
	// the server.
	LocalFallback
)

const (
	defaultLeeway      = 30 * time.Second
	maxLeeway          = 5 * time.Minute
	defaultMaxLifetime = 24 * time.Hour
	maxMaxLifetime     = 31 * 24 * time.Hour
	defaultTimeout     = 50 * time.Millisecond
	maxTimeout         = 30 * time.Second
)

// Config configures a [Guard]. Every zero value is the documented, safe default.
type Config struct {
	_ [0]func()

	// Audit receives one event per decision; nil means none. Allowed uses are
	// events too.
	Audit audit.Sink

	// Leeway is how long after its expiry a token is still accepted by whoever
	// verifies it, and thus kept here. It must be the verifier's. Default 30 s, at
	// most 5 min; a negative value means none.
	Leeway time.Duration

	// MaxLifetime bounds how far away an expiry may be, and with it the memory a
	// token can occupy. A token that lives longer is refused; its retention is
	// never cut short. Default 24 h, at most 31 days.
	MaxLifetime time.Duration

	// OnStoreFailure is what happens when the store cannot decide. Default [Deny].
	OnStoreFailure Failure

	// RejectIssuedBefore refuses tokens issued before it. Set it to the start of
	// the process plus the issuer's clock skew plus 1 s with [Local], which
	// forgets everything when the process ends. The zero value refuses none.
	RejectIssuedBefore time.Time

	// ReportOnly lets every request pass and turns denials into report events. Ids
	// are recorded all the same.
	ReportOnly bool

	// Store keeps the ids; the guard closes it. Nil means [Local] with its
	// defaults: with several instances, each then accepts an id once. Two guards on
	// one Store share its ids: in one chain the second would refuse what the first
	// has just used up.
	Store Store

	// Timeout bounds one decision of a store that is not in this process; decisions
	// that begin together share a timer, so it may be up to a tenth shorter. A decision
	// under way goes on when its client leaves, for 2 s at most. Default 50 ms, or the
	// store's own; at most 30 s.
	Timeout time.Duration
}

// withDefaults returns the configuration with its defaults, or all its mistakes.
func (c Config) withDefaults() (Config, error) {
	f := faults{config: "Config"}
	f.unless(c.Leeway <= maxLeeway, "Leeway", "must be 5 min at most")
	f.unless(c.MaxLifetime >= 0 && c.MaxLifetime <= maxMaxLifetime, "MaxLifetime", "must be positive and 31 days at most")
	f.unless(c.Timeout >= 0 && c.Timeout <= maxTimeout, "Timeout", "must be positive and 30 s at most")
	f.unless(c.OnStoreFailure <= LocalFallback, "OnStoreFailure", "must be Deny or LocalFallback")
	switch {
	case c.Leeway < 0:
		c.Leeway = 0
	case c.Leeway == 0:
		c.Leeway = defaultLeeway
	}
	if c.MaxLifetime == 0 {
		c.MaxLifetime = defaultMaxLifetime
	}
	return c, f.err()
}
