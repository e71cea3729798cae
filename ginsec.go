package ginsec

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// Suite is the controls of one configuration. It is immutable and safe for
// concurrent use; its parts can be used alone.
type Suite struct {
	// Auth verifies tokens, also outside HTTP.
	Auth *auth.Verifier
	// Limits counts, also outside HTTP.
	Limits *ratelimit.Limiter
	// Replay accepts each one-time id once, also outside HTTP.
	Replay *replay.Guard
	// Egress makes outbound calls.
	Egress *egress.Client

	base    context.Context //nolint:containedctx // values common to all requests, made once
	public  map[route]struct{}
	guarded gin.HandlerFunc // limits around authentication
	open    gin.HandlerFunc // limits alone
	once    gin.HandlerFunc
	limited bool
	proxies proxyHint
	redis   rueidis.Client
	closers []func() error
}

// New makes a suite. It does no network I/O: keys are fetched in the background
// and requests answered with 503 until there are some; see [Suite.Ready]. All
// mistakes of the configuration are reported at once, and then nothing of it has
// been closed or started. Close the suite when the service stops.
func New(cfg Config) (*Suite, error) {
	m := &maker{cfg: cfg}
	s, err := m.make()
	if err != nil {
		return nil, errors.Join(err, closeAll(m.made))
	}
	m.warn()
	return s, nil
}

// compose builds the handlers of the middleware once.
func (s *Suite) compose(policies []ratelimit.Policy) {
	s.limited = len(policies) > 0
	s.guarded, s.open = s.Auth.Middleware(), func(*gin.Context) {}
	if s.limited {
		s.guarded = s.Limits.Around(s.guarded, policies...)
		s.open = s.Limits.Around(s.open, policies...)
	}
	s.once = s.Replay.SingleUse()
	s.base = egress.With(context.WithValue(context.Background(), suiteKey{}, s), s.Egress)
}

type suiteKey struct{}

// Middleware returns the handler that guards whatever is registered behind it:
// limits per client address, then authentication, then limits per user. What is
// known to be over its limit is refused before any cryptography; these limits are
// counted in one step, with Redis in one round trip. Mounted twice, or run again by
// HandleContext, it changes nothing. A request that a handler serves in process
// through the engine is judged like any other.
func (s *Suite) Middleware() gin.HandlerFunc {
	return s.serve
}

func (s *Suite) serve(c *gin.Context) {
	if probe.Met(c, "ginsec") {
		s.answerProbe(c)
		return
	}
	s.proxies.look(c.Request)
	reqctx.Join(c, s.base)
	if s.isPublic(c) {
		s.open(c)
		return
	}
	s.guarded(c)
}

func (s *Suite) isPublic(c *gin.Context) bool {
	if len(s.public) == 0 {
		return false
	}
	_, ok := s.public[route{c.Request.Method, c.FullPath()}]
	return ok
}

// answerProbe writes down the controls this handler applies to the probed route.
func (s *Suite) answerProbe(c *gin.Context) {
	if s.limited {
		probe.Met(c, "ratelimit")
	}
	if s.isPublic(c) {
		probe.Met(c, "public")
		return
	}
	probe.Met(c, "auth")
}

// Ready reports whether the suite can decide: the keys of every issuer are loaded
// and Redis, if there is one, answers. Use it for readiness, never for liveness.
func (s *Suite) Ready(ctx context.Context) error {
	err := s.Auth.Ready(ctx)
	if s.redis != nil {
		err = errors.Join(err, s.redis.Do(ctx, s.redis.B().Ping().Build()).Error())
	}
	return err
}

// Close stops everything the suite started and closes the stores it was given.
// Requests still under way are answered; it is safe to call more than once.
func (s *Suite) Close() error { return closeAll(s.closers) }

// closeAll closes the newest first.
func closeAll(closers []func() error) error {
	var errs []error
	for i := len(closers) - 1; i >= 0; i-- {
		errs = append(errs, closers[i]())
	}
	return errors.Join(errs...)
}

// warn says what a configuration leaves to each replica by itself.
func (m *maker) warn() {
	var local []string
	if m.cfg.Limits.Store == nil && m.cfg.Redis == nil {
		local = append(local, "limits")
	}
	if m.cfg.Replay.Store == nil && m.cfg.Redis == nil {
		local = append(local, "one-time ids")
	}
	if len(local) > 0 {
		slog.Default().Warn("ginsec: state is kept per process; configure Redis when there are several replicas", "state", strings.Join(local, " and "))
	}
}
