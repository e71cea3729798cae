package egress_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ginsec/ginsec/egress"
)

// hops answers a request for /0 at any host with the first Location, /1 with the
// second and so on, and keeps what arrived.
type hops struct {
	mu        sync.Mutex
	status    int
	locations []string
	got       []arrived
}

type arrived struct {
	method, host, path, body string
	header                   http.Header
}

func (h *hops) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.got)
	h.got = append(h.got, arrived{r.Method, r.Host, r.URL.Path, string(body), r.Header.Clone()})
	if n < len(h.locations) {
		w.Header().Set("Location", h.locations[n])
		w.WriteHeader(h.status)
	}
}

// send makes one request with secrets in its headers through a chain.
func (h *hops) send(t *testing.T, p egress.Policy, method, url, body string) error {
	t.Helper()
	p.Resolver = everywhere{}
	client, _ := worldOf(t, p, h)
	var content io.Reader = http.NoBody
	if body != "" {
		content = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, content)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range secretHeaders() {
		req.Header.Set(name, "secret")
	}
	for _, name := range harmlessHeaders() {
		req.Header.Set(name, "bytes=0-")
	}
	resp, err := client.HTTP().Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func secretHeaders() []string {
	return []string{"Authorization", "Cookie", "Cookie2", "X-Api-Key", "X-Auth-Token", "X-Hub-Signature-256", "Www-Authenticate", "Proxy-Authorization", "Webhook-Signature", "Referer", "Origin", "X-Forwarded-For", "Traceparent"}
}

func harmlessHeaders() []string {
	return []string{"Accept", "Accept-Language", "User-Agent", "Range", "If-None-Match", "If-Modified-Since"}
}

func (h *hops) leaked(i int) (names []string) {
	for _, name := range secretHeaders() {
		if h.got[i].header.Get(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// ASVS 15.3.2.
func TestRedirectsAreRefused(t *testing.T) {
	t.Parallel()
	const start = "http://a.example/"
	for _, tc := range []struct {
		name, method, url, body string
		status                  int
		locations               []string
		policy                  egress.Policy
		want                    error
		rule                    string
		hop, sent               int
	}{
		{"to the inside", "GET", start, "", 302, []string{"http://127.0.0.1/"}, egress.Policy{}, egress.ErrBlocked, "loopback", 1, 1},
		{"to the inside at the second hop", "GET", start, "", 302, []string{"http://b.example/", "http://169.254.169.254/latest"}, egress.Policy{}, egress.ErrBlocked, "cloud", 2, 2},
		{"to the inside by a relative network path", "GET", start, "", 302, []string{"//127.0.0.1/"}, egress.Policy{}, egress.ErrBlocked, "loopback", 1, 1},
		{"to a number", "GET", start, "", 302, []string{"http://2130706433/"}, egress.Policy{}, egress.ErrBlocked, "ip_spelling", 1, 1},
		{"to localhost in circles", "GET", start, "", 302, []string{"http://ⓛocalhost/"}, egress.Policy{}, egress.ErrBlocked, "special_use", 1, 1},
		{"to another port", "GET", start, "", 302, []string{"http://a.example:22/"}, egress.Policy{}, egress.ErrBlocked, "port", 1, 1},
		{"to file", "GET", start, "", 302, []string{"file:///etc/passwd"}, egress.Policy{}, egress.ErrBlocked, "syntax", 1, 1},
		{"to gopher", "GET", start, "", 302, []string{"gopher://b.example/"}, egress.Policy{}, egress.ErrBlocked, "scheme", 1, 1},
		{"with user info", "GET", start, "", 302, []string{"http://user:pass@b.example/"}, egress.Policy{}, egress.ErrBlocked, "userinfo", 1, 1},
		{"with user info where it is allowed", "GET", start, "", 302, []string{"http://user:pass@b.example/"}, egress.Policy{AllowUserinfo: true}, egress.ErrBlocked, "userinfo", 1, 1},
		{"with other user info", "GET", "http://u:p@a.example/", "", 302, []string{"http://x:y@a.example/"}, egress.Policy{AllowUserinfo: true}, egress.ErrBlocked, "userinfo", 1, 1},
		{"with a backslash", "GET", start, "", 302, []string{"/\\127.0.0.1/"}, egress.Policy{}, egress.ErrRedirect, "character", 0, 1},
		{"with a space", "GET", start, "", 302, []string{"http://b.example/a b"}, egress.Policy{}, egress.ErrRedirect, "character", 0, 1},
		{"that cannot be read", "GET", start, "", 302, []string{"http://[::1/"}, egress.Policy{}, egress.ErrRedirect, "syntax", 0, 1},
		{"too many", "GET", start, "", 302, []string{"/1", "/2", "/3", "/4", "/5", "/6"}, egress.Policy{}, egress.ErrRedirect, "too_many_redirects", 6, 6},
		{"none wanted", "GET", start, "", 302, []string{"/1"}, egress.Policy{MaxRedirects: -1}, egress.ErrRedirect, "too_many_redirects", 1, 1},
		{"in a circle", "GET", start, "", 302, []string{"/", "/", "/", "/", "/", "/", "/"}, egress.Policy{}, egress.ErrRedirect, "too_many_redirects", 6, 6},
		{"with a body to another host", "POST", start, "body", 307, []string{"http://b.example/"}, egress.Policy{}, egress.ErrRedirect, "body_across_origins", 1, 1},
		{"with a body to another port", "PUT", start, "body", 308, []string{"http://a.example:443/"}, egress.Policy{}, egress.ErrRedirect, "body_across_origins", 1, 1},
		{"off the host list", "GET", start, "", 302, []string{"http://b.example/"}, egress.Policy{Hosts: []string{"a.example"}}, egress.ErrBlocked, "host_not_listed", 1, 1},
		{"to a method that is not allowed", "POST", start, "x", 303, []string{"/1"}, egress.Policy{Methods: []string{"POST"}}, egress.ErrBlocked, "method", 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := &hops{status: tc.status, locations: tc.locations}
			err := h.send(t, tc.policy, tc.method, tc.url, tc.body)
			if !errors.Is(err, tc.want) {
				t.Fatalf("%v, want %v", err, tc.want)
			}
			if e := failure(t, err); e.Rule != tc.rule || e.Hop != tc.hop {
				t.Errorf("%s at hop %d, want %s at %d", e.Rule, e.Hop, tc.rule, tc.hop)
			}
			if len(h.got) != tc.sent {
				t.Errorf("%d requests were sent, want %d", len(h.got), tc.sent)
			}
		})
	}
}

func TestRedirectsThatAreFollowed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, body string
		status             int
		locations          []string
		policy             egress.Policy
		crossed            int // from this hop on nothing secret is sent
		last               arrived
	}{
		{"relative", "GET", "", 302, []string{"/1", "2"}, egress.Policy{}, 99, arrived{method: "GET", host: "a.example", path: "/2"}},
		{"absolute in another spelling", "GET", "", 301, []string{"http://A.EXAMPLE.:80/1"}, egress.Policy{}, 99, arrived{method: "GET", host: "a.example", path: "/1"}},
		{"to another host", "GET", "", 302, []string{"http://b.example/1"}, egress.Policy{}, 1, arrived{method: "GET", host: "b.example", path: "/1"}},
		{"to a sub-domain", "GET", "", 302, []string{"http://sub.a.example/1"}, egress.Policy{}, 1, arrived{method: "GET", host: "sub.a.example", path: "/1"}},
		{"to another port", "GET", "", 302, []string{"http://a.example:443/1"}, egress.Policy{}, 1, arrived{method: "GET", host: "a.example:443", path: "/1"}},
		{"there and back again", "GET", "", 302, []string{"http://b.example/1", "http://a.example/2"}, egress.Policy{}, 1, arrived{method: "GET", host: "a.example", path: "/2"}},
		{"there and back and on", "GET", "", 302, []string{"http://b.example/1", "http://a.example/2", "/3", "/4"}, egress.Policy{}, 1, arrived{method: "GET", host: "a.example", path: "/4"}},
		{"first at home, then there and on", "GET", "", 302, []string{"/1", "http://b.example/2", "/3", "/4"}, egress.Policy{}, 2, arrived{method: "GET", host: "b.example", path: "/4"}},
		{"first at home, then there, back and on", "GET", "", 302, []string{"/1", "http://b.example/2", "http://a.example/3", "/4"}, egress.Policy{}, 2, arrived{method: "GET", host: "a.example", path: "/4"}},
		{"to an IDN", "GET", "", 302, []string{"http://bücher.example/1"}, egress.Policy{}, 1, arrived{method: "GET", host: "xn--bcher-kva.example", path: "/1"}},
		{"307 with a body to the same origin", "POST", "body", 307, []string{"/1"}, egress.Policy{}, 99, arrived{method: "POST", host: "a.example", path: "/1", body: "body"}},
		{"303 drops the body", "POST", "body", 303, []string{"http://b.example/1"}, egress.Policy{}, 1, arrived{method: "GET", host: "b.example", path: "/1"}},
		{"302 drops the body of a POST", "POST", "body", 302, []string{"/1"}, egress.Policy{}, 99, arrived{method: "GET", host: "a.example", path: "/1"}},
		{"as many as wanted", "GET", "", 302, []string{"/1", "/2", "/3", "/4", "/5", "/6", "/7"}, egress.Policy{MaxRedirects: 7}, 99, arrived{method: "GET", host: "a.example", path: "/7"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := &hops{status: tc.status, locations: tc.locations}
			if err := h.send(t, tc.policy, tc.method, "http://a.example/0", tc.body); err != nil {
				t.Fatal(failure(t, err).Detail())
			}
			if len(h.got) != len(tc.locations)+1 {
				t.Fatalf("%d requests, want %d", len(h.got), len(tc.locations)+1)
			}
			last := h.got[len(h.got)-1]
			if last.method != tc.last.method || last.host != tc.last.host || last.path != tc.last.path || last.body != tc.last.body {
				t.Errorf("ended at %s %s%s %q", last.method, last.host, last.path, last.body)
			}
			for i := 1; i < len(h.got); i++ {
				leaked := h.leaked(i)
				if i >= tc.crossed && len(leaked) > 0 || i < tc.crossed && !slices.Contains(leaked, "X-Api-Key") {
					t.Errorf("request %d carries %v", i, leaked)
				}
				if h.got[i].header.Get("Referer") != "" {
					t.Errorf("request %d has a Referer", i)
				}
				for _, name := range harmlessHeaders() {
					if h.got[i].header.Get(name) == "" {
						t.Errorf("request %d lost %s", i, name)
					}
				}
			}
		})
	}
}

func TestListedHeadersSurviveARedirect(t *testing.T) {
	t.Parallel()
	h := &hops{status: 302, locations: []string{"http://b.example/"}}
	if err := h.send(t, egress.Policy{KeepHeaders: []string{"x-api-key"}}, "GET", "http://a.example/", ""); err != nil {
		t.Fatal(err)
	}
	if leaked := h.leaked(1); len(leaked) != 1 || leaked[0] != "X-Api-Key" {
		t.Errorf("kept %v", leaked)
	}
}

// The rules for redirects hold for an http.Client of the user's own too, as loose as
// it may be.
func TestRedirectRulesHoldForOtherClients(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		locations []string
		want      error
	}{
		{"to the inside", []string{"http://127.0.0.1/"}, egress.ErrBlocked},
		{"too many", []string{"/1", "/2", "/3", "/4", "/5", "/6"}, egress.ErrRedirect},
		{"a backslash", []string{"/\\a"}, egress.ErrRedirect},
		{"secrets", []string{"http://b.example/", "http://a.example/"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := &hops{status: 302, locations: tc.locations}
			client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, h)
			own := &http.Client{Transport: passing{client.RoundTripper()}, CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.example/", http.NoBody)
			req.Header.Set("X-Api-Key", "secret")
			resp, err := own.Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if !errors.Is(err, tc.want) {
				t.Fatal(err)
			}
			for i := 1; i < len(h.got); i++ {
				if tc.want == nil && len(h.leaked(i)) != 0 {
					t.Errorf("request %d carries %v", i, h.leaked(i))
				}
			}
		})
	}
}

// passing is a middleware that clones requests, as tracing does.
type passing struct{ next http.RoundTripper }

func (p passing) RoundTrip(r *http.Request) (*http.Response, error) {
	return p.next.RoundTrip(r.Clone(r.Context()))
}

func TestRequestsThatAreRefusedBeforeSending(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, rule string
		change     func(*http.Request)
	}{
		{"another Host header", "host_header", func(r *http.Request) { r.Host = "internal.example" }},
		{"the inside as Host header", "host_header", func(r *http.Request) { r.Host = "127.0.0.1" }},
		{"a Host header with another port", "host_header", func(r *http.Request) { r.Host = "a.example:8080" }},
		{"CONNECT", "method", func(r *http.Request) { r.Method = "CONNECT" }},
		{"TRACE", "method", func(r *http.Request) { r.Method = "TRACE" }},
		{"trace in small letters", "method", func(r *http.Request) { r.Method = "trace" }},
		{"Connect", "method", func(r *http.Request) { r.Method = "Connect" }},
		{"no URL", "syntax", func(r *http.Request) { r.URL = nil }},
		{"an opaque URL", "syntax", func(r *http.Request) { r.URL.Opaque = "//127.0.0.1/" }},
		{"no host", "syntax", func(r *http.Request) { r.URL.Host = "" }},
		{"a query with a line end", "character", func(r *http.Request) { r.URL.RawQuery = "a\r\nHost: x" }},
		{"a long query", "length", func(r *http.Request) { r.URL.RawQuery = strings.Repeat("a", 9000) }},
		{"a host by hand", "host", func(r *http.Request) { r.URL.Host, r.Host = "a.example/@127.0.0.1", "" }},
		{"a percent by hand", "host", func(r *http.Request) { r.URL.Host, r.Host = "%31.example", "" }},
		{"a zone by hand", "zoned", func(r *http.Request) { r.URL.Host, r.Host = "[fe80::1%eth0]", "" }},
		{"user info by hand", "userinfo", func(r *http.Request) { r.URL.User = url.User("") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			client, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, says("x"))
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.example/", http.NoBody)
			tc.change(req)
			_, err := client.RoundTripper().RoundTrip(req)
			if e := failure(t, err); e.Rule != tc.rule || len(w.dials()) != 0 {
				t.Errorf("%s, dials %v", e.Detail(), w.dials())
			}
		})
	}
}

func TestTheCanonicalHostIsSent(t *testing.T) {
	t.Parallel()
	for raw, host := range map[string]string{
		"http://A.Example.:80/": "a.example", "http://bücher.example/": "xn--bcher-kva.example", "http://a.example:443/": "a.example:443",
		"http://８.8.8.8/": "8.8.8.8", "http://[2606:4700:4700:0::1111]/": "[2606:4700:4700::1111]",
	} {
		h := &hops{}
		if err := h.send(t, egress.Policy{}, "GET", raw, ""); err != nil || h.got[0].host != host {
			t.Errorf("%s: %v, %v", raw, h.got, err)
		}
	}
	h := &hops{}
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, h)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://A.example/", http.NoBody)
	req.Host = "a.EXAMPLE.:80"
	resp, err := client.HTTP().Do(req)
	if err != nil || h.got[0].host != "a.example" {
		t.Fatalf("the same host in another spelling: %v, %v", h.got, err)
	}
	_ = resp.Body.Close()
	if req.URL.Host != "A.example" || req.Host != "a.EXAMPLE.:80" {
		t.Error("the caller's request was changed")
	}
}

func ExampleError_Detail() {
	client, err := egress.New(egress.Policy{})
	if err != nil {
		panic(err)
	}
	_, err = client.Parse("http://169.254.169.254/latest/meta-data")
	var refused *egress.Error
	if errors.As(err, &refused) {
		fmt.Println(refused)          // for whoever chose the URL
		fmt.Println(refused.Detail()) // for the log
	}
	// Output:
	// egress: request failed
	// egress: blocked: cloud, host "169.254.169.254", address 169.254.169.254 (Policy.AllowPrefixes, Policy.InternalHosts; table of 2026-07)
}
