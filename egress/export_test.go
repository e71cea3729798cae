package egress

import (
	"context"
	"net"
	"net/netip"
	"syscall"
)

// TableDate is the date of the built-in table.
const TableDate = tableDate

// SetDialer replaces the step that connects, so that hostile addresses are judged
// and never dialled.
func SetDialer(c *Client, dial func(ctx context.Context, network string, to netip.AddrPort, check func(context.Context, string, string, syscall.RawConn) error) (net.Conn, error)) {
	c.connect = dial
}

// SetOwnAddresses replaces the listing of this machine's addresses.
func SetOwnAddresses(c *Client, list func() ([]net.Addr, error)) {
	c.own = &ownCache{list: list}
}

// Judge judges an address on an allowed port by the client's policy, and returns the
// rule that refuses it.
func Judge(c *Client, a netip.Addr) string {
	own, _ := c.own.get()
	return c.rules.address(a, false, own).rule
}
