// Package ratelimit_test measures limiters: in process, on gin and over Redis.
package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	jgl "github.com/JGLTechnologies/gin-rate-limit"
	"github.com/didip/tollbooth/v8"
	"github.com/didip/tollbooth/v8/limiter"
	"github.com/go-chi/httprate"
	"github.com/sethvargo/go-limiter/memorystore"
	ulule "github.com/ulule/limiter/v3"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/ginsec/ginsec/bench/internal/web"
)

// never is a limit per minute that no benchmark reaches.
const never = 1_000_000_000

// store decides one request of one key.
type store struct {
	name string
	open func(tb testing.TB, limit int64) func(key string) (bool, error)
}

func stores() []store {
	return []store{
		{"ginsec", ginsecMemory},
		{"peer/sethvargo", func(tb testing.TB, limit int64) func(string) (bool, error) {
			s, err := memorystore.New(&memorystore.Config{Tokens: uint64(limit), Interval: time.Minute})
			if err != nil {
				tb.Fatal(err)
			}
			tb.Cleanup(func() { _ = s.Close(context.Background()) })
			ctx := tb.Context()
			return func(key string) (bool, error) {
				_, _, _, ok, err := s.Take(ctx, key)
				return ok, err
			}
		}},
		{"peer/ulule", func(tb testing.TB, limit int64) func(string) (bool, error) {
			l := ulule.New(memory.NewStore(), ulule.Rate{Period: time.Minute, Limit: limit})
			ctx := tb.Context()
			return func(key string) (bool, error) {
				r, err := l.Get(ctx, key)
				return !r.Reached, err
			}
		}},
		{"peer/jgl", func(_ testing.TB, limit int64) func(string) (bool, error) {
			s := jgl.InMemoryStore(&jgl.InMemoryOptions{Rate: time.Minute, Limit: uint(limit)})
			return func(key string) (bool, error) { return !s.Limit(key, nil).RateLimited, nil }
		}},
		{"peer/tollbooth", func(_ testing.TB, limit int64) func(string) (bool, error) {
			l := tollbooth.NewLimiter(float64(limit)/60, &limiter.ExpirableOptions{DefaultExpirationTTL: time.Hour})
			l.SetBurst(int(limit))
			return func(key string) (bool, error) { return !l.LimitReached(key), nil }
		}},
		{"peer/httprate", func(tb testing.TB, limit int64) func(string) (bool, error) {
			l := httprate.NewRateLimiter(int(limit), time.Minute, httprate.WithResponseHeaders(httprate.ResponseHeaders{}))
			r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, "/", http.NoBody)
			if err != nil {
				tb.Fatal(err)
			}
			w := web.NewWriter()
			return func(key string) (bool, error) { return !l.OnLimit(w, r, key), nil }
		}},
	}
}

func keys(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("user_%08d", i)
	}
	return all
}

// A comparison of speed is void unless all give the same verdicts.
func TestAllStoresGiveTheSameVerdicts(t *testing.T) {
	for _, s := range stores() {
		t.Run(s.name, func(t *testing.T) { checkVerdicts(t, s.open(t, 5)) })
	}
}

func checkVerdicts(t *testing.T, take func(string) (bool, error)) {
	t.Helper()
	for n := range 8 {
		ok, err := take("alice")
		if err != nil {
			t.Fatal(err)
		}
		if want := n < 5; ok != want {
			t.Errorf("call %d of 5 allowed: %v", n+1, ok)
		}
	}
	if ok, err := take("bob"); !ok || err != nil {
		t.Errorf("another key is refused: %v", err)
	}
}
