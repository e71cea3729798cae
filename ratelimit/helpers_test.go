package ratelimit_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/ratelimit"
)

func newLimiter(tb testing.TB, cfg ratelimit.Config) *ratelimit.Limiter {
	tb.Helper()
	l, err := ratelimit.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := l.Close(); err != nil {
			tb.Error(err)
		}
	})
	return l
}

func policy(tb testing.TB, rule string) ratelimit.Policy {
	tb.Helper()
	p, err := ratelimit.ParsePolicy(rule)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func redisClient(tb testing.TB, addrs ...string) rueidis.Client {
	tb.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs, DisableCache: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func redisStore(tb testing.TB, c rueidis.Client) ratelimit.Store {
	tb.Helper()
	s, err := ratelimit.Redis(c, ratelimit.RedisConfig{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// together runs n goroutines that each call f times times.
func together(n, times int, f func() bool) (admitted int) {
	var wg sync.WaitGroup
	var passed atomic.Int64
	for range n {
		wg.Go(func() {
			for range times {
				if f() {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(passed.Load())
}

func get(h http.Handler, path string, edit ...func(*http.Request)) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.RemoteAddr = "192.0.2.1:1234"
	for _, e := range edit {
		e(req)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}

func from(addr string) func(*http.Request) {
	return func(r *http.Request) { r.RemoteAddr = addr }
}

func ok(c *gin.Context) { c.String(http.StatusOK, "ok") }

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

func charge(p ratelimit.Policy, key string) ratelimit.Charge {
	return ratelimit.Charge{Policy: p, Key: key}
}

func wantStatus(tb testing.TB, w *httptest.ResponseRecorder, status int) {
	tb.Helper()
	if w.Code != status {
		tb.Fatalf("got %d, want %d: %s", w.Code, status, strings.TrimSpace(w.Body.String()))
	}
}

const aWhile = 20 * time.Second

// cancelled returns a context that has ended.
func cancelled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func never(name string, k ratelimit.Key) ratelimit.Policy {
	return ratelimit.Policy{Name: name, Limit: 4_000_000_000, Window: time.Minute, Key: k}
}

// writer is a ResponseWriter without costs of its own.
type writer struct {
	header http.Header
	code   int
}

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(code int)        { w.code = code }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }
