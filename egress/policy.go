package egress

import (
	"context"
	"crypto/tls"
	"net/netip"
	"net/url"
	"time"

	"github.com/ginsec/ginsec/audit"
)

// Policy says what a [Client] may call. The zero value is the secure default:
// http and https to public addresses on ports 80 and 443. It is copied by [New];
// later changes have no effect. Durations and sizes must not be negative.
type Policy struct {
	_ [0]func()

	// Schemes are the URL schemes: any of "http" and "https". Default: both.
	Schemes []string
	// Ports replace the default set, 80 and 443; either goes with either scheme.
	Ports []uint16
	// Methods are the HTTP methods. Default: all but CONNECT and TRACE.
	Methods []string

	// Hosts, if given, are the only hosts that may be called. An entry is a name, an
	// address, or "*.example.com", which stands for all names below example.com at any
	// depth and not for example.com itself. A list of hosts only restricts: the
	// addresses behind a listed name are judged like any other.
	Hosts []string
	// DenyHosts are never called; they have the form of Hosts and win over it. An
	// address denies the names that lead to it, like a prefix of DenyPrefixes.
	DenyHosts []string
	// InternalHosts, in the form of Hosts without addresses, may be special-use or
	// single-label names, and may resolve to private, shared and unique-local
	// addresses; never to loopback, link-local or metadata addresses. They are
	// callable in addition to Hosts.
	InternalHosts []string

	// AllowPrefixes open blocks that are closed by default, for every name and port
	// the policy allows. The longest prefix wins, between these, DenyPrefixes and the
	// built-in table; on a tie DenyPrefixes beats AllowPrefixes and both beat the table.
	// So 10.1.0.0/16 opens a part of 10.0.0.0/8, and 0.0.0.0/0 opens nothing.
	AllowPrefixes []netip.Prefix
	// DenyPrefixes close blocks, whatever the host lists say.
	DenyPrefixes []netip.Prefix
	// AllowAddrPorts opens exact pairs of address and port, and nothing else on these
	// addresses. A pair needs no entry in Hosts, Ports or AllowPrefixes; only DenyHosts
	// goes before it. Package egresstest uses it to open one test server.
	AllowAddrPorts []netip.AddrPort
	// NAT64Prefixes are the network operator's own translation prefixes (RFC 6052: /32,
	// /40, /48, /56, /64 or /96). An address in one of them is judged as the IPv4
	// address it stands for. 64:ff9b::/96 is always known.
	NAT64Prefixes []netip.Prefix
	// AllowOwnAddresses lets the client call the addresses of this machine's own
	// interfaces. They are refused by default even when public: the kernel delivers them
	// over loopback, past any firewall.
	AllowOwnAddresses bool

	// MaxRedirects is how many redirects are followed. Default 5; negative means none.
	MaxRedirects int
	// KeepHeaders are request headers to send on to another origin after a redirect, in
	// addition to the harmless ones (Accept*, Content-Type, User-Agent, Range, If-*).
	KeepHeaders []string
	// AllowUserinfo accepts user:password@ in the first URL; in a redirect never.
	AllowUserinfo bool
	// InsecureAllowDowngrade follows redirects from https to http.
	InsecureAllowDowngrade bool

	// Timeout is for the whole exchange, all redirects and the body included. Default 10 s.
	Timeout time.Duration
	// DNSTimeout is for one look-up. Default 2 s.
	DNSTimeout time.Duration
	// DialTimeout is for connecting, all attempts together. Default 5 s.
	DialTimeout time.Duration
	// TLSTimeout is for the TLS handshake. Default 5 s.
	TLSTimeout time.Duration
	// HeaderTimeout is from the request's last byte to the answer's header. Default 5 s.
	HeaderTimeout time.Duration

	// MaxBody is the largest answer in bytes, counted after decompression. Default 10 MiB.
	// Compressed, an answer may be longer by 1 KiB and a 256th, whatever comes out of it.
	MaxBody int64
	// MaxHeader is the largest answer header in bytes, interim answers included.
	// Default 64 KiB.
	MaxHeader int64
	// MaxDials is how many of a name's addresses are tried. Default 4.
	MaxDials int
	// MaxConnsPerHost limits the connections to one host. Default 32.
	MaxConnsPerHost int

	// Resolver looks names up. Default: net.DefaultResolver.
	Resolver Resolver
	// TLS is the base of the TLS settings, for own roots or client certificates.
	// Verification cannot be turned off, TLS 1.2 is the least, and the server name is
	// always the URL's host. A function in it that panics refuses the connection; a Rand,
	// KeyLogWriter, ClientSessionCache or private key must not: they run in a goroutine of
	// net/http, where a panic ends the process.
	TLS *tls.Config
	// Proxy is an http or https proxy that every connection is tunnelled through with
	// CONNECT to the judged address. Environment variables are never read.
	Proxy *url.URL

	// Audit receives one event per decision. Default: none.
	Audit audit.Sink
	// ReportOnly lets through what a rule would refuse, and a body over MaxBody, and
	// reports it; Resolver and Proxy are used all the same. Time budgets and the header limit hold all the same, and Parse and Valid
	// answer as ever. It is for finding out what a policy would break, and protects nothing.
	ReportOnly bool
}

// Resolver looks up the addresses of a name; *net.Resolver is one. Names come with
// a dot at the end, so that no search list is applied. It must be safe for
// concurrent use.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}
