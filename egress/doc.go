// Package egress makes HTTP calls to addresses that users choose, without giving
// those users a way to the inside: no loopback, private network, cloud metadata,
// neighbour or relay, whatever the spelling, the DNS answer or the redirect.
//
//	client, err := egress.New(egress.Policy{}) // the zero value is the secure default
//	resp, err := client.HTTP().Get(rawURL)     // every rule, on every hop
//
// A URL is judged three times. Its text: scheme, port, user info, characters, and
// one canonical form of the host, which is the form that is then looked up, dialled
// and sent. Its addresses: every DNS answer, before any of them is dialled, and one
// bad answer refuses the name. Its connection: the address the kernel is about to
// connect to, so that nothing can change in between.
//
// An answer has a budget too: time for each phase and in total, bytes of header,
// and bytes of body counted after decompression.
//
// Every refusal and every failure is an [*Error] with one and the same text, so
// that a program that passes it on tells nobody which hosts and ports exist. The
// details are in its fields and in the audit event.
//
// What only the network can stop, this package does not: split-horizon public
// addresses, the address translation of an operator's own NAT64 prefix unless it is
// in [Policy.NAT64Prefixes], and code that dials without it. HTTP/3 is not spoken.
package egress
