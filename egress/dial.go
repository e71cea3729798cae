package egress

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
)

// control judges at the socket; its form is net.Dialer's ControlContext.
type control = func(ctx context.Context, network, address string, conn syscall.RawConn) error

// connector connects to an address that has been judged.
type connector func(ctx context.Context, network string, to netip.AddrPort, check control) (net.Conn, error)

func dialTCP(ctx context.Context, network string, to netip.AddrPort, check control) (net.Conn, error) {
	d := net.Dialer{ControlContext: check, FallbackDelay: -1}
	return d.DialContext(ctx, network, to.String())
}

// DialContext connects to host:port under the policy, for protocols other than HTTP
// (gRPC, WebSocket, SMTP): it judges the host, the port, every address of the name and
// the socket. network is "tcp", "tcp4" or "tcp6". The connection itself has no budget.
func (c *Client) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	start := c.clock()
	conn, err := c.dial(ctx, network, address)
	if err != nil {
		failure := asError(err)
		c.record(ctx, start, failure)
		return nil, failure
	}
	c.record(ctx, start, nil)
	return conn, nil
}

// dial is what the transport calls; the exchange records its outcome.
func (c *Client) dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	defer failClosed(&err)
	own, err := c.ready()
	if err != nil {
		return nil, err
	}
	h, to, refused := c.destinations(ctx, network, address, own)
	check := func(_ context.Context, network, address string, _ syscall.RawConn) error {
		if bad := c.socket(network, address, h.internal); bad != nil {
			return bad
		}
		return nil
	}
	if refused != nil {
		if !c.reports(refused) {
			return nil, refused
		}
		if reported, ok := ctx.Value(reportKey{}).(*atomic.Bool); !ok || reported.CompareAndSwap(false, true) {
			c.record(ctx, c.clock(), refused)
		}
		if to, refused = c.unjudged(ctx, network, address, to); refused != nil {
			return nil, refused
		}
		check = func(context.Context, string, string, syscall.RawConn) error { return nil }
	}
	ctx, cancel := context.WithTimeout(ctx, c.rules.DialTimeout)
	defer cancel()
	conn, failure := c.race(ctx, to, check)
	if failure != nil {
		failure.Host = h.name
		return nil, failure
	}
	return conn, nil
}

// unjudged returns the addresses that report-only mode lets pass: those that were
// refused, or else those of the policy's resolver. The connection then reaches them the
// policy's way, by its proxy if it has one.
func (c *Client) unjudged(ctx context.Context, network, address string, refused []netip.AddrPort) ([]netip.AddrPort, *Error) {
	if len(refused) > 0 {
		return refused, nil
	}
	name, port, ok := splitAddress(address)
	if !ok || !isTCP(network) {
		return nil, &Error{Kind: kindConnect, Rule: ruleConnect}
	}
	h := host{name: strings.TrimSuffix(strings.Trim(name, "[]"), ".")}
	if a, err := netip.ParseAddr(h.name); err == nil {
		return c.order(h, []netip.Addr{a.Unmap()}, port, network)
	}
	answers, failure := c.lookup(ctx, h.name)
	if failure != nil {
		failure.Host = h.name
		return nil, failure
	}
	return c.order(h, distinct(answers), port, network)
}

func isTCP(network string) bool { return network == "tcp" || network == "tcp4" || network == "tcp6" }

// destinations judges a dial's host and port, and returns the addresses to try: for
// report-only mode also when it refuses them.
func (c *Client) destinations(ctx context.Context, network, address string, own ownAddresses) (host, []netip.AddrPort, *Error) {
	if !isTCP(network) {
		return host{}, nil, blocked(ruleNetwork, "")
	}
	name, port, ok := splitAddress(address)
	if !ok {
		return host{}, nil, blocked(rulePort, "")
	}
	h, refused := c.rules.endpoint(name, port, own)
	if refused != nil {
		return h, nil, refused
	}
	addrs, refused := c.resolve(ctx, h, port, own)
	if refused != nil && len(addrs) == 0 {
		return h, nil, refused
	}
	to, none := c.order(h, addrs, port, network)
	return h, to, cmp.Or(refused, none)
}

// order returns the addresses of network's family in the order in which to try them.
func (c *Client) order(h host, addrs []netip.Addr, port uint16, network string) ([]netip.AddrPort, *Error) {
	to := make([]netip.AddrPort, 0, len(addrs))
	for _, a := range interleave(addrs) {
		if a.Is4() && network != "tcp6" || a.Is6() && network != "tcp4" {
			to = append(to, netip.AddrPortFrom(a, port))
		}
	}
	if len(to) == 0 {
		return nil, &Error{Kind: kindDNS, Rule: ruleNoAnswer, Host: h.name}
	}
	return to[:min(len(to), c.rules.MaxDials)], nil
}

// resolve returns a host's addresses and judges all of them: one bad one refuses the
// name, so that an attacker gains nothing by mixing.
func (c *Client) resolve(ctx context.Context, h host, port uint16, own ownAddresses) ([]netip.Addr, *Error) {
	if h.addr.IsValid() {
		return []netip.Addr{h.addr}, nil // judged as part of the endpoint
	}
	answers, failure := c.lookup(ctx, h.name)
	if failure != nil {
		failure.Host = h.name
		return nil, failure
	}
	for _, a := range answers {
		if j := c.rules.connection(a, port, h.internal, own); !j.ok() {
			return distinct(answers), &Error{Kind: kindBlocked, Rule: j.rule, Host: h.name, Addr: j.addr}
		}
	}
	if len(answers) == 0 {
		return nil, &Error{Kind: kindDNS, Rule: ruleNoAnswer, Host: h.name}
	}
	return distinct(answers), nil
}

// distinct unmaps addresses and drops repeated ones.
func distinct(answers []netip.Addr) []netip.Addr {
	addrs := make([]netip.Addr, 0, len(answers))
	for _, a := range answers {
		if a = a.Unmap(); !slices.Contains(addrs, a) {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// lookup asks for the rooted name, so that no search list turns it into a neighbour.
// The resolver runs by itself: one that ignores its context must not hold the caller.
func (c *Client) lookup(ctx context.Context, name string) ([]netip.Addr, *Error) {
	type answer struct {
		addrs []netip.Addr
		err   error
	}
	parent := ctx
	ctx, cancel := context.WithTimeout(ctx, c.rules.DNSTimeout)
	defer cancel()
	done := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if p := recover(); p != nil {
				a = answer{err: &Error{Kind: kindBlocked, Rule: rulePanic, Err: fmt.Errorf("panic: %v", p)}}
			}
			done <- a
		}()
		a.addrs, a.err = c.rules.Resolver.LookupNetIP(ctx, "ip", name+".")
	}()
	select {
	case a := <-done:
		return a.addrs, lookupFailure(parent, ctx, a.err)
	case <-ctx.Done():
		return nil, lookupFailure(parent, ctx, ctx.Err())
	}
}

func lookupFailure(parent, ctx context.Context, err error) *Error {
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e):
		return asError(err)
	case parent.Err() != nil:
		return interrupted(parent, ruleTotalTime)
	case ctx.Err() != nil:
		return &Error{Kind: kindTimeout, Rule: ruleDNSTime, Err: err}
	default:
		return &Error{Kind: kindDNS, Rule: ruleLookup, Err: err}
	}
}
