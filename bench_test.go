package ginsec_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// ballast keeps the collector's pace the same for every variant.
var ballast = make([]byte, 256<<20)

// writer is a ResponseWriter without costs of its own.
type writer struct {
	header http.Header
	code   int
}

func (w *writer) Header() http.Header         { return w.header }
func (w *writer) WriteHeader(code int)        { w.code = code }
func (w *writer) Write(p []byte) (int, error) { return len(p), nil }

// unreached are the default limits' shapes with a limit no benchmark reaches.
func unreached() []ratelimit.Policy {
	policies := make([]ratelimit.Policy, 0, 2)
	for _, text := range []string{"client: 1000000000/1m by ip", "user: 1000000000/1m by user"} {
		p, err := ratelimit.ParsePolicy(text)
		if err != nil {
			panic(err)
		}
		policies = append(policies, p)
	}
	return policies
}

func benchEngine(tb testing.TB, guarded bool) (*gin.Engine, string) {
	tb.Helper()
	gin.SetMode(gin.ReleaseMode)
	r, token := gin.New(), "none"
	if guarded {
		iss := issuer(tb)
		cfg := configFor(iss)
		cfg.Limits.Policies = unreached()
		r.Use(newSuite(tb, cfg).Middleware())
		token = mint(tb, iss, nil)
	}
	r.GET("/", func(c *gin.Context) { c.JSON(http.StatusOK, struct{ OK bool }{true}) })
	return r, token
}

func request(token string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, "/", http.NoBody)
	if err != nil {
		panic(err)
	}
	req.RemoteAddr = "192.0.2.1:4711"
	req.Header.Set("Authorization", "Bearer "+strings.Clone(token))
	return req
}

// BenchmarkSuite is bare gin against the whole chain with a token already
// verified and limits in memory.
func BenchmarkSuite(b *testing.B) {
	for _, variant := range []string{"bare", "ginsec"} {
		b.Run(variant, func(b *testing.B) {
			r, token := benchEngine(b, variant == "ginsec")
			req, w := request(token), &writer{header: http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				r.ServeHTTP(w, req)
				if w.code != http.StatusOK {
					b.Fatalf("got %d", w.code)
				}
			}
			ballast[0]++
		})
	}
}

// The gate of the hot path: what a warm request allocates over bare gin.
func TestAWarmRequestAllocatesLittleOverBareGin(t *testing.T) { //nolint:paralleltest // counts allocations
	measure := func(guarded bool) float64 {
		r, token := benchEngine(t, guarded)
		req, w := request(token), &writer{header: http.Header{}}
		return testing.AllocsPerRun(200, func() {
			clear(w.header)
			r.ServeHTTP(w, req)
			if w.code != http.StatusOK {
				t.Fatalf("got %d", w.code)
			}
		})
	}
	bare, full := measure(false), measure(true)
	if full-bare > 6 && !testserver.Race {
		t.Errorf("a warm request allocates %.0f over bare gin, want at most 6", full-bare)
	}
	t.Logf("bare %.0f, guarded %.0f", bare, full)
}
