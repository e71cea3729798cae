package clientip_test

import (
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/ginsec/ginsec/internal/clientip"
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

func TestAddr(t *testing.T) {
	t.Parallel()
	type header = map[string][]string
	proxy := prefixes("10.0.0.0/8", "2001:db8:1::/48")
	xff := func(lines ...string) header { return header{"X-Forwarded-For": lines} }
	for _, tc := range []struct {
		name    string
		proxies []netip.Prefix
		source  string
		peer    string
		headers header
		want    string // empty: cannot be told
	}{
		{"the peer when nothing is configured", nil, "", "198.51.100.7:4000", nil, "198.51.100.7"},
		{"forwarded headers are ignored when nothing is configured", nil, "", "198.51.100.7:4000", header{"X-Forwarded-For": {"1.1.1.1"}, "X-Real-Ip": {"1.1.1.2"}, "Forwarded": {"for=1.1.1.3"}}, "198.51.100.7"},
		{"forwarded headers from a peer that is no proxy are ignored", proxy, "", "198.51.100.7:4000", xff("1.1.1.1"), "198.51.100.7"},
		{"an IPv4-mapped peer is its IPv4 address", nil, "", "[::ffff:198.51.100.7]:4000", nil, "198.51.100.7"},
		{"a zone is stripped", nil, "", "[fe80::1%eth0]:4000", nil, "fe80::1"},
		{"a unix socket has no address", nil, "", "@", nil, ""},
		{"a unix socket ignores headers nobody configured", nil, "", "@", xff("1.1.1.1"), ""},
		{"an empty peer has no address", nil, "", "", nil, ""},
		{"a word is no address", nil, "", "client", nil, ""},
		{"a proxy's client", proxy, "", "10.0.0.1:1", xff("203.0.113.9"), "203.0.113.9"},
		{"the rightmost untrusted hop, not what the client wrote", proxy, "", "10.0.0.1:1", xff("1.1.1.1, 203.0.113.9"), "203.0.113.9"},
		{"trusted hops are walked over", proxy, "", "10.0.0.1:1", xff("1.1.1.1, 203.0.113.9, 10.2.2.2"), "203.0.113.9"},
		{"several header lines are one list", proxy, "", "10.0.0.1:1", xff("1.1.1.1", "203.0.113.9", "10.2.2.2"), "203.0.113.9"},
		{"a chain of trusted hops ends at the leftmost", proxy, "", "10.0.0.1:1", xff("10.3.3.3, 10.2.2.2"), "10.3.3.3"},
		{"a hop with a port is read", proxy, "", "10.0.0.1:1", xff("203.0.113.9:5555"), "203.0.113.9"},
		{"a bracketed hop is read", proxy, "", "10.0.0.1:1", xff("[2001:db8:9::1]"), "2001:db8:9::1"},
		{"a bracketed hop with a port is read", proxy, "", "10.0.0.1:1", xff("[2001:db8:9::1]:443"), "2001:db8:9::1"},
		{"a mapped hop is its IPv4 address", proxy, "", "10.0.0.1:1", xff("::ffff:203.0.113.9"), "203.0.113.9"},
		{"a mapped trusted peer is trusted", proxy, "", "[::ffff:10.0.0.1]:1", xff("203.0.113.9"), "203.0.113.9"},
		{"a word ends the walk at the last trusted hop", proxy, "", "10.0.0.1:1", xff("203.0.113.9, unknown, 10.2.2.2"), "10.2.2.2"},
		{"an empty entry ends the walk", proxy, "", "10.0.0.1:1", xff("203.0.113.9,"), "10.0.0.1"},
		{"no second header is read when the first is unusable", proxy, "", "10.0.0.1:1", header{"X-Forwarded-For": {"unknown"}, "X-Real-Ip": {"1.1.1.1"}}, "10.0.0.1"},
		{"no header: the proxy itself", proxy, "", "10.0.0.1:1", nil, "10.0.0.1"},
		{"a unix socket's proxy is read when proxies are configured", proxy, "", "@", xff("1.1.1.1, 203.0.113.9"), "203.0.113.9"},
		{"a unix socket without a header cannot be told", proxy, "", "@", nil, ""},
		{"a named header replaces X-Forwarded-For", proxy, "CF-Connecting-IP", "10.0.0.1:1", header{"Cf-Connecting-Ip": {"203.0.113.9"}, "X-Forwarded-For": {"1.1.1.1"}}, "203.0.113.9"},
		{"a named header from a stranger is ignored", proxy, "CF-Connecting-IP", "198.51.100.7:1", header{"Cf-Connecting-Ip": {"203.0.113.9"}}, "198.51.100.7"},
		{"a named header sent twice is unusable", proxy, "X-Real-IP", "10.0.0.1:1", header{"X-Real-Ip": {"203.0.113.9", "1.1.1.1"}}, "10.0.0.1"},
		{"a named header with a list is unusable", proxy, "X-Real-IP", "10.0.0.1:1", header{"X-Real-Ip": {"203.0.113.9, 1.1.1.1"}}, "10.0.0.1"},
		{"a mapped prefix trusts IPv4", []netip.Prefix{netip.MustParsePrefix("::ffff:10.0.0.0/104")}, "", "10.9.9.9:1", xff("203.0.113.9"), "203.0.113.9"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := clientip.New(tc.proxies, tc.source)
			if err != nil {
				t.Fatal(err)
			}
			got, ok := r.Addr(&http.Request{RemoteAddr: tc.peer, Header: tc.headers})
			if ok != (tc.want != "") || (ok && got.String() != tc.want) {
				t.Errorf("got %v %v, want %q", got, ok, tc.want)
			}
		})
	}
}

func TestNewRefusesWhatWouldTrustTooMuch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		proxies []netip.Prefix
		header  string
		want    error
	}{
		"a header without proxies":            {nil, "X-Real-IP", clientip.ErrHeader},
		"a header that is no header name":     {prefixes("10.0.0.0/8"), "X Real", clientip.ErrName},
		"the zero prefix":                     {[]netip.Prefix{{}}, "", clientip.ErrPrefix},
		"a mapped prefix wider than all IPv4": {[]netip.Prefix{netip.PrefixFrom(netip.MustParseAddr("::ffff:1.2.3.4"), 40)}, "", clientip.ErrPrefix},
	} {
		if _, err := clientip.New(tc.proxies, tc.header); !errors.Is(err, tc.want) {
			t.Errorf("%s: got %v, want %v", name, err, tc.want)
		}
	}
}

func TestGroupIsOneClientPerIPv6Network(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"203.0.113.9":         "203.0.113.9",
		"2001:db8:1:2:3:4::5": "2001:db8:1:2::",
		"2001:db8:1:2::9":     "2001:db8:1:2::",
		"2001:db8:1:3::9":     "2001:db8:1:3::",
	} {
		if got := clientip.Group(netip.MustParseAddr(in)).String(); got != want {
			t.Errorf("Group(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzAddr(f *testing.F) {
	f.Add("10.0.0.1:1", "203.0.113.9, [::1]:80,,x")
	f.Add("@", "::ffff:1.2.3.4")
	r, err := clientip.New(prefixes("10.0.0.0/8"), "")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, peer, line string) {
		got, ok := r.Addr(&http.Request{RemoteAddr: peer, Header: http.Header{"X-Forwarded-For": {line}}})
		if ok != got.IsValid() {
			t.Fatalf("ok is %v for %v", ok, got)
		}
		if ok && (got.Zone() != "" || got.Is4In6()) {
			t.Fatalf("%v is not canonical: one client would have several keys", got)
		}
	})
}

func BenchmarkAddrPeer(b *testing.B) {
	r, _ := clientip.New(nil, "")
	req := &http.Request{RemoteAddr: "198.51.100.7:4000"}
	b.ReportAllocs()
	for b.Loop() {
		r.Addr(req)
	}
}
