package egress_test

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/internal/testserver"
)

// forbidden lists addresses by class; none of them may be called.
func forbidden() map[egress.Class][]string {
	return map[egress.Class][]string{
		"unspecified":  {"0.0.0.0", "::", "::ffff:0.0.0.0", "64:ff9b::0.0.0.0"},
		"this_network": {"0.0.0.1", "0.1.2.3", "0.255.255.255", "::ffff:0.0.0.1", "64:ff9b::0.1.2.3"},
		"private": {
			"10.0.0.0", "10.0.0.1", "10.96.0.1", "10.255.255.255", "172.16.0.0", "172.16.0.1", "172.17.0.1", "172.20.10.1",
			"172.31.255.255", "192.168.0.0", "192.168.0.1", "192.168.1.1", "192.168.255.255",
			"::ffff:10.0.0.1", "::ffff:172.16.0.1", "::ffff:192.168.0.1", "::ffff:a00:1",
			"64:ff9b::10.0.0.1", "64:ff9b::a00:1", "64:ff9b::172.31.255.255", "64:ff9b::192.168.1.1",
		},
		"shared": {
			"100.64.0.0", "100.64.0.1", "100.100.100.199", "100.100.100.201", "100.127.255.255",
			"::ffff:100.64.0.1", "64:ff9b::100.64.0.1",
		},
		"loopback": {
			"127.0.0.0", "127.0.0.1", "127.0.0.53", "127.0.1.1", "127.1.2.3", "127.255.255.255", "::1",
			"::ffff:127.0.0.1", "::ffff:7f00:1", "64:ff9b::127.0.0.1", "64:ff9b::7f00:1",
		},
		"link_local": {
			"169.254.0.0", "169.254.0.1", "169.254.1.1", "169.254.169.253", "169.254.169.255", "169.254.255.255",
			"::ffff:169.254.1.1", "64:ff9b::169.254.1.1", "fe80::", "fe80::1", "fe80:0:0:1::1", "fe90::1", "fea0::1",
			"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		},
		"ietf_protocol": {
			"192.0.0.0", "192.0.0.1", "192.0.0.7", "192.0.0.8", "192.0.0.11", "192.0.0.170", "192.0.0.171", "192.0.0.255",
			"::ffff:192.0.0.1", "64:ff9b::192.0.0.170", "2001:1::", "2001:1::4", "2001:4::1", "2001:5::1", "2001:40::1",
			"2001:100::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:2:1::1",
		},
		"anycast": {
			"192.0.0.9", "192.0.0.10", "192.31.196.0", "192.31.196.1", "192.31.196.255", "192.52.193.1", "192.52.193.255",
			"192.88.99.0", "192.88.99.1", "192.88.99.2", "192.88.99.255", "192.175.48.1", "192.175.48.255",
			"::ffff:192.88.99.1", "64:ff9b::192.31.196.1",
			"2001:1::1", "2001:1::2", "2001:1::3", "2001:3::", "2001:3::1", "2001:3:ffff::1", "2001:4:112::", "2001:4:112::1",
			"2001:4:112:ffff::1", "2620:4f:8000::", "2620:4f:8000::1", "2620:4f:8000:ffff::1",
		},
		"documentation": {
			"192.0.2.0", "192.0.2.1", "192.0.2.255", "198.51.100.0", "198.51.100.7", "198.51.100.255", "203.0.113.0",
			"203.0.113.9", "203.0.113.255", "::ffff:192.0.2.1", "64:ff9b::203.0.113.9",
			"2001:db8::", "2001:db8::1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff::1", "3fff:fff:ffff::1",
		},
		"benchmarking": {
			"198.18.0.0", "198.18.0.1", "198.19.255.255", "::ffff:198.18.0.1", "64:ff9b::198.19.0.1",
			"2001:2::", "2001:2::1", "2001:2:0:ffff::1",
		},
		"identifier": {
			"2001:10::", "2001:10::1", "2001:1f:ffff::1", "2001:20::1", "2001:2f:ffff::1", "2001:30::1", "2001:3f:ffff::1",
			"5f00::", "5f00::1", "5f00:ffff:ffff::1",
		},
		"multicast": {
			"224.0.0.0", "224.0.0.1", "224.0.0.251", "232.1.1.1", "239.255.255.250", "239.255.255.255",
			"::ffff:224.0.0.1", "64:ff9b::239.255.255.250", "ff00::", "ff01::1", "ff02::1", "ff02::fb", "ff05::2", "ff0e::1", "ffff::1",
		},
		"reserved":  {"240.0.0.0", "240.0.0.1", "247.1.2.3", "255.0.0.0", "255.255.255.254", "::ffff:240.0.0.1", "64:ff9b::250.0.0.1"},
		"broadcast": {"255.255.255.255", "::ffff:255.255.255.255", "64:ff9b::255.255.255.255"},
		"cloud": {
			"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "169.254.0.23", "192.0.0.192",
			"100.100.100.200", "168.63.129.16", "34.118.224.0", "34.118.224.1", "34.118.230.9", "34.118.239.255",
			"::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b::a9fe:a9fe",
			"::ffff:168.63.129.16", "64:ff9b::34.118.224.1", "64:ff9b::168.63.129.16",
			"fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fe80::a9fe:a9fe",
		},
		"unique_local": {"fc00::", "fc00::1", "fd00::1", "fd12:3456:789a::1", "fd00:ec2::253", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"site_local":   {"fec0::", "fec0::1", "feff:ffff::1"},
		"translation": {
			"64:ff9b:1::", "64:ff9b:1::1", "64:ff9b:1::8.8.8.8", "64:ff9b:1:fffe::a00:1", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff",
			"::2", "::8.8.8.8", "::127.0.0.1", "::10.0.0.1", "::169.254.169.254", "::ffff:ffff",
			"::ffff:0:8.8.8.8", "::ffff:0:127.0.0.1", "::ffff:0:10.0.0.1",
		},
		"tunnel": {
			"2002::", "2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::1", "2002:c0a8:101::1", "2002:808:808::1", "2002:ffff:ffff::1",
			"2001::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:0:a00:1::1", "2001:0:ffff::",
			"2600::5efe:10.0.0.1", "2600::5efe:127.0.0.1", "2600::200:5efe:192.168.0.1", "2600::200:5efe:169.254.169.254",
			"2a00:1450::5efe:100.64.0.1", "2600::5efe:34.118.224.1",
		},
		"discard": {"100::", "100::1", "100::ffff:ffff:ffff:ffff", "100:0:0:1::", "100:0:0:1::1", "100:0:0:1:ffff::"},
		"unassigned": {
			"100:0:0:2::1", "100:1::1", "1::1", "64:ff9a::1", "64:ff9b:0:0:0:1::1", "64:ff9b:2::1", "200::1", "1fff::1", "4000::1",
			"5eff::1", "5f01::1", "6000::1", "8000::1", "a000::1", "c000::1", "e000::1", "f000::1", "f800::1", "fbff::1",
			"fe00::1", "fe7f::1", "::1:0:0:0", "::1:0:0",
		},
		"zoned": {"fe80::1%eth0", "::1%lo", "2606:4700:4700::1111%eth0", "::ffff:8.8.8.8%1", "ff02::1%eth0", "fd00::1%x"},
	}
}

// permitted lists addresses that real services have, and the neighbours of every
// special block: refusing them would be over-blocking.
func permitted() []string {
	return []string{
		"1.0.0.0", "1.0.0.1", "1.1.1.1", "8.8.8.8", "8.8.4.4", "9.255.255.255", "9.9.9.9", "11.0.0.0", "11.0.0.1", "34.118.223.255",
		"34.118.240.0", "34.117.0.1", "35.190.0.1", "52.94.236.248", "93.184.215.14", "99.255.255.255", "100.0.0.1", "100.63.255.255",
		"100.128.0.0", "104.16.0.1", "126.255.255.255", "128.0.0.0", "140.82.121.3", "151.101.1.69", "168.63.129.15", "168.63.129.17",
		"169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "172.217.16.14", "191.255.255.255", "192.0.1.0", "192.0.1.255",
		"192.0.3.0", "192.31.195.255", "192.31.197.0", "192.52.192.255", "192.52.194.0", "192.88.98.255", "192.88.100.0", "192.167.255.255",
		"192.169.0.0", "192.175.47.255", "192.175.49.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0", "203.0.112.255",
		"203.0.114.0", "208.67.222.222", "217.160.0.1", "223.255.255.255",
		"::ffff:8.8.8.8", "::ffff:1.1.1.1", "::ffff:93.184.215.14", "64:ff9b::8.8.8.8", "64:ff9b::1.1.1.1", "64:ff9b::93.184.215.14",
		"2000::1", "2001:200::1", "2001:200:dff:fff1:216:3eff:feb1:44d7", "2001:4860:4860::8888", "2001:db7:ffff::1", "2001:db9::1",
		"2001:67c:2e8:22::c100:68b", "2003::1", "2001:ffff::1", "2400:cb00::1", "2600::1", "2602:fd3f::1", "2606:4700:4700::1111",
		"2607:f8b0:4004:c07::64", "2620:4e:ffff::1", "2620:4f:7fff::1", "2620:4f:8001::1", "2620:fe::fe", "2a00:1450:4001:80b::200e",
		"2a03:2880:f12f:83:face:b00c:0:25de", "3ffe::1", "3fff:1000::1", "3fff:ffff::1", "2600::5efe:8.8.8.8", "2600::200:5efe:8.8.8.8",
		"2600::5eff:10.0.0.1", "2600::1:5efe:10.0.0.1", "2600::a9fe:a9fe", "2600::10.0.0.1", "2c0f:fb50:4002::1",
	}
}

func TestEveryForbiddenAddressHasItsClass(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	n := 0
	for class, list := range forbidden() {
		for _, text := range list {
			n++
			a := netip.MustParseAddr(text)
			if got := egress.Classify(a); got != class {
				t.Errorf("%s is %q, want %q", text, got, class)
			}
			if egress.Public(a) {
				t.Errorf("%s is public", text)
			}
			if egress.Judge(client, a) == "" {
				t.Errorf("a default client calls %s", text)
			}
		}
	}
	if n < 230 {
		t.Errorf("only %d addresses", n)
	}
	if egress.Public(netip.Addr{}) || egress.Classify(netip.Addr{}) != "invalid" {
		t.Error("no address is an address")
	}
}

func TestNoPublicAddressIsRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	for _, text := range permitted() {
		a := netip.MustParseAddr(text)
		if got := egress.Classify(a); got != "public" || !egress.Public(a) {
			t.Errorf("%s is %q", text, got)
		}
		if rule := egress.Judge(client, a); rule != "" {
			t.Errorf("%s is refused by %s", text, rule)
		}
	}
}

// ASVS 13.2.4. The registries are the authority: the first, the last and a middle address of
// every row is refused, except in 64:ff9b::/96, whose addresses are judged by what is
// in them.
func TestEveryRegistryRowIsCovered(t *testing.T) {
	t.Parallel()
	rows := 0
	for _, name := range []string{"iana/iana4.csv", "iana/iana6.csv"} {
		text, err := os.ReadFile(testserver.SharedData(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			rows++
			prefix := netip.MustParsePrefix(strings.Split(line, "|")[0])
			if prefix.String() == "64:ff9b::/96" {
				continue
			}
			for _, a := range samples(prefix) {
				if prefix.String() == "::ffff:0.0.0.0/96" && a != prefix.Addr() {
					continue // mapped addresses are judged as IPv4
				}
				if egress.Public(a) {
					t.Errorf("%s of %s is public", a, prefix)
				}
			}
		}
	}
	if rows != 51 {
		t.Errorf("%d registry rows, want 51", rows)
	}
	if egress.TableDate != "2026-07" {
		t.Errorf("the table is of %s", egress.TableDate)
	}
}

// samples returns the first, a middle and the last address of a prefix.
func samples(p netip.Prefix) []netip.Addr {
	first := p.Addr().AsSlice()
	middle, last := slices.Clone(first), slices.Clone(first)
	for bit := p.Bits(); bit < len(first)*8; bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
		if bit%2 == 0 {
			middle[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	addrs := make([]netip.Addr, 0, 3)
	for _, b := range [][]byte{first, middle, last} {
		a, _ := netip.AddrFromSlice(b)
		addrs = append(addrs, a)
	}
	return addrs
}
