package ginsec

import (
	"errors"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// maker makes a suite. What it has made is closed when a later part fails; what
// the configuration brought is then still the caller's.
type maker struct {
	cfg   Config
	suite Suite
	made  []func() error
}

const defaultPrefix = "ginsec:"

func (m *maker) make() (*Suite, error) {
	if m.cfg.Audit == nil {
		m.cfg.Audit = audit.Slog(nil)
	}
	if m.cfg.Prefix == "" {
		m.cfg.Prefix = defaultPrefix
	}
	s := &m.suite
	s.redis = m.cfg.Redis
	s.proxies.trusted = len(m.cfg.TrustedProxies) > 0
	policies, err := m.cfg.Limits.policies()
	public, errPublic := publicRoutes(m.cfg.Public)
	err = errors.Join(err, errPublic, m.auth(), m.limits(), m.replay(), m.egress())
	if err != nil {
		return nil, err
	}
	s.public = public
	if m.cfg.owned != nil && m.cfg.owned == m.cfg.Redis {
		s.closers = append(s.closers, func() error { m.cfg.owned.Close(); return nil })
	}
	s.closers = append(s.closers, m.made...)
	s.closers = append(s.closers, s.Limits.Close, s.Replay.Close)
	s.compose(policies)
	return s, nil
}

func (m *maker) opened(closer func() error) { m.made = append(m.made, closer) }

func (m *maker) egress() (err error) {
	policy := m.cfg.Egress
	if policy.Audit == nil {
		policy.Audit = m.cfg.Audit
	}
	if m.suite.Egress, err = egress.New(policy); err == nil {
		m.opened(m.suite.Egress.Close)
	}
	return err
}

func (m *maker) auth() (err error) {
	cfg := m.cfg.Auth
	if cfg.Audit == nil {
		cfg.Audit = m.cfg.Audit
	}
	if cfg.DPoP != nil && cfg.DPoP.Seen == nil {
		proofs := *cfg.DPoP
		if proofs.Seen, err = m.proofStore(); err != nil {
			return err
		}
		cfg.DPoP = &proofs
	}
	if m.suite.Auth, err = auth.New(cfg); err == nil {
		m.opened(m.suite.Auth.Close)
	}
	return err
}

// proofStore keeps the ids of DPoP proofs, which live for seconds: windows of a
// minute forget them soon.
func (m *maker) proofStore() (store replay.Store, err error) {
	if m.cfg.Redis != nil {
		store, err = replay.Redis(m.cfg.Redis, replay.RedisConfig{
			Window: time.Minute, Prefix: m.cfg.Prefix + "dpop:", Timeout: m.cfg.Replay.Timeout,
		})
	} else {
		store, err = replay.Local(replay.LocalConfig{Window: time.Minute})
	}
	if err == nil {
		m.opened(store.Close)
	}
	return store, err
}

func (m *maker) limits() (err error) {
	cfg := ratelimit.Config{
		Store: m.cfg.Limits.Store, OnStoreFailure: m.cfg.Limits.OnStoreFailure, Timeout: m.cfg.Limits.Timeout,
		ReportOnly: m.cfg.Limits.ReportOnly, TrustedProxies: m.cfg.TrustedProxies,
		ClientIPHeader: m.cfg.ClientIPHeader, Audit: m.cfg.Audit,
	}
	if cfg.Store == nil && m.cfg.Redis != nil {
		if cfg.Store, err = ratelimit.Redis(m.cfg.Redis, ratelimit.RedisConfig{Prefix: m.cfg.Prefix + "rl:"}); err != nil {
			return err
		}
		m.opened(cfg.Store.Close)
	}
	m.suite.Limits, err = ratelimit.New(cfg)
	return err
}

func (m *maker) replay() (err error) {
	cfg := m.cfg.Replay
	if cfg.Audit == nil {
		cfg.Audit = m.cfg.Audit
	}
	if cfg.Leeway == 0 {
		cfg.Leeway = m.cfg.Auth.Leeway
	}
	switch {
	case cfg.Store != nil:
	case m.cfg.Redis != nil:
		cfg.Store, err = replay.Redis(m.cfg.Redis, replay.RedisConfig{Prefix: m.cfg.Prefix + "rp:"})
	default:
		cfg.Store, err = replay.Local(replay.LocalConfig{})
	}
	if err != nil {
		return err
	}
	if m.cfg.Replay.Store == nil {
		m.opened(cfg.Store.Close)
	}
	m.suite.Replay, err = replay.New(cfg)
	return err
}
