package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/ratelimit"
)

// events collects what a limiter decided.
type events struct {
	mu   sync.Mutex
	list []audit.Event
}

func (e *events) Record(_ context.Context, ev audit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) summary() (s []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.list {
		s = append(s, fmt.Sprint(ev.Verdict, " ", ev.Reason, " ", ev.Status))
	}
	return s
}

// passes counts how many of n requests are not refused with 429.
func passes(h http.Handler, n int, path string, edit ...func(*http.Request)) (passed int) {
	for range n {
		if get(h, path, edit...).Code != http.StatusTooManyRequests {
			passed++
		}
	}
	return passed
}

func as(user string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", user) }
}

// authenticate takes a header's word for who it is, refuses nobody at all, and
// "bad" in particular.
func authenticate(c *gin.Context) {
	switch user := c.GetHeader("Authorization"); user {
	case "", "bad":
		c.AbortWithStatus(http.StatusUnauthorized)
	default:
		tenant, _, _ := strings.Cut(user, "/")
		identity.Set(c, &identity.Principal{Subject: user, Tenant: tenant})
	}
}

func TestOneRequestIsChargedOnce(t *testing.T) {
	t.Parallel()
	build := func(mount func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy)) (*gin.Engine, *ratelimit.Limiter, ratelimit.Policy) {
		l := newLimiter(t, ratelimit.Config{})
		p := policy(t, "p: 10/1h by ip")
		r := gin.New()
		mount(r, l, p)
		return r, l, p
	}
	for name, mount := range map[string]func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy){
		"the same handler twice": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			h := l.Use(p)
			r.GET("/", h, h, ok)
		},
		"two handlers of the same policy": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			r.Use(l.Use(p))
			r.GET("/", l.Use(p), ok)
		},
		"HandleContext": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			r.Use(l.Use(p))
			r.GET("/", func(c *gin.Context) { c.Request.URL.Path = "/b"; r.HandleContext(c) })
			r.GET("/b", ok)
		},
		"HandleContext from NoRoute": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			r.Use(l.Use(p))
			r.NoRoute(func(c *gin.Context) { c.Request.URL.Path = "/b"; r.HandleContext(c) })
			r.GET("/b", ok)
		},
		"Around twice": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			h := l.Around(func(*gin.Context) {}, p)
			r.Use(h, h)
			r.GET("/", ok)
		},
		"Around and HandleContext": func(r *gin.Engine, l *ratelimit.Limiter, p ratelimit.Policy) {
			r.Use(l.Around(func(*gin.Context) {}, p))
			r.GET("/", func(c *gin.Context) { c.Request.URL.Path = "/b"; r.HandleContext(c) })
			r.GET("/b", l.Use(p), ok)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, l, p := build(mount)
			wantStatus(t, get(r, "/"), http.StatusOK)
			res, err := l.Peek(t.Context(), charge(p, "192.0.2.1"))
			if err != nil || res.Remaining != 9 {
				t.Errorf("%d left after one request, want 9 (%v)", res.Remaining, err)
			}
			if n := passes(r, 30, "/"); n != 9 {
				t.Errorf("%d more requests passed, want 9", n)
			}
		})
	}
}

// A tighter limit of the same name is not a way around either of the two.
func TestATighterLimitOfTheSameNameHolds(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.Use(l.Use(policy(t, "p: 10/1h by ip")))
	r.GET("/", ok)
	r.GET("/tight", l.Use(policy(t, "p: 3/1h by ip")), ok)
	if n := passes(r, 20, "/tight"); n != 3 {
		t.Errorf("%d passed the tight limit, want 3", n)
	}
	if n := passes(r, 20, "/"); n != 7 {
		t.Errorf("%d more passed the wide limit, want 7", n)
	}
}

func TestEverythingThatReachesAnEngineCounts(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.HandleMethodNotAllowed = true
	r.Use(l.Use(policy(t, "p: 6/1h by ip")))
	r.GET("/a/:id", ok)
	r.HEAD("/a/:id", ok)
	r.OPTIONS("/a/:id", ok)
	for _, call := range []string{"GET /a/1", "HEAD /a/1", "OPTIONS /a/1", "GET /nowhere", "POST /a/1", "GET /a%2F1"} {
		method, path, _ := strings.Cut(call, " ")
		if w := get(r, path, func(r *http.Request) { r.Method = method }); w.Code == http.StatusTooManyRequests {
			t.Fatalf("%s was refused", call)
		}
	}
	for _, path := range []string{"/a/1", "/nowhere"} {
		wantStatus(t, get(r, path), http.StatusTooManyRequests)
	}
}

func TestARefusedRequestTellsNothingOfItsInput(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.GET("/:x", l.Use(policy(t, "p: 1/1h by header X-Key+route")), ok)
	edit := func(r *http.Request) { r.Header.Set("X-Key", "canary") }
	get(r, "/canary?canary=canary", edit)
	w := get(r, "/canary?canary=canary", edit)
	wantStatus(t, w, http.StatusTooManyRequests)
	if all := fmt.Sprint(w.Header(), w.Body); strings.Contains(all, "canary") {
		t.Errorf("the refusal repeats input: %s", all)
	}
}

func TestTwoEnginesDoNotInfluenceEachOther(t *testing.T) {
	t.Parallel()
	for range 2 {
		r := gin.New()
		r.GET("/", newLimiter(t, ratelimit.Config{}).Use(policy(t, "p: 1/1h by ip")), ok)
		wantStatus(t, get(r, "/"), http.StatusOK)
		wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	}
}

// Behind a timeout a handler may outlive its request, and gin uses its context
// again: the next request is one of its own.
func TestAContextUsedAgainIsAnotherRequest(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	limit := l.Use(policy(t, "p: 3/1h by ip"))
	passed := 0
	r := gin.New()
	r.GET("/", limit, func(c *gin.Context) { // still inside while the others come
		for range 10 {
			next := c.Request.Clone(c.Request.Context())
			c.Request = next
			if limit(c); !c.IsAborted() {
				passed++
			}
		}
	})
	get(r, "/")
	if passed != 2 {
		t.Errorf("%d more requests passed on one context, want 2", passed)
	}
}

// A wrong password is checked slowly; requests that succeed meanwhile do not count.
func TestWhatWasGivenBackLocksNobodyOut(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 10/1m by ip")
	p.CountIf, p.Lockout = ratelimit.Failures, 15*time.Minute
	inside, release, checked := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := gin.New()
	r.GET("/", l.Use(p), func(c *gin.Context) {
		wait := release
		if c.Query("pw") == "wrong" {
			wait = checked
		}
		inside <- struct{}{}
		<-wait
		if c.Query("pw") == "wrong" {
			c.Status(http.StatusUnauthorized)
		}
	})
	r.GET("/next", l.Use(p), ok)
	var good, bad sync.WaitGroup
	for range 9 {
		good.Go(func() { get(r, "/") })
		<-inside
	}
	bad.Go(func() { get(r, "/?pw=wrong") })
	<-inside
	close(release)
	good.Wait()
	close(checked)
	bad.Wait()
	wantStatus(t, get(r, "/next"), http.StatusOK)
}
