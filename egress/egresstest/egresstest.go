// Package egresstest opens one test server to a policy that otherwise stays as
// strict as it is.
package egresstest

import (
	"net/netip"
	"net/url"
	"slices"

	"github.com/ginsec/ginsec/egress"
)

// Open returns p with one more permitted server: the exact address and port of a
// URL such as httptest's http://127.0.0.1:34567. Other ports of that address and its
// neighbours stay refused, and so does any redirect to them. The address stays refused
// in spellings that parsers disagree about; its IPv4-mapped form is the same address, and
// a name that resolves to it leads to it.
// A URL without a literal address and port makes egress.New fail with an error that
// names AllowAddrPorts. p itself is not changed.
func Open(p egress.Policy, server string) egress.Policy {
	var pair netip.AddrPort
	if u, err := url.Parse(server); err == nil {
		if parsed, err := netip.ParseAddrPort(u.Host); err == nil {
			pair = parsed
		}
	}
	p.AllowAddrPorts = append(slices.Clip(slices.Clone(p.AllowAddrPorts)), pair)
	return p
}
