package ratelimit_test

import (
	"net/http"
	"testing"
	"time"

	jgl "github.com/JGLTechnologies/gin-rate-limit"
	"github.com/didip/tollbooth/v8"
	"github.com/didip/tollbooth/v8/limiter"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/httprate"
	ulule "github.com/ulule/limiter/v3"
	ululegin "github.com/ulule/limiter/v3/drivers/middleware/gin"
	"github.com/ulule/limiter/v3/drivers/store/memory"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/web"
)

type middleware struct {
	name string
	use  func(tb testing.TB, limit int64) gin.HandlerFunc
}

// middlewares limit by client address and answer with their headers.
func middlewares() []middleware {
	return []middleware{
		{"ginsec", ginsecMiddleware},
		{"peer/ulule", func(_ testing.TB, limit int64) gin.HandlerFunc {
			return ululegin.NewMiddleware(ulule.New(memory.NewStore(), ulule.Rate{Period: time.Minute, Limit: limit}))
		}},
		{"peer/jgl", func(_ testing.TB, limit int64) gin.HandlerFunc {
			return jgl.RateLimiter(jgl.InMemoryStore(&jgl.InMemoryOptions{Rate: time.Minute, Limit: uint(limit)}), &jgl.Options{
				KeyFunc:      func(c *gin.Context) string { return c.ClientIP() },
				ErrorHandler: func(c *gin.Context, _ jgl.Info) { c.AbortWithStatus(http.StatusTooManyRequests) },
			})
		}},
		{"peer/tollbooth", func(_ testing.TB, limit int64) gin.HandlerFunc {
			l := tollbooth.NewLimiter(float64(limit)/60, &limiter.ExpirableOptions{DefaultExpirationTTL: time.Hour})
			l.SetBurst(int(limit)).SetIPLookup(limiter.IPLookup{Name: "RemoteAddr"})
			return func(c *gin.Context) {
				if err := tollbooth.LimitByRequest(l, c.Writer, c.Request); err != nil {
					c.AbortWithStatus(err.StatusCode)
				}
			}
		}},
		{"peer/httprate", func(_ testing.TB, limit int64) gin.HandlerFunc {
			wrap := httprate.LimitBy(int(limit), time.Minute, httprate.KeyByIP)
			var inner http.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				r.Context().Value(ginKey{}).(*gin.Context).Next()
			})
			h := wrap(inner)
			return func(c *gin.Context) {
				h.ServeHTTP(c.Writer, c.Request.WithContext(withGin(c)))
				if c.Writer.Status() == http.StatusTooManyRequests {
					c.Abort()
				}
			}
		}},
	}
}

func engine(handlers ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	_ = r.SetTrustedProxies(nil)
	r.Use(handlers...)
	r.GET("/", func(c *gin.Context) { c.JSON(http.StatusOK, answer{OK: true}) })
	return r
}

type answer struct {
	OK bool `json:"ok"`
}

// BenchmarkMiddleware is a whole request through gin, one limit by client
// address, headers on; bare is gin alone.
func BenchmarkMiddleware(b *testing.B) {
	run := func(name string, h http.Handler) {
		b.Run(name, func(b *testing.B) {
			req, w := web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
			clock := meter.Start(b)
			for b.Loop() {
				w.Reset()
				h.ServeHTTP(w, req.Rewind())
				if w.Status != http.StatusOK {
					b.Fatal("status", w.Status)
				}
			}
			clock.Stop()
		})
	}
	run("bare", engine())
	for _, m := range middlewares() {
		run(m.name, engine(m.use(b, never)))
	}
}

func TestAllMiddlewaresGiveTheSameVerdicts(t *testing.T) {
	for _, m := range middlewares() {
		t.Run(m.name, func(t *testing.T) {
			h := engine(m.use(t, 5))
			ask := func(addr string) int {
				req, w := web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
				req.RemoteAddr = addr
				h.ServeHTTP(w, req.Rewind())
				return w.Status
			}
			for n := range 8 {
				want := http.StatusOK
				if n >= 5 {
					want = http.StatusTooManyRequests
				}
				if status := ask("203.0.113.7:4711"); status != want {
					t.Errorf("request %d of 5 allowed: status %d", n+1, status)
				}
			}
			if status := ask("203.0.113.8:4711"); status != http.StatusOK {
				t.Errorf("another client: status %d", status)
			}
		})
	}
}
