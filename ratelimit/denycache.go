package ratelimit

import (
	"sync"
	"time"
)

// denyCache remembers what Redis has refused, so that a client that goes on
// hammering costs no round trip. A refusal holds until its retry time, on this
// process's monotonic clock from before the call, but no longer than a second: a
// refund or a reset by another replica then shows.
type denyCache struct {
	shards [16]deniedShard
}

type deniedShard struct {
	mu   sync.Mutex
	keys map[uint64]denied
	_    [48]byte
}

type denied struct {
	limit, cost int64
	until       int64 // when the slot frees
	fresh       int64 // how long this is believed
}

const (
	deniedPerShard = 4096
	deniedFor      = int64(time.Second)
)

func (d *denyCache) init() {
	for i := range d.shards {
		d.shards[i].keys = map[uint64]denied{}
	}
}

func (d *denyCache) shard(hash uint64) *deniedShard { return &d.shards[hash>>60] }

// look reports whether the item is still refused, and fills in its verdict then,
// or whether it was and may still be. A smaller cost or a higher limit may fit
// earlier.
func (d *denyCache) look(it *item, now int64) (refused, stale bool) {
	s := d.shard(it.hash)
	s.mu.Lock()
	k, ok := s.keys[it.hash]
	if ok && k.until <= now {
		delete(s.keys, it.hash)
		ok = false
	}
	s.mu.Unlock()
	if !ok || it.rule.limit > k.limit || it.cost < k.cost {
		return false, false
	}
	if k.fresh <= now {
		return false, true
	}
	it.verdict = verdict{wait: time.Duration(k.until - now)}
	return true, false
}

// note remembers a refusal.
func (d *denyCache) note(it *item, before int64) {
	if it.wait <= 0 {
		return
	}
	until := before + int64(it.wait)
	s := d.shard(it.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) >= deniedPerShard {
		for hash, k := range s.keys {
			if k.fresh <= before {
				delete(s.keys, hash)
			}
		}
		if len(s.keys) >= deniedPerShard {
			return
		}
	}
	k := denied{limit: it.rule.limit, cost: it.cost, until: until, fresh: min(until, before+deniedFor)}
	if it.lock { // it is asked for like this
		k.limit, k.cost = 0, 0
	}
	s.keys[it.hash] = k
}

func (d *denyCache) drop(hash uint64) {
	s := d.shard(hash)
	s.mu.Lock()
	delete(s.keys, hash)
	s.mu.Unlock()
}
