package ratelimit

import (
	"errors"
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/clientip"
)

const (
	defaultTimeout = 50 * time.Millisecond
	// maxCharges is how many policies one step can hold; each may bring a lockout.
	maxCharges = 8
)

// Config configures a [Limiter]. The zero value counts in process, per peer
// address, and lets no request pass uncounted.
type Config struct {
	_ [0]func()

	// Audit receives one event per decision, allowed ones included. The default is
	// none. Reasons: "ok", "quota_exceeded", "locked_out", "concurrency_exceeded",
	// "store_unavailable", "invalid_charge".
	Audit audit.Sink

	// ClientIPHeader is the one header, set by TrustedProxies, that holds the
	// client's address. The default reads X-Forwarded-For from the right.
	ClientIPHeader string

	// OnStoreFailure says what happens while the store does not answer, unless a
	// policy says otherwise. The default is "local".
	OnStoreFailure Failure

	// ReportOnly makes every policy report only.
	ReportOnly bool

	// Store holds the counts. The default is [Memory] with its defaults. Closing
	// the limiter closes it.
	Store Store

	// Timeout is how long a request waits for Redis, at most 5 s. The default is
	// 50 ms.
	Timeout time.Duration

	// TrustedProxies are the networks of the reverse proxies in front of this
	// service. Only they may name the client's address. The default trusts nobody:
	// the client is the peer.
	TrustedProxies []netip.Prefix
}

// Limiter counts charges against policies. It is safe for concurrent use.
type Limiter struct {
	store    Store
	resolver *clientip.Resolver
	direct   bool // the client is the peer
	audit    audit.Sink
	timeout  time.Duration
	defaults defaults
	seed     maphash.Seed
	remote   bool
	memory   *memory                    // the store, if it is one
	first    atomic.Pointer[policy]     // of the first charge outside requests
	recent   [64]atomic.Pointer[policy] // of the later ones
	batches  sync.Pool
	visits   visits
}

// New makes a limiter. It does no network I/O. All mistakes of the configuration
// are reported at once.
func New(cfg Config) (*Limiter, error) {
	var errs []error
	if cfg.Timeout < 0 || cfg.Timeout > 5*time.Second {
		errs = append(errs, &Error{"Config.Timeout", "is not between 0 and 5s"})
	}
	if !cfg.OnStoreFailure.valid() {
		errs = append(errs, &Error{"Config.OnStoreFailure", `is not "local", "allow" or "deny"`})
	}
	resolver, err := clientip.New(cfg.TrustedProxies, cfg.ClientIPHeader)
	if err != nil {
		field := "Config.ClientIPHeader"
		if errors.Is(err, clientip.ErrPrefix) {
			field = "Config.TrustedProxies"
		}
		errs = append(errs, errors.Join(&Error{field, "is not valid"}, err))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	l := &Limiter{
		store: cfg.Store, resolver: resolver, direct: len(cfg.TrustedProxies) == 0, audit: cfg.Audit,
		timeout: cfg.Timeout, defaults: defaults{cfg.OnStoreFailure.or(failLocal), cfg.ReportOnly},
	}
	if l.store == nil {
		l.store = newMemory(defaultMaxKeys, maphash.MakeSeed())
	}
	if l.timeout == 0 {
		l.timeout = defaultTimeout
	}
	l.seed, l.remote = l.store.seed(), l.store.remote()
	l.memory, _ = l.store.(*memory)
	l.visits.init()
	l.batches.New = func() any { return &batch{} }
	return l, nil
}

// Close closes the store. It can be called more than once; requests made
// afterwards are still answered.
func (l *Limiter) Close() error { return l.store.Close() }
