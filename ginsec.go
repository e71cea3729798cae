package ginsec

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/audit"
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
	audit   audit.Sink
	redis   rueidis.Client
	closers []func() error
}

// New makes a suite. It does no network I/O: keys are fetched in the background
// and requests answered with 503 until there are some; see [Suite.Ready]. All
// mistakes of the configuration are reported at once. Close the suite when the
// service stops.
func New(cfg Config) (*Suite, error) {
	s := &Suite{redis: cfg.Redis, audit: cfg.Audit}
	if s.audit == nil {
		s.audit = audit.Slog(nil)
	}
	if cfg.ownsRedis {
		s.closers = append(s.closers, func() error { cfg.Redis.Close(); return nil })
	}
	err := errors.Join(s.makePublic(cfg), s.makeReplay(&cfg), s.makeAuth(cfg), s.makeLimits(cfg), s.makeEgress(cfg))
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.compose(cfg)
	if cfg.Redis == nil {
		slog.Default().Warn("ginsec: limits and one-time ids are kept per process; configure Redis when there are several replicas")
	}
	return s, nil
}

func (s *Suite) makePublic(cfg Config) (err error) {
	s.public, err = publicRoutes(cfg.Public)
	return err
}

func (s *Suite) makeEgress(cfg Config) (err error) {
	if cfg.Egress.Audit == nil {
		cfg.Egress.Audit = s.audit
	}
	if s.Egress, err = egress.New(cfg.Egress); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Egress.Close)
	return nil
}

func (s *Suite) makeAuth(cfg Config) (err error) {
	if cfg.Auth.Audit == nil {
		cfg.Auth.Audit = s.audit
	}
	if cfg.Auth.DPoP != nil && cfg.Auth.DPoP.Seen == nil {
		proofs := *cfg.Auth.DPoP
		if proofs.Seen, err = s.proofStore(cfg.Redis); err != nil {
			return err
		}
		cfg.Auth.DPoP = &proofs
	}
	if s.Auth, err = auth.New(cfg.Auth); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Auth.Close)
	return nil
}

func (s *Suite) makeLimits(cfg Config) (err error) {
	limits := ratelimit.Config{
		Store: cfg.Limits.Store, OnStoreFailure: cfg.Limits.OnStoreFailure,
		TrustedProxies: cfg.TrustedProxies, ClientIPHeader: cfg.ClientIPHeader, Audit: s.audit,
	}
	if limits.Store == nil && cfg.Redis != nil {
		if limits.Store, err = ratelimit.Redis(cfg.Redis, ratelimit.RedisConfig{}); err != nil {
			return err
		}
	}
	if s.Limits, err = ratelimit.New(limits); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Limits.Close)
	return nil
}

func (s *Suite) makeReplay(cfg *Config) (err error) {
	if cfg.Replay.Audit == nil {
		cfg.Replay.Audit = s.audit
	}
	if cfg.Replay.Leeway == 0 {
		cfg.Replay.Leeway = cfg.Auth.Leeway
	}
	if cfg.Replay.Store == nil && cfg.Redis != nil {
		if cfg.Replay.Store, err = replay.Redis(cfg.Redis, replay.RedisConfig{}); err != nil {
			return err
		}
	}
	if s.Replay, err = replay.New(cfg.Replay); err != nil {
		return err
	}
	s.closers = append(s.closers, s.Replay.Close)
	return nil
}

// proofStore keeps the ids of DPoP proofs, which live for seconds: windows of a
// minute forget them soon.
func (s *Suite) proofStore(redis rueidis.Client) (store replay.Store, err error) {
	if redis != nil {
		store, err = replay.Redis(redis, replay.RedisConfig{Window: time.Minute, Prefix: "ginsec:dpop:"})
	} else {
		store, err = replay.Local(replay.LocalConfig{Window: time.Minute})
	}
	if err == nil {
		s.closers = append(s.closers, store.Close)
	}
	return store, err
}

// compose builds the handlers of the middleware once.
func (s *Suite) compose(cfg Config) {
	policies := cfg.Limits.policies()
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
// known to be over its limit is refused before any cryptography; the counting is
// one step, and with Redis one round trip, for all limits of a request. Mounted
// twice, or run again by HandleContext, it changes nothing.
func (s *Suite) Middleware() gin.HandlerFunc {
	return s.serve
}

func (s *Suite) serve(c *gin.Context) {
	if probe.Met(c, "ginsec") {
		s.answerProbe(c)
		return
	}
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

// Close stops everything the suite started. Requests still under way are
// answered; it is safe to call more than once.
func (s *Suite) Close() error {
	var errs []error
	for i := len(s.closers) - 1; i >= 0; i-- {
		errs = append(errs, s.closers[i]())
	}
	return errors.Join(errs...)
}
