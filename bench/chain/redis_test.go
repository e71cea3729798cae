package chain_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/bench/internal/redis"
	"github.com/ginsec/ginsec/bench/internal/web"
)

// remote are the stacks that can count in Redis.
func remote() []stack {
	var some []stack
	for _, s := range guarded() {
		if s.name != "ginsec/no-token-cache" {
			some = append(some, s)
		}
	}
	return some
}

// BenchmarkRedis is a whole request whose limits are counted in Redis, 64 at once.
func BenchmarkRedis(b *testing.B) {
	e, server := newTestEnv(b), redis.Start(b)
	e.redis = server.Addr
	headers := web.Bearers(e.issuer.Token("RS256"), 64)
	for _, s := range remote() {
		h := s.start(b, e)
		b.Run("json/"+s.name, func(b *testing.B) {
			callers := make(chan *caller, redis.Goroutines)
			for n := range redis.Goroutines {
				callers <- newCaller(headers[n])
			}
			before := server.Scripts()
			server.Run(b, func(int) error {
				c := <-callers
				defer func() { callers <- c }()
				return c.get(h)
			})
			// Ours goes on in process when Redis is slow; how often it did is told.
			b.ReportMetric(max(0, 1-(server.Scripts()-before)/float64(b.N)), "local-share")
		})
	}
}

type caller struct {
	req *web.Request
	w   *web.Writer
}

func newCaller(header string) *caller {
	c := &caller{web.NewRequest(http.MethodGet, jsonPath, nil), web.NewWriter()}
	c.req.Authorize(header)
	return c
}

func (c *caller) get(h http.Handler) error {
	c.w.Reset()
	h.ServeHTTP(c.w, c.req.Rewind())
	if c.w.Status != http.StatusOK {
		return statusError(c.w.Status)
	}
	return nil
}

type statusError int

// Error names the status.
func (e statusError) Error() string { return http.StatusText(int(e)) }

// trips counts the round trips of one request on each route, with one caller.
func trips(tb testing.TB) (json, once float64) {
	tb.Helper()
	e, server := newTestEnv(tb), redis.Start(tb)
	client, count := server.Counted(tb)
	cfg := suiteConfig(e, true)
	cfg.Redis = client
	s := stack{"ginsec", func(r *gin.Engine, e *env) (func(), error) { return mountSuite(r, e, cfg, func() {}) }}
	h := s.start(tb, e)
	tokens := e.issuer.Fresh(40)
	for _, token := range tokens[:10] { // scripts are loaded, keys fetched
		if status := ask(h, http.MethodPost, oncePath, token, goodBody); status != http.StatusOK {
			tb.Fatal("status", status)
		}
	}
	const n = 20
	before := count.Count()
	for range n {
		if status := ask(h, http.MethodGet, jsonPath, tokens[0], nil); status != http.StatusOK {
			tb.Fatal("status", status)
		}
	}
	json = float64(count.Count()-before) / n
	before = count.Count()
	for _, token := range tokens[10 : 10+n] {
		if status := ask(h, http.MethodPost, oncePath, token, goodBody); status != http.StatusOK {
			tb.Fatal("status", status)
		}
	}
	return json, float64(count.Count()-before) / n
}

// All limits of a request are one round trip; a one-time token is one more.
func TestRedisRoundTrips(t *testing.T) {
	json, once := trips(t)
	if json != 1 {
		t.Errorf("%.2f round trips a request, want 1", json)
	}
	if once != 2 {
		t.Errorf("%.2f round trips a request with a one-time token, want 2", once)
	}
}

// BenchmarkRedisTrips reports what TestRedisRoundTrips demands.
func BenchmarkRedisTrips(b *testing.B) {
	json, once := trips(b)
	for name, n := range map[string]float64{"json": json, "once": once} {
		b.Run(name+"/ginsec", func(b *testing.B) {
			for b.Loop() { // counted above
			}
			b.ReportMetric(n, "trips/req")
		})
	}
}
