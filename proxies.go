package ginsec

import (
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
)

// proxyHint notices that a service stands behind a proxy its configuration does
// not name: all clients then share the limits of one address, and the first to
// reach them locks out the others.
type proxyHint struct {
	trusted bool
	said    atomic.Bool
}

// look tells the operator once when a peer from a private network names another
// client.
func (h *proxyHint) look(r *http.Request) {
	if h.trusted || r.Header["X-Forwarded-For"] == nil || h.said.Load() {
		return
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !inside(peer.Addr().Unmap()) || h.said.Swap(true) {
		return
	}
	slog.Default().Warn("ginsec: a peer from a private network sent X-Forwarded-For, but no proxy is trusted: " +
		"if it is your reverse proxy, all its clients are limited as one; set TrustedProxies")
}

func inside(a netip.Addr) bool { return a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() }
