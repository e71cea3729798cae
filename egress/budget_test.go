package egress_test

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// raw is a loopback server that speaks TCP as it likes. It counts open connections.
type raw struct {
	address string
	mu      sync.Mutex
	open    int
}

// serveRaw serves each connection with talk, after its request was read.
func serveRaw(t *testing.T, talk func(conn net.Conn, gone <-chan struct{})) *raw {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &raw{address: l.Addr().String()}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.count(1)
			go s.serve(conn, talk)
		}
	}()
	return s
}

func (s *raw) serve(conn net.Conn, talk func(net.Conn, <-chan struct{})) {
	defer s.count(-1)
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	if _, err := http.ReadRequest(r); err != nil {
		return
	}
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, r) // until the client hangs up
		close(gone)
	}()
	talk(conn, gone)
	<-gone
}

func (s *raw) count(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open += n
}

func (s *raw) none() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open == 0
}

// drip writes one byte per interval until the client is gone.
func drip(conn net.Conn, gone <-chan struct{}, b byte) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-gone:
			return
		case <-tick.C:
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
		}
	}
}

func flood(conn net.Conn, block string) {
	for {
		if _, err := io.WriteString(conn, block); err != nil {
			return
		}
	}
}

// bomb is n bytes of zeros, compressed.
func bomb(n int64) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.CopyN(z, zeros{}, n)
	_ = z.Close()
	return b.String()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// ASVS 13.1.3, 13.2.6.
func TestEveryHostileAnswerEndsWithinItsBudget(t *testing.T) {
	t.Parallel()
	compressed := bomb(64 << 20)
	const total, header = 2 * time.Second, 700 * time.Millisecond
	// Only the budget that is to run out is short: a busy machine may be slow in between.
	budgets := map[string]egress.Policy{
		"header_timeout": {Timeout: 2 * time.Minute, HeaderTimeout: header},
		"total_timeout":  {Timeout: total, HeaderTimeout: time.Minute},
	}
	for _, tc := range []struct {
		name string
		talk func(net.Conn, <-chan struct{})
		want error
		rule string
		most time.Duration
	}{
		{"a gzip bomb", func(c net.Conn, _ <-chan struct{}) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(compressed), compressed)
		}, egress.ErrTooLarge, "body", total},
		{"a body without end", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			flood(c, strings.Repeat("x", 32<<10))
		}, egress.ErrTooLarge, "body", total},
		{"chunks without end", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
			flood(c, "1000\r\n"+strings.Repeat("x", 0x1000)+"\r\n")
		}, egress.ErrTooLarge, "body", total},
		{"an announced giant", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n")
		}, egress.ErrTooLarge, "body", header},
		{"a header without end", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			flood(c, "X-A: "+strings.Repeat("a", 1000)+"\r\n")
		}, egress.ErrTooLarge, "header", total},
		{"one header line without end", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			flood(c, strings.Repeat("a", 1000))
		}, egress.ErrTooLarge, "header", total},
		{"interim answers without end", func(c net.Conn, _ <-chan struct{}) {
			flood(c, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
		}, egress.ErrTooLarge, "header", total},
		{"a slow header", func(c net.Conn, gone <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX-A: ")
			drip(c, gone, 'a')
		}, egress.ErrTimeout, "header_timeout", total},
		{"silence", func(net.Conn, <-chan struct{}) {}, egress.ErrTimeout, "header_timeout", total},
		{"a slow body", func(c net.Conn, gone <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
			drip(c, gone, 'a')
		}, egress.ErrTimeout, "total_timeout", 2 * total},
		{"a body that stops", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
		}, egress.ErrTimeout, "total_timeout", 2 * total},
		{"a slow redirect chain", func(c net.Conn, gone <-chan struct{}) {
			select {
			case <-time.After(header - header/4):
				_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			case <-gone:
			}
			_ = c.(*net.TCPConn).CloseWrite()
		}, egress.ErrTimeout, "total_timeout", 2 * total},
		{"a tunnel nobody asked for", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
		}, egress.ErrBlocked, "unrequested_upgrade", header},
		{"no HTTP", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "220 smtp.example ESMTP\r\n")
		}, nil, "protocol", header},
		{"a cut body", func(c net.Conn, _ <-chan struct{}) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
			_ = c.(*net.TCPConn).CloseWrite()
		}, nil, "protocol", header},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := serveRaw(t, tc.talk)
			policy := budgets[tc.rule]
			policy.Resolver, policy.MaxBody, policy.MaxRedirects = everywhere{}, 1<<20, 50
			policy.Timeout, policy.HeaderTimeout = cmp.Or(policy.Timeout, 2*time.Minute), cmp.Or(policy.HeaderTimeout, time.Minute)
			client := newClient(t, patient(policy))
			egress.SetDialer(client, (&world{server: server.address}).dial)
			labelled(t, client, func() {
				start := time.Now()
				_, err := get(t, client, "http://host.example/")
				elapsed := time.Since(start)
				e := failure(t, err)
				if tc.want != nil && !errors.Is(err, tc.want) || e.Rule != tc.rule {
					t.Errorf("%v: %s", err, e.Detail())
				}
				if slack := 20 * time.Second; elapsed > tc.most+slack { // a busy machine is no fault
					t.Errorf("took %v, budget %v", elapsed, tc.most)
				}
			})
			eventually(t, server.none, "a connection is left open")
		})
	}
}

// labelled runs f under a profiler label that every goroutine it starts inherits, and
// waits until none of them is left.
func labelled(t *testing.T, client *egress.Client, f func()) {
	t.Helper()
	running := func() bool {
		var b bytes.Buffer
		if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
			t.Fatal(err)
		}
		return strings.Contains(b.String(), fmt.Sprintf("%q", t.Name()))
	}
	pprof.Do(t.Context(), pprof.Labels("egress-test", t.Name()), func(context.Context) {
		if !running() {
			t.Fatal("the label cannot be seen")
		}
		f()
	})
	_ = client.Close()
	eventually(t, func() bool { return !running() }, "a goroutine is left")
}

// eventually waits for a condition that others bring about.
func eventually(t *testing.T, condition func() bool, otherwise string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatal(otherwise)
		case <-tick.C:
		}
	}
}

func TestConnectionsToABlackHoleEnd(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{Resolver: everywhere{}, DialTimeout: 50 * time.Millisecond})
	egress.SetDialer(client, func(ctx context.Context, _ string, _ netip.AddrPort, _ checkFunc) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	labelled(t, client, func() {
		_, err := get(t, client, "http://host.example/")
		if e := failure(t, err); !errors.Is(err, egress.ErrTimeout) || e.Rule != "dial_timeout" || !errors.Is(err, context.DeadlineExceeded) || !e.Timeout() {
			t.Error(e.Detail())
		}
	})
}

func TestASilentTLSServerEnds(t *testing.T) {
	t.Parallel()
	server := sink(t)
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLSTimeout: 50 * time.Millisecond}))
	egress.SetDialer(client, (&world{server: server}).dial)
	labelled(t, client, func() {
		_, err := get(t, client, "https://host.example/")
		if e := failure(t, err); !errors.Is(err, egress.ErrTimeout) || e.Rule != "tls_timeout" {
			t.Error(e.Detail())
		}
	})
}

func TestACallerMayLeaveAtAnyTime(t *testing.T) {
	t.Parallel()
	for name, stage := range map[string]func(c *egress.Client, leave func(error)){
		"during the look-up": nil,
		"during the dial": func(c *egress.Client, leave func(error)) {
			egress.SetDialer(c, func(ctx context.Context, _ string, _ netip.AddrPort, _ checkFunc) (net.Conn, error) {
				leave(nil)
				<-ctx.Done()
				return nil, ctx.Err()
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			resolver := resolverFunc(func(ctx context.Context) ([]netip.Addr, error) {
				if stage == nil {
					cancel(nil)
					<-ctx.Done()
					return nil, ctx.Err()
				}
				return []netip.Addr{netip.MustParseAddr("8.8.8.8")}, nil
			})
			client := newClient(t, egress.Policy{Resolver: resolver, DNSTimeout: time.Second, DialTimeout: time.Second})
			if stage != nil {
				stage(client, cancel)
			}
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example/", http.NoBody)
			labelled(t, client, func() {
				_, err := client.HTTP().Do(req)
				if !errors.Is(err, context.Canceled) || failure(t, err).Kind != "canceled" {
					t.Error(err)
				}
				if _, err := client.DialContext(ctx, "tcp", "host.example:80"); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
		})
	}
	t.Run("before the header and in the body", func(t *testing.T) {
		t.Parallel()
		arrived := make(chan struct{}, 2)
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/body" {
				w.(http.Flusher).Flush()
			}
			arrived <- struct{}{}
			<-r.Context().Done()
		}))
		for _, path := range []string{"/header", "/body"} {
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-arrived; cancel() }()
			req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example"+path, http.NoBody)
			resp, err := client.HTTP().Do(req)
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", path, err)
			}
		}
	})
	t.Run("by its own deadline", func(t *testing.T) {
		t.Parallel()
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example/", http.NoBody)
		_, err := client.HTTP().Do(req)
		if !errors.Is(err, egress.ErrTimeout) || !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestABodyOfExactlyTheLimitPasses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		size    int
		chunked bool
		pass    bool
	}{{1000, false, true}, {1001, false, false}, {1000, true, true}, {1001, true, false}, {0, true, true}, {999, true, true}} {
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: 1000}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if tc.chunked {
				w.(http.Flusher).Flush()
			}
			_, _ = io.WriteString(w, strings.Repeat("x", tc.size))
		}))
		text, err := get(t, client, "http://host.example/")
		if tc.pass && (err != nil || len(text) != tc.size) || !tc.pass && !errors.Is(err, egress.ErrTooLarge) {
			t.Errorf("%+v: %d bytes, %v", tc, len(text), err)
		}
		if len(text) > 1000 {
			t.Errorf("%+v: %d bytes were handed out", tc, len(text))
		}
	}
}

func TestNoReadSizeGetsPastTheLimit(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 7, 999, 1000, 1001, 1002, 5000} {
		client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: 1000}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 3000))
		}))
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.example/", http.NoBody)
		resp, err := client.HTTP().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		total, buffer := 0, make([]byte, size)
		for err == nil {
			var n int
			n, err = io.ReadFull(resp.Body, buffer)
			total += n
		}
		_ = resp.Body.Close()
		if total != 1000 || !errors.Is(err, egress.ErrTooLarge) {
			t.Errorf("reads of %d got %d bytes, %v", size, total, err)
		}
		if _, again := resp.Body.Read(buffer); again == nil {
			t.Error("the error does not last")
		}
	}
}

func TestAHeadRequestMayAnnounceAnything(t *testing.T) {
	t.Parallel()
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxBody: 10}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
	}))
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodHead, "http://host.example/", http.NoBody)
	resp, err := client.HTTP().Do(req)
	if err != nil || resp.ContentLength != 1000000 {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}

// ASVS 13.1.2, 13.2.6.
func TestConnectionsAreReusedAndBounded(t *testing.T) {
	t.Parallel()
	var running, most int
	var mu sync.Mutex
	h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		running++
		most = max(most, running)
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
	})
	client, w := worldOf(t, egress.Policy{Resolver: everywhere{}, MaxConnsPerHost: 3}, h)
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			if _, err := get(t, client, "http://host.example/"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if dials := len(w.dials()); dials > 3 || most > 3 {
		t.Errorf("%d connections, %d at once", dials, most)
	}
}
