package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// longestFirst sorts rows so that the first one that contains an address is the
// most specific.
func longestFirst(rows []row) []row {
	rows = slices.Clone(rows)
	slices.SortFunc(rows, func(a, b row) int {
		if c := cmp.Compare(b.prefix.Bits(), a.prefix.Bits()); c != 0 {
			return c
		}
		return a.prefix.Addr().Compare(b.prefix.Addr())
	})
	return rows
}

func result(r row) string {
	return fmt.Sprintf("return verdict(%s)<<8 | %d // %s", r.class, r.prefix.Bits(), r.name)
}

// write4 writes a switch on the first octet: most addresses need one comparison.
func write4(b *bytes.Buffer, rows []row) {
	fmt.Fprint(b, "// lookup4 finds the most specific row of an IPv4 address; 0 means none.\n")
	fmt.Fprint(b, "func lookup4(ip uint32) verdict {\nswitch ip >> 24 {\n")
	cases := map[string][]int{}
	var order []string
	for octet := range 256 {
		var body bytes.Buffer
		for _, r := range longestFirst(rows) {
			if !r.prefix.Overlaps(netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(octet)}), 8)) {
				continue
			}
			if r.prefix.Bits() <= 8 {
				fmt.Fprintln(&body, result(r))
				break
			}
			condition4(&body, r)
		}
		if body.Len() == 0 {
			continue
		}
		if cases[body.String()] == nil {
			order = append(order, body.String())
		}
		cases[body.String()] = append(cases[body.String()], octet)
	}
	for _, body := range order {
		fmt.Fprint(b, "case ")
		for i, octet := range cases[body] {
			if i > 0 {
				fmt.Fprint(b, ", ")
			}
			fmt.Fprint(b, octet)
		}
		fmt.Fprintf(b, ":\n%s", body)
	}
	fmt.Fprint(b, "}\nreturn 0\n}\n\n")
}

func condition4(b *bytes.Buffer, r row) {
	first, bits := r.prefix.Addr().As4(), r.prefix.Bits()
	ip := binary.BigEndian.Uint32(first[:])
	if bits == 32 {
		fmt.Fprintf(b, "if ip == %#08x {\n%s\n}\n", ip, result(r))
		return
	}
	fmt.Fprintf(b, "if ip>>%d == %#x {\n%s\n}\n", 32-bits, ip>>(32-bits), result(r))
}

// write6 writes a switch on the first 16 bits inside 2000::/3, and a plain list
// for the rest, all of which is refused.
func write6(b *bytes.Buffer, rows []row) {
	global := netip.MustParsePrefix("2000::/3")
	groups := map[uint64][]row{}
	var heads []uint64
	var outside []row
	for _, r := range longestFirst(rows) {
		hi, _ := halves(r.prefix.Addr())
		if !global.Contains(r.prefix.Addr()) {
			outside = append(outside, r)
			continue
		}
		if groups[hi>>48] == nil {
			heads = append(heads, hi>>48)
		}
		groups[hi>>48] = append(groups[hi>>48], r)
	}
	slices.Sort(heads)
	fmt.Fprint(b, "// lookup6 finds the most specific row of an IPv6 address; 0 means none, which only\n// an address inside 2000::/3 can get.\n")
	fmt.Fprint(b, "func lookup6(hi, lo uint64) verdict {\nif hi>>61 == 1 {\nswitch hi >> 48 {\n")
	for _, head := range heads {
		fmt.Fprintf(b, "case %#04x:\n", head)
		for _, r := range groups[head] {
			condition(b, r, 16)
		}
	}
	fmt.Fprint(b, "}\nreturn 0\n}\n")
	for _, r := range outside {
		condition(b, r, 0)
	}
	fmt.Fprint(b, "return verdict(classUnassigned)<<8 | 3 // outside 2000::/3\n}\n")
}

func halves(a netip.Addr) (hi, lo uint64) {
	all := a.As16()
	return binary.BigEndian.Uint64(all[:8]), binary.BigEndian.Uint64(all[8:])
}

// condition writes the test for one row; its first known bits are known to match.
func condition(b *bytes.Buffer, r row, known int) {
	hi, lo := halves(r.prefix.Addr())
	bits := r.prefix.Bits()
	switch {
	case bits <= known:
		fmt.Fprintln(b, result(r))
		return
	case bits == 128:
		fmt.Fprintf(b, "if hi == %#x && lo == %#x {\n", hi, lo)
	case bits > 64:
		fmt.Fprintf(b, "if hi == %#x && lo>>%d == %#x {\n", hi, 128-bits, lo>>(128-bits))
	case bits == 64:
		fmt.Fprintf(b, "if hi == %#x {\n", hi)
	default:
		fmt.Fprintf(b, "if hi>>%d == %#x {\n", 64-bits, hi>>(64-bits))
	}
	fmt.Fprintf(b, "%s\n}\n", result(r))
}
