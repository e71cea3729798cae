package egress_test

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/egress"
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, p := range list {
		out[i] = netip.MustParsePrefix(p)
	}
	return out
}

func TestTheLongestPrefixDecides(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		allow, deny   []string
		nat64         []string
		pass, refused []string
	}{
		{"an exact block opens", []string{"10.0.0.0/8"}, nil, nil, []string{"10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3"}, []string{"172.16.0.1", "127.0.0.1"}},
		{"a part of a block opens", []string{"10.1.0.0/16"}, nil, nil, []string{"10.1.2.3", "8.8.8.8"}, []string{"10.2.0.1"}},
		{"a catch-all opens nothing", []string{"0.0.0.0/0", "::/0"}, nil, nil, []string{"8.8.8.8", "2600::1"}, []string{"10.0.0.1", "127.0.0.1", "fd00::1", "::1", "4000::1", "64:ff9b:1::1"}},
		{"a wider prefix opens nothing", []string{"8.0.0.0/6"}, nil, nil, []string{"8.8.8.8"}, []string{"10.0.0.1"}},
		{"an open block keeps the metadata address closed", []string{"169.254.0.0/16"}, nil, nil, []string{"169.254.1.1"}, []string{"169.254.169.254", "64:ff9b::169.254.169.254"}},
		{"unless it is named", []string{"169.254.169.254/32"}, nil, nil, []string{"169.254.169.254"}, []string{"169.254.169.253"}},
		{"a denial in an open block", []string{"10.0.0.0/8"}, []string{"10.0.0.0/24"}, nil, []string{"10.0.1.1"}, []string{"10.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1"}},
		{"an opening in a denied block", []string{"93.184.215.14/32"}, []string{"93.184.0.0/16"}, nil, []string{"93.184.215.14"}, []string{"93.184.215.15"}},
		{"on a tie the denial wins", []string{"10.0.0.0/8"}, []string{"10.0.0.0/8"}, nil, nil, []string{"10.0.0.1"}},
		{"a denied public block", nil, []string{"8.8.8.0/24", "2606:4700::/32"}, nil, []string{"8.8.4.4", "2606:4701::1"}, []string{"8.8.8.8", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1"}},
		{"an allow list of addresses", []string{"93.184.215.0/24"}, []string{"0.0.0.0/0", "::/0"}, nil, []string{"93.184.215.14"}, []string{"8.8.8.8", "2600::1"}},
		{"unique-local by prefix", []string{"fd12:3456::/32"}, nil, nil, []string{"fd12:3456::1"}, []string{"fd00::1", "fd00:ec2::254"}},
		{"an IPv6 prefix opens no IPv4", []string{"64:ff9b::/96"}, nil, nil, []string{"64:ff9b::8.8.8.8"}, []string{"64:ff9b::10.0.0.1"}},
		{"a denied translation prefix", nil, []string{"64:ff9b::/96"}, nil, []string{"8.8.8.8"}, []string{"64:ff9b::8.8.8.8"}},
		{"no prefix opens a zone", []string{"fe80::/10"}, nil, nil, []string{"fe80::1"}, []string{"fe80::1%eth0"}},
		{"an open network keeps ISATAP shut", []string{"fd00::/64"}, nil, nil, []string{"fd00::1"}, nil},
		{"NAT64 /32", nil, nil, []string{"2001:db8::/32"}, []string{"2001:db8:808:808::"}, []string{"2001:db8:a00:1::", "2001:db8:808:808:100::"}},
		{"NAT64 /40", nil, nil, []string{"2001:db8:100::/40"}, []string{"2001:db8:108:808:8::"}, []string{"2001:db8:10a:0:1::", "2001:db8:17f:0:1::"}},
		{"NAT64 /48", nil, nil, []string{"2001:db8:122::/48"}, []string{"2001:db8:122:808:8:800::"}, []string{"2001:db8:122:a00:0:100::", "2001:db8:122:c0a8:1:100::"}},
		{"NAT64 /56", nil, nil, []string{"2001:db8:122:300::/56"}, []string{"2001:db8:122:308:8:808::"}, []string{"2001:db8:122:30a:0:1::", "2001:db8:122:3a9:fe:a9fe::"}},
		{"NAT64 /64", nil, nil, []string{"2001:db8:122:344::/64"}, []string{"2001:db8:122:344:8:808:800::"}, []string{"2001:db8:122:344:7f:0:100::", "2001:db8:122:344:a:0:100::"}},
		{"NAT64 /96", nil, nil, []string{"2001:db8:122:344::/96", "64:ff9b:1::/96"}, []string{"2001:db8:122:344::8.8.8.8", "64:ff9b:1::8.8.8.8"}, []string{"2001:db8:122:344::10.0.0.1", "64:ff9b:1::127.0.0.1", "64:ff9b:1:1::8.8.8.8"}},
		{"overlapping NAT64 prefixes", nil, nil, []string{"2001:db8::/32", "2001:db8:122:344::/96", "2001:db8:122::/48"}, []string{"2001:db8:122:344::8.8.8.8", "2001:db8:808:808::", "2001:db8:122:808:8:800::"}, []string{"2001:db8:122:344::10.0.0.1", "2001:db8:122:344::169.254.169.254", "2001:db8:122:a00:0:100::", "2001:db8:a00:1::"}},
		{"a NAT64 prefix around the well-known one", nil, nil, []string{"64:ff9b::/32"}, []string{"64:ff9b::8.8.8.8", "64:ff9b:808:808::"}, []string{"64:ff9b::10.0.0.1", "64:ff9b:a00:1::"}},
		{"NAT64 in public space", nil, nil, []string{"2a00:1098:2c::/96"}, []string{"2a00:1098:2c::8.8.8.8", "2a00:1098:2d::1"}, []string{"2a00:1098:2c::10.0.0.1"}},
		{"NAT64 and an open block", []string{"10.0.0.0/8"}, nil, []string{"2a00:1098:2c::/96"}, []string{"2a00:1098:2c::10.0.0.1"}, []string{"2a00:1098:2c::127.0.0.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, egress.Policy{AllowPrefixes: prefixes(tc.allow...), DenyPrefixes: prefixes(tc.deny...), NAT64Prefixes: prefixes(tc.nat64...)})
			for _, a := range tc.pass {
				if rule := egress.Judge(c, netip.MustParseAddr(a)); rule != "" {
					t.Errorf("%s is refused by %s", a, rule)
				}
			}
			for _, a := range tc.refused {
				if egress.Judge(c, netip.MustParseAddr(a)) == "" {
					t.Errorf("%s passes", a)
				}
			}
		})
	}
}

func TestHostListsRestrictAndNeverOpen(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name          string
		policy        egress.Policy
		pass, refused []string
	}{
		{"exact", egress.Policy{Hosts: []string{"Example.COM."}}, []string{"http://example.com/", "http://EXAMPLE.com./"}, []string{"http://a.example.com/", "http://example.org/", "http://8.8.8.8/", "http://notexample.com/"}},
		{"below", egress.Policy{Hosts: []string{"*.example.com"}}, []string{"http://a.example.com/", "http://a.b.example.com/"}, []string{"http://example.com/", "http://aexample.com/", "http://a.example.com.evil.org/"}},
		{"a name in two spellings", egress.Policy{Hosts: []string{"bücher.example"}}, []string{"http://xn--bcher-kva.example/", "http://BÜCHER.example/"}, []string{"http://bucher.example/"}},
		{"an address", egress.Policy{Hosts: []string{"8.8.8.8", "2606:4700:4700::1111", "[2600::1]"}}, []string{"http://8.8.8.8/", "http://[::ffff:8.8.8.8]/", "http://[2606:4700:4700:0::1111]/", "http://[2600::1]/"}, []string{"http://8.8.4.4/", "http://[2600::2]/"}},
		{"a listed name opens nothing", egress.Policy{Hosts: []string{"localhost", "metadata.google.internal", "127.0.0.1", "intranet"}}, nil, []string{"http://localhost/", "http://metadata.google.internal/", "http://127.0.0.1/", "http://intranet/"}},
		{"denied", egress.Policy{DenyHosts: []string{"*.evil.org", "evil.org", "8.8.8.8"}}, []string{"http://example.com/", "http://notevil.org/"}, []string{"http://evil.org/", "http://EVIL.org./", "http://a.b.evil.org/", "http://8.8.8.8/", "http://[::ffff:8.8.8.8]/"}},
		{"a denial wins", egress.Policy{Hosts: []string{"*.example.com"}, DenyHosts: []string{"b.example.com"}}, []string{"http://a.example.com/"}, []string{"http://b.example.com/"}},
		{"internal names", egress.Policy{InternalHosts: []string{"billing.internal", "*.svc.cluster.local", "redis"}}, []string{"http://billing.internal/", "http://a.b.svc.cluster.local/", "http://redis/", "http://example.com/"}, []string{"http://other.internal/", "http://localhost/", "http://mysql/"}},
		{"internal beside a list", egress.Policy{Hosts: []string{"example.com"}, InternalHosts: []string{"billing.internal"}}, []string{"http://billing.internal/", "http://example.com/"}, []string{"http://example.org/"}},
		{"an internal name can be denied", egress.Policy{InternalHosts: []string{"*.internal"}, DenyHosts: []string{"metadata.google.internal"}}, []string{"http://a.internal/"}, []string{"http://metadata.google.internal/"}},
		{"ports replace", egress.Policy{Ports: []uint16{8443}}, []string{"https://example.com:8443/"}, []string{"https://example.com/", "http://example.com/"}},
		{"schemes", egress.Policy{Schemes: []string{"HTTPS"}}, []string{"https://example.com/"}, []string{"http://example.com/"}},
		{"user info", egress.Policy{AllowUserinfo: true}, []string{"http://a:b@example.com/"}, []string{"http://example.com@127.0.0.1/"}},
		{
			"an exact pair",
			egress.Policy{AllowAddrPorts: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("[::1]:8080")}, Hosts: []string{"example.com"}},
			[]string{"http://127.0.0.1:8080/", "http://[::1]:8080/", "http://[::ffff:127.0.0.1]:8080/", "http://example.com/"},
			[]string{"http://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.2:8080/", "http://localhost:8080/", "http://127.1:8080/", "http://8.8.8.8:8080/", "http://0.0.0.0:8080/"},
		},
		{"a pair on a denied host", egress.Policy{AllowAddrPorts: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:8080")}, DenyHosts: []string{"127.0.0.1"}}, nil, []string{"http://127.0.0.1:8080/"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, tc.policy)
			for _, raw := range tc.pass {
				if _, err := c.Parse(raw); err != nil {
					t.Errorf("%s: %s", raw, failure(t, err).Detail())
				}
			}
			for _, raw := range tc.refused {
				if c.Valid(raw) {
					t.Errorf("%s passes", raw)
				}
			}
		})
	}
}

func TestADeniedAddressIsDeniedBehindEveryName(t *testing.T) {
	t.Parallel()
	resolver := zone("four.example. 8.8.8.8", "six.example. 2600::1", "translated.example. 64:ff9b::8.8.8.8", "inside.internal. 10.0.0.1", "near.example. 8.8.4.4", "near.internal. 10.0.0.2")
	client, w := worldOf(t, egress.Policy{
		Resolver: resolver, DenyHosts: []string{"8.8.8.8", "2600::1", "::ffff:10.0.0.1"}, InternalHosts: []string{"*.internal"},
		AllowPrefixes: prefixes("8.8.8.8/32", "10.0.0.0/8"), AllowAddrPorts: addrPorts("8.8.8.8:80", "[2600::1]:80", "8.8.4.4:80"),
	}, says("x"))
	for _, raw := range []string{"http://four.example/", "http://six.example/", "http://translated.example/", "http://inside.internal/", "http://8.8.8.8/", "http://[2600::1]/", "http://[::ffff:8.8.8.8]/"} {
		if _, err := get(t, client, raw); !errors.Is(err, egress.ErrBlocked) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if dials := w.dials(); len(dials) != 0 {
		t.Errorf("dialled %v", dials)
	}
	if err := client.Control("tcp4", "8.8.8.8:80", nil); !errors.Is(err, egress.ErrBlocked) {
		t.Errorf("the socket: %v", err)
	}
	for _, raw := range []string{"http://near.example/", "http://near.internal/"} {
		if _, err := get(t, client, raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestEveryMistakeOfAPolicyIsReportedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := egress.New(egress.Policy{
		Schemes: []string{"ftp", ""}, Ports: []uint16{0}, Methods: []string{"CONNECT", "get", "A B", ""},
		Hosts: []string{"*", "a b", "", "*.1.2.3.4", "http://example.com"}, DenyHosts: []string{"*.*.com"}, InternalHosts: []string{"10.0.0.1"},
		AllowPrefixes: []netip.Prefix{{}, netip.PrefixFrom(netip.MustParseAddr("10.1.2.3"), 8)}, DenyPrefixes: prefixes("::ffff:10.0.0.0/104"),
		AllowAddrPorts: []netip.AddrPort{{}, netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[fe80::1%a]:80")},
		NAT64Prefixes:  prefixes("2001:db8::/33", "10.0.0.0/8", "2001:db8:0:0:100::/96"), KeepHeaders: []string{"a b"}, MaxRedirects: 51,
		Timeout: -1, DNSTimeout: -1, DialTimeout: -1, TLSTimeout: -1, HeaderTimeout: -1, MaxBody: -1, MaxHeader: -1, MaxDials: -1, MaxConnsPerHost: -1,
		TLS:   &tls.Config{InsecureSkipVerify: true, ServerName: "a", MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
		Proxy: &url.URL{Scheme: "socks5", Host: "a", User: url.UserPassword("u", "hidden")},
	})
	if err == nil {
		t.Fatal("a policy of mistakes compiles")
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T", err)
	}
	count := map[string]int{}
	for _, one := range joined.Unwrap() {
		var mistake *egress.ConfigError
		if !errors.As(one, &mistake) {
			t.Fatalf("%v is no ConfigError", one)
		}
		count[mistake.Field]++
	}
	for field, n := range map[string]int{
		"Schemes": 2, "Ports": 1, "Methods": 4, "Hosts": 5, "DenyHosts": 1, "InternalHosts": 1, "AllowPrefixes": 2, "DenyPrefixes": 1,
		"AllowAddrPorts": 3, "NAT64Prefixes": 3, "KeepHeaders": 1, "MaxRedirects": 1, "Timeout": 1, "DNSTimeout": 1, "DialTimeout": 1,
		"TLSTimeout": 1, "HeaderTimeout": 1, "MaxBody": 1, "MaxHeader": 1, "MaxDials": 1, "MaxConnsPerHost": 1, "TLS": 4, "Proxy": 1,
	} {
		if count[field] != n {
			t.Errorf("%s: %d mistakes, want %d", field, count[field], n)
		}
	}
	if strings.Contains(err.Error(), "hidden") {
		t.Error("the proxy's password is in the error")
	}
}

func TestAProxyNeedsAPortThatExists(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{"127.0.0.1": true, "127.0.0.1:3128": true, "[::1]:3128": true, "[::1]": true, "127.0.0.1:0": false, "127.0.0.1:99999": false, "127.0.0.1:-1": false, ":80": false} {
		c, err := egress.New(egress.Policy{Proxy: &url.URL{Scheme: "http", Host: host}})
		if (err == nil) != want {
			t.Errorf("%s: %v", host, err)
		}
		_ = c.Close()
	}
}

func TestAPolicyIsFrozenByNew(t *testing.T) {
	t.Parallel()
	p := egress.Policy{Hosts: []string{"example.com"}, NAT64Prefixes: prefixes("2a00:1098:2c::/96"), TLS: &tls.Config{MinVersion: tls.VersionTLS13}}
	c := newClient(t, p)
	p.Hosts[0], p.NAT64Prefixes[0] = "example.org", prefixes("2a00:1098:2d::/96")[0]
	p.TLS.InsecureSkipVerify = true
	if !c.Valid("http://example.com/") || c.Valid("http://example.org/") || egress.Judge(c, netip.MustParseAddr("2a00:1098:2c::10.0.0.1")) == "" {
		t.Error("the client follows its policy's later changes")
	}
}

func TestOwnAddressesAreRefused(t *testing.T) {
	t.Parallel()
	mine := func() ([]net.Addr, error) {
		var list []net.Addr
		for _, p := range []string{"93.184.215.14/24", "2a00:1450::5/64", "10.0.0.5/8", "127.0.0.1/8"} {
			ip, network, _ := net.ParseCIDR(p)
			list = append(list, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return list, nil
	}
	for _, tc := range []struct {
		name          string
		policy        egress.Policy
		pass, refused []string
	}{
		{"by default, even public ones", egress.Policy{}, []string{"93.184.215.15", "2a00:1450::6"}, []string{"93.184.215.14", "::ffff:93.184.215.14", "64:ff9b::93.184.215.14", "2a00:1450::5", "10.0.0.5"}},
		{"in an open block", egress.Policy{AllowPrefixes: prefixes("10.0.0.0/8")}, []string{"10.0.0.6"}, []string{"10.0.0.5"}},
		{"unless named", egress.Policy{AllowPrefixes: prefixes("10.0.0.5/32")}, []string{"10.0.0.5"}, []string{"93.184.215.14"}},
		{"unless allowed", egress.Policy{AllowOwnAddresses: true}, []string{"93.184.215.14", "2a00:1450::5"}, []string{"10.0.0.5", "127.0.0.1"}},
		{"loopback goes by its block", egress.Policy{AllowPrefixes: prefixes("127.0.0.0/8")}, []string{"127.0.0.1"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, tc.policy)
			egress.SetOwnAddresses(c, mine)
			for _, a := range tc.pass {
				if rule := egress.Judge(c, netip.MustParseAddr(a)); rule != "" {
					t.Errorf("%s is refused by %s", a, rule)
				}
			}
			for _, a := range tc.refused {
				if egress.Judge(c, netip.MustParseAddr(a)) == "" {
					t.Errorf("%s passes", a)
				}
			}
		})
	}
}

func TestWithoutAListOfOwnAddressesNothingPasses(t *testing.T) {
	t.Parallel()
	c := newClient(t, egress.Policy{})
	egress.SetOwnAddresses(c, func() ([]net.Addr, error) { return nil, errors.New("netlink") })
	_, err := c.Parse("http://example.com/")
	if e := failure(t, err); e.Rule != "own_address" || !strings.Contains(e.Detail(), "Policy.AllowOwnAddresses") {
		t.Error(e.Detail())
	}
}

func TestEveryRuleNamesItsSetting(t *testing.T) {
	t.Parallel()
	c := newClient(t, egress.Policy{Hosts: []string{"example.com", "b.example.com", "8.8.8.8", "10.0.0.1", "a.internal"}, DenyHosts: []string{"b.example.com"}, DenyPrefixes: prefixes("8.8.8.0/24")})
	for raw, setting := range map[string]string{
		"ftp://example.com/": "Policy.Schemes", "http://example.com:22/": "Policy.Ports", "http://a@example.com/": "Policy.AllowUserinfo",
		"http://example.org/": "Policy.Hosts", "http://b.example.com/": "Policy.DenyHosts", "http://a.internal/": "Policy.InternalHosts",
		"http://8.8.8.8/": "Policy.DenyPrefixes", "http://10.0.0.1/": "Policy.AllowPrefixes",
	} {
		_, err := c.Parse(raw)
		if e := failure(t, err); !strings.Contains(e.Detail(), setting) {
			t.Errorf("%s: %s", raw, e.Detail())
		}
	}
}

func TestErrorsLookAllAlike(t *testing.T) {
	t.Parallel()
	c, _ := worldOf(t, egress.Policy{Resolver: zone("inside.example. 10.0.0.1"), DNSTimeout: time.Second}, says(""))
	texts := []string{}
	for _, raw := range []string{"http://127.0.0.1/", "http://inside.example/", "http://nowhere.example/", "ftp://x.example/", "http://a@b.example/"} {
		_, err := get(t, c, raw)
		var outer *url.Error
		if !errors.As(err, &outer) {
			t.Fatal(err)
		}
		texts = append(texts, outer.Err.Error())
	}
	if slices.Sort(texts); texts[0] != texts[len(texts)-1] {
		t.Errorf("the texts tell targets apart: %q", texts)
	}
}

// A resolver may write IPv4 addresses the long way.
func TestAPairIsKnownInItsMappedForm(t *testing.T) {
	t.Parallel()
	client, w := worldOf(t, egress.Policy{AllowAddrPorts: addrPorts("10.0.0.7:8443"), Resolver: zone("pair.example. ::ffff:10.0.0.7")}, says("x"))
	conn, err := client.DialContext(t.Context(), "tcp", "pair.example:8443")
	if err != nil {
		t.Fatal(failure(t, err).Detail())
	}
	_ = conn.Close()
	if dials := w.dials(); len(dials) != 1 || dials[0] != "10.0.0.7:8443" {
		t.Errorf("dialled %v", dials)
	}
}
