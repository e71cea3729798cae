package ratelimit_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// A request that finds no slot has given back what it was charged: nothing of it is
// given back again, or counts towards a lockout.
func TestARequestWithoutASlotGivesBackOnlyItsOwn(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		countIf func(int) bool
		lockout time.Duration
	}{
		"some count":   {func(status int) bool { return status == 401 }, 0},
		"failures do":  {ratelimit.Failures, 0},
		"with lockout": {ratelimit.Failures, time.Hour},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, ratelimit.Config{})
			p := policy(t, "p: 5/1h by ip")
			p.CountIf, p.Lockout = tc.countIf, tc.lockout
			r, release, done := gin.New(), make(chan struct{}), make(chan struct{})
			r.GET("/", l.Use(p), l.Concurrency(1, ratelimit.ByIP()), func(c *gin.Context) {
				if c.Query("slow") != "" {
					<-release
				}
			})
			r.GET("/plain", l.Use(p), ok)
			go func() {
				get(r, "/?slow=1")
				close(done)
			}()
			synctest.Wait()
			take(t, l, p, "192.0.2.1", 3) // of others, at this very moment
			for range 6 {
				wantStatus(t, get(r, "/"), 429)
			}
			if res, err := l.Peek(t.Context(), charge(p, "192.0.2.1")); err != nil || res.Remaining != 1 {
				t.Errorf("%s: %d left, want 1 (%v)", name, res.Remaining, err)
			}
			close(release)
			<-done
			wantStatus(t, get(r, "/plain"), 200)
		})
	}
}

func TestARequestWithoutASlotMayGoOnElsewhere(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	outer, q := policy(t, "outer: 100/1h by ip"), policy(t, "q: 10/1h by ip")
	outer.CountIf, q.CountIf, q.Lockout = ratelimit.Failures, ratelimit.Failures, time.Hour
	r, release, inside, done := gin.New(), make(chan struct{}), make(chan struct{}), make(chan struct{})
	r.GET("/error", l.Use(q), func(c *gin.Context) { c.Status(429) })
	r.GET("/", l.Use(outer), func(c *gin.Context) {
		c.Next()
		if c.Writer.Status() == 429 {
			c.Request.URL.Path = "/error"
			r.HandleContext(c)
		}
	}, l.Concurrency(1, ratelimit.ByIP()), func(*gin.Context) {
		close(inside)
		<-release
	})
	go func() {
		get(r, "/")
		close(done)
	}()
	<-inside
	wantStatus(t, get(r, "/"), 429) // and no panic
	close(release)
	<-done
}

func TestASmallStepBackOfTheServersClockLengthensTheWindow(t *testing.T) {
	t.Parallel()
	s := &timed{t: t, client: redisClient(t, testserver.Redis(t).Addr), now: 1_700_000_000_000_000, key: "k"}
	s.take(3, time.Minute, 2, false)
	s.now -= 1_000_000
	s.take(3, time.Minute, 1, false)
	s.now += 60_000_000
	if ok, _, _, _ := s.take(3, time.Minute, 1, false); ok {
		t.Error("a fourth of three within a minute")
	}
}

func TestARefundInRedisGivesBackNoMoreThanTheTickHolds(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{5, 500} {
		s := &timed{t: t, client: redisClient(t, testserver.Redis(t).Addr), now: 1_700_000_000_000_000, key: "k"}
		s.take(limit, time.Minute, 1, false)
		_, _, _, stamp := s.take(limit, time.Minute, 1, false)
		s.refund(limit, stamp, 4)
		if ok, left, _, _ := s.take(limit, time.Minute, limit, false); !ok || left != 0 {
			t.Errorf("limit %d: %v, %d left", limit, ok, left)
		}
	}
}

// Two keys in opposite orders lie in shards that are locked in one.
func TestTwoChargesInOppositeOrdersDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p, q := never("p", ratelimit.ByUser()), never("q", ratelimit.ByTenant())
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 5000 {
				a, b := charge(p, strconv.Itoa(i%7)), charge(q, strconv.Itoa(i%5))
				if g%2 == 0 {
					a, b = b, a
				}
				if _, err := l.Take(t.Context(), a, b); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(aWhile):
		t.Fatal("they wait for each other")
	}
}

// The limit is used up by another request while this one authenticates, and fails.
func TestARefusedAuthenticationBeyondTheLimitLocksOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := policy(t, "p: 1/1s by ip")
		p.Lockout = time.Hour
		r := gin.New()
		r.GET("/", l.Around(func(c *gin.Context) {
			take(t, l, p, "192.0.2.1", 1)
			c.AbortWithStatus(401)
		}, p), ok)
		r.GET("/ok", l.Use(p), ok)
		wantStatus(t, get(r, "/"), 401)
		time.Sleep(2 * time.Second) // simulated
		wantStatus(t, get(r, "/ok"), 429)
	})
}

func TestSeveralChargesInAFullStoreAreGivenBackWhereTheyWere(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := fullStore(t, never("others", ratelimit.ByIP()))
		charges := []ratelimit.Charge{charge(policy(t, "p: 1/1h by user"), "a"), charge(policy(t, "q: 1/1h by tenant"), "b")}
		res, err := l.Take(t.Context(), charges...)
		if err != nil || !res.Allowed {
			t.Fatal(res, err)
		}
		l.Refund(t.Context(), &res, charges...)
		if res, err = l.Take(t.Context(), charges...); err != nil || !res.Allowed {
			t.Errorf("not given back: %+v, %v", res, err)
		}
	})
}

// What only reports was not charged over its limit, so nothing of others is given back
// for it.
func TestARefusalGivesBackNothingOfAReportOnlyPolicyOverItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		hard := policy(t, "soft: 1/1h by ip")
		soft, one := hard, policy(t, "one: 1/1h by ip")
		soft.ReportOnly, one.Cost = true, func(*gin.Context) int64 { return 2 }
		r := gin.New()
		r.GET("/", l.Use(soft), l.Use(one), ok)
		take(t, l, hard, "192.0.2.1", 1)
		wantStatus(t, get(r, "/"), 429)
		if n := take(t, l, hard, "192.0.2.1", 1); n != 0 {
			t.Error("the unit of another was given back")
		}
	})
}

// deaf is a client that waits for a connection, whatever becomes of its caller.
type deaf struct {
	rueidis.Client

	until chan struct{}
}

func (d deaf) DoMulti(ctx context.Context, cmds ...rueidis.Completed) []rueidis.RedisResult {
	<-d.until
	return d.Client.DoMulti(ctx, cmds...)
}

func TestResetWaitsForNoClientThatDoesNotLookAtItsContext(t *testing.T) {
	t.Parallel()
	d := deaf{redisClient(t, testserver.Redis(t).Addr), make(chan struct{})}
	time.AfterFunc(10*time.Second, func() { close(d.until) })
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, d)})
	begin := time.Now()
	if err := l.Reset(t.Context(), charge(policy(t, "p: 1/1h by user"), "k")); err == nil || time.Since(begin) > 8*time.Second {
		t.Errorf("waited %v: %v", time.Since(begin), err)
	}
}
