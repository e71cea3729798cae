package ratelimit_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func redisLimiter(t *testing.T) (*ratelimit.Limiter, *testserver.RedisServer) {
	t.Helper()
	server := testserver.Redis(t)
	return newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second, OnStoreFailure: "deny"}), server
}

func TestAroundInFrontOfRedisStopsAFloodBeforeAuthentication(t *testing.T) {
	t.Parallel()
	l, server := redisLimiter(t)
	verified := 0
	r := gin.New()
	r.Use(l.Around(func(c *gin.Context) { verified++; authenticate(c) },
		policy(t, "client: 5/1h by ip"), policy(t, "user: 100/1h by user")))
	r.GET("/", ok)
	start := time.Now()
	wantStatus(t, get(r, "/", as("alice")), http.StatusOK)
	for range 30 {
		get(r, "/", as("bad"))
	}
	w := get(r, "/", as("alice"))
	wantStatus(t, w, http.StatusTooManyRequests)
	if got := w.Header().Get("RateLimit"); !strings.HasPrefix(got, `"client";r=0;t=`) || strings.Contains(got, "user") {
		t.Errorf("RateLimit is %q", got)
	}
	// Five were charged; the sixth was refused by Redis, and each second one more
	// may ask.
	if most := 8 + int(time.Since(start)/time.Second); verified > most {
		t.Errorf("%d of 32 requests reached the authentication", verified)
	}
	server.Do("CONFIG", "RESETSTAT")
	began := time.Now()
	for range 50 {
		get(r, "/", as("bad"))
	}
	if n, most := calls(server, "evalsha"), int(time.Since(began)/time.Second)+2; n > most {
		t.Errorf("50 refused requests asked Redis %d times", n)
	}
}

func TestFailuresAndLockoutsHoldInRedisToo(t *testing.T) {
	t.Parallel()
	l, server := redisLimiter(t)
	p := policy(t, "login: 3/1h by ip")
	p.CountIf, p.Lockout = ratelimit.Failures, 2*time.Hour
	r := gin.New()
	r.Use(l.Use(policy(t, "outer: 100/1h by ip")))
	r.GET("/", l.Use(p), func(c *gin.Context) {
		if c.Query("as") != "good" {
			c.Status(http.StatusUnauthorized)
		}
	})
	for range 10 {
		wantStatus(t, get(r, "/?as=good"), http.StatusOK)
	}
	if n := passes(r, 10, "/"); n != 3 {
		t.Errorf("%d guesses, want 3", n)
	}
	w := get(r, "/?as=good")
	wantStatus(t, w, http.StatusTooManyRequests)
	if wait, _ := strconv.Atoi(w.Header().Get("Retry-After")); wait < 7100 || wait > 7200 || !strings.Contains(w.Body.String(), "locked_out") {
		t.Errorf("not locked out: %v %s", w.Header(), w.Body)
	}
	res, err := l.Peek(t.Context(), charge(policy(t, "outer: 100/1h by ip"), "192.0.2.1"))
	if err != nil || res.Remaining != 87 {
		t.Errorf("the outer limit has %d left, want 87: 13 requests passed it and refusals took nothing (%v)", res.Remaining, err)
	}
	if err := l.Reset(t.Context(), charge(p, "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, get(r, "/?as=good"), http.StatusOK)
	for _, k := range strings.Fields(server.Do("KEYS", "*")) {
		if strings.HasPrefix(k, "ginsec") && strings.HasPrefix(server.Do("PTTL", k), ":-") {
			t.Errorf("%s never expires", k)
		}
	}
}

func TestAPolicyThatOnlyReportsHoldsNobodyInRedis(t *testing.T) {
	t.Parallel()
	l, _ := redisLimiter(t)
	soft := policy(t, "soft: 1/1h by ip")
	soft.ReportOnly = true
	r := gin.New()
	r.GET("/", l.Use(soft, policy(t, "hard: 4/1h by ip")), ok)
	if n := passes(r, 10, "/"); n != 4 {
		t.Errorf("%d passed, want 4", n)
	}
}

// Every replica learns of a lockout once, and then does not forget it while it lasts.
func TestAroundInFrontOfRedisRemembersWhomItHasRefused(t *testing.T) {
	t.Parallel()
	l, _ := redisLimiter(t)
	var verified atomic.Int64
	p := policy(t, "client: 5/1h by ip")
	p.CountIf, p.Lockout = ratelimit.Failures, time.Hour
	r := gin.New()
	r.Use(l.Around(func(c *gin.Context) { verified.Add(1); authenticate(c) }, p))
	r.GET("/", ok)
	for range 8 {
		get(r, "/", as("bad"))
	}
	for range 2 {
		verified.Store(0)
		<-time.After(1100 * time.Millisecond)
		together(50, 1, func() bool { return get(r, "/", as("bad")).Code == http.StatusTooManyRequests })
		if n := verified.Load(); n > 0 {
			t.Errorf("a second later %d of 50 bad tokens of a locked out address were verified", n)
		}
	}
	w := get(r, "/", as("alice"))
	wantStatus(t, w, http.StatusTooManyRequests)
	if wait, _ := strconv.Atoi(w.Header().Get("Retry-After")); wait < 3500 {
		t.Errorf("Retry-After is %d", wait)
	}
	if err := l.Reset(t.Context(), charge(p, "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, get(r, "/", as("alice")), http.StatusOK)
}

// What another replica has given back lets the next one pass that asks.
func TestAroundInFrontOfRedisForgetsWhatIsOver(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	build := func() *ratelimit.Limiter {
		return newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	}
	l, other := build(), build()
	p := policy(t, "client: 1/1h by ip")
	r := gin.New()
	r.Use(l.Around(authenticate, p))
	r.GET("/", ok)
	wantStatus(t, get(r, "/", as("alice")), http.StatusOK)
	wantStatus(t, get(r, "/", as("alice")), http.StatusTooManyRequests)
	if err := other.Reset(t.Context(), charge(p, "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	until(t, aWhile, "the other replica's reset", func() bool { return get(r, "/", as("alice")).Code == http.StatusOK })
}

// Requests under way are charged, and others are refused because of them. When
// they have been given back, nothing of that is left.
func TestARefusalDueToWhatWasGivenBackIsForgotten(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := redisStore(t, redisClient(t, server.Addr))
	l := newLimiter(t, ratelimit.Config{Store: store, Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	p := policy(t, "p: 3/1h by ip")
	p.CountIf = ratelimit.Failures
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	for i := range 100 {
		client := from(fmt.Sprintf("10.0.0.%d:1", i))
		var away atomic.Bool
		ask := func() int {
			w := get(r, "/", client)
			if w.Code == http.StatusServiceUnavailable {
				away.Store(true)
			}
			return w.Code
		}
		together(12, 2, func() bool { return ask() == http.StatusOK })
		// A call that timed out because the machine stood still gives Redis up. If it
		// was one that gives back, no answer tells, and what was charged stays.
		if code := ask(); code != http.StatusOK && !away.Load() && !ratelimit.GivenUp(store) {
			t.Fatalf("a client without a failure is refused with %d", code)
		}
	}
}

// The same in one thread: the refusal is remembered first, then its cause is gone.
func TestARefundForgetsTheRefusalsItCaused(t *testing.T) {
	t.Parallel()
	l, _ := redisLimiter(t)
	p := charge(policy(t, "p: 1/1h by user"), "k")
	for range 3 {
		first, err := l.Take(t.Context(), p)
		if err != nil || !first.Allowed {
			t.Fatal(first, err)
		}
		if second, err := l.Take(t.Context(), p); err != nil || second.Allowed {
			t.Fatal(second, err)
		}
		if err := l.Refund(t.Context(), &first, p); err != nil {
			t.Fatal(err)
		}
	}
}
