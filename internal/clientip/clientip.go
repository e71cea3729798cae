// Package clientip tells which address a request came from, from exactly one
// configured source. Nothing is trusted by default.
package clientip

import (
	"errors"
	"net/http"
	"net/netip"
	"net/textproto"
	"strings"
)

// Resolver finds the client's address. It is immutable and safe for concurrent use.
type Resolver struct {
	proxies []netip.Prefix
	header  string // canonical; empty means X-Forwarded-For
}

// Errors of [New].
var (
	ErrPrefix = errors.New("clientip: a trusted proxy prefix is not valid")
	ErrHeader = errors.New("clientip: a client address header needs trusted proxies that set it")
	ErrName   = errors.New("clientip: the client address header is not a header name")
)

const forwardedFor = "X-Forwarded-For"

// New returns a resolver. Without proxies it answers the peer's address and
// reads no header. With proxies it reads header (X-Forwarded-For when empty) on
// requests whose peer is one of them, and on unix sockets.
func New(proxies []netip.Prefix, header string) (*Resolver, error) {
	r := &Resolver{header: textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(header))}
	for _, p := range proxies {
		if !p.IsValid() {
			return nil, ErrPrefix
		}
		if a := p.Addr(); a.Is4In6() {
			if p.Bits() < 96 {
				return nil, ErrPrefix // would cover all of IPv4 and more by a slip
			}
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		r.proxies = append(r.proxies, p.Masked())
	}
	if strings.ContainsAny(r.header, " \t\r\n:") {
		return nil, ErrName
	}
	if r.header != "" && len(r.proxies) == 0 {
		return nil, ErrHeader
	}
	if r.header == "" {
		r.header = forwardedFor
	}
	return r, nil
}

// Addr returns the client's address: IPv4-mapped folded, zone stripped. It is
// false when the address cannot be told; such clients share one bucket.
func (r *Resolver) Addr(req *http.Request) (netip.Addr, bool) {
	peer, ok := peerOf(req.RemoteAddr)
	if len(r.proxies) == 0 {
		return peer, ok
	}
	local := req.RemoteAddr == "" || req.RemoteAddr[0] == '@' // a unix socket: its file mode says who may connect
	if !local && (!ok || !r.trusted(peer)) {
		return peer, ok
	}
	if r.header != forwardedFor {
		values := req.Header[r.header]
		if len(values) != 1 {
			return peer, ok
		}
		if a, valid := parseHop(values[0]); valid {
			return a, true
		}
		return peer, ok
	}
	return r.walk(req.Header[forwardedFor], peer, ok)
}

// walk reads the hops from the right, the only end a client cannot write, and
// stops at the first one that is not ours. An entry that is not an address ends
// it at the last trusted hop.
func (r *Resolver) walk(lines []string, last netip.Addr, ok bool) (netip.Addr, bool) {
	for i := len(lines) - 1; i >= 0; i-- {
		rest := lines[i]
		for more := true; more; {
			entry := rest
			if cut := strings.LastIndexByte(rest, ','); cut >= 0 {
				rest, entry = rest[:cut], rest[cut+1:]
			} else {
				more = false
			}
			a, valid := parseHop(entry)
			if !valid {
				return last, ok
			}
			if !r.trusted(a) {
				return a, true
			}
			last, ok = a, true
		}
	}
	return last, ok
}

func (r *Resolver) trusted(a netip.Addr) bool {
	for _, p := range r.proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Group returns the address that stands for a client in a limit: the address
// itself for IPv4, its /64 for IPv6, since one subscriber owns at least that.
func Group(a netip.Addr) netip.Addr {
	if a.Is4() || !a.IsValid() {
		return a
	}
	b := a.As16()
	clear(b[8:])
	return netip.AddrFrom16(b)
}

func peerOf(remote string) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}, false
	}
	return ap.Addr().Unmap().WithZone(""), true
}

// parseHop accepts an address, bare or in brackets, with or without a port, as
// proxies write them.
func parseHop(s string) (netip.Addr, bool) {
	s = strings.Trim(s, " \t")
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	if n := len(s); n > 2 && s[0] == '[' && s[n-1] == ']' {
		s = s[1 : n-1]
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Addr{}, false
	}
	return a.Unmap().WithZone(""), true
}
