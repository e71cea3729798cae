package ratelimit_test

import (
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/bench/internal/redis"
	"github.com/ginsec/ginsec/ratelimit"
)

// anyKey counts by a text the caller gives.
func anyKey() ratelimit.Key {
	return ratelimit.By(func(*gin.Context) (string, bool) { return "", false })
}

func policy(name string, limit int64) ratelimit.Policy {
	return ratelimit.Policy{Name: name, Limit: limit, Window: time.Minute, Key: anyKey()}
}

func limiterOf(tb testing.TB, s ratelimit.Store, err error) *ratelimit.Limiter {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	// Whoever does not wait long enough for Redis counts in process instead, which
	// would be no comparison: here it waits, and a failure is a refusal.
	l, err := ratelimit.New(ratelimit.Config{Store: s, Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

func ginsecMemory(tb testing.TB, limit int64) func(string) (bool, error) {
	tb.Helper()
	s, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 1 << 20})
	l, p, ctx := limiterOf(tb, s, err), policy("user", limit), tb.Context()
	return func(key string) (bool, error) {
		r, err := l.Take(ctx, ratelimit.Charge{Policy: p, Key: key})
		return r.Allowed, err
	}
}

func ginsecMiddleware(tb testing.TB, limit int64) gin.HandlerFunc {
	tb.Helper()
	s, err := ratelimit.Memory(ratelimit.MemoryConfig{})
	return limiterOf(tb, s, err).Use(ratelimit.Policy{Name: "client", Limit: limit, Window: time.Minute, Key: ratelimit.ByIP()})
}

func ginsecRedis(tb testing.TB, server redis.Server, limit int) func(string) (bool, error) {
	tb.Helper()
	s, err := ratelimit.Redis(server.Rueidis(tb), ratelimit.RedisConfig{})
	l, p, ctx := limiterOf(tb, s, err), policy("user", int64(limit)), tb.Context()
	return func(key string) (bool, error) {
		r, err := l.Take(ctx, ratelimit.Charge{Policy: p, Key: key})
		return r.Allowed, err
	}
}

// ginsecRedisThree charges three policies in one call.
func ginsecRedisThree(tb testing.TB, server redis.Server, limit int) func(string) (bool, error) {
	tb.Helper()
	s, err := ratelimit.Redis(server.Rueidis(tb), ratelimit.RedisConfig{})
	l, ctx := limiterOf(tb, s, err), tb.Context()
	a, b, c := policy("user", int64(limit)), policy("tenant", int64(limit)), policy("route", int64(limit))
	return func(key string) (bool, error) {
		r, err := l.Take(ctx, ratelimit.Charge{Policy: a, Key: key}, ratelimit.Charge{Policy: b, Key: key}, ratelimit.Charge{Policy: c, Key: key})
		return r.Allowed, err
	}
}
