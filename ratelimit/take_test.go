package ratelimit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/ratelimit"
)

func TestChargesOutsideRequests(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p, q := policy(t, "p: 5/1h by user"), policy(t, "q: 3/1h by user+route")
	both := []ratelimit.Charge{{Policy: p, Key: "a", Cost: 2}, {Policy: q, Key: "a", More: []string{"/x"}}}
	r, err := l.Take(t.Context(), both...)
	if err != nil || !r.Allowed || r.Remaining != 2 {
		t.Fatal(r, err)
	}
	if err := l.Refund(t.Context(), &r, both...); err != nil {
		t.Fatal(err)
	}
	if err := l.Refund(t.Context(), &r, both...); err != nil { // does nothing
		t.Fatal(err)
	}
	if r, _ := l.Peek(t.Context(), charge(p, "a")); r.Remaining != 5 {
		t.Errorf("%d left after a refund, want 5", r.Remaining)
	}
	// The same policy and key twice in one call are one charge of both costs.
	for want := range 2 {
		r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Key: "b", Cost: 2}, charge(p, "b"))
		if err != nil || r.Allowed != (want == 0) {
			t.Errorf("call %d of twice the same key: %v %v", want, r.Allowed, err)
		}
	}
	for name, c := range map[string]ratelimit.Charge{
		"negative cost": {Policy: p, Key: "a", Cost: -1},
		"no policy":     {Key: "a"},
		"missing parts": {Policy: q, Key: "a"},
		"extra parts":   {Policy: p, Key: "a", More: []string{"b"}},
		"no address":    {Policy: policy(t, "i: 1/1h by ip"), Key: "a"},
	} {
		r, err := l.Take(t.Context(), c)
		var typed *ratelimit.Error
		if !errors.As(err, &typed) || r.Allowed {
			t.Errorf("%s: %v %v", name, r.Allowed, err)
		}
	}
	if _, err := l.Take(t.Context()); err == nil {
		t.Error("no charge at all is accepted")
	}
}

// A unit charged again in the tick of one that was given back is as new as that one.
func TestAChargeAfterARefundCountsFromNow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		p := ratelimit.Policy{Name: "p", Limit: 200, Window: 128 * time.Second, Key: ratelimit.Global()}
		take := func(cost int64) ratelimit.Result {
			t.Helper()
			r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Cost: cost})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		take(100)
		time.Sleep(100 * time.Second)
		back := take(100)
		if err := l.Refund(t.Context(), &back, ratelimit.Charge{Policy: p, Cost: 100}); err != nil {
			t.Fatal(err)
		}
		if !take(100).Allowed {
			t.Fatal("what was given back cannot be taken")
		}
		time.Sleep(30 * time.Second) // the first hundred are over, the others are not
		if r := take(101); r.Allowed {
			t.Errorf("201 units within 30 of 128 seconds, of 200; %d more are left", r.Remaining)
		}
		if r := take(100); !r.Allowed {
			t.Errorf("100 of 200 are still refused, for %v", r.RetryAfter)
		}
	})
}
