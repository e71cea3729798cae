package egress_test

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/egress"
)

func newClient(tb testing.TB, p egress.Policy) *egress.Client {
	tb.Helper()
	c, err := egress.New(p)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = c.Close() })
	return c
}

// names is a resolver over a fixed zone. It counts and keeps what it was asked.
type names struct {
	mu    sync.Mutex
	zone  map[string][]netip.Addr
	asked []string
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	list, ok := n.zone[host]
	if !ok {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, nil
}

// world stands for the internet: every connection, wherever it goes, ends at one
// loopback server, after the socket was judged as the kernel would have it judged.
type world struct {
	mu     sync.Mutex
	dialed []string
	server string
}

func (w *world) dial(ctx context.Context, network string, to netip.AddrPort, check func(context.Context, string, string, syscall.RawConn) error) (net.Conn, error) {
	if err := check(ctx, network, to.String(), nil); err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.dialed = append(w.dialed, to.String())
	w.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, "tcp", w.server)
}

func (w *world) dials() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.dialed...)
}

// worldOf returns a client whose whole internet is one handler.
func worldOf(t *testing.T, p egress.Policy, h http.Handler) (*egress.Client, *world) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := newClient(t, patient(p))
	w := &world{server: server.Listener.Addr().String()}
	egress.SetDialer(c, w.dial)
	return c, w
}

// patient gives real servers on a busy machine their time, where a test sets none.
func patient(p egress.Policy) egress.Policy {
	for _, budget := range []*time.Duration{&p.Timeout, &p.HeaderTimeout, &p.DialTimeout, &p.TLSTimeout, &p.DNSTimeout} {
		*budget = cmp.Or(*budget, 2*time.Minute)
	}
	return p
}

// events is a sink that keeps what it gets.
type events struct {
	mu   sync.Mutex
	list []audit.Event
}

func (e *events) Record(_ context.Context, ev audit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, ev)
}

func (e *events) all() []audit.Event {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]audit.Event(nil), e.list...)
}

// zone makes a resolver from lines "name. address address …".
func zone(lines ...string) *names {
	n := &names{zone: map[string][]netip.Addr{}}
	for _, line := range lines {
		fields := strings.Fields(line)
		list := []netip.Addr{}
		for _, a := range fields[1:] {
			list = append(list, netip.MustParseAddr(a))
		}
		n.zone[fields[0]] = list
	}
	return n
}

// failure returns the typed error that err must be.
func failure(tb testing.TB, err error) *egress.Error {
	tb.Helper()
	var e *egress.Error
	if !errors.As(err, &e) {
		tb.Fatalf("%v is no *egress.Error", err)
	}
	return e
}

// secret is a webhook secret of 24 bytes.
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// checkFunc is the judgement at the socket, as a stub dialer gets it.
type checkFunc = func(ctx context.Context, network, address string, conn syscall.RawConn) error

func (b byPort) dial(ctx context.Context, network string, to netip.AddrPort, check checkFunc) (net.Conn, error) {
	if err := check(ctx, network, to.String(), nil); err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", b[to.Port()])
}

func addrPorts(list ...string) []netip.AddrPort {
	out := make([]netip.AddrPort, len(list))
	for i, p := range list {
		out[i] = netip.MustParseAddrPort(p)
	}
	return out
}

// quiet keeps a server from logging the failures a test provokes.
func quiet(server *httptest.Server) { server.Config.ErrorLog = log.New(io.Discard, "", 0) }

// keepAlive stands for any ControlContext a program may already have.
func keepAlive(context.Context, string, string, syscall.RawConn) error { return nil }

// anywhere is the same internet for a client that has no policy.
func (w *world) anywhere(ctx context.Context, _, _ string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, "tcp", w.server)
}
