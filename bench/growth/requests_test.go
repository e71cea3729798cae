package growth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/payload"
	"github.com/ginsec/ginsec/bench/internal/redis"
	"github.com/ginsec/ginsec/bench/internal/web"
	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/ratelimit"
)

const audience = "https://api.example.com"

// trusted returns n issuers, each with a key of its own, and a token of the last.
func trusted(b *testing.B, n int) ([]auth.Issuer, string) {
	b.Helper()
	var issuers []auth.Issuer
	var token string
	for i := range n {
		public, private, err := ed25519.GenerateKey(nil)
		check(b, err)
		at := fmt.Sprintf("https://id%d.example.com/", i)
		set, err := json.Marshal(map[string]any{"keys": []map[string]string{{
			"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "k", "x": base64.RawURLEncoding.EncodeToString(public),
		}}})
		check(b, err)
		issuers = append(issuers, auth.Issuer{URL: at, JWKS: set, Namespace: fmt.Sprintf("n%d", i)})
		now := time.Now()
		t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
			"iss": at, "aud": audience, "sub": "user", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
		})
		t.Header["kid"] = "k"
		token, err = t.SignedString(private)
		check(b, err)
	}
	return issuers, token
}

// BenchmarkIssuers verifies a token of the last of n issuers, with nothing
// remembered and remembered.
func BenchmarkIssuers(b *testing.B) {
	for _, n := range []int{1, 2, 5, 10, 20, 50, 100} {
		issuers, token := trusted(b, n)
		for _, mode := range []struct {
			name    string
			entries int
			calls   int
		}{{"cold/", -1, 1000}, {"remembered/", 0, batch}} {
			v, err := auth.New(auth.Config{Issuers: issuers, Audiences: []string{audience}, Cache: auth.CacheConfig{Entries: mode.entries}})
			check(b, err)
			cpu := cost(mode.calls, func(int) {
				if _, err := v.Verify(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			})
			check(b, v.Close())
			tell(b, mode.name, n, cpu)
		}
	}
}

// BenchmarkPayload reads bodies of 200 B to 1 MiB.
func BenchmarkPayload(b *testing.B) {
	gin.SetMode(gin.ReleaseMode)
	read := map[string]gin.HandlerFunc{
		"ginsec/": func(c *gin.Context) {
			if _, err := binding.JSON[payload.Order](c); err != nil {
				binding.Abort(c, err)
				return
			}
			c.Status(http.StatusNoContent)
		},
		"peer/gin/": func(c *gin.Context) {
			var o payload.Order
			if err := c.ShouldBindJSON(&o); err != nil {
				c.AbortWithStatus(http.StatusBadRequest)
				return
			}
			c.Status(http.StatusNoContent)
		},
	}
	for _, items := range []int{0, 6, 60, 600, 8400} {
		body := payload.Document(items)
		for name, handler := range read {
			r := gin.New()
			r.POST("/", binding.Defaults(binding.Options{MaxValues: 100_000}), handler)
			req, w := web.NewRequest(http.MethodPost, "/", body), web.NewWriter()
			cpu := cost(max(3, 2_000_000/len(body)), func(int) {
				w.Reset()
				r.ServeHTTP(w, req.Rewind())
				if w.Status != 0 && w.Status != http.StatusNoContent {
					b.Fatal("status", w.Status)
				}
			})
			tell(b, name, len(body), cpu)
		}
	}
}

// spread runs call from n goroutines at once and returns the processor time of one.
func spread(n, total int, call func(worker int)) float64 {
	var next atomic.Int64
	var wg sync.WaitGroup
	start := meter.CPU()
	for worker := range n {
		wg.Go(func() {
			for next.Add(1) <= int64(total) {
				call(worker)
			}
		})
	}
	wg.Wait()
	return float64(meter.CPU()-start) / float64(total)
}

func crowds() []int { return []int{1, 2, 4, 8, 16, 32, 64, 128, 256} }

// BenchmarkGoroutines is a whole request, authentication and two limits, from n
// goroutines at once.
func BenchmarkGoroutines(b *testing.B) {
	issuers, token := trusted(b, 1)
	s, err := ginsec.New(ginsec.Config{
		Auth:   auth.Config{Issuers: issuers, Audiences: []string{audience}},
		Limits: ginsec.Limits{Policies: []ratelimit.Policy{unlimited("client", ratelimit.ByIP()), unlimited("user", ratelimit.ByUser())}},
	})
	check(b, err)
	defer s.Close()
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.GET("/", s.Middleware(), func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"ok": true}) })
	for _, n := range crowds() {
		requests, writers := make([]*web.Request, n), make([]*web.Writer, n)
		for i := range n {
			requests[i], writers[i] = web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
			requests[i].Authorize("Bearer " + token)
		}
		cpu := spread(n, batch/2, func(i int) {
			writers[i].Reset()
			r.ServeHTTP(writers[i], requests[i].Rewind())
			if writers[i].Status != http.StatusOK {
				b.Error("status", writers[i].Status)
			}
		})
		tell(b, "", n, cpu)
	}
}

func unlimited(name string, key ratelimit.Key) ratelimit.Policy {
	return ratelimit.Policy{Name: name, Limit: 1_000_000_000, Window: time.Hour, Key: key}
}

// BenchmarkRedisGoroutines is one limit over Redis from n goroutines at once: the
// client's processor time.
func BenchmarkRedisGoroutines(b *testing.B) {
	server := redis.Start(b)
	store, err := ratelimit.Redis(server.Rueidis(b), ratelimit.RedisConfig{})
	check(b, err)
	l, err := ratelimit.New(ratelimit.Config{Store: store, Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	check(b, err)
	defer l.Close()
	p, ctx := policy("user"), b.Context()
	total := 10_000
	if quick() {
		total = 1000
	}
	for _, n := range crowds() {
		cpu := spread(n, total, func(i int) {
			if r, err := l.Take(ctx, ratelimit.Charge{Policy: p, Key: fmt.Sprint("user_", i)}); err != nil || !r.Allowed {
				b.Error("refused", err)
			}
		})
		tell(b, "", n, cpu)
	}
}
