package egress

import (
	"cmp"
	"errors"
	"maps"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rules is a compiled Policy: the one object that judges URLs, names, addresses
// and redirects, so that no two checks can disagree.
type rules struct {
	Policy // with defaults filled in

	schemes, methods map[string]bool
	ports            map[uint16]bool
	hosts, deny      hostList
	internal         hostList
	users4, users6   []userRule
	nat64            []netip.Prefix
	pairs            map[netip.AddrPort]bool
	pairPorts        map[uint16]bool
	keep             map[string]bool
}

// compiler collects the mistakes of a Policy.
type compiler struct{ mistakes []error }

func (c *compiler) fault(field, value, reason string) {
	c.mistakes = append(c.mistakes, &ConfigError{Field: field, Value: value, Reason: reason})
}

func compile(p Policy) (*rules, error) {
	c := &compiler{}
	c.limits(&p)
	r := &rules{
		schemes: c.schemeSet(p.Schemes), methods: c.methodSet(p.Methods), ports: c.portSet(p.Ports),
		hosts: c.hosts("Hosts", p.Hosts, true), deny: c.hosts("DenyHosts", p.DenyHosts, true),
		internal: c.hosts("InternalHosts", p.InternalHosts, false),
		keep:     c.headerSet(p.KeepHeaders),
		nat64:    c.nat64(p.NAT64Prefixes),
	}
	r.pairs, r.pairPorts = c.addrPorts(p.AllowAddrPorts)
	denied := slices.Clip(p.DenyPrefixes)
	for _, a := range r.deny.addresses() { // a name that leads there is denied, too
		denied = append(denied, netip.PrefixFrom(a, a.BitLen()))
		maps.DeleteFunc(r.pairs, func(pair netip.AddrPort, _ bool) bool { return pair.Addr() == a })
	}
	r.users4, r.users6 = c.users(p.AllowPrefixes, denied)
	p.TLS = c.tls(p.TLS)
	p.Proxy = c.proxy(p.Proxy)
	if p.Resolver == nil {
		p.Resolver = net.DefaultResolver
	}
	r.Policy = p
	return r, errors.Join(c.mistakes...)
}

func (c *compiler) limits(p *Policy) {
	for _, d := range []struct {
		field string
		value *time.Duration
		usual time.Duration
	}{
		{"Timeout", &p.Timeout, 10 * time.Second},
		{"DNSTimeout", &p.DNSTimeout, 2 * time.Second},
		{"DialTimeout", &p.DialTimeout, 5 * time.Second},
		{"TLSTimeout", &p.TLSTimeout, 5 * time.Second},
		{"HeaderTimeout", &p.HeaderTimeout, 5 * time.Second},
	} {
		if *d.value < 0 {
			c.fault(d.field, d.value.String(), "negative")
		}
		*d.value = cmp.Or(*d.value, d.usual)
	}
	for _, n := range []struct {
		field string
		value *int64
		usual int64
	}{{"MaxBody", &p.MaxBody, 10 << 20}, {"MaxHeader", &p.MaxHeader, 64 << 10}} {
		if *n.value < 0 {
			c.fault(n.field, strconv.FormatInt(*n.value, 10), "negative")
		}
		*n.value = cmp.Or(*n.value, n.usual)
	}
	for _, n := range []struct {
		field string
		value *int
		usual int
	}{{"MaxDials", &p.MaxDials, 4}, {"MaxConnsPerHost", &p.MaxConnsPerHost, 32}} {
		if *n.value < 0 {
			c.fault(n.field, strconv.Itoa(*n.value), "negative")
		}
		*n.value = cmp.Or(*n.value, n.usual)
	}
	if p.MaxRedirects > mostRedirects {
		c.fault("MaxRedirects", strconv.Itoa(p.MaxRedirects), "more than "+strconv.Itoa(mostRedirects))
	}
	p.MaxRedirects = max(cmp.Or(p.MaxRedirects, 5), 0)
}

func defaultSchemes() map[string]bool { return map[string]bool{"http": true, "https": true} }

func defaultPorts() map[uint16]bool { return map[uint16]bool{80: true, 443: true} }

func (c *compiler) schemeSet(schemes []string) map[string]bool {
	if len(schemes) == 0 {
		return defaultSchemes()
	}
	set := map[string]bool{}
	for _, s := range schemes {
		if lower := strings.ToLower(s); lower != "http" && lower != "https" {
			c.fault("Schemes", s, "neither http nor https")
		}
		set[strings.ToLower(s)] = true
	}
	return set
}

func (c *compiler) portSet(ports []uint16) map[uint16]bool {
	if len(ports) == 0 {
		return defaultPorts()
	}
	set := map[uint16]bool{}
	for _, p := range ports {
		if p == 0 {
			c.fault("Ports", "0", "not a port")
		}
		set[p] = true
	}
	return set
}

// methodSet returns nil for the default.
func (c *compiler) methodSet(methods []string) map[string]bool {
	if len(methods) == 0 {
		return nil
	}
	set := map[string]bool{}
	for _, m := range methods {
		switch {
		case !isToken(m):
			c.fault("Methods", m, "not a method name")
		case m == "CONNECT" || m == "TRACE":
			c.fault("Methods", m, "never sent")
		case m != strings.ToUpper(m):
			c.fault("Methods", m, "methods are case-sensitive and standard ones upper-case")
		}
		set[m] = true
	}
	return set
}

func (c *compiler) headerSet(names []string) map[string]bool {
	set := map[string]bool{}
	for _, name := range names {
		if !isToken(name) {
			c.fault("KeepHeaders", name, "not a header name")
		}
		set[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
	return set
}

// isToken reports whether s is a token of RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

func (c *compiler) addrPorts(pairs []netip.AddrPort) (map[netip.AddrPort]bool, map[uint16]bool) {
	set, ports := map[netip.AddrPort]bool{}, map[uint16]bool{}
	for _, p := range pairs {
		if !p.IsValid() || p.Port() == 0 || p.Addr().Zone() != "" {
			c.fault("AllowAddrPorts", p.String(), "not an address without a zone and a port")
		}
		set[netip.AddrPortFrom(p.Addr().Unmap(), p.Port())] = true
		ports[p.Port()] = true
	}
	return set, ports
}

// nat64 sorts the prefixes: of two that overlap, the network routes by the longer one.
func (c *compiler) nat64(prefixes []netip.Prefix) []netip.Prefix {
	for _, p := range prefixes {
		switch {
		case !p.IsValid() || p != p.Masked() || !p.Addr().Is6() || p.Addr().Is4In6():
			c.fault("NAT64Prefixes", p.String(), "not an IPv6 prefix without host bits")
		case !slices.Contains([]int{32, 40, 48, 56, 64, 96}, p.Bits()):
			c.fault("NAT64Prefixes", p.String(), "not one of the six lengths of RFC 6052")
		case p.Addr().As16()[8] != 0:
			c.fault("NAT64Prefixes", p.String(), "bits 64 to 71 are not zero")
		}
	}
	sorted := slices.Clone(prefixes)
	slices.SortStableFunc(sorted, longest)
	return sorted
}

func (c *compiler) proxy(u *url.URL) *url.URL {
	if u == nil {
		return nil
	}
	_, _, ok := splitPort(u.Host)
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !ok {
		c.fault("Proxy", u.Redacted(), "not an http or https URL with a host")
	}
	clone := *u
	return &clone
}
