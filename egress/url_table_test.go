package egress_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/egress"
)

// hostileURLs lists URLs by the rule that refuses them; none needs a name server.
func hostileURLs() map[string][]string {
	label64 := strings.Repeat("a", 64)
	long := strings.Repeat(strings.Repeat("a", 49)+".", 5) + "example.com"
	return map[string][]string{
		"length": {"http://example.com/" + strings.Repeat("a", 8192), "http://" + strings.Repeat("a.", 4100) + "com/"},
		"character": {
			" http://example.com/", "http://example.com/ ", "http://exa mple.com/", "http://example.com/a b", "http://example.com/\t",
			"http://example.com/\n", "http://example.com/\r\nHost:a", "ht\ttp://example.com/", "http:\n//example.com/", "http://127.0.0.1\t/",
			"http://example.com\\@127.0.0.1/", "http:\\\\127.0.0.1\\", "http:/\\127.0.0.1/", "http://example.com\\.evil.com/", "\\\\127.0.0.1\\share",
			"http://a\x00.example.com/", "http://example.com/\x7f", "\x01http://example.com/", "http://example.com/?a=b c", "http://127.0.0.1\\.example.com/",
			"http://example.com#@127.0.0.1\\", "http://example.com:80\\@127.0.0.1:80/", "\u0008http://example.com", "http://127.0.0.1 .example.com/",
			"http://example.com/?q=\xff", "http://example.com/\xc3(", "http://example.com/#\xed\xa0\x80", "http://ex\xe4mple.com/",
		},
		"syntax": {
			"http://[::127.0.0.01]/",
			"http://::ffff:127.0.0.1:80/",
			"http://::1/",
			"http://[::ffff:127.1]/",
			"http://[::ffff:1.2.3]/",
			"http://[:::1]/",
			"http://[v1.x]/",
			"http://[1.2.3.4.5]/",
			"http://[]/",
			"http://[::g]/",
			"", "/", "//", "///example.com", "/etc/passwd", "example.com", "example.com/path", "http:", "http:/", "http://",
			"http:///", "http:///example.com/", "http:example.com", "http:/example.com/", "https:127.0.0.1", "http:@127.0.0.1", "?http://example.com",
			"#http://example.com", "http://?q", "http://#f", "http://[::1/", "http://::1]/", "http://[::1]x/", "http://[[::1]]/", "http://[::1]:80:80/",
			"http://example.com:port/", "http://example.com:-80/", "http://example.com:+80/", "http://example.com:80a/", "http://example.com:0x50/",
			"http://%31%32%37.0.0.1/", "http://%6c%6f%63%61%6c%68%6f%73%74/", "http://example.com%00.evil.com/", "http://example%2ecom/",
			"http://example.com%/", "http://%/", "http://exam^ple.com/", "http://{example}.com/", "1http://example.com/",
			"-http://example.com", "http//example.com", "://example.com", "http://[fe80::1%eth0]/", "http://[127.0.0.1]/", "http://[::ffff:127.0.0.1", "mailto:root@localhost", "javascript:alert(1)",
			"data:text/plain,x", "url:http://127.0.0.1/", "jar:http://127.0.0.1!/", "view-source:http://127.0.0.1/", "blob:http://127.0.0.1/x", "about:blank", "tel:1",
			"file:///etc/passwd", "urn:isbn:1", "http://example.com:%38%30/", "http://[::1]%2f/",
		},
		"scheme": {
			"//example.com/",
			"ftp://example.com/", "ftps://example.com/", "sftp://example.com/", "tftp://example.com/", "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:11211/stats",
			"ldap://example.com/", "ldaps://example.com/", "file://localhost/etc/passwd", "file://127.0.0.1/c$", "ws://example.com/", "wss://example.com/", "smb://example.com/a",
			"ssh://example.com/", "telnet://example.com/", "imap://example.com/", "netdoc://a.example/", "redis://127.0.0.1/", "unix://var/run/docker.sock", "http+unix://sock/",
			"phar://a.example/", "php://filter/x", "expect://id/", "rtsp://example.com/", "httpx://example.com/", "h2c://example.com/",
		},
		"userinfo": {
			"http://127.0.0.1%2f@example.com",
			"http://user@example.com/", "http://user:pass@example.com/", "http://@example.com/", "http://:@example.com/", "http://:pass@example.com/",
			"http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/", "http://127.0.0.1@example.com/", "http://example.com%40@127.0.0.1/",
			"http://a%3ab@example.com/", "https://%00@example.com/", "http://user:@[::1]/", "http://1.1.1.1&@127.0.0.1/", "http://example.com;@127.0.0.1/",
		},
		"port": {
			"http://example.com:22/", "http://example.com:25/", "http://example.com:6379/", "http://example.com:8080/", "http://example.com:8443/", "https://example.com:11211/",
			"http://example.com:0/", "http://example.com:65536/", "http://example.com:65616/", "http://example.com:4294967376/", "http://example.com:000080/", "http://example.com:1/",
			"http://8.8.8.8:53/", "http://[2606:4700:4700::1111]:53/", "http://example.com:10250/", "http://example.com:2375/", "http://example.com:99999999999999999999/",
		},
		"host": {
			"http://127.0.0.\u0661/",
			"http://exam\"ple.com/",
			"http://exa<mple.com/",
			"http://./", "http://../", "http://.example.com/", "http://example..com/", "http://example.com../", "http://-example.com/", "http://example-.com/",
			"http://a.-b.com/", "http://" + label64 + ".com/", "http://" + long + "/", "http://exa*mple.com/", "http://*.example.com/", "http://exam$ple.com/", "http://exam!ple.com/",
			"http://exam'ple.com/", "http://(example).com/", "http://exam,ple.com/", "http://exam;ple.com/", "http://exam&ple.com/", "http://exam=ple.com/", "http://exam~ple.com/",
			"http://exam+ple.com/",
			"http://\u2488.example.com/", "http://a\u00adb\u2028.com/", "http://exam\u200bple\u200d.com\u2044x/",
			"http://%ff.example.com/", "http://\u0640.\u202e.com/", "http://xn--a-\u0301.\ufffd.com/",
		},
		"zoned": {"http://[fe80::1%25eth0]/", "http://[::1%25lo]/", "http://[2606:4700:4700::1111%25eth0]/", "http://[::ffff:8.8.8.8%251]/", "http://[fe80::1%251]:80/", "http://[fd00::1%25x]/"},
		"ip_spelling": {
			"http://2130706433/", "http://017700000001/", "http://0x7f000001/", "http://0x7F.1/", "http://127.1/", "http://127.0.1/", "http://0177.0.0.1/", "http://0x7f.0.0.1/",
			"http://127.0.0.01/", "http://127.0.0.1./", "http://00000127.0.0.1/", "http://127.000.000.001/", "http://256.256.256.256/", "http://127.0.0.256/", "http://1.2.3.4.5/",
			"http://2852039166/", "http://0xa9fea9fe/", "http://0251.0376.0251.0376/", "http://169.254.43518/", "http://169.16689662/", "http://0/", "http://0./", "http://0x/", "http://0x0/",
			"http://00/", "http://1/", "http://8.8.8.8./", "http://134744072/", "http://0x08080808/", "http://010.8.8.8/", "http://8.8.2056/", "http://4294967295/", "http://4294967296/",
			"http://18446744073709551617/", "http://example.123/", "http://example.com.0x7f/", "http://foo.0x/", "http://a.0xdeadbeef./", "http://127.0.0.1.2130706433/", "http://0x7f.0x0.0x0.0x1/",
			"http://\uff12\uff11\uff13\uff10\uff17\uff10\uff16\uff14\uff13\uff13/", "http://127\u30021/", "http://\u24ea/", "http://0\uff587f.1/",
		},
		"loopback": {
			"http://127.0.0.1/", "https://127.0.0.1/", "http://127.0.0.1:80/", "http://127.0.0.1:443/", "http://127.255.255.255/", "http://127.0.0.1?@example.com/", "http://127.0.0.1#@example.com/",
			"http://127.0.0.1/?http://example.com", "HTTP://127.0.0.1/", "http://127.0.0.1:/", "http://[::1]/", "http://[0:0:0:0:0:0:0:1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
			"http://[0:0:0:0:0:ffff:7f00:0001]/", "http://[64:ff9b::127.0.0.1]/", "http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/", "http://127\u30020\u30020\u30021/", "http://\uff11\uff12\uff17.0.0.1/",
			"http://127\uff0e0\uff0e0\uff0e1/", "http://127\uff610\uff610\uff611/", "http://%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1/", "http://127%E3%80%820%E3%80%820%E3%80%821/", "http://\U0001d7cf\U0001d7d0\U0001d7d5.0.0.1/",
		},
		"cloud": {
			"http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://[64:ff9b::a9fe:a9fe]/", "http://168.63.129.16/", "http://100.100.100.200/", "http://34.118.224.1/",
			"http://[fd00:ec2::254]/", "http://169\u3002254\u3002169\u3002254/", "http://192.0.0.192/",
		},
		"private":      {"http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://[::ffff:10.0.0.1]/", "http://[64:ff9b::10.0.0.1]/"},
		"shared":       {"http://100.64.0.1/"},
		"unspecified":  {"http://0.0.0.0/", "http://[::]/", "http://[0:0:0:0:0:0:0:0]/", "http://[::ffff:0.0.0.0]/"},
		"tunnel":       {"http://[2002:7f00:1::]/", "http://[2001::1]/", "http://[2600::5efe:10.0.0.1]/"},
		"translation":  {"http://[::127.0.0.1]/", "http://[64:ff9b:1::1]/", "http://[::ffff:0:127.0.0.1]/"},
		"unique_local": {"http://[fc00::1]/", "http://[fd12:3456::1]/"},
		"link_local":   {"http://[fe80::1]/", "http://169.254.1.1/"},
		"multicast":    {"http://224.0.0.1/", "http://[ff02::1]/"},
		"broadcast":    {"http://255.255.255.255/"},
		"single_label": {
			"http://intranet/", "http://db/", "http://kubernetes/", "http://redis./", "http://com/", "http://a/", "http://router/", "http://xn--e1aybc/", "http://\u0442\u0435\u0441\u0442/",
			"http://wpad/", "http://metadata/", "http://instance-data/", "http://docker/", "http://postgres:80/",
		},
		"special_use": {
			"http://localhost/", "http://LOCALHOST/", "http://LocalHost./", "http://a.localhost/", "http://127.0.0.1.localhost/", "http://localhost.localdomain/", "http://printer.local/",
			"http://host.docker.internal/", "http://metadata.google.internal/", "http://metadata.google.internal./computeMetadata/v1/", "http://METADATA.GOOGLE.INTERNAL/", "http://instance-data.ec2.internal/",
			"http://api.default.svc.cluster.local/", "http://kubernetes.default.svc.cluster.local/", "http://router.home.arpa/", "http://home.arpa/", "http://a.test/", "http://a.invalid/",
			"http://facebookwkhpilnemxj7asaniu7vnjjbiltxjqhye3mhbshg7kx5tfyd.onion/", "http://name.alt/", "http://metadata.goog/", "http://a.metadata.goog/", "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3/",
			"http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54/", "http://loca\u017fhost.local/", "http://localho\u017ft/", "http://%E2%93%9Bocalhost/", "http://a\u3002internal/", "http://gateway.internal:80/",
		},
	}
}

// honestURLs lists URLs that must pass, with their canonical form.
func honestURLs() map[string]string {
	return map[string]string{
		"http://example.com":                                         "http://example.com",
		"http://example.com/":                                        "http://example.com/",
		"https://example.com/":                                       "https://example.com/",
		"HTTP://EXAMPLE.com/Path":                                    "http://example.com/Path",
		"HtTpS://Example.Com":                                        "https://example.com",
		"http://example.com./":                                       "http://example.com/",
		"http://example.com:80/":                                     "http://example.com/",
		"http://example.com:/":                                       "http://example.com/",
		"https://example.com:443/":                                   "https://example.com/",
		"https://example.com:80/":                                    "https://example.com:80/",
		"http://example.com:443/":                                    "http://example.com:443/",
		"http://example.com:080/":                                    "http://example.com/",
		"https://a.b.c.d.e.f.example.co.uk/":                         "https://a.b.c.d.e.f.example.co.uk/",
		"https://xn--bcher-kva.example/":                             "https://xn--bcher-kva.example/",
		"https://b\u00fccher.example/":                               "https://xn--bcher-kva.example/",
		"https://B\u00dcCHER.example/":                               "https://xn--bcher-kva.example/",
		"https://b%C3%BCcher.example/":                               "https://xn--bcher-kva.example/",
		"https://\u65e5\u672c\u8a9e.jp/":                             "https://xn--wgv71a119e.jp/",
		"https://\u4f8b\u3048.jp/":                                   "https://xn--r8jz45g.jp/",
		"https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/": "https://xn--e1afmkfd.xn--p1ai/",
		"https://\u0645\u062b\u0627\u0644.\u0625\u062e\u062a\u0628\u0627\u0631/": "https://xn--mgbh0fb.xn--kgbechtv/",
		"https://fa\u00df.example/":                    "https://xn--fa-hia.example/",
		"https://example\u3002com/":                    "https://example.com/",
		"https://\uff45xample.com/":                    "https://example.com/",
		"https://\u2603.example/":                      "https://xn--n3h.example/",
		"http://8.8.8.8/":                              "http://8.8.8.8/",
		"http://1.1.1.1:80/":                           "http://1.1.1.1/",
		"http://93.184.215.14:443/":                    "http://93.184.215.14:443/",
		"http://\uff18.8.8.8/":                         "http://8.8.8.8/",
		"http://[2606:4700:4700::1111]/":               "http://[2606:4700:4700::1111]/",
		"http://[2606:4700:4700:0:0:0:0:1111]/":        "http://[2606:4700:4700::1111]/",
		"http://[2A00:1450:4001:80B::200E]:443/":       "http://[2a00:1450:4001:80b::200e]:443/",
		"http://[::ffff:8.8.8.8]/":                     "http://8.8.8.8/",
		"http://[64:ff9b::8.8.8.8]/":                   "http://[64:ff9b::808:808]/",
		"https://localhost.example.com/":               "https://localhost.example.com/",
		"https://local.example.com/":                   "https://local.example.com/",
		"https://internal.example.com/":                "https://internal.example.com/",
		"https://notlocal.com/":                        "https://notlocal.com/",
		"https://mylocalhost.com/":                     "https://mylocalhost.com/",
		"https://test.example.com/":                    "https://test.example.com/",
		"https://metadata.google.com/":                 "https://metadata.google.com/",
		"https://notmetadata.goog/":                    "https://notmetadata.goog/",
		"https://dns.google/":                          "https://dns.google/",
		"https://about.goog/":                          "https://about.goog/",
		"https://notinternal.dev/":                     "https://notinternal.dev/",
		"https://home.arpa.example.com/":               "https://home.arpa.example.com/",
		"https://127.0.0.1.nip.example/":               "https://127.0.0.1.nip.example/",
		"https://1.example/":                           "https://1.example/",
		"https://0x7f.example.com/":                    "https://0x7f.example.com/",
		"https://123.example.com/":                     "https://123.example.com/",
		"https://4chan.org/":                           "https://4chan.org/",
		"https://example.c0m/":                         "https://example.c0m/",
		"https://a.0xg/":                               "https://a.0xg/",
		"https://_dmarc.example.com/":                  "https://_dmarc.example.com/",
		"https://my_bucket.s3.example.com/":            "https://my_bucket.s3.example.com/",
		"https://a--b.example.com/":                    "https://a--b.example.com/",
		"https://r3---sn.example.com/":                 "https://r3---sn.example.com/",
		"https://" + strings.Repeat("a", 63) + ".com/": "https://" + strings.Repeat("a", 63) + ".com/",
		"https://example.com/?url=http://127.0.0.1/":   "https://example.com/?url=http://127.0.0.1/",
		"https://example.com/http://localhost/":        "https://example.com/http://localhost/",
		"https://example.com/#http://169.254.169.254":  "https://example.com/#http://169.254.169.254",
		"https://example.com/@127.0.0.1":               "https://example.com/@127.0.0.1",
		"https://example.com/a%20b":                    "https://example.com/a%20b",
		"https://example.com/%2e%2e/%2F":               "https://example.com/%2e%2e/%2F",
		"https://example.com/%5Cx":                     "https://example.com/%5Cx",
		"https://example.com/?q=%00":                   "https://example.com/?q=%00",
		"https://example.com/\u00fc?\u00fc=1":          "https://example.com/%C3%BC?\u00fc=1",
		"https://example.com?x=1":                      "https://example.com?x=1",
		"https://example.com/a;b=c?d[]=e&f":            "https://example.com/a;b=c?d[]=e&f",
		"https://hooks.example.com/T0/B0/xyz":          "https://hooks.example.com/T0/B0/xyz",
		"https://1.1.1.1.example.com./x":               "https://1.1.1.1.example.com/x",
	}
}

// ASVS 1.1.1, 1.3.6.
func TestEveryHostileURLIsRefusedByItsRule(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	n := 0
	for rule, list := range hostileURLs() {
		for _, raw := range list {
			n++
			u, err := client.Parse(raw)
			if err == nil {
				t.Errorf("%q passes as %q", raw, u)
				continue
			}
			if e := failure(t, err); e.Rule != rule || e.Kind != "blocked" {
				t.Errorf("%q: refused by %s, want %s", raw, e.Rule, rule)
			}
		}
	}
	if n < 250 {
		t.Errorf("only %d URLs", n)
	}
}

func TestNoHonestURLIsRefused(t *testing.T) {
	t.Parallel()
	client := newClient(t, egress.Policy{})
	for raw, want := range honestURLs() {
		u, err := client.Parse(raw)
		if err != nil {
			t.Errorf("%q: %s", raw, failure(t, err).Detail())
			continue
		}
		if u.String() != want {
			t.Errorf("%q became %q, want %q", raw, u, want)
		}
		if again, err := client.Parse(u.String()); err != nil || again != u {
			t.Errorf("the canonical %q is not stable: %q, %v", u, again, err)
		}
	}
}
