package replay_test

import (
	"testing"
	"time"

	"github.com/ginsec/ginsec/bench/internal/redis"
	"github.com/ginsec/ginsec/replay"
)

func open(tb testing.TB, s replay.Store, err error) use {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s.Use
}

// ginsecLocal is made for as many ids as its rivals.
func ginsecLocal(tb testing.TB) use {
	tb.Helper()
	s, err := replay.Local(replay.LocalConfig{Capacity: sized, FalsePositiveRate: rate})
	return open(tb, s, err)
}

// ginsecLocalDefault starts small and grows.
func ginsecLocalDefault(tb testing.TB) use {
	tb.Helper()
	s, err := replay.Local(replay.LocalConfig{})
	return open(tb, s, err)
}

// patience is far longer than the default, as a busy machine needs it: an id that was
// refused because the store did not answer in time would be no comparison. It is
// short enough for calls to share a deadline, as they do by default.
const patience = 2 * time.Second

func ginsecRedis(tb testing.TB, server redis.Server) use {
	tb.Helper()
	s, err := replay.Redis(server.Rueidis(tb), replay.RedisConfig{Timeout: patience})
	return open(tb, s, err)
}

// ginsecRedisSized is made for what BenchmarkRedisBytes stores.
func ginsecRedisSized(tb testing.TB, server redis.Server) use {
	tb.Helper()
	s, err := replay.Redis(server.Rueidis(tb), replay.RedisConfig{Capacity: redisTokens, Timeout: patience})
	return open(tb, s, err)
}
