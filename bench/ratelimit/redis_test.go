package ratelimit_test

import (
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	jgl "github.com/JGLTechnologies/gin-rate-limit"
	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/rueidis"
	"github.com/redis/rueidis/rueidislimiter"
	ulule "github.com/ulule/limiter/v3"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"

	"github.com/ginsec/ginsec/bench/internal/redis"
)

var errRefused = errors.New("refused")

// remote decides one request of one key over Redis.
type remote struct {
	name string
	open func(tb testing.TB, s redis.Server, limit int) func(key string) (bool, error)
}

func remotes() []remote {
	return []remote{
		{"ginsec", ginsecRedis},
		{"peer/redis_rate", func(tb testing.TB, s redis.Server, limit int) func(string) (bool, error) {
			l, ctx := redis_rate.NewLimiter(s.GoRedis(tb)), tb.Context()
			rate := redis_rate.Limit{Rate: limit, Burst: limit, Period: time.Minute}
			return func(key string) (bool, error) {
				r, err := l.Allow(ctx, key, rate)
				if err != nil {
					return false, err
				}
				return r.Allowed > 0, nil
			}
		}},
		{"peer/ulule", func(tb testing.TB, s redis.Server, limit int) func(string) (bool, error) {
			st, err := ululeredis.NewStore(s.GoRedis(tb))
			if err != nil {
				tb.Fatal(err)
			}
			l, ctx := ulule.New(st, ulule.Rate{Period: time.Minute, Limit: int64(limit)}), tb.Context()
			return func(key string) (bool, error) {
				r, err := l.Get(ctx, key)
				return !r.Reached, err
			}
		}},
		{"peer/rueidislimiter", func(tb testing.TB, s redis.Server, limit int) func(string) (bool, error) {
			l, err := rueidislimiter.NewRateLimiter(rueidislimiter.RateLimiterOption{
				ClientOption: rueidis.ClientOption{InitAddress: []string{s.Addr}},
				KeyPrefix:    "rl", Limit: limit, Window: time.Minute,
			})
			if err != nil {
				tb.Fatal(err)
			}
			ctx := tb.Context()
			return func(key string) (bool, error) {
				r, err := l.Allow(ctx, key)
				return r.Allowed, err
			}
		}},
		{"peer/jgl", func(tb testing.TB, s redis.Server, limit int) func(string) (bool, error) {
			st := jgl.RedisStore(&jgl.RedisOptions{RedisClient: s.GoRedis(tb), Rate: time.Minute, Limit: uint(limit)})
			return func(key string) (bool, error) { return !st.Limit(key, nil).RateLimited, nil }
		}},
	}
}

// BenchmarkRedis is one limit per call, 64 callers, 1024 keys.
func BenchmarkRedis(b *testing.B) {
	s, all := redis.Start(b), keys(1024)
	for _, r := range remotes() {
		take := r.open(b, s, never)
		b.Run(r.name, func(b *testing.B) {
			s.Run(b, func(n int) error { return allowed(take(all[n%len(all)])) })
		})
	}
}

// BenchmarkRedisThreeLimits is three limits per request: one call where the
// limiter can, else three.
func BenchmarkRedisThreeLimits(b *testing.B) {
	s, all := redis.Start(b), keys(1024)
	take := ginsecRedisThree(b, s, never)
	b.Run("ginsec", func(b *testing.B) {
		s.Run(b, func(n int) error { return allowed(take(all[n%len(all)])) })
	})
	one := remotes()[1].open(b, s, never)
	b.Run("peer/redis_rate", func(b *testing.B) {
		s.Run(b, func(n int) error {
			key := all[n%len(all)]
			for i := range 3 {
				if err := allowed(one(key + strconv.Itoa(i))); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func allowed(ok bool, err error) error {
	if err == nil && !ok {
		err = errRefused
	}
	return err
}

// BenchmarkRedisBytesPerKey is what a key with 100 events within one window
// occupies on the server.
func BenchmarkRedisBytesPerKey(b *testing.B) {
	s, all := redis.Start(b), keys(100)
	if os.Getenv("GINSEC_BENCH_QUICK") != "" {
		all = all[:5]
	}
	for _, r := range remotes() {
		b.Run(r.name, func(b *testing.B) {
			s.Do("FLUSHALL")
			take := r.open(b, s, 100)
			for range 100 {
				for _, key := range all {
					if err := allowed(take(key)); err != nil {
						b.Fatal(err)
					}
				}
			}
			used := s.KeyBytes(b)
			for b.Loop() { // measured above, once
			}
			b.ReportMetric(used/float64(len(all)), "B/key")
		})
	}
}

func TestAllRedisLimitersGiveTheSameVerdicts(t *testing.T) {
	s := redis.Start(t)
	for _, r := range remotes() {
		t.Run(r.name, func(t *testing.T) {
			s.Do("FLUSHALL")
			checkVerdicts(t, r.open(t, s, 5))
		})
	}
}
