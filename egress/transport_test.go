package egress_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// tlsWorld is a client whose internet is one TLS server with a certificate for
// example.com, and which trusts it.
func tlsWorld(t *testing.T, h http.Handler) *egress.Client {
	t.Helper()
	server := httptest.NewUnstartedServer(h)
	quiet(server)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}}))
	egress.SetDialer(client, (&world{server: server.Listener.Addr().String()}).dial)
	return client
}

func TestTLSIsVerifiedByNameAndSpeaksHTTP2(t *testing.T) {
	t.Parallel()
	client := tlsWorld(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s %s %s", r.Proto, r.TLS.ServerName, r.Host)
	}))
	if text, err := get(t, client, "https://EXAMPLE.com./"); err != nil || text != "HTTP/2.0 example.com example.com" {
		t.Errorf("%q, %v", text, err)
	}
	_, err := get(t, client, "https://other.example/")
	if e := failure(t, err); e.Kind != "tls" {
		t.Error(e.Detail())
	}
	untrusting := newClient(t, egress.Policy{Resolver: everywhere{}})
	server := httptest.NewUnstartedServer(says("x"))
	quiet(server)
	server.StartTLS()
	t.Cleanup(server.Close)
	egress.SetDialer(untrusting, (&world{server: server.Listener.Addr().String()}).dial)
	if _, err := get(t, untrusting, "https://example.com/"); failure(t, err).Kind != "tls" {
		t.Error(err)
	}
	plain := httptest.NewServer(says("x"))
	defer plain.Close()
	egress.SetDialer(untrusting, (&world{server: plain.Listener.Addr().String()}).dial)
	if _, err := get(t, untrusting, "https://example.com/"); failure(t, err).Kind != "tls" {
		t.Error(err)
	}
}

func TestBudgetsHoldForHTTP2(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			<-r.Context().Done()
		case "/slow":
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 32<<10))
			}
		case "/header", "/flood":
			for i := range map[string]int{"/header": 70, "/flood": 500}[r.URL.Path] {
				w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("a", 1000))
			}
		}
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	for path, tc := range map[string]struct {
		want          string
		total, header time.Duration // only what is to run out is short
	}{
		"/silent":  {"header_timeout", time.Minute, 300 * time.Millisecond},
		"/slow":    {"total_timeout", time.Second, time.Minute},
		"/endless": {"body", time.Minute, time.Minute},
		"/header":  {"header", time.Minute, time.Minute},
		"/flood":   {"protocol", time.Minute, time.Minute},
		"/":        {"", time.Minute, time.Minute},
	} {
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}, Timeout: tc.total, HeaderTimeout: tc.header, MaxBody: 1 << 20}))
		egress.SetDialer(client, (&world{server: server.Listener.Addr().String()}).dial)
		_, err := get(t, client, "https://example.com"+path)
		rule := ""
		if err != nil {
			rule = failure(t, err).Rule
		}
		if rule != tc.want {
			t.Errorf("%s: %s, want %q", path, failure(t, err).Detail(), tc.want)
		}
	}
}

func TestARedirectFromHTTPSToHTTPIsRefused(t *testing.T) {
	t.Parallel()
	for name, insecure := range map[string]bool{"by default": false, "unless opted in": true} {
		secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/plain", http.StatusFound)
		}))
		t.Cleanup(secure.Close)
		plain := httptest.NewServer(says("plain"))
		t.Cleanup(plain.Close)
		roots := x509.NewCertPool()
		roots.AddCert(secure.Certificate())
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}, InsecureAllowDowngrade: insecure}))
		egress.SetDialer(client, byPort{443: secure.Listener.Addr().String(), 80: plain.Listener.Addr().String()}.dial)
		text, err := get(t, client, "https://example.com/")
		if insecure && (err != nil || text != "plain") || !insecure && (!errors.Is(err, egress.ErrRedirect) || failure(t, err).Rule != "downgrade") {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}

// proxy is a CONNECT proxy. It keeps the targets it was asked for and tunnels all of
// them to one server.
type proxy struct {
	mu      sync.Mutex
	targets []string
	auth    []string
	server  string
	answer  string
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.targets = append(p.targets, r.Method+" "+r.RequestURI)
	p.auth = append(p.auth, r.Header.Get("Proxy-Authorization"))
	p.mu.Unlock()
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, p.answer); err != nil || !strings.HasPrefix(p.answer, "HTTP/1.1 200") {
		return
	}
	up, err := new(net.Dialer).DialContext(r.Context(), "tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	go func() {
		_, _ = io.Copy(up, conn)
		_ = up.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(conn, up)
}

func TestTheProxyGetsJudgedAddressesOnly(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(says("through"))
	t.Cleanup(server.Close)
	p := &proxy{server: server.Listener.Addr().String(), answer: "HTTP/1.1 200 Connected\r\n\r\n"}
	front := httptest.NewServer(p)
	defer front.Close()
	address, _ := url.Parse(front.URL)
	address.User = url.UserPassword("user", "pass")
	client := newClient(t, egress.Policy{Proxy: address, Resolver: zone("name.example. 93.184.215.14", "inside.example. 10.0.0.1", "six.example. 2600::1")})
	for _, raw := range []string{"http://name.example/", "http://six.example:443/", "http://8.8.8.8/"} {
		if text, err := get(t, client, raw); err != nil || text != "through" {
			t.Errorf("%s: %q, %v", raw, text, err)
		}
	}
	for _, raw := range []string{"http://inside.example/", "http://127.0.0.1/", "http://localhost/", "http://nowhere.example/"} {
		if _, err := get(t, client, raw); !errors.Is(err, egress.ErrBlocked) && !errors.Is(err, egress.ErrDNS) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if got := strings.Join(p.targets, ", "); got != "CONNECT 93.184.215.14:80, CONNECT [2600::1]:443, CONNECT 8.8.8.8:80" {
		t.Errorf("the proxy was asked for %s", got)
	}
	if p.auth[0] != "Basic dXNlcjpwYXNz" {
		t.Errorf("the proxy got %q", p.auth[0])
	}
}

func TestTheProxyMaySpeakTLS(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(says("through"))
	t.Cleanup(server.Close)
	front := httptest.NewUnstartedServer(&proxy{server: server.Listener.Addr().String(), answer: "HTTP/1.1 200 Connected\r\n\r\n"})
	quiet(front)
	front.StartTLS()
	t.Cleanup(front.Close)
	address, _ := url.Parse(front.URL)
	roots := x509.NewCertPool()
	roots.AddCert(front.Certificate())
	client := newClient(t, egress.Policy{Proxy: address, Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}})
	if text, err := get(t, client, "http://name.example/"); err != nil || text != "through" {
		t.Errorf("%q, %v", text, err)
	}
	untrusting := newClient(t, egress.Policy{Proxy: address, Resolver: everywhere{}})
	if _, err := get(t, untrusting, "http://name.example/"); failure(t, err).Rule != "proxy" {
		t.Error(err)
	}
}

func TestAHostileProxyIsNoWayAround(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"refuses":        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
		"asks for a key": "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
		"speaks no HTTP": "SSH-2.0-hunter2\r\n\r\n",
		"has no code":    "HTTP/1.1 hunter2\r\n\r\n",
		"has no header":  "HTTP/1.1 200 OK\r\nhunter2\r\n\r\n",
		"never ends":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 100<<10),
		"hangs up":       "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			front := httptest.NewServer(&proxy{answer: answer})
			defer front.Close()
			address, _ := url.Parse(front.URL)
			client := newClient(t, egress.Policy{Proxy: address, Resolver: everywhere{}})
			_, err := get(t, client, "http://name.example/")
			if e := failure(t, err); e.Kind != "connect" || e.Rule != "proxy" || strings.Contains(e.Detail(), "hunter2") {
				t.Error(e.Detail())
			}
		})
	}
	t.Run("is silent", func(t *testing.T) {
		t.Parallel()
		address, _ := url.Parse("http://" + sink(t))
		client := newClient(t, egress.Policy{Proxy: address, Resolver: everywhere{}, DialTimeout: 50 * time.Millisecond})
		if _, err := get(t, client, "http://name.example/"); !errors.Is(err, egress.ErrTimeout) {
			t.Error(err)
		}
	})
}

func TestBytesThatComeWithTheProxysAnswerAreKept(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\n220 ready\r\n")
		_ = conn.Close()
	}()
	client := newClient(t, egress.Policy{Proxy: &url.URL{Scheme: "http", Host: l.Addr().String()}, Ports: []uint16{25}})
	conn, err := client.DialContext(t.Context(), "tcp", "8.8.8.8:25")
	if err != nil {
		t.Fatal(failure(t, err).Detail())
	}
	text, err := io.ReadAll(conn)
	if string(text) != "220 ready\r\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	_ = conn.Close()
}

// The environment must not choose where requests go. This test sets it, so it does
// not run in parallel.
func TestProxyVariablesAreIgnored(t *testing.T) { //nolint:paralleltest // sets the environment
	front := &proxy{answer: "HTTP/1.1 200 OK\r\n\r\n"}
	server := httptest.NewServer(front)
	t.Cleanup(server.Close)
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, server.URL)
	}
	client, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, says("direct"))
	if text, err := get(t, client, "http://name.example/"); err != nil || text != "direct" || len(front.targets) != 0 {
		t.Errorf("%q, %v, proxy %v, dials %v", text, err, front.targets, w.dials())
	}
}

func TestAnUpgradeThatWasAskedForIsATunnel(t *testing.T) {
	t.Parallel()
	server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
		_, _ = io.WriteString(conn, strings.Repeat("x", 100))
	})
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, MaxBody: 10}))
	egress.SetDialer(client, (&world{server: server.address}).dial)
	labelled(t, client, func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://name.example/", http.NoBody)
		req.Header.Set("Upgrade", "echo")
		req.Header.Set("Connection", "Upgrade")
		resp, err := client.RoundTripper().RoundTrip(req)
		if err != nil {
			t.Error(failure(t, err).Detail())
			return
		}
		tunnel, ok := resp.Body.(io.ReadWriteCloser)
		if !ok {
			t.Errorf("the body is a %T", resp.Body)
			return
		}
		if _, err := io.ReadFull(tunnel, make([]byte, 100)); err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(tunnel, "hello"); err != nil {
			t.Error(err)
		}
		_ = tunnel.Close()
	})
	eventually(t, server.none, "the tunnel is left open")
}

// parent counts the contexts that hang on it.
type parent struct {
	context.Context
	done     chan struct{}
	children atomic.Int64
}

func (p *parent) Done() <-chan struct{} { return p.done }

func (p *parent) AfterFunc(func()) func() bool {
	p.children.Add(1)
	return sync.OnceValue(func() bool { p.children.Add(-1); return true })
}

func TestAnExchangeThatEndedHoldsNothingOfItsContext(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "220 smtp.example\r\n",
	} {
		server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) { _, _ = io.WriteString(conn, answer) })
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}}))
		egress.SetDialer(client, (&world{server: server.address}).dial)
		ctx := &parent{Context: t.Context(), done: make(chan struct{})}
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://name.example/", http.NoBody)
		req.Header.Set("Upgrade", "echo")
		req.Header.Set("Connection", "Upgrade")
		if resp, err := client.RoundTripper().RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
		eventually(t, func() bool { return ctx.children.Load() == 0 }, "something hangs on the context")
		_ = client.Close()
	}
}

// The request that is sent on to another origin has lost its Upgrade, so that origin
// cannot turn its answer into a tunnel without budgets.
func TestAnUpgradeIsNotHandedOnByARedirect(t *testing.T) {
	t.Parallel()
	server := serveRaw(t, func(conn net.Conn, _ <-chan struct{}) {
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n")
	})
	first := httptest.NewServer(http.RedirectHandler("http://other.example:443/", http.StatusFound))
	t.Cleanup(first.Close)
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}}))
	egress.SetDialer(client, byPort{80: first.Listener.Addr().String(), 443: server.address}.dial)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://name.example/", http.NoBody)
	req.Header.Set("Upgrade", "echo")
	req.Header.Set("Connection", "Upgrade")
	_, err := client.HTTP().Do(req)
	if e := failure(t, err); e.Rule != "unrequested_upgrade" {
		t.Error(e.Detail())
	}
	eventually(t, server.none, "the connection is left open")
}

// byPort is an internet whose ports are servers.
type byPort map[uint16]string

func TestPoliciesDoNotShareConnections(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(says("x"))
	t.Cleanup(server.Close)
	strict := newClient(t, egress.Policy{})
	address, _ := url.Parse(server.URL)
	open := newClient(t, egress.Policy{AllowAddrPorts: addrPorts(address.Host)})
	for range 3 {
		if _, err := get(t, open, server.URL); err != nil {
			t.Fatal(err)
		}
		if _, err := get(t, strict, server.URL); !errors.Is(err, egress.ErrBlocked) {
			t.Fatalf("the strict client reached it: %v", err)
		}
	}
}

func TestManyCallersAtOnce(t *testing.T) {
	t.Parallel()
	client, _ := worldOf(t, egress.Policy{Resolver: zone("good.example. 8.8.8.8", "bad.example. 10.0.0.1")}, says("x"))
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			raw, want := "http://good.example/", error(nil)
			if i%2 == 0 {
				raw, want = "http://bad.example/", egress.ErrBlocked
			}
			for range 10 {
				if _, err := get(t, client, raw); !errors.Is(err, want) {
					t.Errorf("%s: %v", raw, err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
				_ = client.Check(ctx, raw)
				cancel()
			}
		})
	}
	wg.Wait()
}
