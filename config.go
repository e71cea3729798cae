package ginsec

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// Config configures a [Suite]. Only Auth needs values; every other field's zero
// value is its documented, safe default. Slices are copied by [New].
type Config struct {
	_ [0]func()

	// Auth says whose tokens are accepted: at least one issuer and one audience.
	Auth auth.Config

	// Limits are the sliding windows in front of every route.
	Limits Limits

	// Replay configures the guard behind [Once]. Without a Store it keeps exact ids
	// in Redis when the suite has Redis, else a Bloom filter in process. Its leeway
	// follows Auth's. Its Timeout also bounds the store of DPoP proofs in that Redis.
	Replay replay.Config

	// Egress is the policy of the outbound client that handlers get from
	// egress.From. The zero value reaches public addresses only.
	Egress egress.Policy

	// Redis makes limits and one-time ids hold across all replicas. Without it they
	// are kept per process, and New logs one warning that says so. The suite closes
	// it only when [FromEnv] made it.
	Redis rueidis.Client

	// Prefix begins every key in Redis. Services that share a Redis and must not
	// share counts and one-time ids need different ones. The default is "ginsec:".
	Prefix string

	// TrustedProxies are the networks of the reverse proxies in front of this
	// service. Only requests from them may name the client's address. The default
	// trusts nobody: the client is the peer, and behind a proxy all clients are one.
	TrustedProxies []netip.Prefix

	// ClientIPHeader is the one header, set by TrustedProxies, that holds the
	// client's address. The default reads X-Forwarded-For from the right.
	ClientIPHeader string

	// Public lists what needs no token, as exact method and route pattern:
	// "GET /healthz", "POST /login". There are no prefixes and no wildcards. Limits
	// per client address hold there too. The method is that of the request: a handler
	// that rewrites it must stand around the engine, never inside.
	Public []string

	// Audit receives one event per decision of every control that has no sink of
	// its own. The default logs denials, at Warn, and errors to [log/slog.Default].
	Audit audit.Sink

	owned rueidis.Client // made by FromEnv
}

// Limits are the sliding windows in front of every route of the suite.
type Limits struct {
	_ [0]func()

	// Policies apply to every request. The default is 1200 a minute per client
	// address and 600 a minute per user. Policies whose key needs no identity hold
	// on public routes and for requests without a valid token too. At most 8.
	Policies []ratelimit.Policy

	// Off removes the policies above. Groups with [Limit] keep theirs.
	Off bool

	// ReportOnly lets requests over a limit pass, groups included, and reports them.
	ReportOnly bool

	// Store holds the counts. The default is Redis when the suite has it, else
	// memory.
	Store ratelimit.Store

	// OnStoreFailure says what happens while Redis does not answer. The default
	// goes on with limits per process.
	OnStoreFailure ratelimit.Failure

	// Timeout is how long a request waits for Redis. The default is 50 ms.
	Timeout time.Duration
}

// ConfigError is one mistake in a [Config] or in the environment. [New] and
// [FromEnv] report all of them at once, joined.
type ConfigError struct {
	// Field is the field of Config, or the environment variable.
	Field string
	// Reason says what is wrong with it, without its value.
	Reason string
}

// Error names the field and the mistake.
func (e *ConfigError) Error() string { return e.Field + " " + e.Reason }

// route is a method and a route's pattern, as gin has them.
type route struct{ method, pattern string }

// publicRoutes parses Public.
func publicRoutes(entries []string) (map[route]struct{}, error) {
	routes := make(map[route]struct{}, len(entries))
	var errs []error
	for i, entry := range entries {
		method, pattern, ok := strings.Cut(strings.TrimSpace(entry), " ")
		pattern = strings.TrimSpace(pattern)
		if !ok || !slices.Contains(methods, method) || !strings.HasPrefix(pattern, "/") || strings.ContainsAny(pattern, " \t?#") {
			errs = append(errs, &ConfigError{fmt.Sprintf("Public[%d]", i), `is not a method and a route pattern such as "GET /healthz"`})
			continue
		}
		routes[route{method, pattern}] = struct{}{}
	}
	return routes, errors.Join(errs...)
}

var methods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
	http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// policies returns the limits in front of every route.
func (l Limits) policies() ([]ratelimit.Policy, error) {
	switch {
	case l.Off && l.Policies != nil:
		return nil, &ConfigError{"Limits.Off", "and Limits.Policies are both set"}
	case l.Off:
		return nil, nil
	case l.Policies == nil:
		client := ratelimit.Policy{Name: "client", Limit: 1200, Window: time.Minute, Key: ratelimit.ByIP()}
		user := ratelimit.Policy{Name: "user", Limit: 600, Window: time.Minute, Key: ratelimit.ByUser()}
		return []ratelimit.Policy{client, user}, nil
	case len(l.Policies) == 0:
		return nil, &ConfigError{"Limits.Policies", "is empty: say Off, or leave it nil for the default"}
	}
	if err := l.Policies[0].Check(l.Policies[1:]...); err != nil {
		return nil, fmt.Errorf("Limits.Policies: %w", err)
	}
	return l.Policies, nil
}
