// Package redis starts a real server for a comparison and charges it for its work.
package redis

import (
	"strconv"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/internal/testserver"
)

// Goroutines is how many call at once.
const Goroutines = 64

// Server is a redis-server on loopback.
type Server struct{ *testserver.RedisServer }

// Start starts a server that stops with tb.
func Start(tb testing.TB) Server { tb.Helper(); return Server{testserver.Redis(tb)} }

// Rueidis returns a client with its default settings.
func (s Server) Rueidis(tb testing.TB) rueidis.Client {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{s.Addr}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// GoRedis returns a client with a connection for each goroutine: its default
// pool would be the bottleneck.
func (s Server) GoRedis(tb testing.TB) *goredis.Client {
	tb.Helper()
	client := goredis.NewClient(&goredis.Options{Addr: s.Addr, PoolSize: Goroutines})
	tb.Cleanup(func() { _ = client.Close() })
	return client
}

// Info returns a number of the server's INFO.
func (s Server) Info(section, field string) float64 {
	for line := range strings.SplitSeq(s.Do("INFO", section), "\r\n") {
		if text, ok := strings.CutPrefix(line, field+":"); ok {
			n, _ := strconv.ParseFloat(text, 64)
			return n
		}
	}
	return 0
}

// CPU returns the processor time the server has used, in nanoseconds.
func (s Server) CPU() float64 {
	return 1e9 * (s.Info("cpu", "used_cpu_sys") + s.Info("cpu", "used_cpu_user"))
}

// Scripts returns how often clients have run a script.
func (s Server) Scripts() float64 {
	for line := range strings.SplitSeq(s.Do("INFO", "commandstats"), "\r\n") {
		if rest, ok := strings.CutPrefix(line, "cmdstat_evalsha:calls="); ok {
			n, _ := strconv.ParseFloat(rest[:strings.IndexByte(rest, ',')], 64)
			return n
		}
	}
	return 0
}

// KeyBytes returns what all keys occupy, by the server's own account.
func (s Server) KeyBytes(tb testing.TB) float64 {
	tb.Helper()
	client := s.GoRedis(tb)
	names, err := client.Keys(tb.Context(), "*").Result()
	if err != nil {
		tb.Fatal(err)
	}
	total := 0.0
	for _, name := range names {
		n, err := client.MemoryUsage(tb.Context(), name, 0).Result()
		if err != nil {
			tb.Fatal(err)
		}
		total += float64(n)
	}
	return total
}

// warmUp is how many calls make connections and load scripts.
const warmUp = 4 * Goroutines

// Run is a benchmark loop of Goroutines callers; each call gets a number of its
// own. It reports what the client and the server cost.
func (s Server) Run(b *testing.B, call func(n int) error) {
	b.Helper()
	for n := range warmUp {
		if err := call(n); err != nil {
			b.Fatal(err)
		}
	}
	before := s.CPU()
	clock := meter.Start(b)
	parallel(b, call)
	clock.Stop()
	b.ReportMetric((s.CPU()-before)/float64(b.N), "server-ns/op")
}
