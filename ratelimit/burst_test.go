package ratelimit_test

import (
	"testing"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// ASVS 15.4.2: check and charge are one step, whoever else calls.
func TestABurstAdmitsExactlyTheLimit(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]func(t *testing.T) ratelimit.Store{
		"memory": func(*testing.T) ratelimit.Store { return nil },
		"redis": func(t *testing.T) ratelimit.Store {
			t.Helper()
			return redisStore(t, redisClient(t, testserver.Redis(t).Addr))
		},
		"redis cluster": func(t *testing.T) ratelimit.Store {
			t.Helper()
			_, client := cluster(t)
			return redisStore(t, client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, ratelimit.Config{Store: store(t), Timeout: 5e9})
			p, q := policy(t, "100/1h by user"), policy(t, "1000/1h by ip")
			admitted := together(64, 50, func() bool {
				r, err := l.Take(t.Context(), charge(p, "alice"), charge(q, "192.0.2.1"))
				if err != nil {
					t.Error(err)
				}
				return r.Allowed
			})
			if admitted != 100 {
				t.Errorf("%d admitted, want exactly 100", admitted)
			}
			r, err := l.Peek(t.Context(), charge(q, "192.0.2.1"))
			if err != nil || r.Remaining != 900 {
				t.Errorf("the other policy has %d left, want 900: refused calls consume nothing (%v)", r.Remaining, err)
			}
		})
	}
}
