package ratelimit_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/ratelimit"
)

func TestKeysTellClientsApart(t *testing.T) {
	t.Parallel()
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	for name, tc := range map[string]struct {
		rule       string
		same, diff []func(*http.Request)
	}{
		"by ip": {
			"p: 1/1h by ip",
			[]func(*http.Request){from("192.0.2.1:1"), from("192.0.2.1:2"), from("[::ffff:192.0.2.1]:3"), header("X-Forwarded-For", "198.51.100.9"), header("X-Real-IP", "198.51.100.9")},
			[]func(*http.Request){from("192.0.2.2:1"), from("[2001:db8::1]:1")},
		},
		"by ip, one /64": {
			"p: 1/1h by ip",
			[]func(*http.Request){from("[2001:db8::1]:1"), from("[2001:db8::ffff:1]:1"), from("[2001:db8:0:0:1::%25eth0]:1")},
			[]func(*http.Request){from("[2001:db8:0:1::1]:1")},
		},
		"by ip, unknown": {
			"p: 1/1h by ip",
			[]func(*http.Request){from("@"), from(""), from("nonsense"), from("192.0.2.1")},
			[]func(*http.Request){from("192.0.2.1:1")},
		},
		"by user": {
			"p: 1/1h by user",
			[]func(*http.Request){as("a/x"), as("a/x")},
			[]func(*http.Request){as("a/y"), as("A/x")},
		},
		"by tenant": {
			"p: 1/1h by tenant",
			[]func(*http.Request){as("a/x"), as("a/y")},
			[]func(*http.Request){as("b/x")},
		},
		"by user, nobody": {
			"p: 1/1h by user",
			[]func(*http.Request){as("none"), as("none")},
			[]func(*http.Request){as("x")},
		},
		"by header": {
			"p: 1/1h by header X-Api-Key",
			[]func(*http.Request){header("X-Api-Key", "k"), header("x-api-key", "k")},
			[]func(*http.Request){header("X-Api-Key", "K"), header("X-Api-Key", "")},
		},
		"by user or ip": {
			"p: 1/1h by user-or-ip",
			[]func(*http.Request){as("none"), as("none")},
			[]func(*http.Request){as("x"), as("y")},
		},
		"joined": {
			"p: 1/1h by header A+header B",
			[]func(*http.Request){func(r *http.Request) { r.Header.Set("A", "xy"); r.Header.Set("B", "z") }, func(r *http.Request) { r.Header.Set("A", "xy"); r.Header.Set("B", "z") }},
			[]func(*http.Request){func(r *http.Request) { r.Header.Set("A", "x"); r.Header.Set("B", "yz") }, func(r *http.Request) { r.Header.Set("A", "xy") }, func(r *http.Request) { r.Header.Set("B", "z") }},
		},
		"global": {"p: 1/1h global", []func(*http.Request){from("192.0.2.1:1"), from("192.0.2.2:1")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, ratelimit.Config{})
			r := gin.New()
			r.Use(func(c *gin.Context) {
				if c.GetHeader("Authorization") != "none" && c.GetHeader("Authorization") != "" {
					authenticate(c)
				}
			})
			r.GET("/", l.Use(policy(t, tc.rule)), ok)
			for i, edit := range tc.same {
				want := http.StatusTooManyRequests
				if i == 0 {
					want = http.StatusOK
				}
				if w := get(r, "/", edit); w.Code != want {
					t.Errorf("request %d of one client: %d, want %d", i, w.Code, want)
				}
			}
			for i, edit := range tc.diff {
				if w := get(r, "/", edit); w.Code != http.StatusOK {
					t.Errorf("another client %d is refused", i)
				}
			}
		})
	}
}

// ASVS 4.1.3, 15.3.4: only proxies that are named say who the client is.
func TestBehindProxiesTheClientIsWhoTheySay(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	r := gin.New()
	r.GET("/", l.Use(policy(t, "p: 1/1h by ip")), ok)
	via := func(peer, header string) func(*http.Request) {
		return func(r *http.Request) { r.RemoteAddr = peer; r.Header.Set("X-Forwarded-For", header) }
	}
	wantStatus(t, get(r, "/", via("10.0.0.1:1", "203.0.113.1")), http.StatusOK)
	wantStatus(t, get(r, "/", via("10.0.0.2:1", "spoofed, 203.0.113.1")), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", via("10.0.0.2:1", "203.0.113.2")), http.StatusOK)
	wantStatus(t, get(r, "/", via("192.0.2.7:1", "203.0.113.3")), http.StatusOK)
	wantStatus(t, get(r, "/", via("192.0.2.7:1", "203.0.113.4")), http.StatusTooManyRequests)
}

func TestInUseAPolicyByUserIsNoBypassWithoutAPrincipal(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.GET("/", l.Use(policy(t, "user: 3/1h by user")), ok) // nobody authenticates
	passed := 0
	for i := range 10 {
		passed += passes(r, 1, "/", from(fmt.Sprintf("192.0.2.%d:1", i)))
	}
	if passed != 3 {
		t.Errorf("%d requests without a principal passed a policy by user, want 3", passed)
	}
}

func TestPrincipalsOfSeveralIssuersCountAlikeInAndOutsideRequests(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 2/1h by user")
	r := gin.New()
	r.Use(func(c *gin.Context) { identity.Set(c, &identity.Principal{Namespace: "idp", Subject: "alice"}) })
	r.GET("/", l.Use(p), ok)
	wantStatus(t, get(r, "/"), http.StatusOK)
	who := &identity.Principal{Namespace: "idp", Subject: "alice"}
	if res, err := l.Take(t.Context(), charge(p, who.ID())); err != nil || !res.Allowed || res.Remaining != 0 {
		t.Error(res, err)
	}
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
}

func TestAPolicyByAFunctionMustHaveAName(t *testing.T) {
	t.Parallel()
	byQuery := func(name string) ratelimit.Key {
		return ratelimit.By(func(c *gin.Context) (string, bool) { return c.Query(name), true })
	}
	for name, key := range map[string]ratelimit.Key{"alone": byQuery("a"), "joined": ratelimit.ByIP().And(byQuery("a"))} {
		err := ratelimit.PerMinute(5, key).Check()
		var typed *ratelimit.Error
		if !errors.As(err, &typed) || typed.Field != "Policy.Name" {
			t.Errorf("%s: without a name: %v", name, err)
		}
	}
	named := func(name string, k ratelimit.Key) ratelimit.Policy {
		return ratelimit.Policy{Name: name, Limit: 1, Window: time.Hour, Key: k}
	}
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.Use(l.Use(named("mail", byQuery("mail"))))
	r.GET("/", l.Use(named("order", byQuery("order"))), ok)
	wantStatus(t, get(r, "/?mail=1&order=2"), http.StatusOK)
	wantStatus(t, get(r, "/?mail=2&order=1"), http.StatusOK)
}
