package ratelimit_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// Policies are made ready once. One that differs in a single field is another one.
func TestAPolicyIsNotTakenForOneThatDiffersInOneField(t *testing.T) {
	t.Parallel()
	base := policy(t, "p: 2/1h by user")
	for name, tc := range map[string]struct {
		change func(*ratelimit.Policy)
		left   int64 // after one unit of each
	}{
		"nothing": {func(*ratelimit.Policy) {}, 0},
		"limit":   {func(p *ratelimit.Policy) { p.Limit = 5 }, 3},
		"window":  {func(p *ratelimit.Policy) { p.Window = 2 * time.Hour }, 1},
		"key":     {func(p *ratelimit.Policy) { p.Key = ratelimit.ByTenant() }, 1},
		"name":    {func(p *ratelimit.Policy) { p.Name = "q" }, 1},
		"plan": {func(p *ratelimit.Policy) {
			p.Plan = func(*gin.Context) (int64, time.Duration) { return 1, time.Hour }
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, ratelimit.Config{})
			other := base
			tc.change(&other)
			take(t, l, base, "k", 1)
			r, err := l.Take(t.Context(), charge(other, "k"))
			if err != nil || r.Remaining != tc.left {
				t.Errorf("%d left, want %d (%v)", r.Remaining, tc.left, err)
			}
		})
	}
}

func TestAPolicyThatReportsIsNotTakenForOneThatDoesNot(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	strict := policy(t, "p: 1/1h by user")
	soft := strict
	soft.ReportOnly = true
	if take(t, l, strict, "k", 1) != 1 || take(t, l, soft, "k", 1) != 1 || take(t, l, strict, "k", 1) != 0 {
		t.Error("the policies are taken for each other")
	}
}

func TestAPolicyWithALockoutIsNotTakenForOneWithout(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	without := policy(t, "p: 1/1h by ip")
	with := without
	with.Lockout = 2 * time.Hour
	r := gin.New()
	r.GET("/", l.Use(with), ok)
	take(t, l, without, "198.51.100.1", 1)
	wantStatus(t, get(r, "/"), http.StatusOK)
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	if err := l.Reset(t.Context(), charge(with, "192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, get(r, "/"), http.StatusOK)
}

func TestAPolicyThatDeniesIsNotTakenForOneThatCountsHere(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	server.Kill()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, DisableCache: true, ForceSingleClient: true})
	if client == nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client)})
	here := policy(t, "p: 5/1h by user")
	deny, allow := here, here
	deny.OnStoreFailure, allow.OnStoreFailure = "deny", "allow"
	take(t, l, here, "k", 5)
	if _, err := l.Take(t.Context(), charge(deny, "k")); err == nil {
		t.Error("a policy that denies is counted here")
	}
	if take(t, l, allow, "k", 1) != 1 || take(t, l, here, "k", 1) != 0 {
		t.Error("a policy that allows is taken for one that counts")
	}
}

// A plan's windows have logs of their own, whose ticks never meet.
func TestPlansWithOtherWindowsCountApart(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 200/1h by ip")
	p.Plan = func(c *gin.Context) (int64, time.Duration) {
		d, _ := time.ParseDuration(c.Query("window"))
		return 200, d
	}
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	for _, window := range []string{"1h", "2h", "90m"} {
		if n := passes(r, 210, "/?window="+window); n != 200 {
			t.Errorf("%d of 200 passed in a window of %s", n, window)
		}
	}
	for _, window := range []string{"1h", "2h", "90m"} {
		wantStatus(t, get(r, "/?window="+window), http.StatusTooManyRequests)
	}
}

func TestSeveralChargesOfOneCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p, q := policy(t, "p: 5/1h by user"), policy(t, "q: 3/2h by user")
		all := func(key string, charges ...ratelimit.Charge) ratelimit.Result {
			t.Helper()
			for i := range charges {
				charges[i].Key = key
			}
			r, err := l.Take(t.Context(), charges...)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		of := func(p ratelimit.Policy, cost int64) ratelimit.Charge { return ratelimit.Charge{Policy: p, Cost: cost} }
		for i, charges := range [][]ratelimit.Charge{{of(p, 1), of(q, 1)}, {of(q, 1), of(p, 1)}} {
			key := string(rune('a' + i))
			if r := all(key, charges...); r.Remaining != 2 {
				t.Errorf("%d left of the one that has the least, want 2", r.Remaining)
			}
			all(key, of(p, 4))
			all(key, of(q, 2))
			if r := all(key, charges...); r.Allowed || r.RetryAfter != 2*time.Hour || !r.Exceeded(0) || !r.Exceeded(1) {
				t.Errorf("two full limits: %+v", r)
			}
			charges[i].Cost = 6 // p's: never
			if r := all(key, charges...); r.Allowed || r.RetryAfter != 0 {
				t.Errorf("a cost that never fits: %+v", r)
			}
		}
		tight, soft := p, p
		tight.Limit, soft.ReportOnly = 3, true
		if r := all("c", of(p, 2), of(tight, 2)); r.Allowed {
			t.Error("the tighter one of two alike does not hold")
		}
		if r := all("d", of(soft, 3), of(p, 3)); r.Allowed {
			t.Error("the one of two alike that denies does not")
		}
		// What only reports was not charged when it did not fit, and is not given back.
		all("e", of(p, 5))
		r := all("e", of(soft, 1), of(q, 1))
		if !r.Allowed || !r.Exceeded(0) || r.Exceeded(1) {
			t.Errorf("one that reports and one that fits: %+v", r)
		}
		if err := l.Refund(t.Context(), &r, ratelimit.Charge{Policy: soft, Key: "e"}, ratelimit.Charge{Policy: q, Key: "e"}); err != nil {
			t.Fatal(err)
		}
		if all("e", of(p, 1)).Allowed || !all("e", of(q, 3)).Allowed {
			t.Error("a refund gives back something else than what was charged")
		}
	})
}

func TestNoPartOfAKeyReachesIntoAnother(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	text := ratelimit.By(func(*gin.Context) (string, bool) { return "", true })
	p := ratelimit.Policy{Name: "p", Limit: 1, Window: time.Hour, Key: text.And(text)}
	for n := range 256 {
		between := "c" + string([]byte{byte(n)}) // how a part may begin
		for _, parts := range [][2]string{{"x", "y" + between + "z"}, {"x" + between + "y", "z"}} {
			r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Key: parts[0], More: parts[1:]})
			if err != nil || !r.Allowed {
				t.Fatalf("%q is another key's (%v)", parts, err)
			}
		}
	}
}

func TestAnAddressIsOneKeyHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 1/1h by ip")
	for _, same := range [][]string{
		{"192.0.2.1", "::ffff:192.0.2.1", "::ffff:c000:201"},
		{"2001:db8::1", "2001:db8::2", "2001:DB8:0:0:ffff::%eth0"},
		{"2001:db8:0:1::1"},
		{"192.0.2.2"},
	} {
		for i, key := range same {
			if n := take(t, l, p, key, 1); (n == 1) != (i == 0) {
				t.Errorf("%s: %d admitted", key, n)
			}
		}
	}
}

func TestAHugeCostOfARequestFitsNever(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		cost := int64(1)
		p, q := never("p", ratelimit.ByIP()), never("q", ratelimit.ByIP())
		p.Cost = func(*gin.Context) int64 { return cost }
		q.Cost = p.Cost
		r := gin.New()
		r.GET("/one", l.Use(p), ok)
		r.GET("/two", l.Use(p, q), ok)
		for _, path := range []string{"/one", "/two"} {
			cost = 1
			wantStatus(t, get(r, path), http.StatusOK)
			for _, cost = range []int64{1 << 32, 1<<63 - 1, 1<<63 - 2} {
				wantStatus(t, get(r, path), http.StatusTooManyRequests)
			}
		}
	})
}
