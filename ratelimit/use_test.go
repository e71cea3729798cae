package ratelimit_test

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/ratelimit"
)

func TestARequestOverALimitIsRefusedAndTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		r := gin.New()
		r.Use(l.Use(policy(t, "client: 3/1m by ip"), policy(t, "all: 100/1m global")))
		r.GET("/", ok)
		for range 3 {
			wantStatus(t, get(r, "/"), http.StatusOK)
		}
		w := get(r, "/")
		wantStatus(t, w, http.StatusTooManyRequests)
		for header, want := range map[string]string{
			"RateLimit-Policy": `"client";q=3;w=60, "all";q=100;w=60`,
			"RateLimit":        `"client";r=0;t=60, "all";r=97;t=60`,
			"Retry-After":      "60",
			"Content-Type":     "application/problem+json",
			"Cache-Control":    "no-store",
		} {
			if got := w.Header().Get(header); got != want {
				t.Errorf("%s is %q, want %q", header, got, want)
			}
		}
		want := `{"type":"https://iana.org/assignments/http-problem-types#quota-exceeded",` +
			`"title":"Request cannot be satisfied as assigned quota has been exceeded","status":429,` +
			`"code":"quota_exceeded","violated-policies":["client"]}`
		if w.Body.String() != want {
			t.Errorf("body is %s\nwant    %s", w.Body, want)
		}
		wantStatus(t, get(r, "/", from("192.0.2.2:1")), http.StatusOK)
	})
}

func TestANestedRefusalLeavesTheOuterLimitsUntouched(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		r := gin.New()
		r.Use(l.Use(policy(t, "outer: 10/1m by ip")))
		r.GET("/", ok)
		login := r.Group("/login", l.Use(policy(t, "inner: 2/1m by ip")))
		login.GET("", ok)
		for range 5 {
			get(r, "/login")
		}
		w := get(r, "/login")
		wantStatus(t, w, http.StatusTooManyRequests)
		if got, want := w.Header().Get("RateLimit"), `"outer";r=8;t=60, "inner";r=0;t=60`; got != want {
			t.Errorf("RateLimit is %q, want %q", got, want)
		}
		if got, want := get(r, "/").Header().Get("RateLimit"), `"outer";r=7;t=60`; got != want {
			t.Errorf("RateLimit is %q, want %q", got, want)
		}
	})
}

func TestAuthenticationInTheMiddle(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	verified := 0
	auth := func(c *gin.Context) {
		verified++
		if c.GetHeader("Authorization") == "" {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		identity.Set(c, &identity.Principal{Subject: c.GetHeader("Authorization")})
	}
	r := gin.New()
	r.Use(l.Around(auth, policy(t, "client: 5/1m by ip"), policy(t, "user: 2/1m by user")))
	r.GET("/", ok)
	as := func(user string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", user) }
	}
	wantStatus(t, get(r, "/", as("a")), http.StatusOK)
	wantStatus(t, get(r, "/", as("a")), http.StatusOK)
	wantStatus(t, get(r, "/", as("a")), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", as("b")), http.StatusOK)
	wantStatus(t, get(r, "/"), http.StatusUnauthorized)
	wantStatus(t, get(r, "/"), http.StatusUnauthorized)
	before := verified
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", as("b")), http.StatusTooManyRequests)
	if verified != before {
		t.Error("a request over the limit of its address reached the authentication")
	}
}
