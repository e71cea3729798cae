package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/egress"
)

// ASVS 16.3.1 to 16.3.4.
func TestEachDecisionIsOneEvent(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		do      func(t *testing.T, c *egress.Client)
		verdict audit.Verdict
		reason  string
	}{
		{"an answer", func(t *testing.T, c *egress.Client) { t.Helper(); _, _ = get(t, c, "http://good.example/") }, audit.Allow, "allowed"},
		{"a refused text", func(t *testing.T, c *egress.Client) { t.Helper(); _, _ = get(t, c, "http://127.0.0.1/") }, audit.Deny, "loopback"},
		{"a refused answer of a name server", func(t *testing.T, c *egress.Client) { t.Helper(); _, _ = get(t, c, "http://bad.example/") }, audit.Deny, "private"},
		{"an unknown name", func(t *testing.T, c *egress.Client) { t.Helper(); _, _ = get(t, c, "http://none.example/") }, audit.Error, "lookup"},
		{"a connection", func(t *testing.T, c *egress.Client) {
			t.Helper()
			conn, err := c.DialContext(t.Context(), "tcp", "good.example:80")
			if err == nil {
				_ = conn.Close()
			}
		}, audit.Allow, "allowed"},
		{"a refused connection", func(t *testing.T, c *egress.Client) {
			t.Helper()
			_, _ = c.DialContext(t.Context(), "tcp", "[::1]:80")
		}, audit.Deny, "loopback"},
		{"a socket", func(_ *testing.T, c *egress.Client) { _ = c.Control("tcp4", "8.8.8.8:80", nil) }, audit.Allow, "allowed"},
		{"a refused socket", func(_ *testing.T, c *egress.Client) { _ = c.Control("tcp4", "8.8.8.8:22", nil) }, audit.Deny, "port"},
		{"a refused network", func(_ *testing.T, c *egress.Client) { _ = c.Control("unix", "/var/run/docker.sock", nil) }, audit.Deny, "network"},
		{"a check", func(t *testing.T, c *egress.Client) { t.Helper(); _ = c.Check(t.Context(), "http://good.example/") }, audit.Allow, "allowed"},
		{"a failed check", func(t *testing.T, c *egress.Client) {
			t.Helper()
			if err := c.Check(t.Context(), "http://bad.example/"); !errors.Is(err, egress.ErrBlocked) {
				t.Error(err)
			}
		}, audit.Deny, "private"},
		{"a delivery", func(t *testing.T, c *egress.Client) {
			t.Helper()
			_, _ = c.Deliver(t.Context(), egress.Delivery{URL: "http://good.example/", ID: "1", Secrets: []string{secret}})
		}, audit.Allow, "allowed"},
		{"a refused delivery", func(t *testing.T, c *egress.Client) {
			t.Helper()
			_, _ = c.Deliver(t.Context(), egress.Delivery{URL: "http://good.example/ ", ID: "1", Secrets: []string{secret}})
		}, audit.Deny, "character"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sink := &events{}
			client, _ := worldOf(t, egress.Policy{Audit: sink, Resolver: zone("good.example. 8.8.8.8", "bad.example. 10.0.0.1")}, says("x"))
			tc.do(t, client)
			list := sink.all()
			if len(list) != 1 {
				t.Fatalf("%d events: %+v", len(list), list)
			}
			e := list[0]
			if e.Control != "egress" || e.Verdict != tc.verdict || e.Reason != tc.reason || e.Duration < 0 || e.Duration > time.Minute || (e.Err != nil) != (tc.verdict != audit.Allow) {
				t.Errorf("%+v", e)
			}
		})
	}
}

// ASVS 16.2.5.
func TestEventsHoldNoSecrets(t *testing.T) {
	t.Parallel()
	sink := &events{}
	client, _ := worldOf(t, egress.Policy{Audit: sink, AllowUserinfo: true, Resolver: zone()}, says("x"))
	for _, raw := range []string{"http://user:hunter2@a.example/hunter2?key=hunter2#hunter2", "http://user:hunter2@127.0.0.1/hunter2?hunter2", "ftp://hunter2@x.example/"} {
		_, err := get(t, client, raw)
		if strings.Contains(failure(t, err).Detail(), "hunter2") {
			t.Errorf("%s is in the detail", raw)
		}
	}
	for _, e := range sink.all() {
		if strings.Contains(e.Err.Error(), "hunter2") {
			t.Errorf("%v", e.Err)
		}
	}
}

// The texts of net/http quote what went over the wire.
func TestWhatAServerSaysIsInNoEvent(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"hunter2\r\n", "HTTP/1.1 hunter2\r\n\r\n", "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: hunter2\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: hunter2\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhunter2\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhunter2",
	} {
		server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(conn, answer)
			_ = conn.(*net.TCPConn).CloseWrite()
		})
		sink := &events{}
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, Audit: sink}))
		egress.SetDialer(client, (&world{server: server.address}).dial)
		_, err := get(t, client, "http://host.example/")
		if e := failure(t, err); e.Rule != "protocol" || strings.Contains(e.Detail()+e.Err.Error(), "hunter2") || errors.Unwrap(e.Err) == nil {
			t.Errorf("%q: %s", answer, e.Detail())
		}
		for _, e := range sink.all() {
			if e.Err != nil && strings.Contains(e.Err.Error(), "hunter2") {
				t.Errorf("%q: %v", answer, e.Err)
			}
		}
	}
}

func TestABodyOverTheLimitIsAnEventOfItsOwn(t *testing.T) {
	t.Parallel()
	sink := &events{}
	client, _ := worldOf(t, egress.Policy{Audit: sink, Resolver: everywhere{}, MaxBody: 10}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		_, _ = io.WriteString(w, strings.Repeat("x", 100))
	}))
	if _, err := get(t, client, "http://a.example/"); !errors.Is(err, egress.ErrTooLarge) {
		t.Fatal(err)
	}
	list := sink.all()
	if len(list) != 2 || list[0].Verdict != audit.Allow || list[1].Verdict != audit.Deny || list[1].Reason != "body" {
		t.Errorf("%+v", list)
	}
}

func TestReportOnlyLetsPassAndReports(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/loop":
			http.Redirect(w, r, "/loop", http.StatusFound)
		case "/large":
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		case "/announced":
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		default:
			_, _ = io.WriteString(w, "inside")
		}
	}))
	t.Cleanup(inside.Close)
	port := inside.Listener.Addr().(interface{ AddrPort() netip.AddrPort }).AddrPort().Port()
	for _, tc := range []struct {
		name, path, text string
		policy           egress.Policy
		reasons          string
		want             error
	}{
		{"a port", "/", "inside", egress.Policy{}, "report port", nil},
		{"an address", "/", "inside", egress.Policy{Ports: []uint16{port}}, "report loopback", nil},
		{"a method", "/", "inside", egress.Policy{AllowAddrPorts: addrPorts(inside.Listener.Addr().String()), Methods: []string{"POST"}}, "report method", nil},
		{"what is allowed", "/", "inside", egress.Policy{AllowAddrPorts: addrPorts(inside.Listener.Addr().String())}, "allow allowed", nil},
		{"a body", "/large", strings.Repeat("x", 100), egress.Policy{AllowAddrPorts: addrPorts(inside.Listener.Addr().String()), MaxBody: 10}, "allow allowed, report body", nil},
		{"an announced body", "/announced", strings.Repeat("x", 100), egress.Policy{AllowAddrPorts: addrPorts(inside.Listener.Addr().String()), MaxBody: 10}, "report body", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			sink := &events{}
			tc.policy.ReportOnly, tc.policy.Audit = true, sink
			text, err := get(t, newClient(t, tc.policy), inside.URL+tc.path)
			if text != tc.text || err != nil {
				t.Errorf("%q, %v", text, err)
			}
			var reasons []string
			for _, e := range sink.all() {
				reasons = append(reasons, e.Verdict.String()+" "+e.Reason)
			}
			if got := strings.Join(reasons, ", "); got != tc.reasons {
				t.Errorf("events: %s, want %s", got, tc.reasons)
			}
		})
	}
	t.Run("a redirect without end ends", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, egress.Policy{ReportOnly: true})
		if _, err := get(t, client, inside.URL+"/loop"); !errors.Is(err, egress.ErrRedirect) && !errors.Is(err, egress.ErrTimeout) {
			t.Error(err)
		}
	})
	t.Run("a check and a socket", func(t *testing.T) {
		t.Parallel()
		sink := &events{}
		client := newClient(t, egress.Policy{ReportOnly: true, Audit: sink})
		if err := client.Check(t.Context(), "http://127.0.0.1/"); err != nil {
			t.Error(err)
		}
		if err := client.Control("tcp4", "127.0.0.1:80", nil); err != nil {
			t.Error(err)
		}
		if list := sink.all(); len(list) != 2 || list[0].Verdict != audit.Report || list[1].Verdict != audit.Report {
			t.Errorf("%+v", list)
		}
	})
	t.Run("by the policy's own resolver and dialer", func(t *testing.T) {
		t.Parallel()
		sink := &events{}
		client, w := worldOf(t, egress.Policy{ReportOnly: true, Audit: sink, Resolver: zone("localhost. ::ffff:10.0.0.1")}, says("x"))
		if text, err := get(t, client, "http://localhost/"); text != "x" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if dials := w.dials(); len(dials) != 1 || dials[0] != "10.0.0.1:80" {
			t.Errorf("dialled %v", dials)
		}
		if list := sink.all(); len(list) != 1 || list[0].Verdict != audit.Report || list[0].Reason != "special_use" {
			t.Errorf("%+v", list)
		}
		if _, err := client.DialContext(t.Context(), "udp", "127.0.0.1:80"); failure(t, err).Kind != "connect" || len(w.dials()) != 1 {
			t.Errorf("another network: %v", err)
		}
	})
	t.Run("by one look-up, whose answer is judged and dialled", func(t *testing.T) {
		t.Parallel()
		sink, flaps := &events{}, &flapping{answers: []string{"10.0.0.1", "10.0.0.2"}}
		client, w := worldOf(t, egress.Policy{ReportOnly: true, Audit: sink, Resolver: flaps}, says("x"))
		if text, err := get(t, client, "http://name.example/"); text != "x" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		if dials := w.dials(); len(dials) != 1 || dials[0] != "10.0.0.1:80" || flaps.asked != 1 {
			t.Errorf("dialled %v after %d look-ups", dials, flaps.asked)
		}
		if list := sink.all(); len(list) != 1 || !strings.Contains(list[0].Err.Error(), "10.0.0.1") {
			t.Errorf("%+v", list)
		}
	})
	t.Run("through the policy's proxy", func(t *testing.T) {
		t.Parallel()
		p := &proxy{server: inside.Listener.Addr().String(), answer: "HTTP/1.1 200 Connected\r\n\r\n"}
		front := httptest.NewServer(p)
		t.Cleanup(front.Close)
		address, _ := url.Parse(front.URL)
		client := newClient(t, egress.Policy{ReportOnly: true, Proxy: address})
		if text, err := get(t, client, inside.URL); text != "inside" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if got := strings.Join(p.targets, " "); got != "CONNECT "+inside.Listener.Addr().String() {
			t.Errorf("the proxy was asked for %q", got)
		}
	})
	t.Run("a closed client stays closed", func(t *testing.T) {
		t.Parallel()
		client := newClient(t, egress.Policy{ReportOnly: true})
		_ = client.Close()
		if _, err := get(t, client, inside.URL); !errors.Is(err, egress.ErrBlocked) {
			t.Error(err)
		}
	})
}

// flapping gives another answer each time.
type flapping struct {
	mu      sync.Mutex
	answers []string
	asked   int
}

func (f *flapping) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	return []netip.Addr{netip.MustParseAddr(f.answers[(f.asked-1)%len(f.answers)])}, nil
}
