package ratelimit_test

import (
	"io"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

func TestAroundLimitsAFloodOfBadTokens(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	var mu sync.Mutex
	verified := 0
	auth := func(c *gin.Context) {
		mu.Lock()
		verified++
		mu.Unlock()
		authenticate(c)
	}
	r := gin.New()
	r.Use(l.Around(auth, policy(t, "client: 20/1h by ip"), policy(t, "user: 5/1h by user")))
	r.GET("/", ok)
	served := together(32, 20, func() bool { return get(r, "/", as("bad")).Code == http.StatusUnauthorized })
	if served < 20 || served > 20+32 || verified != served {
		t.Errorf("%d bad tokens answered with 401, %d verified; want 20 and those under way", served, verified)
	}
	wantStatus(t, get(r, "/", as("alice")), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", as("alice"), from("192.0.2.2:1")), http.StatusOK)

	admitted := together(32, 20, func() bool { return get(r, "/", as("bob"), from("192.0.2.3:1")).Code == http.StatusOK })
	if admitted != 5 {
		t.Errorf("%d requests of one user admitted at once, want exactly 5", admitted)
	}
	res, err := l.Peek(t.Context(), charge(policy(t, "client: 20/1h by ip"), "192.0.2.3"))
	if err != nil || res.Remaining != 15 {
		t.Errorf("the address has %d left, want 15: a request over the user's limit consumes nothing", res.Remaining)
	}
}

func TestAroundAndTheGroupsBehindIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		sink := &events{}
		l := newLimiter(t, ratelimit.Config{Audit: sink})
		r := gin.New()
		public := func(c *gin.Context) {
			if c.FullPath() != "/public" {
				authenticate(c)
			}
		}
		r.Use(l.Around(public, policy(t, "client: 9/1h by ip"), policy(t, "user: 5/1h by user"), policy(t, "who: 4/1h by user-or-ip")))
		r.GET("/public", ok)
		r.GET("/", ok)
		r.GET("/search", l.Use(policy(t, "search: 2/1h by user")), ok)
		w := get(r, "/search", as("alice"))
		if got, want := w.Header().Get("RateLimit-Policy"), `"client";q=9;w=3600, "user";q=5;w=3600, "who";q=4;w=3600, "search";q=2;w=3600`; got != want {
			t.Errorf("RateLimit-Policy is %q, want %q", got, want)
		}
		if n := passes(r, 5, "/search", as("alice")); n != 1 {
			t.Errorf("%d more searches, want 1", n)
		}
		// On a public route the policy by user does not apply, the others do.
		w = get(r, "/public")
		wantStatus(t, w, http.StatusOK)
		if got, want := w.Header().Get("RateLimit"), `"client";r=6;t=3600, "who";r=3;t=3600`; got != want {
			t.Errorf("RateLimit is %q, want %q", got, want)
		}
		if n := passes(r, 10, "/public"); n != 3 {
			t.Errorf("%d more public requests, want 3", n)
		}
		if n := passes(r, 10, "/", as("alice")); n != 2 {
			t.Errorf("%d more requests of alice, want 2", n)
		}
	})
}

func TestAroundLocksOutWhoKeepsSendingBadTokens(t *testing.T) {
	t.Parallel()
	for name, countIf := range map[string]func(int) bool{"failures": ratelimit.Failures, "everything": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{})
				p := policy(t, "client: 5/1m by ip")
				p.CountIf, p.Lockout = countIf, time.Hour
				r := gin.New()
				r.Use(l.Around(authenticate, p))
				r.GET("/", ok)
				if n := passes(r, 20, "/", as("bad")); n != 5 {
					t.Errorf("%d bad tokens answered, want 5", n)
				}
				time.Sleep(10 * time.Minute)
				wantStatus(t, get(r, "/", as("alice")), http.StatusTooManyRequests)
				time.Sleep(51 * time.Minute)
				wantStatus(t, get(r, "/", as("alice")), http.StatusOK)
			})
		})
	}
}

func TestAroundChargesARequestWhoseAuthenticationPanics(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "client: 5/1h by ip")
	p.CountIf = ratelimit.Failures
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
	r.Use(l.Around(func(*gin.Context) { panic("a token that the verifier cannot bear") }, p))
	r.GET("/", ok)
	if n := passes(r, 20, "/"); n != 5 {
		t.Errorf("%d requests reached an authentication that panics, want 5", n)
	}
	if n := passes(r, 20, "/", from("192.0.2.2:1")); n != 5 {
		t.Errorf("%d requests of another address, want 5", n)
	}
}

func TestAroundDoesNotCountRefusalsThatCountIfDoesNot(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "client: 3/1h by ip")
	p.CountIf = func(status int) bool { return status == http.StatusUnauthorized }
	r := gin.New()
	r.Use(l.Around(func(c *gin.Context) {
		if c.GetHeader("Authorization") == "" {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		authenticate(c)
	}, p))
	r.GET("/", ok)
	if n := passes(r, 20, "/"); n != 20 {
		t.Errorf("%d of 20 refusals that do not count passed", n)
	}
	if n := passes(r, 20, "/", as("bad")); n != 3 {
		t.Errorf("%d bad tokens, want 3", n)
	}
}
