package egress_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// A server that swallows thousands of requests costs a glance at all of them now and
// then, not at each one's end; alone, a request ends at its very budget.
func TestExchangesOfACrowdEndTogetherAndSoonAfterTheirBudgets(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		count, moments int // how many, and how many moments they may end at
		late           time.Duration
	}{
		"a crowd": {1000, 1000/10 + 256 + 2, 10 * time.Millisecond},
		"a few":   {20, 20, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			const budget = 5 * time.Second
			client := newClient(t, egress.Policy{Resolver: everywhere{}, Timeout: time.Minute, HeaderTimeout: budget, MaxConnsPerHost: tc.count})
			egress.SetDialer(client, silent)
			ended := make(chan time.Time, tc.count)
			for range tc.count {
				begun := time.Now()
				go func() {
					_, err := get(t, client, "http://host.example/")
					if late := time.Since(begun) - budget; failure(t, err).Rule != "header_timeout" || late < 0 || late > tc.late {
						t.Errorf("%s: %v, %v late", name, err, late)
					}
					ended <- time.Now()
				}()
				time.Sleep(time.Millisecond) // simulated
			}
			moments := map[time.Time]bool{}
			for range tc.count {
				moments[<-ended] = true
			}
			if len(moments) > tc.moments {
				t.Errorf("%s: ended at %d moments", name, len(moments))
			}
			_ = client.Close()
		})
	}
}

// silent is the dialer of a server that listens and never answers.
func silent(context.Context, string, netip.AddrPort, checkFunc) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(io.Discard, far)
		_ = far.Close()
	}()
	return near, nil
}
