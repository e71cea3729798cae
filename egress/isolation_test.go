package egress_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/egress"
)

func TestTLSSettingsAreFrozenByNew(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(says("x"))
	quiet(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	settings := &tls.Config{RootCAs: x509.NewCertPool()}
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: settings}))
	egress.SetDialer(client, (&world{server: server.Listener.Addr().String()}).dial)
	settings.InsecureSkipVerify = true
	if _, err := get(t, client, "https://example.com/"); failure(t, err).Kind != "tls" {
		t.Error(err)
	}
}

func TestTheProxyGetsNoClientCertificate(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(says("through"))
	t.Cleanup(server.Close)
	p := &proxy{server: server.Listener.Addr().String(), answer: "HTTP/1.1 200 Connected\r\n\r\n"}
	var connections, certificates atomic.Int64
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		connections.Add(1)
		certificates.Add(int64(len(r.TLS.PeerCertificates)))
		p.ServeHTTP(w, r)
	}))
	quiet(front)
	front.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	front.StartTLS()
	t.Cleanup(front.Close)
	address, _ := url.Parse(front.URL)
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	own := front.TLS.Certificates
	client := newClient(t, egress.Policy{Proxy: address, Resolver: everywhere{}, TLS: &tls.Config{
		RootCAs: roots, Certificates: own,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own[0], nil },
	}})
	if text, err := get(t, client, "http://name.example/"); err != nil || text != "through" {
		t.Errorf("%q, %v", text, err)
	}
	if connections.Load() != 1 || certificates.Load() != 0 {
		t.Errorf("%d connections with %d certificates", connections.Load(), certificates.Load())
	}
}

// panicsOnce is a resolver that panics the first time it is asked.
type panicsOnce struct{ asked atomic.Int64 }

func (p *panicsOnce) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	if p.asked.Add(1) == 1 {
		panic("resolver")
	}
	return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
}

func TestReportOnlyLetsNoPanicAndNoNonsensePass(t *testing.T) {
	t.Parallel()
	sink := &events{}
	client, w := worldOf(t, egress.Policy{ReportOnly: true, Audit: sink, Resolver: &panicsOnce{}}, says("x"))
	if _, err := get(t, client, "http://name.example/"); !errors.Is(err, egress.ErrBlocked) || failure(t, err).Rule != "panic" || len(w.dials()) != 0 {
		t.Errorf("a panic: %v", err)
	}
	resp, err := client.RoundTripper().RoundTrip((&http.Request{Method: http.MethodGet}).WithContext(t.Context()))
	if err == nil {
		_ = resp.Body.Close()
	}
	if !errors.Is(err, egress.ErrBlocked) || failure(t, err).Rule != "syntax" {
		t.Errorf("no URL: %v", err)
	}
	server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
	})
	egress.SetDialer(client, (&world{server: server.address}).dial)
	if _, err := get(t, client, "http://other.example/"); !errors.Is(err, egress.ErrBlocked) || failure(t, err).Rule != "unrequested_upgrade" {
		t.Errorf("a tunnel: %v", err)
	}
	list := sink.all()
	if len(list) != 3 {
		t.Fatalf("%d events: %+v", len(list), list)
	}
	for i, reason := range []string{"panic", "syntax", "unrequested_upgrade"} {
		if e := list[i]; e.Verdict != audit.Deny || e.Reason != reason { // what was refused was not only reported
			t.Errorf("%+v, want deny %s", e, reason)
		}
	}
}

func TestAnOwnAddressInsideANAT64PrefixIsRefused(t *testing.T) {
	t.Parallel()
	for own, want := range map[string]string{"64:ff9b::8.8.8.8": "own_address", "2a00:1098:2c::8.8.8.8": "own_address", "64:ff9b::8.8.4.4": ""} {
		client := newClient(t, egress.Policy{NAT64Prefixes: prefixes("2a00:1098:2c::/96")})
		egress.SetOwnAddresses(client, func() ([]net.Addr, error) {
			return []net.Addr{&net.IPNet{IP: net.ParseIP("64:ff9b::8.8.8.8"), Mask: net.CIDRMask(96, 128)}, &net.IPNet{IP: net.ParseIP("2a00:1098:2c::8.8.8.8"), Mask: net.CIDRMask(96, 128)}}, nil
		})
		if rule := egress.Judge(client, netip.MustParseAddr(own)); rule != want {
			t.Errorf("%s: %q", own, rule)
		}
	}
}

func TestCloseEndsIdleConnections(t *testing.T) {
	t.Parallel()
	server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
	})
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}}))
	egress.SetDialer(client, (&world{server: server.address}).dial)
	if text, err := get(t, client, "http://name.example/"); text != "x" || err != nil {
		t.Fatalf("%q, %v", text, err)
	}
	if server.none() {
		t.Fatal("the connection is not kept")
	}
	_ = client.Close()
	eventually(t, server.none, "the connection is left open")
}

// net/http hands one dial's error to every request that waited for it.
func TestASharedErrorIsNotWrittenTo(t *testing.T) {
	t.Parallel()
	shared := &egress.Error{Kind: "connect", Rule: "connect"}
	client := newClient(t, egress.Policy{Resolver: everywhere{}})
	egress.SetDialer(client, func(context.Context, string, netip.AddrPort, checkFunc) (net.Conn, error) { return nil, shared })
	for _, name := range []string{"a.example", "b.example"} {
		_, err := get(t, client, "http://"+name+"/")
		if e := failure(t, err); e.Host != name || e == shared {
			t.Errorf("%s: %+v", name, e)
		}
	}
	if shared.Host != "" || shared.Hop != 0 {
		t.Errorf("it became %+v", shared)
	}
}
