package egress

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// stagger is the head start of each attempt over the next (RFC 8305 section 5).
const stagger = 250 * time.Millisecond

// interleave alternates the families, the first answer's first (RFC 8305 section 4).
func interleave(addrs []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, a := range addrs {
		if a.Is4() == addrs[0].Is4() {
			first = append(first, a)
		} else {
			second = append(second, a)
		}
	}
	mixed := make([]netip.Addr, 0, len(addrs))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

type attempt struct {
	conn net.Conn
	err  error
}

// race tries the addresses one after the other, each a stagger later or as soon as
// the one before has failed. The first connection wins, the others are closed.
func (c *Client) race(ctx context.Context, to []netip.AddrPort, check control) (net.Conn, *Error) {
	if len(to) == 1 {
		r := c.attempt(ctx, to[0], check)
		if r.err != nil {
			return nil, dialFailure(ctx, r.err)
		}
		return r.conn, nil
	}
	trying, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan attempt, len(to))
	timer := time.NewTimer(0)
	defer timer.Stop()
	var first error
	next, running := 0, 0
	for next < len(to) || running > 0 {
		select {
		case <-timer.C:
		case r := <-results:
			running--
			if r.err == nil {
				cancel()
				go discard(results, running)
				return r.conn, nil
			}
			if first == nil {
				first = r.err
			}
		case <-ctx.Done():
			cancel()
			go discard(results, running)
			return nil, interrupted(ctx, ruleDialTime)
		}
		if next < len(to) {
			address := to[next]
			go func() { results <- c.attempt(trying, address, check) }()
			next, running = next+1, running+1
			timer.Reset(stagger)
		}
	}
	return nil, dialFailure(ctx, first)
}

// attempt makes one connection, whatever happens to it.
func (c *Client) attempt(ctx context.Context, to netip.AddrPort, check control) (r attempt) {
	defer failClosed(&r.err)
	network := "tcp4"
	if to.Addr().Is6() {
		network = "tcp6"
	}
	if c.rules.Proxy != nil {
		r.conn, r.err = c.tunnel(ctx, network, to, check)
	} else {
		r.conn, r.err = c.connect(ctx, network, to, check)
	}
	return r
}

// discard closes the connections that came too late.
func discard(results <-chan attempt, n int) {
	for range n {
		if r := <-results; r.conn != nil {
			_ = r.conn.Close()
		}
	}
}

func dialFailure(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		return interrupted(ctx, ruleDialTime)
	}
	e := asError(err)
	if e.Kind == kindProtocol {
		e.Kind, e.Rule, e.Err = kindConnect, ruleConnect, err // the text has addresses only
	}
	return e
}
