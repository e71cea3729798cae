// Package egress_test measures guarded outbound calls against a bare client.
package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"testing"

	"code.dny.dev/ssrf"
	"github.com/doyensec/safeurl"

	"github.com/ginsec/ginsec/bench/internal/meter"
)

// doer is the part of a client that is measured.
type doer interface {
	Do(*http.Request) (*http.Response, error)
}

// variant is a client that may call one server on loopback and nothing else inside.
type variant struct {
	name    string
	guarded bool
	client  func(tb testing.TB, server netip.AddrPort) doer
	dial    func(tb testing.TB, server netip.AddrPort) dialer // nil when there is none to be had
}

type dialer func(ctx context.Context, network, addr string) (net.Conn, error)

func variants() []variant {
	return []variant{
		{"bare", false, func(testing.TB, netip.AddrPort) doer {
			return &http.Client{Transport: &http.Transport{}}
		}, func(testing.TB, netip.AddrPort) dialer { return (&net.Dialer{}).DialContext }},
		{"ginsec", true, ginsecClient, ginsecDialer},
		{"peer/ssrf", true, func(_ testing.TB, server netip.AddrPort) doer {
			return &http.Client{Transport: &http.Transport{DialContext: guardian(server)}}
		}, func(_ testing.TB, server netip.AddrPort) dialer { return guardian(server) }},
		{"peer/safeurl", true, func(_ testing.TB, server netip.AddrPort) doer {
			return safeurl.Client(safeurl.GetConfigBuilder().SetAllowedIPs(server.Addr().String()).
				SetAllowedPorts(int(server.Port())).Build())
		}, nil},
	}
}

func guardian(server netip.AddrPort) dialer {
	only := netip.PrefixFrom(server.Addr(), server.Addr().BitLen())
	g := ssrf.New(ssrf.WithAllowedV4Prefixes(only), ssrf.WithPorts(server.Port()))
	return (&net.Dialer{Control: g.Safe}).DialContext
}

// target is a server on loopback that answers with a few bytes.
func target(tb testing.TB) (string, netip.AddrPort) {
	tb.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	tb.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		tb.Fatal(err)
	}
	return s.URL, netip.MustParseAddrPort(u.Host)
}

func get(ctx context.Context, c doer, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return err
}

// BenchmarkKeepAlive is a GET over a connection that is open already. The server
// is in this process and part of the cost.
func BenchmarkKeepAlive(b *testing.B) {
	address, server := target(b)
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			client, ctx := v.client(b, server), b.Context()
			if err := get(ctx, client, address); err != nil {
				b.Fatal(err)
			}
			clock := meter.Start(b)
			for b.Loop() {
				if err := get(ctx, client, address); err != nil {
					b.Fatal(err)
				}
			}
			clock.Stop()
		})
	}
}

// BenchmarkDial is a new connection to an address: judged, connected, closed.
func BenchmarkDial(b *testing.B) {
	server := sink(b)
	for _, v := range variants() {
		if v.dial == nil {
			continue
		}
		b.Run(v.name, func(b *testing.B) {
			dial, ctx, addr := v.dial(b, server), b.Context(), server.String()
			clock := meter.Start(b)
			for b.Loop() {
				conn, err := dial(ctx, "tcp", addr)
				if err != nil {
					b.Fatal(err)
				}
				hangUp(conn)
			}
			clock.Stop()
		})
	}
}

// hangUp resets the connection where it can be reached: one that was closed in
// good order keeps its port for a minute, and a loop like this runs out of ports.
func hangUp(conn net.Conn) {
	if c, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = conn.Close()
}

// sink accepts connections and waits until their clients hang up.
func sink(tb testing.TB) netip.AddrPort {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
	}()
	return l.Addr().(*net.TCPAddr).AddrPort()
}

// BenchmarkPublic judges one address.
func BenchmarkPublic(b *testing.B) {
	g := ssrf.New(ssrf.WithAnyPort())
	for _, a := range []struct{ name, addr string }{{"v4", "93.184.215.14"}, {"v6", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"}} {
		addr := netip.MustParseAddr(a.addr)
		b.Run(a.name+"/ginsec", func(b *testing.B) {
			clock := meter.Start(b)
			for b.Loop() {
				if !ginsecPublic(addr) {
					b.Fatal("refused")
				}
			}
			clock.Stop()
		})
		text := netip.AddrPortFrom(addr, 443).String()
		b.Run(a.name+"/peer/ssrf", func(b *testing.B) {
			network := "tcp" + a.name[1:]
			clock := meter.Start(b)
			for b.Loop() {
				if err := g.Safe(network, text, nil); err != nil {
					b.Fatal(err)
				}
			}
			clock.Stop()
		})
	}
}

// A comparison of speed is void unless all give the same verdicts.
func TestAllVariantsGiveTheSameVerdicts(t *testing.T) {
	address, server := target(t)
	_, other := target(t)
	inside := "http://127.0.0.1:" + strconv.Itoa(int(other.Port())) + "/"
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			client := v.client(t, server)
			if err := get(t.Context(), client, address); err != nil {
				t.Errorf("the server that is allowed: %v", err)
			}
			if err := get(t.Context(), client, inside); (err != nil) != v.guarded {
				t.Errorf("another server inside: %v", err)
			}
		})
	}
}
