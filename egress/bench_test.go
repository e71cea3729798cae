package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
)

func BenchmarkPublic(b *testing.B) {
	for _, tc := range []struct{ name, addr string }{
		{"v4/public", "93.184.215.14"},
		{"v4/busiest_octet", "192.241.1.1"},
		{"v4/refused", "10.1.2.3"},
		{"v6/public", "2a00:1450:4001:80b::200e"},
		{"v6/busiest_block", "2001:4860:4860::8888"},
		{"v6/refused", "fd00::1"},
		{"v6/last_row", "4000::1"},
		{"v6/mapped", "::ffff:93.184.215.14"},
		{"v6/nat64", "64:ff9b::8.8.8.8"},
		{"v6/isatap", "2600::5efe:10.0.0.1"},
	} {
		a := netip.MustParseAddr(tc.addr)
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				egress.Public(a)
			}
		})
	}
}

func BenchmarkControl(b *testing.B) {
	for _, tc := range []struct{ name, network, address string }{
		{"v4", "tcp4", "93.184.215.14:443"}, {"v6", "tcp6", "[2a00:1450:4001:80b::200e]:443"},
	} {
		client := newClient(b, egress.Policy{})
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := client.Control(tc.network, tc.address, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	client := newClient(b, egress.Policy{})
	for name, raw := range map[string]string{
		"name": "https://hooks.example.com/T0/B0?x=1", "idn": "https://bücher.example/", "literal": "http://93.184.215.14/",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Parse(raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// bare is what a program without any guard would use: the standard library's own
// client, in a pool of its own.
func bare() *http.Client {
	return &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
}

func BenchmarkKeepAlive(b *testing.B) {
	server := httptest.NewServer(says("hello"))
	b.Cleanup(server.Close)
	for name, c := range map[string]*http.Client{
		"bare":    bare(),
		"guarded": newClient(b, egresstest.Open(egress.Policy{}, server.URL)).HTTP(),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := c.Get(server.URL)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}

// sink is the address of a server that reads and says nothing.
func sink(tb testing.TB) string {
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
			go func() {
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func BenchmarkDial(b *testing.B) {
	address := sink(b)
	for name, dial := range map[string]func(context.Context, string, string) (net.Conn, error){
		"bare":    new(net.Dialer).DialContext,
		"guarded": newClient(b, egresstest.Open(egress.Policy{}, "http://"+address)).DialContext,
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				conn, err := dial(b.Context(), "tcp", address)
				if err != nil {
					b.Fatal(err)
				}
				_ = conn.(*net.TCPConn).SetLinger(0) // no ports left waiting
				_ = conn.Close()
			}
		})
	}
}
