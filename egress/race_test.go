package egress_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// stubs is an internet of addresses that behave: "dead" is a black hole, "refused"
// fails at once, a duration connects after it.
type stubs struct {
	mu      sync.Mutex
	behave  map[string]string
	started map[string]time.Duration
	closed  int
	begin   time.Time
}

func (s *stubs) dial(ctx context.Context, network string, to netip.AddrPort, check checkFunc) (net.Conn, error) {
	if err := check(ctx, network, to.String(), nil); err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.started[to.Addr().String()] = time.Since(s.begin)
	s.mu.Unlock()
	switch how := s.behave[to.Addr().String()]; how {
	case "dead":
		<-ctx.Done()
		return nil, ctx.Err()
	case "refused":
		return nil, syscall.ECONNREFUSED
	case "stubborn": // connects although nobody wants it any more
		<-ctx.Done()
		return &stubConn{s: s}, nil
	case "panics":
		panic("dialer")
	default:
		d, _ := time.ParseDuration(how)
		select {
		case <-time.After(d):
			return &stubConn{s: s, remote: to}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

type stubConn struct {
	net.Conn
	s      *stubs
	remote netip.AddrPort
}

func (c *stubConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

func (c *stubConn) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.closed++
	return nil
}

func TestAddressesAreRaced(t *testing.T) {
	t.Parallel()
	const six, four = "2606:4700:4700::1111", "93.184.215.14"
	for _, tc := range []struct {
		name, answers, network string
		behave                 map[string]string
		policy                 egress.Policy
		winner                 string
		after                  time.Duration
		want                   error
		started, closed        int
	}{
		{"a dead IPv6 costs one stagger", six + " " + four, "tcp", map[string]string{six: "dead", four: "30ms"}, egress.Policy{}, four, 280 * time.Millisecond, nil, 2, 0},
		{"a refused IPv6 costs nothing", six + " " + four, "tcp", map[string]string{six: "refused", four: "30ms"}, egress.Policy{}, four, 30 * time.Millisecond, nil, 2, 0},
		{"a quick first wins alone", six + " " + four, "tcp", map[string]string{six: "100ms", four: "1ms"}, egress.Policy{}, six, 100 * time.Millisecond, nil, 1, 0},
		{"a slow first may still win", six + " " + four, "tcp", map[string]string{six: "300ms", four: "200ms"}, egress.Policy{}, six, 300 * time.Millisecond, nil, 2, 0},
		{"a loser that connects late is closed", six + " " + four, "tcp", map[string]string{six: "stubborn", four: "10ms"}, egress.Policy{}, four, 260 * time.Millisecond, nil, 2, 1},
		{"families alternate", "2600::1 2600::2 " + four, "tcp", map[string]string{"2600::1": "dead", "2600::2": "dead", four: "10ms"}, egress.Policy{}, four, 260 * time.Millisecond, nil, 2, 0},
		{"three dead ones, four tries", "2600::1 2600::2 1.0.0.1 " + four, "tcp", map[string]string{"2600::1": "dead", "2600::2": "dead", "1.0.0.1": "dead", four: "10ms"}, egress.Policy{}, four, 760 * time.Millisecond, nil, 4, 0},
		{"not more tries than wanted", "1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 " + four, "tcp", map[string]string{"1.0.0.1": "refused", "1.0.0.2": "refused", "1.0.0.3": "refused", "1.0.0.4": "refused", four: "1ms"}, egress.Policy{}, "", 0, syscall.ECONNREFUSED, 4, 0},
		{"all dead", six + " " + four, "tcp", map[string]string{six: "dead", four: "dead"}, egress.Policy{DialTimeout: 2 * time.Second}, "", 2 * time.Second, egress.ErrTimeout, 2, 0},
		{"IPv4 only", six + " " + four, "tcp4", map[string]string{six: "1ms", four: "20ms"}, egress.Policy{}, four, 20 * time.Millisecond, nil, 1, 0},
		{"IPv6 only", four + " " + six, "tcp6", map[string]string{six: "10ms", four: "1ms"}, egress.Policy{}, six, 10 * time.Millisecond, nil, 1, 0},
		{"no address of the family", four, "tcp6", nil, egress.Policy{}, "", 0, egress.ErrDNS, 0, 0},
		{"no such network", four, "udp", nil, egress.Policy{}, "", 0, egress.ErrBlocked, 0, 0},
		{"a dialer that panics", four, "tcp", map[string]string{four: "panics"}, egress.Policy{}, "", 0, egress.ErrBlocked, 1, 0},
		{"a dialer that panics in a race", six + " " + four, "tcp", map[string]string{six: "panics", four: "5ms"}, egress.Policy{}, four, 5 * time.Millisecond, nil, 2, 0},
		{"the same address twice", four + " ::ffff:" + four, "tcp", map[string]string{four: "refused"}, egress.Policy{}, "", 0, syscall.ECONNREFUSED, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tc.policy.Resolver = zone("name.example. " + tc.answers)
				client := newClient(t, tc.policy)
				s := &stubs{behave: tc.behave, started: map[string]time.Duration{}, begin: time.Now()}
				egress.SetDialer(client, s.dial)
				conn, err := client.DialContext(t.Context(), tc.network, "name.example:443")
				if took := time.Since(s.begin); took != tc.after {
					t.Errorf("took %v, want %v", took, tc.after)
				}
				if !errors.Is(err, tc.want) {
					t.Fatalf("%v, want %v", err, tc.want)
				}
				if err == nil && conn.RemoteAddr().String() != netip.AddrPortFrom(netip.MustParseAddr(tc.winner), 443).String() {
					t.Errorf("connected to %s", conn.RemoteAddr())
				}
				synctest.Wait()
				s.mu.Lock()
				defer s.mu.Unlock()
				if len(s.started) != tc.started || s.closed != tc.closed {
					t.Errorf("%d started %v, %d closed", len(s.started), s.started, s.closed)
				}
			})
		})
	}
}

func TestASlowResolverCostsItsBudgetAndNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{Resolver: resolverFunc(func(ctx context.Context) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})})
		start := time.Now()
		_, err := client.DialContext(t.Context(), "tcp", "name.example:443")
		if e := failure(t, err); time.Since(start) != 2*time.Second || e.Rule != "dns_timeout" {
			t.Errorf("%v after %v", e.Rule, time.Since(start))
		}
	})
}

func TestOwnAddressesAreListedOncePerMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{})
		listed, failing := 0, false
		egress.SetOwnAddresses(client, func() ([]net.Addr, error) {
			listed++
			if failing {
				return nil, errors.New("netlink")
			}
			return []net.Addr{&net.IPNet{IP: net.ParseIP("93.184.215.14"), Mask: net.CIDRMask(24, 32)}}, nil
		})
		for range 100 {
			if client.Valid("http://93.184.215.14/") {
				t.Fatal("an own address passes")
			}
		}
		if listed != 1 {
			t.Errorf("listed %d times", listed)
		}
		failing = true
		time.Sleep(2 * time.Minute) // simulated
		if client.Valid("http://93.184.215.14/") || !client.Valid("http://93.184.215.15/") || listed < 2 {
			t.Errorf("an outage of the listing forgets the last answer (listed %d times)", listed)
		}
	})
}

// The defaults, in simulated time: a silent server is left after 5 s, a slow body
// after 10 s, whatever other requests do meanwhile.
func TestTheDefaultBudgetsAreExact(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{Resolver: everywhere{}, Ports: []uint16{80, 81, 82}})
		egress.SetDialer(client, func(_ context.Context, _ string, to netip.AddrPort, _ checkFunc) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				buf := make([]byte, 4096)
				_, _ = far.Read(buf)
				switch to.Port() {
				case 80:
					_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
				case 81:
					_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\n\r\nx")
				}
				_, _ = io.Copy(io.Discard, far)
				_ = far.Close()
			}()
			return near, nil
		})
		fetch := func(raw string, wantRule string, after time.Duration) {
			start := time.Now()
			_, err := get(t, client, raw)
			rule := ""
			if err != nil {
				rule = failure(t, err).Rule
			}
			if rule != wantRule || time.Since(start) != after {
				t.Errorf("%s: %q after %v, want %q after %v", raw, rule, time.Since(start), wantRule, after)
			}
		}
		var wg sync.WaitGroup
		for i := range 7 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * 700 * time.Millisecond) // simulated
				fetch("http://quick.example/", "", 0)
				fetch("http://silent.example:82/", "header_timeout", 5*time.Second)
				fetch("http://slow.example:81/", "total_timeout", 10*time.Second)
			})
		}
		wg.Wait()
		_ = client.Close()
	})
}

// A server may answer before it has the whole request. What is written after that
// starts no wait for a header that is there already.
func TestAnEarlyAnswerIsNotTimedAsALateHeader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{Resolver: everywhere{}})
		egress.SetDialer(client, func(context.Context, string, netip.AddrPort, checkFunc) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				// An answer before the first byte of a question would be an unsolicited one.
				_, _ = io.ReadFull(far, make([]byte, 1))
				go func() { _, _ = io.Copy(io.Discard, far) }()
				_, _ = io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
				time.Sleep(8 * time.Second) // simulated
				_, _ = io.WriteString(far, "b")
				_ = far.Close()
			}()
			return near, nil
		})
		upload, writer := io.Pipe()
		go func() {
			time.Sleep(time.Second) // simulated
			_ = writer.Close()
		}()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://host.example/", upload)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.HTTP().Do(req)
		if err != nil {
			t.Fatal(failure(t, err).Detail())
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(text) != "ab" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		_ = client.Close()
	})
}

func TestTheRaceOrderIsTheAnswersOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{Resolver: zone("name.example. 1.0.0.1 1.0.0.2 2600::1 2600::2"), DialTimeout: 3 * time.Second})
		s := &stubs{behave: map[string]string{"1.0.0.1": "dead", "1.0.0.2": "dead", "2600::1": "dead", "2600::2": "dead"}, started: map[string]time.Duration{}, begin: time.Now()}
		egress.SetDialer(client, s.dial)
		_, _ = client.DialContext(t.Context(), "tcp", "name.example:443")
		synctest.Wait()
		order := []string{}
		for a := range s.started {
			order = append(order, a)
		}
		slices.SortFunc(order, func(a, b string) int { return int(s.started[a] - s.started[b]) })
		if got := strings.Join(order, " "); got != "1.0.0.1 2600::1 1.0.0.2 2600::2" {
			t.Errorf("tried %s", got)
		}
	})
}

// wrapping is a middleware that wraps the answers' bodies, as metrics do.
type wrapping struct{ next http.RoundTripper }

func (w wrapping) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct{ io.ReadCloser }{resp.Body}
	}
	return resp, err
}

func TestAMiddlewareDoesNotRenewTheTotalBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client := newClient(t, egress.Policy{Resolver: everywhere{}})
		egress.SetDialer(client, func(context.Context, string, netip.AddrPort, checkFunc) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				_, _ = far.Read(make([]byte, 4096))
				time.Sleep(4 * time.Second) // simulated
				_, _ = io.WriteString(far, "HTTP/1.1 302 Found\r\nLocation: /next\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				_ = far.Close()
			}()
			return near, nil
		})
		own := &http.Client{Transport: wrapping{client.RoundTripper()}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://host.example/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		resp, err := own.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if e := failure(t, err); e.Rule != "total_timeout" || time.Since(start) != 10*time.Second {
			t.Errorf("%s after %v", e.Rule, time.Since(start))
		}
		time.Sleep(time.Minute) // simulated: the server's side ends
		_ = client.Close()
	})
}
