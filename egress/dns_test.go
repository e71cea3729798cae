package egress_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/ginsec/ginsec/egress"
)

// nameServer is a real DNS server on loopback. answer gets the question's number and
// returns the records' text; nil is NXDOMAIN.
func nameServer(t *testing.T, answer func(n int64, name string, qtype uint16) []string) *net.Resolver {
	t.Helper()
	var n atomic.Int64
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, r *dns.Msg) {
		m := new(dns.Msg).SetReply(r)
		records := answer(n.Add(1), strings.ToLower(r.Question[0].Name), r.Question[0].Qtype)
		if records == nil {
			m.Rcode = dns.RcodeNameError
		}
		for _, text := range records {
			if rr, err := dns.NewRR(text); err == nil && (rr.Header().Rrtype == r.Question[0].Qtype || rr.Header().Rrtype == dns.TypeCNAME) {
				m.Answer = append(m.Answer, rr)
			}
		}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }()
	t.Cleanup(func() { _ = server.Shutdown() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func TestDNSAnswers(t *testing.T) {
	t.Parallel()
	zones := map[string][]string{
		"good.example.":      {"good.example. 0 IN A 93.184.215.14", "good.example. 0 IN AAAA 2606:4700:4700::1111"},
		"private.example.":   {"private.example. 0 IN A 10.0.0.1"},
		"loopback.example.":  {"loopback.example. 0 IN A 127.0.0.1"},
		"zero.example.":      {"zero.example. 0 IN A 0.0.0.0"},
		"metadata.example.":  {"metadata.example. 0 IN A 169.254.169.254"},
		"ula.example.":       {"ula.example. 0 IN AAAA fd00::1"},
		"mapped.example.":    {"mapped.example. 0 IN AAAA ::ffff:127.0.0.1"},
		"mixed.example.":     {"mixed.example. 0 IN A 93.184.215.14", "mixed.example. 0 IN A 10.0.0.1"},
		"mixed6.example.":    {"mixed6.example. 0 IN A 93.184.215.14", "mixed6.example. 0 IN AAAA ::1"},
		"last.example.":      {"last.example. 0 IN A 1.0.0.1", "last.example. 0 IN A 1.0.0.2", "last.example. 0 IN A 1.0.0.3", "last.example. 0 IN A 1.0.0.4", "last.example. 0 IN A 1.0.0.5", "last.example. 0 IN A 192.168.0.1"},
		"alias.example.":     {"alias.example. 0 IN CNAME good.example.", "good.example. 0 IN A 93.184.215.14"},
		"chain.example.":     {"chain.example. 0 IN CNAME a.example.", "a.example. 0 IN CNAME b.example.", "b.example. 0 IN A 10.0.0.1"},
		"toinside.example.":  {"toinside.example. 0 IN CNAME host.internal.", "host.internal. 0 IN A 172.17.0.1"},
		"nat64.example.":     {"nat64.example. 0 IN AAAA 64:ff9b::5db8:d70e"},
		"nat64bad.example.":  {"nat64bad.example. 0 IN AAAA 64:ff9b::a00:1"},
		"many.example.":      {},
		"empty.example.":     {},
		"billing.internal.":  {"billing.internal. 0 IN A 10.0.0.7"},
		"rogue.internal.":    {"rogue.internal. 0 IN A 127.0.0.1"},
		"meta.internal.":     {"meta.internal. 0 IN A 169.254.169.254"},
		"cloud.internal.":    {"cloud.internal. 0 IN AAAA fd00:ec2::254"},
		"aws.internal.":      {"aws.internal. 0 IN A 100.64.0.9", "aws.internal. 0 IN AAAA fd00::9"},
		"mixed.internal.":    {"mixed.internal. 0 IN A 10.0.0.7", "mixed.internal. 0 IN A 169.254.1.1"},
		"outside.internal.":  {"outside.internal. 0 IN A 93.184.215.14"},
		"denied.internal.":   {"denied.internal. 0 IN A 10.66.0.1"},
		"xn--bcher-kva.com.": {"xn--bcher-kva.com. 0 IN A 93.184.215.14"},
	}
	for i := range 40 {
		zones["many.example."] = append(zones["many.example."], "many.example. 0 IN A 1.0.1."+strings.Repeat("1", 1+i%2)+string(rune('0'+i/4)))
	}
	resolver := nameServer(t, func(_ int64, name string, _ uint16) []string { return zones[name] })
	for _, tc := range []struct {
		host, rule string
		want       error
	}{
		{"good.example", "", nil},
		{"GOOD.example.", "", nil},
		{"alias.example", "", nil},
		{"nat64.example", "", nil},
		{"many.example", "", nil},
		{"bücher.com", "", nil},
		{"billing.internal", "", nil},
		{"aws.internal", "", nil},
		{"outside.internal", "", nil},
		{"private.example", "private", egress.ErrBlocked},
		{"loopback.example", "loopback", egress.ErrBlocked},
		{"zero.example", "unspecified", egress.ErrBlocked},
		{"metadata.example", "cloud", egress.ErrBlocked},
		{"ula.example", "unique_local", egress.ErrBlocked},
		{"mapped.example", "loopback", egress.ErrBlocked},
		{"mixed.example", "private", egress.ErrBlocked},
		{"mixed6.example", "loopback", egress.ErrBlocked},
		{"last.example", "private", egress.ErrBlocked},
		{"chain.example", "private", egress.ErrBlocked},
		{"toinside.example", "private", egress.ErrBlocked},
		{"nat64bad.example", "private", egress.ErrBlocked},
		{"rogue.internal", "loopback", egress.ErrBlocked},
		{"meta.internal", "cloud", egress.ErrBlocked},
		{"cloud.internal", "cloud", egress.ErrBlocked},
		{"mixed.internal", "link_local", egress.ErrBlocked},
		{"denied.internal", "denied_prefix", egress.ErrBlocked},
		{"empty.example", "lookup", egress.ErrDNS},
		{"nowhere.example", "lookup", egress.ErrDNS},
	} {
		t.Run(tc.host, func(t *testing.T) {
			t.Parallel()
			client, w := worldOf(t, egress.Policy{Resolver: resolver, DNSTimeout: 10 * time.Second, Timeout: 30 * time.Second, InternalHosts: []string{"*.internal"}, DenyPrefixes: prefixes("10.66.0.0/16")}, says("ok"))
			_, err := get(t, client, "http://"+tc.host+"/")
			checked := client.Check(t.Context(), "http://"+tc.host+"/")
			if tc.want == nil {
				if err != nil || checked != nil || len(w.dials()) != 1 {
					t.Fatalf("%v, %v, dialled %v", err, checked, w.dials())
				}
				return
			}
			if !errors.Is(err, tc.want) || failure(t, err).Rule != tc.rule {
				t.Errorf("%v by %s, want %v by %s", err, failure(t, err).Rule, tc.want, tc.rule)
			}
			if !errors.Is(checked, tc.want) {
				t.Errorf("Check: %v", checked)
			}
			if dials := w.dials(); len(dials) != 0 {
				t.Errorf("dialled %v", dials)
			}
		})
	}
}

func TestADenialOfEverythingClosesInternalNamesToo(t *testing.T) {
	t.Parallel()
	resolver := zone("billing.internal. 10.0.0.7")
	for _, tc := range []struct {
		policy egress.Policy
		want   error
	}{
		{egress.Policy{}, nil},
		{egress.Policy{DenyPrefixes: prefixes("0.0.0.0/0")}, egress.ErrBlocked},
		{egress.Policy{DenyPrefixes: prefixes("10.0.0.0/24")}, egress.ErrBlocked},
		{egress.Policy{DenyPrefixes: prefixes("0.0.0.0/0"), AllowPrefixes: prefixes("10.0.0.7/32")}, nil},
	} {
		tc.policy.Resolver, tc.policy.InternalHosts = resolver, []string{"billing.internal"}
		if err := newClient(t, tc.policy).Check(t.Context(), "http://billing.internal/"); !errors.Is(err, tc.want) {
			t.Errorf("%v: %v", tc.policy.DenyPrefixes, err)
		}
	}
}

// A name that answers differently each time is judged by the very answer that is
// dialled: either the request fails or it goes to a judged address.
func TestRebindingNeverReachesTheInside(t *testing.T) {
	t.Parallel()
	resolver := nameServer(t, func(n int64, name string, _ uint16) []string {
		if n/2%2 == 0 { // A and AAAA are asked in pairs
			return []string{name + " 0 IN A 93.184.215.14"}
		}
		return []string{name + " 0 IN A 127.0.0.1"}
	})
	client, w := worldOf(t, egress.Policy{Resolver: resolver, DNSTimeout: 10 * time.Second}, says("ok"))
	passed := 0
	for range 40 {
		if client.Check(t.Context(), "http://flip.example/") == nil {
			passed++
		}
		conn, err := client.DialContext(t.Context(), "tcp", "flip.example:80")
		if err == nil {
			_ = conn.Close()
		} else if !errors.Is(err, egress.ErrBlocked) {
			t.Error(err)
		}
	}
	if passed == 0 || len(w.dials()) == 0 || len(w.dials()) == 40 {
		t.Fatalf("the zone does not alternate: %d checks, %d dials", passed, len(w.dials()))
	}
	for _, to := range w.dials() {
		if to != "93.184.215.14:80" {
			t.Errorf("dialled %s", to)
		}
	}
}

func TestNamesAreLookedUpRooted(t *testing.T) {
	t.Parallel()
	resolver := zone("svc.example. 93.184.215.14")
	client, _ := worldOf(t, egress.Policy{Resolver: resolver}, says("ok"))
	for _, raw := range []string{"http://svc.example/", "http://svc.example./"} {
		if _, err := get(t, client, raw); err != nil {
			t.Error(err)
		}
	}
	resolver.mu.Lock()
	defer resolver.mu.Unlock()
	if slices.ContainsFunc(resolver.asked, func(name string) bool { return name != "svc.example." }) {
		t.Errorf("asked for %q", resolver.asked)
	}
}

// A search list must not turn an unknown name into a neighbour: the resolver would
// have tried the name below each suffix, and never gets to.
func TestTheSearchListIsNeverApplied(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var asked []string
	resolver := nameServer(t, func(_ int64, name string, _ uint16) []string {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, name)
		if name == "api.default.svc.cluster.local." {
			return []string{name + " 0 IN A 93.184.215.14"}
		}
		return nil
	})
	client, _ := worldOf(t, egress.Policy{Resolver: resolver}, says("ok"))
	if _, err := get(t, client, "http://api.default/"); !errors.Is(err, egress.ErrDNS) {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, name := range asked {
		if name != "api.default." {
			t.Errorf("asked for %s", name)
		}
	}
}

type resolverFunc func(ctx context.Context) ([]netip.Addr, error)

func (f resolverFunc) LookupNetIP(ctx context.Context, _, _ string) ([]netip.Addr, error) {
	return f(ctx)
}

func TestBrokenResolversFailClosed(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	for _, tc := range []struct {
		name, rule string
		resolver   resolverFunc
		want       error
	}{
		{"no addresses and no error", "no_answer", func(context.Context) ([]netip.Addr, error) { return nil, nil }, egress.ErrDNS},
		{"the zero address", "invalid", func(context.Context) ([]netip.Addr, error) { return []netip.Addr{{}}, nil }, egress.ErrBlocked},
		{"a zoned address", "zoned", func(context.Context) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("2600::1%eth0")}, nil
		}, egress.ErrBlocked},
		{"a panic", "panic", func(context.Context) ([]netip.Addr, error) { panic("resolver") }, egress.ErrBlocked},
		{"one that heeds its context", "dns_timeout", func(ctx context.Context) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}, egress.ErrTimeout},
		{"one that does not", "dns_timeout", func(context.Context) ([]netip.Addr, error) {
			<-hold
			return nil, nil
		}, egress.ErrTimeout},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			budget := time.Minute
			if tc.rule == "dns_timeout" { // the only case that is to run out of time, on a busy machine as well
				budget = 50 * time.Millisecond
			}
			client, w := worldOf(t, egress.Policy{Resolver: tc.resolver, DNSTimeout: budget, Timeout: 2 * time.Minute}, says("ok"))
			_, err := get(t, client, "http://name.example/")
			if !errors.Is(err, tc.want) || failure(t, err).Rule != tc.rule {
				t.Errorf("%v by %s", err, failure(t, err).Rule)
			}
			if len(w.dials()) != 0 {
				t.Error("dialled")
			}
		})
	}
}

func TestTheSocketIsJudgedAgain(t *testing.T) {
	t.Parallel()
	// Whatever happens between judgement and connection, the socket's own address counts.
	client := newClient(t, egress.Policy{Resolver: zone("name.example. 93.184.215.14")})
	egress.SetDialer(client, func(ctx context.Context, network string, _ netip.AddrPort, check checkFunc) (net.Conn, error) {
		return nil, check(ctx, network, "127.0.0.1:80", nil)
	})
	_, err := get(t, client, "http://name.example/")
	if e := failure(t, err); e.Rule != "loopback" || e.Host != "name.example" {
		t.Error(e.Detail())
	}
}
