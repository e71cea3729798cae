package egress

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"
)

// userRule is one of the policy's own prefixes.
type userRule struct {
	prefix netip.Prefix
	deny   bool
}

// users sorts the prefixes of each family so that the first match decides: the
// longest first, a denial first among equals.
func (c *compiler) users(allow, deny []netip.Prefix) (v4, v6 []userRule) {
	add := func(field string, prefixes []netip.Prefix, deny bool) {
		for _, p := range prefixes {
			switch {
			case !p.IsValid() || p != p.Masked():
				c.fault(field, p.String(), "not a prefix, or bits are set after it")
			case p.Addr().Is4In6():
				c.fault(field, p.String(), "write an IPv4-mapped prefix as IPv4")
			case p.Addr().Is4():
				v4 = append(v4, userRule{p, deny})
			default:
				v6 = append(v6, userRule{p, deny})
			}
		}
	}
	add("DenyPrefixes", deny, true)
	add("AllowPrefixes", allow, false)
	first := func(a, b userRule) int { return longest(a.prefix, b.prefix) }
	slices.SortStableFunc(v4, first)
	slices.SortStableFunc(v6, first)
	return v4, v6
}

// longest orders prefixes so that the longest comes first.
func longest(a, b netip.Prefix) int { return cmp.Compare(b.Bits(), a.Bits()) }

// match returns the deciding rule for a, which has no zone and is not mapped.
func match(list []userRule, a netip.Addr) (userRule, bool) {
	for _, r := range list {
		if r.prefix.Contains(a) {
			return r, true
		}
	}
	return userRule{}, false
}

// judgement is why an address is refused; the zero value lets it pass.
type judgement struct {
	rule string
	addr netip.Addr
}

func (j judgement) ok() bool { return j.rule == "" }

// connection judges one address and port: what is asked before a dial and again
// at the socket. internal says that the host is one of InternalHosts.
func (r *rules) connection(a netip.Addr, port uint16, internal bool, own ownAddresses) judgement {
	a = a.Unmap()
	if len(r.pairs) != 0 && r.pairs[netip.AddrPortFrom(a, port)] {
		return judgement{}
	}
	if !r.ports[port] {
		return judgement{rulePort, a}
	}
	return r.address(a, internal, own)
}

// address judges one address on an allowed port.
func (r *rules) address(a netip.Addr, internal bool, own ownAddresses) judgement {
	if !a.IsValid() {
		return judgement{rule: string(classInvalid.name())}
	}
	if a.Zone() != "" {
		return judgement{string(classZoned.name()), a}
	}
	a = a.Unmap()
	if a.Is4() {
		return r.judge(a, classify(a), r.users4, internal, own)
	}
	if v4, inside, valid := r.translated(a); inside {
		if rule, found := match(r.users6, a); found && rule.deny {
			return judgement{ruleDeniedPrefix, a}
		}
		if !valid {
			return judgement{string(classTranslation.name()), a}
		}
		if own.has(a) && !r.AllowOwnAddresses {
			return judgement{ruleOwnAddress, a}
		}
		j := r.judge(v4, classify(v4), r.users4, internal, own)
		if !j.ok() {
			j.addr = a
		}
		return j
	}
	return r.judge(a, classify(a), r.users6, internal, own)
}

// judge weighs the built-in verdict against the policy's prefixes.
func (r *rules) judge(a netip.Addr, v verdict, users []userRule, internal bool, own ownAddresses) judgement {
	refused := ""
	if v != 0 {
		refused = string(v.class().name())
	}
	bits := v.bits()
	if v.class() != classLoopback && !r.AllowOwnAddresses && own.has(a) {
		refused, bits = ruleOwnAddress, a.BitLen()
	}
	if rule, found := match(users, a); found {
		if rule.deny && rule.prefix.Bits() >= bits {
			return judgement{ruleDeniedPrefix, a}
		}
		if !rule.deny && rule.prefix.Bits() >= bits {
			return judgement{}
		}
		if rule.deny {
			internal = false
		}
	}
	if refused == "" || internal && refused != ruleOwnAddress && v.internal() {
		return judgement{}
	}
	return judgement{refused, a}
}

// internal reports whether one of InternalHosts may have such an address.
func (v verdict) internal() bool {
	switch v.class() {
	case classPrivate, classShared, classUniqueLocal:
		return true
	default:
		return false
	}
}

// translated decodes an address of a NAT64 prefix (RFC 6052 section 2.2). valid is
// false when the reserved bits 64 to 71 are set.
func (r *rules) translated(a netip.Addr) (v4 netip.Addr, inside, valid bool) {
	b := a.As16()
	if binary.BigEndian.Uint64(b[:8]) == nat64Prefix && binary.BigEndian.Uint32(b[8:12]) == 0 {
		v4, valid = decode(b, 96)
		return v4, true, valid
	}
	for _, p := range r.nat64 {
		if p.Contains(a) {
			v4, valid = decode(b, p.Bits())
			return v4, true, valid
		}
	}
	return netip.Addr{}, false, false
}

// decode takes the 32 bits after the prefix, skipping byte 8.
func decode(b [16]byte, bits int) (netip.Addr, bool) {
	var v4 [4]byte
	at := bits / 8
	for i := range v4 {
		if at == 8 {
			at++
		}
		v4[i] = b[at]
		at++
	}
	return netip.AddrFrom4(v4), b[8] == 0
}
