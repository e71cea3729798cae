package egress_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/egress"
)

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// noise cannot be compressed.
func noise(n int) string {
	b, r := make([]byte, n), rand.NewChaCha8([32]byte{})
	_, _ = r.Read(b)
	return string(b)
}

// ASVS 13.1.3: what expands to nothing is bounded by its own size, long before the time is up.
func TestBytesThatExpandToNothingAreBounded(t *testing.T) {
	t.Parallel()
	emptyBlock := "\x00\x00\x00\xff\xff" // stored, of no length, not the last
	header := zipped("")[:10]
	padded := func() string { // FEXTRA of 65535 bytes
		return header[:3] + "\x04" + header[4:] + "\xff\xff" + strings.Repeat("x", 0xffff) + zipped("")[10:]
	}
	for name, talk := range map[string]func(io.Writer) error{
		"empty members": func(w io.Writer) error { return again(w, strings.Repeat(zipped(""), 100)) },
		"empty blocks": func(w io.Writer) error {
			_, _ = io.WriteString(w, header)
			return again(w, strings.Repeat(emptyBlock, 1000))
		},
		"padding": func(w io.Writer) error { return again(w, padded()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := serveRaw(t, func(c net.Conn, _ <-chan struct{}) {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n")
				_ = talk(c)
			})
			client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, Timeout: time.Minute, MaxBody: 1 << 20}))
			egress.SetDialer(client, (&world{server: server.address}).dial)
			labelled(t, client, func() {
				if text, err := get(t, client, "http://host.example/"); text != "" || !errors.Is(err, egress.ErrTooLarge) || failure(t, err).Rule != "body" {
					t.Errorf("%d bytes, %v", len(text), err)
				}
			})
			eventually(t, server.none, "a connection is left open")
		})
	}
}

func again(w io.Writer, block string) error {
	for {
		if _, err := io.WriteString(w, block); err != nil {
			return err
		}
	}
}

func TestACompressedAnswerIsHeldToItsPlainSize(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	incompressible := noise(limit)
	for _, tc := range []struct {
		name, body string
		length     bool
		want       string // "" when it is too large
	}{
		{"exactly the limit", zipped(strings.Repeat("x", limit)), true, strings.Repeat("x", limit)},
		{"a byte more", zipped(strings.Repeat("x", limit+1)), true, ""},
		{"the limit, longer when compressed", zipped(incompressible), true, incompressible},
		{"the same without a length", zipped(incompressible), false, incompressible},
		{"several members", zipped("a") + zipped("") + zipped("b"), true, "ab"},
		{"a compressed giant", noise(2 * limit), true, ""},
	} {
		for _, spelling := range []string{"gzip", "GZip"} {
			client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: limit}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", spelling)
				if tc.length {
					w.Header().Set("Content-Length", strconv.Itoa(len(tc.body)))
				} else {
					w.(http.Flusher).Flush()
				}
				_, _ = io.WriteString(w, tc.body)
			}))
			text, err := get(t, client, "http://host.example/")
			if tc.want == "" && !errors.Is(err, egress.ErrTooLarge) || tc.want != "" && (err != nil || text != tc.want) {
				t.Errorf("%s, %s: %d bytes, %v", tc.name, spelling, len(text), err)
			}
		}
	}
}

func TestAHugeLimitRefusesNoCompressedAnswer(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{math.MaxInt64, math.MaxInt64 - 1, math.MaxInt64 / 257 * 256} {
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: limit}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Content-Length", strconv.Itoa(len(zipped("x"))))
			_, _ = io.WriteString(w, zipped("x"))
		}))
		if text, err := get(t, client, "http://host.example/"); text != "x" || err != nil {
			t.Errorf("%d: %q, %v", limit, text, err)
		}
	}
}

// An exchange whose caller has left, or whose budget has ended, before the program
// closed its answer hands nothing dead on to the next one.
func TestAnEndedExchangeEndsNoOther(t *testing.T) {
	t.Parallel()
	for name, callerLeaves := range map[string]bool{"the caller has left": true, "the budget has ended": false} {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, egress.Policy{Resolver: everywhere{}})
			egress.SetDialer(client, noContent)
			for i := range 3 {
				ctx, leave := context.Background(), func() { time.Sleep(time.Minute) } // simulated
				if callerLeaves {
					ctx, leave = context.WithCancel(ctx)
				}
				req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example/", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				resp, err := client.HTTP().Do(req)
				if err != nil {
					t.Fatalf("%s: request %d: %v", name, i, err)
				}
				leave()
				synctest.Wait()
				_ = resp.Body.Close()
			}
			_ = client.Close()
		})
	}
}

// noContent is the dialer of a server that answers 204 and hangs up.
func noContent(context.Context, string, netip.AddrPort, checkFunc) (net.Conn, error) {
	near, far := net.Pipe()
	go func() {
		_, _ = far.Read(make([]byte, 4096))
		_, _ = io.WriteString(far, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
		_ = far.Close()
	}()
	return near, nil
}

// The program sees what it would see with net/http's own decompression.
func TestGzipIsAskedForAndUndoneAsNetHTTPDoesIt(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Asked", fmt.Sprintf("%q", r.Header["Accept-Encoding"]))
		switch r.URL.Path {
		case "/plain":
			_, _ = io.WriteString(w, "plain")
		case "/empty":
			w.Header().Set("Content-Encoding", "gzip")
			w.(http.Flusher).Flush()
		case "/none":
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(http.StatusNoContent)
		case "/liar":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "no gzip at all")
		case "/cut":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, zipped(noise(1000))[:500])
		case "/tail":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, zipped("x")+"tail")
		case "/other":
			w.Header().Set("Content-Encoding", "br")
			_, _ = io.WriteString(w, "br")
		default:
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, zipped("unzipped"))
		}
	})
	server := httptest.NewUnstartedServer(h)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	guarded := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}}))
	egress.SetDialer(guarded, (&world{server: server.Listener.Addr().String()}).dial)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true, DialContext: (&world{server: server.Listener.Addr().String()}).anywhere}
	t.Cleanup(transport.CloseIdleConnections)
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodHead} {
		for _, header := range []http.Header{{}, {"Accept-Encoding": {"gzip"}}, {"Accept-Encoding": {""}}, {"Accept-Encoding": {"identity"}}, {"Range": {"bytes=0-3"}}, {"X-1": {"1"}, "X-2": {"2"}}} {
			for _, path := range []string{"/", "/plain", "/empty", "/none", "/liar", "/cut", "/tail", "/other"} {
				describe := func(c http.RoundTripper) string {
					req, _ := http.NewRequestWithContext(t.Context(), method, "https://example.com"+path, strings.NewReader("x"))
					req.Header = header.Clone()
					resp, err := c.RoundTrip(req)
					if err != nil {
						return "no answer"
					}
					defer func() { _ = resp.Body.Close() }()
					text, err := io.ReadAll(resp.Body)
					if len(req.Header) != len(header) {
						t.Error("the caller's header was changed")
					}
					asked := strings.ReplaceAll(resp.Header.Get("X-Asked"), `"" `, "")
					return fmt.Sprint(resp.Status, resp.Proto, asked, resp.Header["Content-Encoding"], resp.Header["Content-Length"], resp.ContentLength, resp.Uncompressed, fmt.Sprintf("%q", text), err != nil)
				}
				if want, got := describe(transport), describe(guarded.RoundTripper()); got != want {
					t.Errorf("%s %s %v:\n%s, net/http\n%s", method, path, header, got, want)
				}
			}
		}
	}
}

// Over HTTP/1 too, where net/http would take an empty value for none.
func TestAProgramThatSetsAcceptEncodingGetsTheAnswerAsSent(t *testing.T) {
	t.Parallel()
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped("x"))
	}))
	for _, value := range []string{"", "gzip", "identity"} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.example/", http.NoBody)
		req.Header.Set("Accept-Encoding", value)
		resp, err := client.HTTP().Do(req)
		if err != nil {
			t.Fatal(failure(t, err).Detail())
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(text) != zipped("x") || resp.Uncompressed || resp.Header.Get("Content-Encoding") != "gzip" || err != nil {
			t.Errorf("%q: %q, %v", value, text, err)
		}
	}
}

func TestReportOnlyReportsACompressedGiantAndLetsItPass(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"by its length": zipped(noise(5000)), "in the middle": strings.Repeat(zipped(""), 300) + zipped("end")} {
		sink := &events{}
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: 1000, ReportOnly: true, Audit: sink}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			if name == "in the middle" {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, body)
		}))
		text, err := get(t, client, "http://host.example/")
		if err != nil || text != "end" && text != noise(5000) {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
		reports := 0
		for _, e := range sink.all() {
			if e.Reason == "body" && e.Verdict.String() == "report" {
				reports++
			}
		}
		if reports != 1 {
			t.Errorf("%s: %d reports", name, reports)
		}
	}
}

func TestManyCompressedAnswersAtOnceDoNotMix(t *testing.T) {
	t.Parallel()
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, zipped(strings.Repeat(r.URL.RawQuery, 2000)))
	}))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 10 {
				key := strconv.Itoa(100*i + j)
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.example/?"+key, http.NoBody)
				resp, err := client.HTTP().Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				if j%5 == 0 { // closed early, by another goroutine
					done := make(chan struct{})
					go func() { defer close(done); _ = resp.Body.Close() }()
					_, _ = io.Copy(io.Discard, resp.Body)
					<-done
					continue
				}
				text, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || string(text) != strings.Repeat(key, 2000) {
					t.Errorf("%s: %d bytes, %v", key, len(text), err)
				}
			}
		})
	}
	wg.Wait()
}
