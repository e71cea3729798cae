package egress_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/net/idna"

	"github.com/ginsec/ginsec/egress"
)

// closed is the address policy written down a second time, slowly: what no host on
// the internet has. FuzzClassify holds the table against it.
func closed() []netip.Prefix {
	var list []netip.Prefix
	for block := range strings.FieldsSeq(`
		0.0.0.0/8 10.0.0.0/8 34.118.224.0/20 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12
		192.0.0.0/24 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24
		198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3
		::/3 4000::/2 8000::/1 2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20`) {
		list = append(list, netip.MustParsePrefix(block))
	}
	return list
}

// reachable is the policy by closed and by decoding.
func reachable(list []netip.Prefix, a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	a = a.Unmap()
	if b := a.As16(); a.Is6() && netip.MustParsePrefix("64:ff9b::/96").Contains(a) {
		return reachable(list, netip.AddrFrom4([4]byte(b[12:])))
	} else if a.Is6() && b[8]&^2 == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe && !reachable(list, netip.AddrFrom4([4]byte(b[12:]))) {
		return false
	}
	return !slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}

func FuzzClassify(f *testing.F) {
	for _, list := range forbidden() {
		for _, text := range list {
			a := netip.MustParseAddr(text)
			f.Add(a.AsSlice(), a.Zone())
		}
	}
	for _, text := range permitted() {
		f.Add(netip.MustParseAddr(text).AsSlice(), "")
	}
	list := closed()
	client, err := egress.New(egress.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	egress.SetOwnAddresses(client, func() ([]net.Addr, error) { return nil, nil })
	f.Fuzz(func(t *testing.T, b []byte, zone string) {
		a, _ := netip.AddrFromSlice(b)
		a = a.WithZone(zone)
		want := reachable(list, a)
		if got := egress.Public(a); got != want {
			t.Errorf("Public(%s) = %v", a, got)
		}
		if got := egress.Classify(a) == "public"; got != want {
			t.Errorf("Classify(%s) = %s", a, egress.Classify(a))
		}
		if got := egress.Judge(client, a) == ""; got != want {
			t.Errorf("a default client on %s: %v", a, got)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, list := range hostileURLs() {
		for _, raw := range list {
			f.Add(raw)
		}
	}
	for raw := range honestURLs() {
		f.Add(raw)
	}
	client, err := egress.New(egress.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	list := closed()
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := client.Parse(raw)
		if err != nil {
			if e := failure(t, err); e.Kind != "blocked" || e.Rule == "" || e.Rule == "panic" {
				t.Errorf("%q: %s", raw, e.Detail())
			}
			return
		}
		again, err := client.Parse(u.String())
		if err != nil || again != u {
			t.Errorf("%q became %q, which becomes %q, %v", raw, u, again, err)
		}
		// What net/http would make of the text by itself must be the same host.
		parsed, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		wire := parsed.Hostname()
		if ascii, err := idna.Lookup.ToASCII(wire); err == nil {
			wire = ascii
		}
		canonical, err := url.Parse(u.String())
		if err != nil {
			t.Fatal(err)
		}
		name := canonical.Hostname()
		if a, err := netip.ParseAddr(name); err == nil {
			if !reachable(list, a) {
				t.Errorf("%q passes and is %s", raw, a)
			}
			if w, err := netip.ParseAddr(wire); err != nil || w.Unmap() != a {
				t.Errorf("%q is %s here and %s on the wire", raw, a, wire)
			}
			return
		}
		if !strings.EqualFold(strings.TrimSuffix(wire, "."), name) {
			t.Errorf("%q is %q here and %q on the wire", raw, name, wire)
		}
		if !strings.Contains(name, ".") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Errorf("%q passes as the host %q", raw, name)
		}
	})
}

func FuzzControl(f *testing.F) {
	for _, network := range []string{"tcp4", "tcp6", "tcp", "udp4", "unix", ""} {
		for _, address := range []string{"8.8.8.8:443", "127.0.0.1:80", "[::1]:443", "[fe80::1%eth0]:80", "[::ffff:127.0.0.1]:80", ":80", "8.8.8.8:22", "a:80", ""} {
			f.Add(network, address)
		}
	}
	client, err := egress.New(egress.Policy{})
	if err != nil {
		f.Fatal(err)
	}
	list := closed()
	f.Fuzz(func(t *testing.T, network, address string) {
		if err := client.Control(network, address, nil); err != nil {
			if e := failure(t, err); e.Rule == "panic" {
				t.Error(e.Detail())
			}
			return
		}
		ap, err := netip.ParseAddrPort(address)
		if err != nil || !reachable(list, ap.Addr()) || ap.Port() != 80 && ap.Port() != 443 || network != "tcp4" && network != "tcp6" {
			t.Errorf("%s %s passes", network, address)
		}
	})
}

// pipes is an internet of one server on every address, which answers its first
// request with a Location and every other with 200. It keeps what it was asked.
type pipes struct {
	mu       sync.Mutex
	location string
	status   string
	dialed   []netip.AddrPort
	requests []*http.Request
}

func (p *pipes) dial(ctx context.Context, network string, to netip.AddrPort, check func(context.Context, string, string, syscall.RawConn) error) (net.Conn, error) {
	if err := check(ctx, network, to.String(), nil); err != nil {
		return nil, err
	}
	p.mu.Lock()
	p.dialed = append(p.dialed, to)
	p.mu.Unlock()
	near, far := net.Pipe()
	go p.serve(far)
	return near, nil
}

func (p *pipes) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		p.mu.Lock()
		p.requests = append(p.requests, req)
		text := "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		if len(p.requests) == 1 {
			text = "HTTP/1.1 " + p.status + "\r\nLocation: " + p.location + "\r\nContent-Length: 0\r\n\r\n"
		}
		p.mu.Unlock()
		if _, err := io.WriteString(conn, text); err != nil {
			return
		}
	}
}

// everywhere resolves each name to one public address.
type everywhere struct{}

func (everywhere) LookupNetIP(context.Context, string, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("93.184.215.14")}, nil
}

func FuzzRedirect(f *testing.F) {
	for _, list := range hostileURLs() {
		for _, raw := range list {
			f.Add(raw, uint8(0))
		}
	}
	for i, raw := range []string{"/next", "//other.example/", "http://start.example/x", "https://start.example/", "http://user:pass@other.example/", "?q", "#f", "..", "http://8.8.8.8:443/"} {
		f.Add(raw, uint8(i))
	}
	list := closed()
	f.Fuzz(func(t *testing.T, location string, code uint8) {
		statuses := []string{"301 a", "302 a", "303 a", "307 a", "308 a"}
		p := &pipes{location: strings.NewReplacer("\r", "", "\n", "").Replace(location), status: statuses[int(code)%len(statuses)]}
		client, err := egress.New(egress.Policy{Schemes: []string{"http"}, Resolver: everywhere{}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = client.Close() }()
		egress.SetDialer(client, p.dial)
		egress.SetOwnAddresses(client, func() ([]net.Addr, error) { return nil, nil })
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://start.example/", strings.NewReader("body"))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Api-Key", "secret")
		resp, err := client.HTTP().Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		} else if e := failure(t, err); e.Rule == "panic" {
			t.Error(e.Detail())
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, to := range p.dialed {
			if !reachable(list, to.Addr()) || to.Port() != 80 && to.Port() != 443 {
				t.Errorf("%q leads to %s", location, to)
			}
		}
		for i, got := range p.requests[min(1, len(p.requests)):] {
			if got.Header.Get("Referer") != "" || got.Header.Get("Authorization") != "" {
				t.Errorf("%q: request %d carries %v", location, i+1, got.Header)
			}
			if got.Host != "start.example" && (got.Header.Get("X-Api-Key") != "" || got.ContentLength > 0) {
				t.Errorf("%q: %s gets the secret or the body", location, got.Host)
			}
		}
	})
}
