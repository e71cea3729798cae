package ratelimit

import (
	"encoding/binary"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/clientip"
)

// Key says whose requests a policy counts together. The zero Key is not valid:
// use one of the By functions or [Global], and [Key.And] to join them.
//
// Keys leave the process, and stay in it, only as hashes. What a part holds never
// matters: no two different lists of parts meet in one count.
type Key struct{ parts []part }

type part struct {
	kind   kind
	header string
	fn     func(*gin.Context) (string, bool)
}

// kind is what a part of a key is; it is the part's first byte, too.
type kind byte

const (
	byIP       kind = 'i'
	byUser     kind = 'u'
	byTenant   kind = 't'
	byAPIKey   kind = 'k'
	byUserOrIP kind = 'o'
	byRoute    kind = 'r'
	global     kind = 'g'
	custom     kind = 'c'

	missing kind = 0x80 // set in kind: all requests without this part count together
)

// ByIP counts per client address: the peer's, or what the limiter's
// TrustedProxies say. IPv6 clients are told apart by their /64. Requests whose
// address cannot be told share one count.
func ByIP() Key { return Key{[]part{{kind: byIP}}} }

// ByUser counts per authenticated user (identity.Principal.ID). Requests without
// one share one count, see [Limiter.Use] and [Limiter.Around].
func ByUser() Key { return Key{[]part{{kind: byUser}}} }

// ByTenant counts per tenant of the user. Requests without one share one count.
func ByTenant() Key { return Key{[]part{{kind: byTenant}}} }

// ByAPIKey counts per value of a request header such as X-Api-Key. Requests that
// carry none, or several, share one count. A client can invent values: put a
// [ByIP] policy beside it unless something in front has checked the key.
func ByAPIKey(header string) Key {
	return Key{[]part{{kind: byAPIKey, header: textproto.CanonicalMIMEHeaderKey(header)}}}
}

// ByUserOrIP counts per authenticated user, and per client address where there is
// none, such as behind optional authentication.
func ByUserOrIP() Key { return Key{[]part{{kind: byUserOrIP}}} }

// ByRoute counts per route pattern (c.FullPath()). All unmatched routes are one.
func ByRoute() Key { return Key{[]part{{kind: byRoute}}} }

// Global counts all requests together.
func Global() Key { return Key{[]part{{kind: global}}} }

// By counts per string that key returns. Requests for which it returns false
// share one count. It is called once per request. The policy must have a name.
func By(key func(*gin.Context) (string, bool)) Key { return Key{[]part{{kind: custom, fn: key}}} }

// And returns a key of the parts of k and others together, such as
// ByUser().And(ByRoute()): one count for each user on each route. In a Redis
// cluster the first part chooses the node: put the user, tenant or address first.
func (k Key) And(others ...Key) Key {
	parts := slices.Clone(k.parts)
	for _, o := range others {
		parts = append(parts, o.parts...)
	}
	return Key{parts}
}

// is reports whether k and o are the same key; of two functions that cannot be told.
func (k Key) is(o Key) bool {
	if len(k.parts) != len(o.parts) {
		return false
	}
	if len(k.parts) > 0 && &k.parts[0] == &o.parts[0] {
		return true
	}
	for i, p := range k.parts {
		if q := o.parts[i]; p.kind != q.kind || p.header != q.header || p.fn != nil || q.fn != nil {
			return false
		}
	}
	return true
}

// text is the kind of the text that a charge's key of this kind becomes.
func (k kind) text() kind {
	if k == byUserOrIP {
		return byUser
	}
	return k
}

const maxParts = 4

func (k Key) fault() string {
	switch {
	case len(k.parts) == 0:
		return "is missing: use ByIP, ByUser or another key"
	case len(k.parts) > maxParts:
		return "has more than 4 parts"
	}
	for _, p := range k.parts {
		switch {
		case p.kind == custom && p.fn == nil:
			return "is By(nil)"
		case p.kind == byAPIKey && !headerName(p.header):
			return "is by a header whose name is not valid"
		}
	}
	return ""
}

func headerName(s string) bool {
	if s == "" || len(s) > 40 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// String describes the key as [ParsePolicy] reads it.
func (k Key) String() string {
	var b strings.Builder
	for i, p := range k.parts {
		if i > 0 {
			b.WriteByte('+')
		}
		switch p.kind {
		case byIP:
			b.WriteString("ip")
		case byUser:
			b.WriteString("user")
		case byTenant:
			b.WriteString("tenant")
		case byUserOrIP:
			b.WriteString("user-or-ip")
		case byRoute:
			b.WriteString("route")
		case global:
			b.WriteString("global")
		case byAPIKey:
			b.WriteString("header " + p.header)
		default:
			b.WriteString("custom")
		}
	}
	return b.String()
}

// custom reports whether a part of the key is a function.
func (k Key) custom() bool {
	return slices.ContainsFunc(k.parts, func(p part) bool { return p.kind == custom })
}

// early reports whether the key can be told before anybody is authenticated.
func (k Key) early() bool {
	for _, p := range k.parts {
		switch p.kind {
		case byIP, byAPIKey, byRoute, global:
		default:
			return false
		}
	}
	return true
}

// personal reports whether the key makes no sense without a principal.
func (k Key) personal() bool {
	for _, p := range k.parts {
		if p.kind == byUser || p.kind == byTenant {
			return true
		}
	}
	return false
}

// subject reads what keys are made of, each thing at most once per request.
type subject struct {
	c        *gin.Context
	resolver *clientip.Resolver
	direct   bool // the client is the peer
	who      *identity.Principal
	asked    bool
}

func (s *subject) principal() *identity.Principal {
	if !s.asked {
		s.who, _ = identity.From(s.c)
		s.asked = true
	}
	return s.who
}

// appendKey puts the key of the request in b.buf, each part with its kind and
// length.
func (b *batch) appendKey(k *Key) {
	b.buf = b.buf[:0]
	for i := range k.parts {
		b.buf = k.parts[i].appendPart(b.buf, &b.subject)
		if i == 0 {
			b.first = len(b.buf)
		}
	}
}

func (p *part) appendPart(b []byte, s *subject) []byte {
	switch p.kind {
	case byIP:
		return appendIP(b, s)
	case byUser:
		return appendUser(b, byUser, s.principal())
	case byTenant:
		if who := s.principal(); who != nil && who.Tenant != "" {
			return appendText(b, byTenant, who.Tenant)
		}
	case byUserOrIP:
		if who := s.principal(); who != nil {
			return appendUser(b, byUser, who)
		}
		return appendIP(b, s)
	case byAPIKey:
		if values := s.c.Request.Header[p.header]; len(values) == 1 && values[0] != "" {
			return appendText(appendText(b, byAPIKey, p.header), byAPIKey, values[0])
		}
	case byRoute:
		return appendText(b, byRoute, s.c.FullPath())
	case global:
		return append(b, byte(global))
	case custom:
		if text, ok := p.fn(s.c); ok {
			return appendText(b, custom, text)
		}
	}
	return append(b, byte(p.kind|missing))
}

func appendIP(b []byte, s *subject) []byte {
	if s.direct {
		if v4, ok := parsePeer(s.c.Request.RemoteAddr); ok {
			return append(append(b, mapped...), v4[:]...)
		}
	}
	a, ok := s.resolver.Addr(s.c.Request)
	return appendAddr(b, a, ok)
}

// mapped is how the key of an IPv4 address begins.
const mapped = string(byIP) + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"

func appendAddr(b []byte, a netip.Addr, ok bool) []byte {
	if !ok {
		return append(b, byte(byIP|missing))
	}
	raw := clientip.Group(a).As16()
	return append(append(b, byte(byIP)), raw[:]...)
}

// appendUser appends the principal's ID without building it.
func appendUser(b []byte, k kind, who *identity.Principal) []byte {
	if who == nil {
		return append(b, byte(k|missing))
	}
	if who.Namespace == "" {
		return appendText(b, k, who.Subject)
	}
	b = append(b, byte(k))
	b = binary.AppendUvarint(b, uint64(len(who.Namespace)+1+len(who.Subject)))
	b = append(b, who.Namespace...)
	b = append(b, ':')
	return append(b, who.Subject...)
}

func appendText(b []byte, k kind, text string) []byte {
	b = binary.AppendUvarint(append(b, byte(k)), uint64(len(text)))
	return append(b, text...)
}

// appendValues appends the key of a charge, as a request with its values has it,
// and tells where its first part ends.
func (k *Key) appendValues(b []byte, c *Charge) (key []byte, first int, fault *Error) {
	for i := range k.parts {
		p, value := &k.parts[i], c.value(i)
		switch p.kind {
		case byIP:
			a, err := netip.ParseAddr(value)
			if err != nil {
				return b, 0, &Error{"Charge.Key", "is not an address, but the policy counts by address"}
			}
			b = appendAddr(b, a.Unmap().WithZone(""), true)
		case global:
			b = append(b, byte(global))
		case byAPIKey:
			b = appendText(appendText(b, byAPIKey, p.header), byAPIKey, value)
		default:
			b = appendText(b, p.kind.text(), value)
		}
		if i == 0 {
			first = len(b)
		}
	}
	return b, first, nil
}
