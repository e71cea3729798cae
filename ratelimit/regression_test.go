package ratelimit_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func TestNoLogInRedisExpiresBeforeItsWindow(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 128, 129, 1_000_000} {
		for _, window := range []time.Duration{time.Millisecond, 1500 * time.Microsecond, time.Second, 366 * 24 * time.Hour} {
			if _, _, ttl := ratelimit.RuleArgs(limit, window); time.Duration(ttl)*time.Millisecond < window {
				t.Errorf("the log of %d per %v expires after %d ms", limit, window, ttl)
			}
		}
	}
	server := testserver.Redis(t)
	client := redisClient(t, server.Addr)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	if _, err := l.Take(t.Context(), charge(policy(t, "p: 3/1h by user"), "k")); err != nil {
		t.Fatal(err)
	}
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	if ttl, err := client.Do(t.Context(), client.B().Ttl().Key(keys[0]).Build()).AsInt64(); err != nil || ttl < 3590 {
		t.Errorf("the key expires in %d s (%v)", ttl, err)
	}
}

func TestATimeBeforeTheNewestEventFreesNothing(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{3, 500} {
		at := int64(time.Hour)
		if ratelimit.Again(limit, limit, time.Minute, at, at-int64(10*time.Second)) {
			t.Errorf("a full limit of %d has room a moment earlier", limit)
		}
	}
}

func TestALogThatRestsForYearsIsEmpty(t *testing.T) {
	t.Parallel()
	if at := int64(time.Hour); !ratelimit.Again(3, 3, time.Minute, at, at+1<<56) {
		t.Error("a full limit is still full more than two years later")
	}
	const tick = int64(468750000) // of 500 a minute
	if at := tick; !ratelimit.Again(500, 500, time.Minute, at, at+tick<<32) && at+tick<<32 < math.MaxInt64 {
		t.Error("a full limit is still full after 2^32 ticks")
	}
}

// What was given back after the handler is not given back again by a later refusal.
func TestNothingIsGivenBackTwice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // all at one moment: units of the same tick
		l := newLimiter(t, ratelimit.Config{})
		p := policy(t, "p: 10/1h by ip")
		p.CountIf = ratelimit.Failures
		none := policy(t, "none: 1/1h by ip")
		none.Cost = func(*gin.Context) int64 { return 2 }
		r := gin.New()
		r.Use(l.Use(policy(t, "outer: 100/1h by ip")))
		r.GET("/bad", l.Use(p), func(c *gin.Context) { c.Status(http.StatusUnauthorized) })
		r.GET("/good", l.Use(p), ok)
		r.GET("/refused", l.Use(none), ok)
		r.GET("/", func(c *gin.Context) {
			c.Request.URL.Path = "/good"
			r.HandleContext(c)
			c.Request.URL.Path = "/refused"
			r.HandleContext(c)
		})
		get(r, "/bad")
		get(r, "/")
		if res, err := l.Peek(t.Context(), charge(p, "192.0.2.1")); err != nil || res.Remaining != 9 {
			t.Errorf("%d left after one failure, want 9 (%v)", res.Remaining, err)
		}
	})
}

func TestTheRefusalThatStartsALockoutSaysHowLongItLasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := policy(t, "p: 1/1m by ip")
		p.Lockout = time.Hour
		r := gin.New()
		r.GET("/", l.Use(p), ok)
		wantStatus(t, get(r, "/"), http.StatusOK)
		w := get(r, "/")
		wantStatus(t, w, http.StatusTooManyRequests)
		if got := w.Header().Get("Retry-After"); got != "3600" {
			t.Errorf("Retry-After is %q, want 3600", got)
		}
	})
}

func TestARememberedRefusalIsNoneOfASmallerCostOrAHigherLimit(t *testing.T) {
	t.Parallel()
	l, _ := redisLimiter(t)
	p := policy(t, "p: 5/1h by user")
	take := func(p ratelimit.Policy, cost int64) bool {
		r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Key: "k", Cost: cost})
		if err != nil {
			t.Fatal(err)
		}
		return r.Allowed
	}
	if !take(p, 3) || take(p, 4) || !take(p, 2) || take(p, 1) {
		t.Error("a refusal of 4 units is taken for one of fewer")
	}
	if !take(policy(t, "p: 9/1h by user"), 1) {
		t.Error("a refusal of a limit of 5 is taken for one of 9")
	}
}

func TestErrorRepliesInARowGiveRedisUpAndASuccessStartsThemAfresh(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	client := redisClient(t, server.Addr)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	p := policy(t, "p: 1000/1h by user")
	take := func(key string) (failed, givenUp bool) {
		_, err := l.Take(t.Context(), charge(p, key))
		return err != nil, err != nil && strings.Contains(err.Error(), "is not asked")
	}
	take("spoilt")
	keys, err := client.Do(t.Context(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil || len(keys) != 1 {
		t.Fatal(keys, err)
	}
	server.Do("DEL", keys[0])
	server.Do("LPUSH", keys[0], "x") // the script fails on it
	for _, key := range strings.Fields("spoilt spoilt spoilt spoilt good spoilt spoilt spoilt spoilt good") {
		if failed, givenUp := take(key); failed != (key == "spoilt") || givenUp {
			t.Fatalf("%s: failed %v, given up %v", key, failed, givenUp)
		}
	}
	for range 5 {
		take("spoilt")
	}
	if _, givenUp := take("good"); !givenUp {
		t.Error("Redis is still asked after five error replies in a row")
	}
	server.Do("DEL", keys[0])
	until(t, aWhile, "Redis in use again", func() bool { failed, _ := take("good"); return !failed })
}

func TestSeveralAPIKeysAreNoneOfThem(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.GET("/", l.Use(policy(t, "p: 1/1h by header X-Key")), ok)
	keys := func(values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header["X-Key"] = values }
	}
	wantStatus(t, get(r, "/", keys("a")), http.StatusOK)
	wantStatus(t, get(r, "/", keys("a", "b")), http.StatusOK)
	wantStatus(t, get(r, "/", keys("c", "d")), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", keys("")), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/", keys("b")), http.StatusOK)
}

func TestRequestsWithoutAKeyAreNotAllRequests(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	paths := map[string]string{"/global": "global", "/user": "by user", "/tenant": "by tenant", "/header": "by header X-Key"}
	for path, key := range paths {
		r.GET(path, l.Use(policy(t, "p: 1/1h "+key)), ok)
	}
	for path := range paths {
		wantStatus(t, get(r, path), http.StatusOK)
		wantStatus(t, get(r, path), http.StatusTooManyRequests)
	}
}

func TestAStepThatFailsGivesBackWhatTheOuterOnesTook(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	outer, bad := policy(t, "outer: 10/1h by ip"), policy(t, "bad: 10/1h by ip")
	bad.Cost = func(*gin.Context) int64 { return -1 }
	r := gin.New()
	r.Use(l.Use(outer))
	r.GET("/", l.Use(bad), ok)
	wantStatus(t, get(r, "/"), http.StatusInternalServerError)
	if res, err := l.Peek(t.Context(), charge(outer, "192.0.2.1")); err != nil || res.Remaining != 10 {
		t.Errorf("%d left of the outer limit, want 10 (%v)", res.Remaining, err)
	}
}
