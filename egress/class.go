package egress

import (
	"encoding/binary"
	"net/netip"
)

//go:generate go run ../internal/prefixgen -v4 $IANA4 -v6 $IANA6 -date $IANADATE -o table_gen.go

// Class says what an address is for. The values are a closed set: "public",
// "invalid", "zoned", "unspecified", "this_network", "private", "shared",
// "loopback", "link_local", "ietf_protocol", "documentation", "benchmarking", "anycast"
// (relays and sinks answered by the nearest one), "identifier" (no locations:
// ORCHID, DRIP, SRv6), "multicast", "reserved", "broadcast", "cloud" (metadata and
// control services of cloud providers, public-looking ones included),
// "unique_local", "site_local", "translation" (IPv4 in IPv6 in forms that no
// public host has), "tunnel" (6to4, Teredo, ISATAP), "discard" and "unassigned"
// (outside 2000::/3). Only "public" may be called by default.
type Class string

type class uint8

const (
	classPublic class = iota
	classInvalid
	classZoned
	classUnspecified
	classThisNetwork
	classPrivate
	classShared
	classLoopback
	classLinkLocal
	classProtocol
	classDocumentation
	classBenchmarking
	classAnycast
	classIdentifier
	classMulticast
	classReserved
	classBroadcast
	classCloud
	classUniqueLocal
	classSiteLocal
	classTranslation
	classTunnel
	classDiscard
	classUnassigned
)

// name returns the exported form.
func (c class) name() Class {
	return [...]Class{
		"public", "invalid", "zoned", "unspecified", "this_network", "private", "shared",
		"loopback", "link_local", "ietf_protocol", "documentation", "benchmarking", "anycast",
		"identifier", "multicast", "reserved", "broadcast", "cloud", "unique_local",
		"site_local", "translation", "tunnel", "discard", "unassigned",
	}[c]
}

// verdict is a class and the length of the block it comes from; 0 is public.
type verdict uint16

func (v verdict) class() class { return class(v >> 8) }
func (v verdict) bits() int    { return int(v & 0xff) }

// Public reports whether a is an address that a host on the internet can have:
// neither in a special-purpose block of the IANA registries, nor in one of the
// further blocks that are someone's inside. An IPv4 address inside IPv6 (mapped, or
// translated by 64:ff9b::/96) is judged as IPv4. Any zone makes it false.
func Public(a netip.Addr) bool {
	if a.Is4() {
		b := a.As4()
		return lookup4(binary.BigEndian.Uint32(b[:])) == 0
	}
	return classify(a) == 0
}

// Classify returns the class that [Public] goes by.
func Classify(a netip.Addr) Class { return classify(a).class().name() }

const (
	mappedPrefix = 0xffff             // ::ffff:0:0/96, the second half's upper part
	nat64Prefix  = 0x64ff9b_0000_0000 // 64:ff9b::/96, the first half
)

// classify judges by the built-in table alone.
func classify(a netip.Addr) verdict {
	if a.Is4() {
		b := a.As4()
		return lookup4(binary.BigEndian.Uint32(b[:]))
	}
	if !a.IsValid() {
		return verdict(classInvalid) << 8
	}
	if a.Zone() != "" {
		return verdict(classZoned)<<8 | 128
	}
	b := a.As16()
	return classify6(binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:]))
}

func classify6(hi, lo uint64) verdict {
	if hi == 0 && lo>>32 == mappedPrefix || hi == nat64Prefix && lo>>32 == 0 {
		return lookup4(uint32(lo))
	}
	if v := lookup6(hi, lo); v != 0 {
		return v
	}
	// ISATAP (RFC 5214): the last 32 bits are the IPv4 address packets are sent to.
	if lo>>32&^0x0200_0000 == 0x5efe && lookup4(uint32(lo)) != 0 {
		return verdict(classTunnel)<<8 | 96
	}
	return 0
}
