package ratelimit_test

import (
	"errors"
	"testing"

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
