package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
)

// get fetches a URL and reads the whole body.
func get(tb testing.TB, c *egress.Client, url string) (string, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := c.HTTP().Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

func says(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func TestOnlyTheOpenedServerIsReached(t *testing.T) {
	t.Parallel()
	inside := httptest.NewServer(says("secret"))
	defer inside.Close()
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/inside":
			http.Redirect(w, r, inside.URL, http.StatusFound)
		case "/endless":
			block := make([]byte, 64<<10)
			for range 1024 {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		default:
			_, _ = io.WriteString(w, "article")
		}
	}))
	defer partner.Close()
	client := newClient(t, egresstest.Open(egress.Policy{MaxBody: 1 << 20}, partner.URL))

	if text, err := get(t, client, partner.URL); err != nil || text != "article" {
		t.Fatalf("the partner: %q, %v", text, err)
	}
	_, port, _ := net.SplitHostPort(inside.Listener.Addr().String())
	_, open, _ := net.SplitHostPort(partner.Listener.Addr().String())
	for _, url := range []string{
		inside.URL, "http://0177.0.0.1:" + port, "http://2130706433:" + port, "http://[::ffff:127.0.0.1]:" + port,
		"http://localhost:" + port, "http://0.0.0.0:" + port, partner.URL + "/inside", "http://localhost:" + open,
		"http://127.0.0.2:" + open, "http://2130706433:" + open, "http://127.0.0.1:80", "http://127.0.0.1",
		"http://user:secret@127.0.0.1:" + open, "file:///etc/hostname", "http://[::1]:" + open,
	} {
		if text, err := get(t, client, url); !errors.Is(err, egress.ErrBlocked) {
			t.Errorf("%s: %q, %v", url, text, err)
		}
	}
	if _, err := get(t, client, partner.URL+"/endless"); !errors.Is(err, egress.ErrTooLarge) {
		t.Errorf("endless: %v", err)
	}
}

func TestWithoutAClientEverythingIsRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(says("x"))
	t.Cleanup(server.Close)
	address := server.Listener.Addr().String()
	closed := newClient(t, egresstest.Open(egress.Policy{}, server.URL))
	if err := errors.Join(closed.Close(), closed.Close()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*egress.Client{
		"a context without one": egress.From(t.Context()),
		"a context with nil":    egress.From(egress.With(t.Context(), nil)),
		"nil":                   nil,
		"zero":                  {},
		"closed":                closed,
	} {
		if name != "nil" && c == nil {
			t.Fatalf("%s: nil", name)
		}
		_, httpErr := get(t, c, server.URL)
		_, parseErr := c.Parse("https://example.com/")
		_, dialErr := c.DialContext(t.Context(), "tcp", address)
		_, deliverErr := c.Deliver(t.Context(), egress.Delivery{URL: server.URL, ID: "1", Secrets: []string{secret}})
		for what, err := range map[string]error{
			"HTTP": httpErr, "Parse": parseErr, "DialContext": dialErr, "Deliver": deliverErr,
			"Check":   c.Check(t.Context(), "https://example.com/"),
			"Control": c.Control("tcp4", "8.8.8.8:443", nil),
		} {
			if !errors.Is(err, egress.ErrBlocked) {
				t.Errorf("%s: %s: %v", name, what, err)
			}
		}
		if c.Valid("https://example.com/") {
			t.Errorf("%s: Valid", name)
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheContextCarriesTheClient(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	ctx, cancel := context.WithCancel(egress.With(t.Context(), client))
	defer cancel()
	if egress.From(ctx) != client {
		t.Error("another client")
	}
}

// ASVS 1.3.6, 13.2.4.
func TestHostileURLsNeverReachADialer(t *testing.T) {
	t.Parallel()
	client, w := worldOf(t, egress.Policy{Resolver: zone()}, says("leaked"))
	for rule, list := range hostileURLs() {
		for _, raw := range list {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, raw, http.NoBody)
			if err != nil {
				continue // net/http refuses it by itself
			}
			resp, err := client.HTTP().Do(req)
			if err == nil {
				_ = resp.Body.Close()
			}
			if !errors.Is(err, egress.ErrBlocked) && !errors.Is(err, egress.ErrDNS) && !strings.Contains(err.Error(), "no Host in request URL") {
				t.Errorf("%s: %q: %v", rule, raw, err)
			}
		}
	}
	if dials := w.dials(); len(dials) != 0 {
		t.Errorf("dialled %v", dials)
	}
}
