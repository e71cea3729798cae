package ratelimit_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

func smallLimiter(t *testing.T, keys int) *ratelimit.Limiter {
	t.Helper()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return newLimiter(t, ratelimit.Config{Store: store})
}

// take charges cost units and returns how many were admitted.
func take(t *testing.T, l *ratelimit.Limiter, p ratelimit.Policy, key string, cost int64) int64 {
	t.Helper()
	r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Key: key, Cost: cost})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Allowed {
		return 0
	}
	return cost
}

// What a key got of the count that new keys of a full store share is not free again
// when the store has room for it.
func TestAKeyThatSharedAFullStoreGetsItsLimitOnce(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{5, 1000} {
		synctest.Test(t, func(t *testing.T) {
			l := smallLimiter(t, 2)
			p := ratelimit.Policy{Name: "p", Limit: limit, Window: time.Minute, Key: ratelimit.ByUser()}
			take(t, l, p, "first", 1)
			take(t, l, p, "second", 1)
			time.Sleep(59 * time.Second)
			got := int64(0)
			for range 3 * limit { // over more ticks than an entry holds without a block
				got += take(t, l, p, "late", 1)
				time.Sleep(10 * time.Second / time.Duration(3*limit))
			}
			if got != limit {
				t.Errorf("%d admitted within 10 seconds, of %d a minute", got, limit)
			}
			time.Sleep(time.Minute)
			if take(t, l, p, "late", limit) != limit {
				t.Error("what was shared is not free again")
			}
		})
	}
}

func TestAroundKnowsWhatAFullStoreShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := smallLimiter(t, 2)
		verified := 0
		r := gin.New()
		r.Use(l.Around(func(c *gin.Context) { verified++; authenticate(c) }, policy(t, "client: 2/1m by ip")))
		r.GET("/", ok)
		get(r, "/", as("bad"), from("192.0.2.8:1"))
		get(r, "/", as("bad"), from("192.0.2.9:1"))
		time.Sleep(59 * time.Second)
		for range 20 {
			get(r, "/", as("bad"))
			time.Sleep(100 * time.Millisecond) // the first two are over after a second
		}
		if verified != 4 {
			t.Errorf("%d bad tokens verified, want 4", verified)
		}
	})
}

// What a new key of a full store gives back others can have.
func TestARefundInAFullStoreGoesWhereItCameFrom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := smallLimiter(t, 1)
		p := ratelimit.Policy{Name: "p", Limit: 2, Window: time.Minute, Key: ratelimit.ByUser()}
		take(t, l, p, "first", 1)
		for i := range 10 {
			c := charge(p, fmt.Sprint("late", i))
			r, err := l.Take(t.Context(), c)
			if err != nil || !r.Allowed {
				t.Fatalf("key %d is refused although all gave back what they took: %v", i, err)
			}
			if err := l.Refund(t.Context(), &r, c); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A unit that was charged to the shared count is not given back to the key's own.
func TestARefundTakesNothingFromAnotherLog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := smallLimiter(t, 2)
		short := ratelimit.Policy{Name: "s", Limit: 1, Window: time.Millisecond, Key: ratelimit.ByUser()}
		p := ratelimit.Policy{Name: "p", Limit: 200, Window: time.Hour, Key: ratelimit.ByUser()}
		take(t, l, short, "first", 1)
		take(t, l, short, "second", 1)
		c := ratelimit.Charge{Policy: p, Key: "k", Cost: 100}
		shared, err := l.Take(t.Context(), c)
		if err != nil || !shared.Allowed {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Millisecond)
		if take(t, l, p, "k", 100) != 100 {
			t.Fatal("200 do not fit")
		}
		if err := l.Refund(t.Context(), &shared, c); err != nil {
			t.Fatal(err)
		}
		if n := take(t, l, p, "k", 101); n != 0 {
			t.Error("more than 100 units were given back")
		}
	})
}

// Windows that differ by less than a microsecond have ticks of their own.
func TestWindowsThatAlmostAgreeDoNotFreeEachOther(t *testing.T) {
	t.Parallel()
	l, server := redisLimiter(t)
	p := ratelimit.Policy{Name: "p", Limit: 200, Window: 128 * time.Second, Key: ratelimit.ByUser()}
	q := p
	q.Window++
	got := int64(0)
	for range 5 {
		got += take(t, l, p, "k", 200)
		take(t, l, q, "k", 1)
	}
	if got != 200 {
		t.Errorf("%d units of 200", got)
	}
	server.Do("FLUSHALL")
}

// A step that takes more of a limit than an outer one has taken charges the rest.
func TestAStepThatCostsMoreChargesTheRest(t *testing.T) {
	t.Parallel()
	for name, open := range bothStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			p := policy(t, "p: 10/1h by ip")
			costly, cheap := p, p
			costly.Cost = func(*gin.Context) int64 { return 4 }
			cheap.Cost = func(*gin.Context) int64 { return 0 }
			left := func() int64 {
				res, err := l.Peek(t.Context(), charge(p, "192.0.2.1"))
				if err != nil {
					t.Fatal(err)
				}
				return res.Remaining
			}
			r := gin.New()
			r.Use(l.Use(p))
			r.GET("/costly", l.Use(costly), ok)
			r.GET("/cheap", l.Use(cheap), l.Use(costly), l.Use(costly), ok)
			wantStatus(t, get(r, "/costly"), http.StatusOK)
			if n := left(); n != 6 {
				t.Errorf("%d left after a request of 4 units, want 6", n)
			}
			wantStatus(t, get(r, "/cheap"), http.StatusOK)
			if n := left(); n != 2 {
				t.Errorf("%d left after two requests of 4 units, want 2", n)
			}
			wantStatus(t, get(r, "/costly"), http.StatusTooManyRequests)
			if n := left(); n != 2 {
				t.Errorf("%d left after a refused request, want 2", n)
			}
		})
	}
}

// A lockout that begins when a full store has room again is of one key, too.
func TestALockoutIsNeverOfTheKeysThatShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := smallLimiter(t, 3)
		short := ratelimit.Policy{Name: "s", Limit: 1, Window: 10 * time.Second, Key: ratelimit.ByUser()}
		p := policy(t, "p: 1/1m by ip")
		p.CountIf, p.Lockout = ratelimit.Failures, time.Hour
		r := gin.New()
		r.GET("/bad", l.Use(p), func(c *gin.Context) {
			time.Sleep(20 * time.Second) // a, b and c are over
			for range 8 {
				_, _ = l.Peek(t.Context(), charge(short, "f")) // looks for the expired
			}
			c.Status(http.StatusUnauthorized)
		})
		r.GET("/", l.Use(p), ok)
		take(t, l, short, "a", 1)
		take(t, l, short, "b", 1)
		take(t, l, short, "c", 1)
		wantStatus(t, get(r, "/bad"), http.StatusUnauthorized)
		time.Sleep(2 * time.Minute)
		take(t, l, short, "d", 1)
		take(t, l, short, "e", 1)
		wantStatus(t, get(r, "/"), http.StatusTooManyRequests) // locked out
		wantStatus(t, get(r, "/", from("203.0.113.1:1")), http.StatusOK)
	})
}

func TestATighterStepOfALowerCostIsOnlyChecked(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	outer, inner := policy(t, "p: 10/1h by ip"), policy(t, "p: 5/1h by ip")
	outer.Cost = func(*gin.Context) int64 { return 4 }
	r := gin.New()
	r.Use(l.Use(outer))
	r.GET("/", l.Use(inner), ok)
	for _, status := range []int{http.StatusOK, http.StatusTooManyRequests} {
		wantStatus(t, get(r, "/"), status)
		if res, err := l.Peek(t.Context(), charge(outer, "192.0.2.1")); err != nil || res.Remaining != 6 {
			t.Errorf("%d left, want 6 (%v)", res.Remaining, err)
		}
	}
}

func TestAStepThatDeniesHoldsBehindOneThatOnlyReports(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	strict := policy(t, "p: 1/1h by ip")
	soft := strict
	soft.ReportOnly = true
	r := gin.New()
	r.Use(l.Use(soft))
	r.GET("/", l.Use(strict), ok)
	wantStatus(t, get(r, "/"), http.StatusOK)
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
}

func TestAHandlerMountedTwiceAsksOnce(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	asked := 0
	p := policy(t, "p: 10/1h by ip")
	p.Cost = func(*gin.Context) int64 { asked++; return int64(asked) }
	h := l.Use(p)
	r := gin.New()
	r.GET("/", h, h, ok)
	wantStatus(t, get(r, "/"), http.StatusOK)
	if res, err := l.Peek(t.Context(), charge(p, "192.0.2.1")); asked != 1 || err != nil || res.Remaining != 9 {
		t.Errorf("asked %d times, %d left (%v)", asked, res.Remaining, err)
	}
}

func TestAPlanThatIsNotValidRefuses(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	var limit int64
	var window time.Duration
	p := policy(t, "p: 10/1h by ip")
	p.Plan = func(*gin.Context) (int64, time.Duration) { return limit, window }
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	for _, limit = range []int64{-1, 0, 1 << 32} {
		window = time.Hour
		wantStatus(t, get(r, "/"), http.StatusInternalServerError)
	}
	for _, window = range []time.Duration{-1, 0, time.Millisecond - 1, 366*24*time.Hour + 1} {
		limit = 10
		wantStatus(t, get(r, "/"), http.StatusInternalServerError)
	}
}

func TestAClientThatComesBackWhenToldIsNotEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		r := gin.New()
		r.GET("/", l.Use(policy(t, "p: 1/1m by ip")), ok)
		wantStatus(t, get(r, "/"), http.StatusOK)
		time.Sleep(500 * time.Millisecond)
		w := get(r, "/")
		wantStatus(t, w, http.StatusTooManyRequests)
		if after, state := w.Header().Get("Retry-After"), w.Header().Get("RateLimit"); after != "60" || state != `"p";r=0;t=60` {
			t.Errorf("59.5 seconds are told as %s and %s", after, state)
		}
	})
}
