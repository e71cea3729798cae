package ratelimit

import (
	"sync"
	"sync/atomic"
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
	// drops counts what was given back, by hash: a refusal that was on its way then
	// is not remembered.
	drops [64]atomic.Uint32
}

// dropsOf is the counter of a key, to be read before a call is made.
func (d *denyCache) dropsOf(hash uint64) *atomic.Uint32 {
	return &d.shard(hash).drops[hash>>54%64]
}

// drops are the counters of a call's items.
type drops [2 * maxCharges]uint32

func (d *denyCache) before(items []item) (seen drops) {
	for i := range items {
		seen[i] = d.dropsOf(items[i].hash).Load()
	}
	return seen
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

// note remembers a refusal, unless units of its key were given back since the
// counter was seen: it may be due to them.
func (d *denyCache) note(it *item, before int64, seen uint32) {
	if it.wait <= 0 {
		return
	}
	until := before + int64(it.wait)
	s := d.shard(it.hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if d.dropsOf(it.hash).Load() != seen {
		return
	}
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

// drop forgets the refusals of a key of which something has been given back.
func (d *denyCache) drop(hash uint64) {
	s := d.shard(hash)
	s.mu.Lock()
	d.dropsOf(hash).Add(1)
	delete(s.keys, hash)
	s.mu.Unlock()
}
