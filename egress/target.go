package egress

import (
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const maxURL = 8192

// target is a URL's judged place: what decides the connection, and nothing else.
type target struct {
	host
	scheme string
	port   uint16
}

// usual reports whether the port is the scheme's own.
func (t target) usual() bool {
	return t.scheme == "http" && t.port == 80 || t.scheme == "https" && t.port == 443
}

// authority is host and port as they stand in the URL and the Host header: the
// scheme's own port is left out.
func (t target) authority() string {
	if t.usual() {
		return t.String()
	}
	return t.String() + ":" + strconv.Itoa(int(t.port))
}

// spelled reports whether s is the authority, without making one for most names.
func (t target) spelled(s string) bool {
	if t.addr.Is6() {
		return s == t.authority()
	}
	rest, ok := strings.CutPrefix(s, t.name)
	if !ok || t.usual() {
		return ok && rest == ""
	}
	var digits [8]byte
	return string(strconv.AppendUint(append(digits[:0], ':'), uint64(t.port), 10)) == rest
}

// parse judges a URL's text and then its place. The canonical text can be longer, since
// it is escaped: it must be a URL that would be accepted again.
func (r *rules) parse(raw string, own ownAddresses) (URL, target, *Error) {
	u, rule := textURL(raw)
	if rule != "" {
		return URL{}, target{}, blocked(rule, "")
	}
	t, refused := r.place(u, own)
	if refused != nil {
		return URL{}, t, refused
	}
	canonical := canonicalURL(u, t)
	if len(canonical.text) > maxURL {
		return URL{}, t, blocked(ruleLength, t.name)
	}
	return canonical, t, nil
}

// textURL reads a URL's text, and the rule it breaks if it cannot be one.
func textURL(raw string) (*url.URL, string) {
	if rule := gate(raw); rule != "" {
		return nil, rule
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, ruleSyntax
	}
	return u, ""
}

// gate refuses what parsers disagree about, before any of them sees it.
func gate(raw string) string {
	if len(raw) > maxURL {
		return ruleLength
	}
	ascii := true
	for i := range len(raw) {
		c := raw[i]
		if c <= 0x20 || c == 0x7f || c == '\\' {
			return ruleCharacter
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(raw) {
		return ruleCharacter // a database or a JSON encoder would refuse or change it
	}
	return ""
}

// place judges a parsed URL, whoever parsed or built it.
func (r *rules) place(u *url.URL, own ownAddresses) (target, *Error) {
	t := target{scheme: strings.ToLower(u.Scheme)}
	if u.Opaque != "" || u.Host == "" {
		return t, blocked(ruleSyntax, "")
	}
	if len(u.Path)+len(u.RawQuery) > maxURL {
		return t, blocked(ruleLength, "")
	}
	if rule := gate(u.RawQuery); rule != "" {
		return t, blocked(rule, "")
	}
	if !r.schemes[t.scheme] {
		return t, blocked(ruleScheme, "")
	}
	if u.User != nil && !r.AllowUserinfo {
		return t, blocked(ruleUserinfo, "")
	}
	name, port, ok := splitPort(u.Host)
	if !ok {
		return t, blocked(rulePort, "")
	}
	if t.port = port; port == 0 {
		t.port = 80
		if t.scheme == "https" {
			t.port = 443
		}
	}
	var refused *Error
	t.host, refused = r.endpoint(name, t.port, own)
	return t, refused
}

// splitPort takes the port off an authority. An empty one is 0, for the default.
func splitPort(authority string) (name string, port uint16, ok bool) {
	colon := strings.LastIndexByte(authority, ':')
	if colon < 0 || strings.IndexByte(authority[colon:], ']') >= 0 {
		return authority, 0, true
	}
	name, digits := authority[:colon], authority[colon+1:]
	if digits == "" {
		return name, 0, true
	}
	port, ok = parsePort(digits)
	return name, port, ok
}

func parsePort(s string) (uint16, bool) {
	if s == "" || len(s) > 5 {
		return 0, false
	}
	n, err := strconv.ParseUint(s, 10, 16) // digits only: no sign
	return uint16(n), err == nil && n != 0
}

// endpoint judges a host as it stands in a URL, with its port. It is all that can
// be said without asking a name server.
func (r *rules) endpoint(name string, port uint16, own ownAddresses) (host, *Error) {
	h, rule := canonicalHost(name)
	if rule != "" {
		return h, blocked(rule, "")
	}
	if r.deny.has(h.name) {
		return h, blocked(ruleHostDenied, h.name)
	}
	if h.addr.IsValid() {
		return h, r.literal(h, port, own)
	}
	if !r.ports[port] && !r.pairPorts[port] {
		return h, blocked(rulePort, h.name)
	}
	h.internal = r.internal.has(h.name)
	switch {
	case h.internal:
		return h, nil
	case specialUse(h.name):
		return h, blocked(ruleSpecialUse, h.name)
	case strings.IndexByte(h.name, '.') < 0:
		return h, blocked(ruleSingleLabel, h.name)
	case !r.hosts.empty() && !r.hosts.has(h.name):
		return h, blocked(ruleHostNotListed, h.name)
	}
	return h, nil
}

func (r *rules) literal(h host, port uint16, own ownAddresses) *Error {
	if r.pairs[netip.AddrPortFrom(h.addr, port)] {
		return nil
	}
	if j := r.connection(h.addr, port, false, own); !j.ok() {
		return &Error{Kind: kindBlocked, Rule: j.rule, Host: h.name, Addr: j.addr}
	}
	if !r.hosts.empty() && !r.hosts.has(h.name) {
		return blocked(ruleHostNotListed, h.name)
	}
	return nil
}

// splitAddress reads the host:port of a dial. The host may lack the brackets that
// net.JoinHostPort puts around an IPv6 address.
func splitAddress(address string) (name string, port uint16, ok bool) {
	name, digits, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	if port, ok = parsePort(digits); !ok {
		return "", 0, false
	}
	if strings.IndexByte(name, ':') >= 0 {
		name = "[" + name + "]"
	}
	return name, port, true
}
