package ratelimit_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/ratelimit"
)

// FuzzLog runs charges, refunds and pauses against the limiter and a naive log
// that keeps every unit.
func FuzzLog(f *testing.F) {
	f.Add(uint16(3), uint8(0), []byte{1, 1, 1, 1, 200, 1, 255, 3, 1, 1})
	f.Add(uint16(128), uint8(1), []byte("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
	f.Add(uint16(129), uint8(2), []byte{9, 0, 9, 250, 9, 3, 9, 9})
	f.Add(uint16(9000), uint8(3), []byte{255, 255, 254, 0, 0, 0, 7, 7, 7, 128})
	f.Fuzz(func(t *testing.T, limit uint16, windows uint8, ops []byte) {
		if limit == 0 || len(ops) > 3000 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			fuzzLog(t, int64(limit), []time.Duration{time.Millisecond, time.Second, time.Hour + 7, 24 * time.Hour}[windows%4], ops)
		})
	})
}

func fuzzLog(t *testing.T, limit int64, window time.Duration, ops []byte) {
	t.Helper()
	l := newLimiter(t, ratelimit.Config{})
	p := ratelimit.Policy{Name: "p", Limit: limit, Window: window, Key: ratelimit.ByUser()}
	log := &naive{limit: limit, window: int64(window)}
	begin := time.Now()
	late := int64(window)
	if limit > 128 {
		late += int64(window)/64 + 2000
	}
	for i, op := range ops {
		now := int64(time.Since(begin))
		if op >= 128 { // wait up to a window and a half
			time.Sleep(time.Duration(op-128) * window / 85)
			continue
		}
		cost := max(int64(op>>1)*limit/100, 1)
		c := ratelimit.Charge{Policy: p, Key: "k", Cost: cost}
		r, err := l.Take(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		used := log.used(now, int64(window))
		switch {
		case r.Allowed && used+cost > limit:
			t.Fatalf("op %d: %d units in one window of %d", i, used+cost, limit)
		case !r.Allowed && log.used(now, late)+cost <= limit:
			t.Fatalf("op %d: refused with %d used and %d asked of %d", i, used, cost, limit)
		case r.Allowed && limit <= 128 && r.Remaining != limit-used-cost:
			t.Fatalf("op %d: says %d are left, it is %d", i, r.Remaining, limit-used-cost)
		case !r.Allowed && cost <= limit && (r.RetryAfter <= 0 || int64(r.RetryAfter) > late):
			t.Fatalf("op %d: told to come back in %v", i, r.RetryAfter)
		}
		if !r.Allowed {
			continue
		}
		if op&1 == 1 && i%3 == 0 {
			if err := l.Refund(t.Context(), &r, c); err != nil {
				t.Fatal(err)
			}
			if err := l.Refund(t.Context(), &r, c); err != nil { // a second one does nothing
				t.Fatal(err)
			}
			continue
		}
		log.add(now, cost)
	}
}

func FuzzParsePolicy(f *testing.F) {
	for _, s := range []string{
		"5/1m by ip", "login: 5/1m by ip", "600/1m by user", "1000/1h by tenant", "20/1m by user-or-ip",
		"9/1s by user+route", "60/1m by header X-Api-Key", "10/1s global", "5/1m", "a:b:c", "0/0s by x", "1/1e9s by ip",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ratelimit.ParsePolicy(s)
		if err != nil {
			var typed *ratelimit.Error
			if !errors.As(err, &typed) || typed.Field == "" || typed.Reason == "" {
				t.Fatalf("the error is not typed: %v", err)
			}
			if len(s) > 8 && strings.Contains(err.Error(), s) {
				t.Fatalf("the error repeats its input: %v", err)
			}
			return
		}
		again, err := ratelimit.ParsePolicy(s)
		if err != nil || again.Name != p.Name {
			t.Fatalf("the same rule has two names, %q and %q", p.Name, again.Name)
		}
		l := newLimiter(t, ratelimit.Config{})
		if h := l.Use(p); h == nil { // panics when a parsed policy is not valid
			t.Fatal("no handler")
		}
	})
}

// FuzzPeer holds the short way to read a peer's address against the general one.
func FuzzPeer(f *testing.F) {
	for _, s := range []string{
		"192.0.2.1:4711", "192.0.2.1", "255.255.255.255:65535", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.4:", "01.2.3.4:1", "1.2.3.256:1",
		"1.2.3:1", "1.2.3.4.5:1", "[::1]:1", "@", "", "1..2.3:4", "1.2.3.4:+1", "1.2.3.4:00001", "0.0.0.0:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		short, ok := ratelimit.ParsePeer(s)
		long, err := netip.ParseAddrPort(s)
		if ok && (err != nil || long.Addr() != netip.AddrFrom4(short)) {
			t.Fatalf("%q is %v, says the short way; %v, %v says the other", s, short, long, err)
		}
		if plain := err == nil && long.Addr().Is4(); plain && !ok && long.String() == s {
			t.Fatalf("%q is left to the general way", s)
		}
	})
}
