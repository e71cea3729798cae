package ratelimit_test

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

// fullStore is a limiter whose store has room for four keys, and is full of keys of
// another policy whose window is over after a while.
func fullStore(t *testing.T, others ratelimit.Policy) *ratelimit.Limiter {
	t.Helper()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 4})
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, ratelimit.Config{Store: store})
	for i := range 4 {
		take(t, l, others, "198.51.100."+strconv.Itoa(i), 1)
	}
	return l
}

func TestAPolicyInTwoGatesCountsOnceInAFullStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := policy(t, "p: 10/1h by ip")
		l := fullStore(t, p)
		r := gin.New()
		r.GET("/", l.Use(p), l.Use(p), ok)
		n := 0
		for range 21 {
			if get(r, "/").Code == 200 {
				n++
			}
		}
		if n != 10 {
			t.Errorf("%d of 10 admitted", n)
		}
	})
}

func TestACostlierAroundChargesTheRestOfWhatAnEarlierStepCharged(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 20/1h by ip")
	p.Cost = func(*gin.Context) int64 { return 2 }
	q := p
	q.Cost = func(*gin.Context) int64 { return 10 }
	r := gin.New()
	r.GET("/", l.Use(p), l.Around(func(*gin.Context) {}, q), ok)
	wantStatus(t, get(r, "/"), 200)
	if res, err := l.Peek(t.Context(), charge(p, "192.0.2.1")); err != nil || res.Remaining != 10 {
		t.Errorf("%d remain, %v", res.Remaining, err)
	}
	wantStatus(t, get(r, "/"), 200)
	wantStatus(t, get(r, "/"), 429)
}

// What a refusal has given back is charged again when the request goes on elsewhere.
func TestARefusedRequestThatGoesOnElsewhereIsLimitedThere(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	outer, inner := policy(t, "outer: 5/1h by ip"), policy(t, "inner: 1/1h by ip")
	r, ran := gin.New(), 0
	r.Use(l.Use(outer))
	r.GET("/fallback", func(c *gin.Context) { ran++; ok(c) })
	r.GET("/", func(c *gin.Context) {
		c.Next()
		if c.IsAborted() && c.Request.URL.Path == "/" {
			c.Request.URL.Path = "/fallback"
			r.HandleContext(c)
		}
	}, l.Use(inner), ok)
	for range 20 {
		get(r, "/")
	}
	if ran > 5 {
		t.Errorf("the fallback ran %d times, the limit is 5", ran)
	}
}

func TestAKeyWhoseStoreFillsWhileItsRequestRunsGetsItsLimitOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := policy(t, "p: 3/1h by ip")
		l := fullStore(t, policy(t, "q: 3/1s by ip"))
		r := gin.New()
		r.GET("/", l.Around(func(c *gin.Context) {
			if c.Query("slow") != "" {
				time.Sleep(2 * time.Second) // simulated
			}
		}, p), ok)
		var n atomic.Int64
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if get(r, "/?slow=1").Code == 200 {
					n.Add(1)
				}
			})
		}
		time.Sleep(1500 * time.Millisecond) // simulated: now there is room
		for range 3 {
			if get(r, "/").Code == 200 {
				n.Add(1)
			}
		}
		wg.Wait()
		if n.Load() != 3 {
			t.Errorf("%d of 3 admitted", n.Load())
		}
	})
}

// A key's own log that another charge of the same call sweeps away is judged by what
// it was, not by what others share.
func TestAKeySweptWithinItsOwnCallGetsItsLimitOnce(t *testing.T) {
	t.Parallel()
	for trial := range 40 { // where keys fall is chance
		synctest.Test(t, func(t *testing.T) {
			store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 4})
			if err != nil {
				t.Fatal(err)
			}
			l := newLimiter(t, ratelimit.Config{Store: store})
			p, q := policy(t, "p: 3/10s by user"), policy(t, "q: 100/1s by tenant")
			take(t, l, p, "victim", 1)
			for i := range 3 {
				take(t, l, q, fmt.Sprint("fill", trial, i), 1)
			}
			time.Sleep(999 * time.Millisecond)
			take(t, l, p, "other", 1)
			time.Sleep(9001 * time.Millisecond) // the victim's log is over, the shared one is not
			n := 0
			for _, wait := range []time.Duration{0, 1100 * time.Millisecond} {
				time.Sleep(wait)
				for i := range 40 {
					res, err := l.Take(t.Context(), charge(q, fmt.Sprint("new", wait, i)), charge(p, "victim"))
					if err != nil {
						t.Fatal(err)
					}
					if res.Allowed {
						n++
					}
				}
			}
			if n != 3 {
				t.Errorf("%d of 3 admitted", n)
			}
		})
	}
}

// While a request authenticates there is room again, and its key gets a log of its
// own: what does not count is given back there, not to what others share.
func TestWhatAKeyOfANoLongerFullStoreWasChargedIsGivenBackToIt(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]string{
		"one policy":   {"a: 200/1h by ip"},
		"two policies": {"a: 200/1h by ip", "b: 200/1h by ip"},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := fullStore(t, policy(t, "others: 3/1s by ip"))
			policies := make([]ratelimit.Policy, len(rules))
			for i, rule := range rules {
				policies[i] = policy(t, rule)
				policies[i].CountIf = ratelimit.Failures
			}
			r := gin.New()
			r.GET("/", l.Around(func(*gin.Context) {
				time.Sleep(1500 * time.Millisecond) // simulated: now there is room
				for _, p := range policies {
					take(t, l, p, "192.0.2.1", 1) // of another request
				}
			}, policies...), ok)
			wantStatus(t, get(r, "/"), 200)
			for _, p := range policies {
				if res, err := l.Peek(t.Context(), charge(p, "192.0.2.1")); err != nil || res.Remaining != 199 {
					t.Errorf("%s: %d of %s left, want 199 (%v)", name, res.Remaining, p.Name, err)
				}
			}
		})
	}
}
