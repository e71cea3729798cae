package egress_test

import (
	"net/netip"
	"testing"

	"github.com/ginsec/ginsec/egress"
)

// guardedClient is egress with its defaults, opened for one test server.
func guardedClient(tb testing.TB, server netip.AddrPort) *egress.Client {
	tb.Helper()
	c, err := egress.New(egress.Policy{AllowAddrPorts: []netip.AddrPort{server}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

func ginsecClient(tb testing.TB, server netip.AddrPort) doer {
	tb.Helper()
	return guardedClient(tb, server).HTTP()
}

func ginsecDialer(tb testing.TB, server netip.AddrPort) dialer {
	tb.Helper()
	return guardedClient(tb, server).DialContext
}

func ginsecPublic(addr netip.Addr) bool { return egress.Public(addr) }
