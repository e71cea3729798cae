package main

import "net/netip"

// classOf gives each registry row its class in package egress. The rows IANA
// calls globally reachable are here too: anycast services are answered by the
// nearest relay, which is one's own infrastructure, and identifiers are no
// locations. The one exception, 64:ff9b::/96, is decoded before the table is asked.
var classOf = map[string]string{
	"0.0.0.0/8":          "classThisNetwork",
	"0.0.0.0/32":         "classUnspecified",
	"10.0.0.0/8":         "classPrivate",
	"100.64.0.0/10":      "classShared",
	"127.0.0.0/8":        "classLoopback",
	"169.254.0.0/16":     "classLinkLocal",
	"172.16.0.0/12":      "classPrivate",
	"192.0.0.0/24":       "classProtocol",
	"192.0.0.0/29":       "classProtocol",
	"192.0.0.8/32":       "classProtocol",
	"192.0.0.9/32":       "classAnycast",
	"192.0.0.10/32":      "classAnycast",
	"192.0.0.170/32":     "classProtocol",
	"192.0.0.171/32":     "classProtocol",
	"192.0.2.0/24":       "classDocumentation",
	"192.31.196.0/24":    "classAnycast",
	"192.52.193.0/24":    "classAnycast",
	"192.88.99.0/24":     "classAnycast",
	"192.88.99.2/32":     "classAnycast",
	"192.168.0.0/16":     "classPrivate",
	"192.175.48.0/24":    "classAnycast",
	"198.18.0.0/15":      "classBenchmarking",
	"198.51.100.0/24":    "classDocumentation",
	"203.0.113.0/24":     "classDocumentation",
	"240.0.0.0/4":        "classReserved",
	"255.255.255.255/32": "classBroadcast",

	"::1/128":           "classLoopback",
	"::/128":            "classUnspecified",
	"::ffff:0.0.0.0/96": "classTranslation",
	"64:ff9b::/96":      "classTranslation",
	"64:ff9b:1::/48":    "classTranslation",
	"100::/64":          "classDiscard",
	"100:0:0:1::/64":    "classDiscard",
	"2001::/23":         "classProtocol",
	"2001::/32":         "classTunnel",
	"2001:1::1/128":     "classAnycast",
	"2001:1::2/128":     "classAnycast",
	"2001:1::3/128":     "classAnycast",
	"2001:2::/48":       "classBenchmarking",
	"2001:3::/32":       "classAnycast",
	"2001:4:112::/48":   "classAnycast",
	"2001:10::/28":      "classIdentifier",
	"2001:20::/28":      "classIdentifier",
	"2001:30::/28":      "classIdentifier",
	"2001:db8::/32":     "classDocumentation",
	"2002::/16":         "classTunnel",
	"2620:4f:8000::/48": "classAnycast",
	"3fff::/20":         "classDocumentation",
	"5f00::/16":         "classIdentifier",
	"fc00::/7":          "classUniqueLocal",
	"fe80::/10":         "classLinkLocal",
}

// additions are blocks that are in neither registry, or whose members need a
// class of their own.
func additions() []row {
	list := []struct{ prefix, name, class string }{
		{"224.0.0.0/4", "Multicast, RFC5771", "classMulticast"},
		{"ff00::/8", "Multicast, RFC4291", "classMulticast"},
		{"fec0::/10", "Site-Local, RFC3879", "classSiteLocal"},
		{"::/96", "IPv4-compatible, RFC4291", "classTranslation"},
		{"::ffff:0:0:0/96", "SIIT, RFC7915", "classTranslation"},

		{"168.63.129.16/32", "Azure WireServer", "classCloud"},
		{"34.118.224.0/20", "GKE default Service range", "classCloud"},
		{"169.254.169.254/32", "instance metadata of most clouds", "classCloud"},
		{"169.254.170.2/32", "ECS task metadata", "classCloud"},
		{"169.254.170.23/32", "EKS pod identity", "classCloud"},
		{"169.254.42.42/32", "Scaleway metadata", "classCloud"},
		{"169.254.0.23/32", "Tencent metadata", "classCloud"},
		{"192.0.0.192/32", "Oracle classic metadata", "classCloud"},
		{"100.100.100.200/32", "Alibaba metadata", "classCloud"},
		{"fd00:ec2::254/128", "AWS metadata", "classCloud"},
		{"fd00:ec2::23/128", "EKS pod identity", "classCloud"},
		{"fd20:ce::254/128", "Google Cloud metadata", "classCloud"},
		{"fd00:c1::a9fe:a9fe/128", "Oracle metadata", "classCloud"},
		{"fd00:42::42/128", "Scaleway metadata", "classCloud"},
		{"fe80::a9fe:a9fe/128", "OpenStack metadata", "classCloud"},
	}
	rows := make([]row, len(list))
	for i, a := range list {
		rows[i] = row{netip.MustParsePrefix(a.prefix), a.name, a.class}
	}
	return rows
}
