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

func TestTheLargestCostsDoNotWrapRound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		const most = 1<<32 - 1
		p := ratelimit.Policy{Name: "p", Limit: most, Window: time.Minute, Key: ratelimit.ByUser()}
		if take(t, l, p, "k", most) != most {
			t.Fatal("the whole limit does not fit")
		}
		for _, cost := range []int64{1, 2, most, 1 << 32, 1<<63 - 1} {
			if take(t, l, p, "k", cost) != 0 {
				t.Errorf("%d more units fit", cost)
			}
		}
	})
}

func TestUnitsANanosecondApartFreeANanosecondApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := ratelimit.Policy{Name: "p", Limit: 2, Window: time.Second, Key: ratelimit.ByUser()}
		take(t, l, p, "k", 1)
		time.Sleep(time.Nanosecond)
		take(t, l, p, "k", 1)
		for range 3 {
			time.Sleep(p.Window - 1)
			first, early := take(t, l, p, "k", 1), take(t, l, p, "k", 1)
			time.Sleep(time.Nanosecond)
			if second := take(t, l, p, "k", 1); first != 1 || early != 0 || second != 1 {
				t.Fatalf("%d, %d and %d units at the edge, want 1, 0 and 1", first, early, second)
			}
		}
	})
}

func TestTheHeaderTellsWhenTheOldestUnitsAreFree(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		r := gin.New()
		one := ratelimit.Policy{Name: "p", Limit: 1000, Window: 128 * time.Second, Key: ratelimit.ByIP()}
		two := one
		two.Name = "q"
		r.GET("/one", l.Use(one), ok)
		r.GET("/two", l.Use(two, ratelimit.Policy{Name: "r", Limit: 1000, Window: 128 * time.Second, Key: ratelimit.Global()}), ok)
		for n, want := range []string{`"p";r=999;t=129`, `"p";r=998;t=119`, `"p";r=997;t=119`} {
			if got := get(r, "/one").Header().Get("RateLimit"); got != want {
				t.Errorf("request %d: %s, want %s", n, got, want)
			}
			get(r, "/two")
			if n == 0 {
				time.Sleep(10 * time.Second)
			}
		}
		if got, want := get(r, "/two").Header().Get("RateLimit"), `"q";r=996;t=119, "r";r=996;t=119`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// Keys are looked for to be forgotten whenever a new one comes.
func TestNoKeyIsForgottenInItsLastTick(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{100, 200} {
		synctest.Test(t, func(t *testing.T) {
			l := smallLimiter(t, 30)
			p := ratelimit.Policy{Name: "p", Limit: limit, Window: 128 * time.Second, Key: ratelimit.ByUser()}
			time.Sleep(900 * time.Millisecond) // towards the end of a tick of a second
			take(t, l, p, "k", limit)
			time.Sleep(p.Window - 1)
			for i := range 100 {
				take(t, l, p, fmt.Sprint(i), 1)
			}
			if take(t, l, p, "k", 1) != 0 {
				t.Error("an exhausted key was forgotten a nanosecond before its window was over")
			}
		})
	}
}

func TestManyUnitsOfOneTickAreOneEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := ratelimit.Policy{Name: "p", Limit: 2000, Window: 128 * time.Second, Key: ratelimit.ByUser()}
		admitted := 0
		for i := range 3000 { // beside a new key, so that each takes the long way
			r, err := l.Take(t.Context(), charge(p, "k"), charge(p, fmt.Sprint(i)))
			if err != nil {
				t.Fatal(err)
			}
			if r.Allowed {
				admitted++
			}
		}
		if admitted != 2000 {
			t.Errorf("%d admitted, want 2000", admitted)
		}
	})
}

func TestNoMoreIsGivenBackThanIsThere(t *testing.T) {
	t.Parallel()
	for name, open := range bothStores() {
		if name == "in Redis" {
			continue // two calls are never of one tick there
		}
		synctest.Test(t, func(t *testing.T) {
			l := open(t)
			for _, limit := range []int64{10, 1000} {
				p := ratelimit.Policy{Name: fmt.Sprint("p", limit), Limit: limit, Window: time.Minute, Key: ratelimit.ByUser()}
				c := ratelimit.Charge{Policy: p, Key: "k", Cost: 5}
				r, err := l.Take(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if err := l.Reset(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				take(t, l, p, "k", 1)
				if err := l.Refund(t.Context(), &r, c); err != nil {
					t.Fatal(err)
				}
				if take(t, l, p, "k", limit) != limit || take(t, l, p, "k", 1) != 0 {
					t.Errorf("a limit of %d is another after a refund of what had been reset", limit)
				}
			}
		})
	}
}

// Such as requests that do not count in the end.
func TestWhatIsGivenBackLeavesNothingInALog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := ratelimit.Policy{Name: "p", Limit: 2, Window: time.Minute, Key: ratelimit.ByUser()}
		take(t, l, p, "k", 1)
		for range 3000 {
			time.Sleep(time.Nanosecond)
			r, err := l.Take(t.Context(), charge(p, "k"))
			if err != nil || !r.Allowed {
				t.Fatal("refused, although all was given back", err)
			}
			if err := l.Refund(t.Context(), &r, charge(p, "k")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		take(t, l, p, "k", 1)
		if r, err := l.Take(t.Context(), charge(p, "k")); err != nil || r.RetryAfter != 59*time.Second-3000 {
			t.Errorf("told to come back in %v (%v)", r.RetryAfter, err)
		}
	})
}

func TestALargeLimitFreesAtMostA128thLate(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{128, 129, 100_000} {
		for _, window := range []time.Duration{time.Millisecond, time.Millisecond + 1, 1001 * time.Microsecond, time.Second + 1, time.Minute, 366 * 24 * time.Hour} {
			tick, keep, _ := ratelimit.RuleArgs(limit, window)
			least, most := window, window+window/128+3*128*time.Microsecond
			if counts := time.Duration(tick*keep) * time.Microsecond; counts < least || counts > most+time.Duration(tick)*time.Microsecond {
				t.Errorf("%d per %v: an event counts %d ticks of %d µs", limit, window, keep, tick)
			}
			if limit > 128 && keep > 130 {
				t.Errorf("%d per %v: a log has up to %d events", limit, window, keep)
			}
		}
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(t, ratelimit.Config{})
			p := ratelimit.Policy{Name: "p", Limit: limit, Window: 128 * time.Second, Key: ratelimit.ByUser()}
			take(t, l, p, "k", limit)
			r, err := l.Take(t.Context(), charge(p, "k"))
			if err != nil || r.RetryAfter < p.Window || r.RetryAfter > p.Window+time.Second {
				t.Errorf("a limit of %d is free again after %v (%v)", limit, r.RetryAfter, err)
			}
		})
	}
}

func TestPeekChargesNothingOfOneOrOfSeveral(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		a, b := charge(never("a", ratelimit.ByUser()), "k"), charge(never("b", ratelimit.ByUser()), "k")
		for range 3 {
			if _, err := l.Take(t.Context(), a, b); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				one, _ := l.Peek(t.Context(), a)
				two, _ := l.Peek(t.Context(), a, b)
				if one.Remaining != two.Remaining {
					t.Fatalf("%d and %d left", one.Remaining, two.Remaining)
				}
			}
		}
		if r, _ := l.Peek(t.Context(), a, b); r.Remaining != a.Policy.Limit-3 {
			t.Errorf("%d left after three charges", r.Remaining)
		}
	})
}

func TestKeysInAnotherOrderDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := never("p", ratelimit.ByUser())
	done := make(chan bool)
	for g := range 8 {
		go func() {
			for i := range 3000 {
				a, b := charge(p, fmt.Sprint(i%50)), charge(p, fmt.Sprint(i%50+1))
				if g%2 == 0 {
					a, b = b, a
				}
				_, _ = l.Take(t.Context(), a, b)
			}
			done <- true
		}()
	}
	for range 8 {
		select {
		case <-done:
		case <-time.After(aWhile):
			t.Fatal("they wait for each other")
		}
	}
}

func TestOneTextIsAnotherKeyForEachKind(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	one := func(k ratelimit.Key) ratelimit.Policy {
		return ratelimit.Policy{Name: "p", Limit: 1, Window: time.Hour, Key: k}
	}
	text := func(s string) ratelimit.Key {
		return ratelimit.By(func(*gin.Context) (string, bool) { return s, true })
	}
	r := gin.New()
	r.Use(authenticate)
	keys := []ratelimit.Key{
		ratelimit.ByUser(), ratelimit.ByTenant(), ratelimit.ByRoute(), text("same"), text(""), ratelimit.Global(),
		ratelimit.ByAPIKey("X-A"), ratelimit.ByAPIKey("X-B"), text("/2"), ratelimit.ByUser().And(ratelimit.ByTenant()),
	}
	for i, k := range keys {
		r.GET(fmt.Sprint("/", i), l.Use(one(k)), ok)
	}
	same := func(r *http.Request) {
		for _, name := range []string{"Authorization", "X-A", "X-B"} {
			r.Header.Set(name, "same")
		}
	}
	for i := range keys {
		wantStatus(t, get(r, fmt.Sprint("/", i), same), http.StatusOK)
		wantStatus(t, get(r, fmt.Sprint("/", i), same), http.StatusTooManyRequests)
	}
	// Outside requests the same kinds are the same keys.
	for i, key := range []string{"same", "same", "/2", "same", "", "", "same", "same", "/2"} {
		if take(t, l, one(keys[i]), key, 1) != 0 {
			t.Errorf("key %d is another outside of requests", i)
		}
	}
}
