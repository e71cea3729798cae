package replay_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/redis"
)

var errReplayed = errors.New("a fresh id was refused")

// granted tells Redis' nil, which SET NX answers for a key that exists.
func granted(err error) (bool, error) {
	if rueidis.IsRedisNil(err) {
		return false, nil
	}
	return err == nil, err
}

// BenchmarkLocalFresh is the first use of an id.
func BenchmarkLocalFresh(b *testing.B) {
	for _, v := range locals() {
		b.Run(v.name, func(b *testing.B) {
			var accept use
			held, g, until, ctx := sized, newIDs(1), expiry(), b.Context()
			clock := meter.Start(b)
			for b.Loop() {
				if held == sized { // beyond it one filter refuses, another grows
					clock.Pause()
					accept, held = touched(b, v, g, until), sized/5
					clock.Resume()
				}
				if fresh, err := accept(ctx, g.next(), until); err != nil || !fresh {
					b.Fatal("refused", err)
				}
				held++
			}
			clock.Stop()
		})
	}
}

// touched opens a store and gives it a fifth of what it is made for: whoever runs
// first would pay the kernel for fresh pages, and the others take over what it gave
// back.
func touched(b *testing.B, v store, g *ids, until time.Time) use {
	b.Helper()
	accept := v.open(b)
	for range sized / 5 {
		_, _ = accept(b.Context(), g.next(), until)
	}
	return accept
}

// BenchmarkLocalReplay is the second use of an id.
func BenchmarkLocalReplay(b *testing.B) {
	const known = 65536
	for _, v := range locals() {
		b.Run(v.name, func(b *testing.B) {
			accept, g, until, ctx := v.open(b), newIDs(1), expiry(), b.Context()
			all := make([][16]byte, known)
			for i := range all {
				all[i] = g.next()
				if _, err := accept(ctx, all[i], until); err != nil {
					b.Fatal(err)
				}
			}
			clock := meter.Start(b)
			for n := 0; b.Loop(); n++ {
				if fresh, err := accept(ctx, all[n%known], until); err != nil || fresh {
					b.Fatal("accepted twice", err)
				}
			}
			clock.Stop()
		})
	}
}

// BenchmarkRedis is the first use of an id over Redis, 64 callers.
func BenchmarkRedis(b *testing.B) {
	s := redis.Start(b)
	seed := uint64(10)
	for _, v := range remotes() {
		accept, until, ctx := v.open(b, s), expiry(), b.Context()
		b.Run(v.name, func(b *testing.B) {
			seed++ // a benchmark runs several times: its ids stay fresh
			s.Run(b, func(n int) error {
				fresh, err := accept(ctx, numbered(seed, n), until)
				if err == nil && !fresh {
					err = errReplayed
				}
				return err
			})
		})
		s.Do("FLUSHALL")
	}
}

// BenchmarkRedisBytes is what a token occupies on the server, when the store is
// sized for what it holds.
func BenchmarkRedisBytes(b *testing.B) {
	s := redis.Start(b)
	for _, v := range []remote{{"ginsec", ginsecRedisSized}, {"peer/set-nx-px", setNX}} {
		b.Run(v.name, func(b *testing.B) {
			s.Do("FLUSHALL")
			accept, until := v.open(b, s), expiry()
			for n := range 64 { // connections, scripts
				_, _ = accept(b.Context(), numbered(98, n), until)
			}
			before := s.Info("memory", "used_memory")
			tokens := redisTokens
			if os.Getenv("GINSEC_BENCH_QUICK") != "" {
				tokens /= 64
			}
			err := redis.Each(tokens, func(n int) error {
				fresh, err := accept(b.Context(), numbered(99, n), until)
				if err == nil && !fresh {
					err = errReplayed
				}
				return err
			})
			if err != nil {
				b.Fatal(err)
			}
			used := s.Info("memory", "used_memory") - before
			for b.Loop() { // measured above, once
			}
			b.ReportMetric(used/float64(tokens), "B/token")
		})
	}
}

// redisTokens is how many tokens BenchmarkRedisBytes stores.
const redisTokens = 131_072

// BenchmarkDoubleAcceptance counts how often each token is accepted when 16
// callers bring it at once: one is right.
func BenchmarkDoubleAcceptance(b *testing.B) {
	s := redis.Start(b)
	for _, v := range remotes() {
		b.Run(v.name, func(b *testing.B) {
			s.Do("FLUSHALL")
			const tokens = 300
			n := accepted(b, v.open(b, s), 3, tokens)
			for b.Loop() { // measured above, once
			}
			b.ReportMetric(float64(n)/tokens, "accepted/token")
		})
	}
}
