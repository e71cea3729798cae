package egress

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// host is a judged host in its canonical form: the form that is looked up, dialled
// and sent.
type host struct {
	name     string     // without brackets and final dot
	addr     netip.Addr // set when the host is an address
	internal bool       // one of InternalHosts
}

// String returns the form for a URL's authority.
func (h host) String() string {
	if h.addr.Is6() {
		return "[" + h.name + "]"
	}
	return h.name
}

// canonicalHost reads a host as it stands in a URL: a name, an IPv4 address, or an
// IPv6 address in brackets. The string is the rule it breaks, if any.
func canonicalHost(s string) (host, string) {
	if s == "" {
		return host{}, ruleHost
	}
	if s[0] == '[' || strings.IndexByte(s, ':') >= 0 {
		return bracketed(s)
	}
	for i := range len(s) {
		if s[i] >= 0x80 {
			ascii, err := idna.Lookup.ToASCII(s) // as net/http does it
			if err != nil || !utf8.ValidString(s) {
				return host{}, ruleHost
			}
			s = ascii
			break
		}
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Is4() {
		return host{name: s, addr: a}, ""
	}
	return canonicalName(s)
}

func bracketed(s string) (host, string) {
	if len(s) < 2 || s[0] != '[' || s[len(s)-1] != ']' {
		return host{}, ruleHost
	}
	a, err := netip.ParseAddr(s[1 : len(s)-1])
	if err != nil || !a.Is6() {
		return host{}, ruleHost
	}
	if a.Zone() != "" {
		return host{}, string(classZoned.name())
	}
	a = a.Unmap()
	return host{name: a.String(), addr: a}, ""
}

// canonicalName judges the form of a name: letters, digits, hyphen and underscore in
// labels of 1 to 63, 253 in all, and a last label that no resolver reads as a number.
func canonicalName(s string) (host, string) {
	s = strings.TrimSuffix(s, ".")
	if s == "" || len(s) > 253 {
		return host{}, ruleHost
	}
	upper, start := false, 0
	for i := 0; i <= len(s); i++ {
		if i == len(s) || s[i] == '.' {
			if !validLabel(s[start:i]) {
				return host{}, ruleHost
			}
			if i < len(s) {
				start = i + 1
			}
			continue
		}
		upper = upper || s[i] >= 'A' && s[i] <= 'Z'
	}
	if numeric(s[start:]) {
		return host{}, ruleIPSpelling
	}
	if upper {
		s = strings.ToLower(s)
	}
	return host{name: s}, ""
}

func validLabel(l string) bool {
	if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
		return false
	}
	for i := range len(l) {
		if !isAlnum(l[i]) && l[i] != '-' && l[i] != '_' {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z'
}

// numeric reports whether a last label makes the host an IPv4 address for the
// WHATWG URL parser and for inet_aton: digits, or 0x and hexadecimal digits.
func numeric(l string) bool {
	if len(l) >= 2 && l[0] == '0' && (l[1] == 'x' || l[1] == 'X') {
		return strings.Trim(l[2:], "0123456789abcdefABCDEF") == ""
	}
	return strings.Trim(l, "0123456789") == ""
}

// specialUse reports whether a canonical name ends in a special-use domain
// (RFC 6761, 6762, 7686, 8375, 9476) or in one that names the inside.
func specialUse(name string) bool {
	label := name[strings.LastIndexByte(name, '.')+1:]
	switch label {
	case "localhost", "localdomain", "local", "internal", "test", "invalid", "onion", "alt":
		return true
	case "arpa":
		return within(name, "home.arpa")
	case "goog":
		return within(name, "metadata.goog")
	default:
		return false
	}
}

// within reports whether name is domain or below it.
func within(name, domain string) bool {
	return name == domain || below(name, domain)
}

func below(name, domain string) bool {
	return len(name) > len(domain) && name[len(name)-len(domain)-1] == '.' && strings.HasSuffix(name, domain)
}

// hostList is a compiled list of exact hosts and of suffixes.
type hostList struct {
	exact    map[string]bool
	suffixes []string
}

func (l hostList) empty() bool { return len(l.exact) == 0 && len(l.suffixes) == 0 }

// addresses returns the entries that are addresses.
func (l hostList) addresses() []netip.Addr {
	var list []netip.Addr
	for name := range l.exact {
		if a, err := netip.ParseAddr(name); err == nil {
			list = append(list, a)
		}
	}
	return list
}

func (l hostList) has(name string) bool {
	if l.exact[name] {
		return true
	}
	for _, s := range l.suffixes {
		if below(name, s) {
			return true
		}
	}
	return false
}

// hosts compiles one of the policy's lists.
func (c *compiler) hosts(field string, entries []string, addresses bool) hostList {
	l := hostList{exact: map[string]bool{}}
	for _, entry := range entries {
		name, wild := strings.CutPrefix(entry, "*.")
		literal := name
		if strings.Count(name, ":") > 1 && name[0] != '[' {
			literal = "[" + name + "]"
		}
		h, rule := canonicalHost(literal)
		switch {
		case rule != "":
			c.fault(field, entry, "neither a host nor *. and a domain")
		case h.addr.IsValid() && (wild || !addresses):
			c.fault(field, entry, "an address is out of place here")
		case wild:
			l.suffixes = append(l.suffixes, h.name)
		default:
			l.exact[h.name] = true
		}
	}
	return l
}
