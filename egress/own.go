package egress

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// ownAddresses is a snapshot of this machine's interface addresses.
type ownAddresses map[netip.Addr]struct{}

func (o ownAddresses) has(a netip.Addr) bool {
	if len(o) == 0 {
		return false
	}
	_, found := o[a]
	return found
}

// ownRefresh is how old a snapshot may be: listing takes some 50 µs.
const ownRefresh = time.Minute

// ownCache keeps the latest snapshot.
type ownCache struct {
	list    func() ([]net.Addr, error)
	current atomic.Pointer[ownSnapshot]
	mu      sync.Mutex
}

type ownSnapshot struct {
	at    time.Time
	addrs ownAddresses
}

// get returns the snapshot, made anew when it is old. When the system cannot list
// its addresses, an old snapshot is kept; without any there is an error.
func (o *ownCache) get() (ownAddresses, error) {
	if s := o.current.Load(); s != nil && time.Since(s.at) < ownRefresh {
		return s.addrs, nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	last := o.current.Load()
	if last != nil && time.Since(last.at) < ownRefresh {
		return last.addrs, nil
	}
	list, err := o.list()
	if err != nil {
		if last != nil {
			return last.addrs, nil // the last good answer serves on
		}
		return nil, err
	}
	addrs := ownAddresses{}
	for _, a := range list {
		if ipnet, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(ipnet.IP); ok {
				addrs[ip.Unmap()] = struct{}{}
			}
		}
	}
	o.current.Store(&ownSnapshot{time.Now(), addrs})
	return addrs, nil
}
