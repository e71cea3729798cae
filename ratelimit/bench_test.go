//go:build unix

package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func BenchmarkMemoryTake(b *testing.B) {
	mustTake := func(b *testing.B, l *ratelimit.Limiter, want bool, charges ...ratelimit.Charge) {
		b.Helper()
		if r, err := l.Take(b.Context(), charges...); err != nil || r.Allowed != want {
			b.Fatal(r, err)
		}
	}
	b.Run("allow", func(b *testing.B) {
		l := newLimiter(b, ratelimit.Config{})
		ctx, c := b.Context(), charge(never("p", ratelimit.ByUser()), "alice")
		defer meter(b)()
		for b.Loop() {
			if r, _ := l.Take(ctx, c); !r.Allowed {
				b.Fatal(r)
			}
		}
	})
	b.Run("deny", func(b *testing.B) {
		l := newLimiter(b, ratelimit.Config{})
		p := policy(b, "p: 1/24h by user")
		ctx, c := b.Context(), charge(p, "alice")
		mustTake(b, l, true, c)
		defer meter(b)()
		for b.Loop() {
			if r, _ := l.Take(ctx, c); r.Allowed {
				b.Fatal(r)
			}
		}
	})
	b.Run("three policies", func(b *testing.B) {
		l := newLimiter(b, ratelimit.Config{})
		ctx := b.Context()
		c := []ratelimit.Charge{
			charge(never("p", ratelimit.ByUser()), "alice"),
			charge(never("q", ratelimit.ByTenant()), "acme"), charge(never("r", ratelimit.ByRoute()), "/x"),
		}
		defer meter(b)()
		for b.Loop() {
			if r, _ := l.Take(ctx, c...); !r.Allowed {
				b.Fatal(r)
			}
		}
	})
	for _, n := range []int{100_000, 1_000_000} {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = strconv.Itoa(i)
		}
		b.Run(fmt.Sprintf("%d keys", n), func(b *testing.B) {
			store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 2 * n})
			if err != nil {
				b.Fatal(err)
			}
			l := newLimiter(b, ratelimit.Config{Store: store})
			ctx, p := b.Context(), never("p", ratelimit.ByUser())
			for _, k := range keys {
				mustTake(b, l, true, charge(p, k))
			}
			defer meter(b)()
			b.RunParallel(func(pb *testing.PB) {
				r := rand.New(rand.NewPCG(rand.Uint64(), 1))
				for pb.Next() {
					if res, _ := l.Take(ctx, charge(p, keys[r.IntN(n)])); !res.Allowed {
						b.Fail()
					}
				}
			})
		})
	}
}

func BenchmarkMiddleware(b *testing.B) {
	for _, v := range []struct {
		name     string
		policies []ratelimit.Policy
	}{
		{"bare", nil},
		{"one policy", []ratelimit.Policy{never("ip", ratelimit.ByIP())}},
		{"one hidden policy", []ratelimit.Policy{{Name: "h", Limit: 4e9, Window: time.Minute, Key: ratelimit.ByIP(), Hidden: true}}},
		{"three policies", []ratelimit.Policy{never("ip", ratelimit.ByIP()), never("r", ratelimit.ByRoute()), never("all", ratelimit.Global())}},
	} {
		b.Run(v.name, func(b *testing.B) {
			l := newLimiter(b, ratelimit.Config{})
			r := gin.New()
			if v.policies != nil {
				r.Use(l.Use(v.policies...))
			}
			r.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "/", http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			req.RemoteAddr = "192.0.2.1:4711"
			w := &writer{header: http.Header{}}
			defer meter(b)()
			for b.Loop() {
				clear(w.header)
				r.ServeHTTP(w, req)
			}
		})
	}
}

func BenchmarkRedisTake(b *testing.B) {
	server := testserver.Redis(b)
	l := newLimiter(b, ratelimit.Config{Store: redisStore(b, redisClient(b, server.Addr)), Timeout: time.Second})
	for _, v := range []struct {
		name     string
		policies []ratelimit.Policy
	}{
		{"one policy", []ratelimit.Policy{never("a", ratelimit.ByUser())}},
		{"three policies", []ratelimit.Policy{never("a", ratelimit.ByUser()), never("b", ratelimit.ByTenant()), never("c", ratelimit.ByAPIKey("X-Key"))}},
	} {
		for _, goroutines := range []int{1, 64} {
			b.Run(fmt.Sprintf("%s, %d goroutines", v.name, goroutines), func(b *testing.B) {
				defer meter(b)()
				share, before := b.N/goroutines+1, serverCPU(server)
				defer func() {
					b.ReportMetric((serverCPU(server)-before)*1e9/float64(share*goroutines), "server-cpu-ns/op")
				}()
				together(goroutines, 1, func() bool {
					r := rand.New(rand.NewPCG(rand.Uint64(), 1))
					charges := make([]ratelimit.Charge, len(v.policies))
					for range share {
						for i, p := range v.policies {
							charges[i] = charge(p, strconv.Itoa(r.IntN(10_000)))
						}
						if res, err := l.Take(b.Context(), charges...); err != nil || !res.Allowed {
							b.Error(res, err)
							return false
						}
					}
					return true
				})
			})
		}
	}
}

func BenchmarkDeniedLocally(b *testing.B) {
	server := testserver.Redis(b)
	l := newLimiter(b, ratelimit.Config{Store: redisStore(b, redisClient(b, server.Addr)), Timeout: time.Second})
	ctx, c := b.Context(), charge(policy(b, "p: 1/24h by user"), "alice")
	defer meter(b)()
	for b.Loop() {
		if _, err := l.Take(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRedisGivenUp(b *testing.B) {
	server := testserver.Redis(b)
	l := newLimiter(b, ratelimit.Config{Store: redisStore(b, redisClient(b, server.Addr))})
	ctx, c := b.Context(), charge(never("p", ratelimit.ByUser()), "alice")
	server.Freeze()
	if _, err := l.Take(ctx, c); err != nil { // waits for the timeout
		b.Fatal(err)
	}
	defer meter(b)()
	for b.Loop() {
		if r, err := l.Take(ctx, c); err != nil || !r.Allowed {
			b.Fatal(r, err)
		}
	}
}

// serverCPU is the processor time a server has used, in seconds.
func serverCPU(server *testserver.RedisServer) (sum float64) {
	for _, m := range regexp.MustCompile(`used_cpu_(?:user|sys):([0-9.]+)`).FindAllStringSubmatch(server.Do("INFO", "cpu"), -1) {
		n, _ := strconv.ParseFloat(m[1], 64)
		sum += n
	}
	return sum
}
