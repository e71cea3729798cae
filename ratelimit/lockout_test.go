package ratelimit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

// bothStores makes limiters that count in process and in Redis.
func bothStores() map[string]func(*testing.T) *ratelimit.Limiter {
	return map[string]func(*testing.T) *ratelimit.Limiter{
		"in process": func(t *testing.T) *ratelimit.Limiter { t.Helper(); return newLimiter(t, ratelimit.Config{}) },
		"in Redis":   func(t *testing.T) *ratelimit.Limiter { t.Helper(); l, _ := redisLimiter(t); return l },
	}
}

// login is a handler that answers when it is told to, and with what.
type login struct {
	inside chan struct{}
	answer chan int
	done   chan struct{}
	engine *gin.Engine
}

func newLogin(l *ratelimit.Limiter, p ratelimit.Policy) *login {
	g := &login{inside: make(chan struct{}), answer: make(chan int), done: make(chan struct{}), engine: gin.New()}
	g.engine.Use(gin.CustomRecoveryWithWriter(nil, func(c *gin.Context, _ any) { c.Status(http.StatusInternalServerError) }))
	g.engine.GET("/", l.Use(p), func(c *gin.Context) {
		g.inside <- struct{}{}
		status := <-g.answer
		if status == 0 {
			panic("a handler fails")
		}
		c.Status(status)
	})
	g.engine.GET("/next", l.Use(p), ok)
	return g
}

// begin sends n requests and returns when all are in the handler.
func (g *login) begin(n int) {
	for range n {
		go func() {
			get(g.engine, "/")
			g.done <- struct{}{}
		}()
	}
	for range n {
		<-g.inside
	}
}

// end lets n of them return, one after the other, each past all middleware.
func (g *login) end(status, n int) {
	for range n {
		g.answer <- status
		<-g.done
	}
}

func (g *login) next() *httptest.ResponseRecorder { return get(g.engine, "/next") }

func guarded(t *testing.T) ratelimit.Policy {
	t.Helper()
	p := policy(t, "p: 10/1h by ip")
	p.CountIf, p.Lockout = ratelimit.Failures, 2*time.Hour
	return p
}

func TestRequestsUnderWayLockNobodyOut(t *testing.T) {
	t.Parallel()
	for name, open := range bothStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			p := guarded(t)
			g := newLogin(l, p)
			for failures := range 9 { // the first of each full burst fails while the others are under way
				g.begin(10 - failures) // all that fit beside those that failed
				wantStatus(t, g.next(), http.StatusTooManyRequests)
				g.end(http.StatusUnauthorized, 1)
				g.end(http.StatusOK, 9-failures)
			}
			wantStatus(t, g.next(), http.StatusOK)
			g.begin(1)
			g.end(http.StatusUnauthorized, 1) // the tenth
			if w := g.next(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "7200" && w.Header().Get("Retry-After") != "7199" {
				t.Errorf("ten failures locked nobody out: %d %v", w.Code, w.Header())
			}
		})
	}
}

func TestFailuresAtTheSameTimeLockOut(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusUnauthorized, 0} { // 0: a panic
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			for name, open := range bothStores() {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					l := open(t)
					p := guarded(t)
					g := newLogin(l, p)
					g.begin(10)
					wantStatus(t, g.next(), http.StatusTooManyRequests) // no guess beside the ten
					g.end(status, 10)
					w := g.next()
					wantStatus(t, w, http.StatusTooManyRequests)
					if wait := w.Header().Get("Retry-After"); wait != "7200" && wait != "7199" {
						t.Errorf("ten failures at the same time locked nobody out: Retry-After is %s", wait)
					}
					if err := l.Reset(t.Context(), charge(p, "192.0.2.1")); err != nil {
						t.Fatal(err)
					}
					g.begin(1)
					g.end(http.StatusUnauthorized, 1)
					wantStatus(t, g.next(), http.StatusOK) // Reset has forgotten the ten
				})
			}
		})
	}
}

func TestWhenAnotherRequestWouldNotFitTheLimitIsUsedUp(t *testing.T) {
	t.Parallel()
	for name, open := range bothStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			p := guarded(t)
			p.Cost = func(*gin.Context) int64 { return 3 }
			g := newLogin(l, p)
			for range 3 {
				wantStatus(t, g.next(), http.StatusOK)
				g.begin(1)
				g.end(http.StatusUnauthorized, 1)
			}
			if w := g.next(); w.Header().Get("Retry-After") != "7200" && w.Header().Get("Retry-After") != "7199" {
				t.Errorf("nine units of ten do not lock out one who asks for three: %d %v", w.Code, w.Header())
			}
		})
	}
}

// In a full store new keys share a count. It is no reason to lock one of them out.
func TestAFullStoreLocksNoStrangerOut(t *testing.T) {
	t.Parallel()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, ratelimit.Config{Store: store})
	p := guarded(t)
	r := gin.New()
	r.GET("/", l.Use(p), func(c *gin.Context) { c.Status(http.StatusUnauthorized) })
	r.GET("/fine", l.Use(p), ok)
	for i := range 10 {
		get(r, "/", from(fmt.Sprintf("198.51.100.%d:1", i)))
	}
	w := get(r, "/fine", from("203.0.113.1:1"))
	if wait := w.Header().Get("Retry-After"); w.Code == http.StatusTooManyRequests && wait != "3600" && wait != "3599" {
		t.Errorf("a stranger is locked out: %d, Retry-After %s", w.Code, wait)
	}
}

// What must share a full store's count is refused before it is authenticated, too.
func TestAroundInAFullStoreRefusesBeforeAuthentication(t *testing.T) {
	t.Parallel()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 1})
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, ratelimit.Config{Store: store})
	verified := 0
	r := gin.New()
	r.Use(l.Around(func(c *gin.Context) { verified++; authenticate(c) }, policy(t, "client: 2/1h by ip")))
	r.GET("/", ok)
	for i := range 20 {
		get(r, "/", as("bad"), from(fmt.Sprintf("198.51.100.%d:1", i)))
	}
	if verified != 3 { // one of the first client's, two that the others share
		t.Errorf("%d bad tokens verified, want 3", verified)
	}
}
