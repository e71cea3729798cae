package ratelimit

import (
	"context"
	"hash/maphash"
	"math/bits"
	"time"
)

const defaultMaxKeys = 100_000

// MemoryConfig configures [Memory].
type MemoryConfig struct {
	_ [0]func()

	// MaxKeys bounds the keys counted at once, all policies together. A key takes
	// about 90 bytes, 1.1 KB with 128 events in its window, and 3.1 KB at most. While all of
	// them are alive none is forgotten: new keys of a policy share one count of it
	// per 256th of the store, and no more keys are locked out: they are refused only
	// until their window has passed. The default is 100,000.
	MaxKeys int
}

// Memory returns a store that counts in this process: each replica has counts of
// its own. It needs no cleaning up and runs nothing in the background.
func Memory(cfg MemoryConfig) (Store, error) {
	if cfg.MaxKeys < 0 {
		return nil, &Error{"MemoryConfig.MaxKeys", "is negative"}
	}
	if cfg.MaxKeys == 0 {
		cfg.MaxKeys = defaultMaxKeys
	}
	return newMemory(cfg.MaxKeys, maphash.MakeSeed()), nil
}

type memory struct {
	start  time.Time
	hashed maphash.Seed
	shift  uint8
	shards []shard
}

func newMemory(maxKeys int, seed maphash.Seed) *memory {
	n := 1
	for n < 256 && n*32 <= maxKeys {
		n *= 2
	}
	m := &memory{start: time.Now(), hashed: seed, shards: make([]shard, n), shift: uint8(64 - bits.Len(uint(n-1)))}
	for i := range m.shards {
		m.shards[i].limit = max(maxKeys/n, 1)
	}
	return m
}

func (m *memory) Close() error       { return nil }
func (m *memory) seed() maphash.Seed { return m.hashed }
func (m *memory) remote() bool       { return false }
func (m *memory) prefix() string     { return "" }
func (m *memory) now() int64         { return int64(time.Since(m.start)) }

func (m *memory) shardOf(hash uint64) int { return int(hash >> m.shift) }

func (m *memory) take(_ context.Context, _ time.Duration, items []item, dry bool) outcome {
	if len(items) == 1 {
		m.takeOne(&items[0], dry)
		return outcome{ok: !items[0].denies()}
	}
	now := m.now()
	m.lock(items)
	if !dry && m.allAgain(items, now) {
		m.unlock(items)
		return outcome{ok: true}
	}
	ok := m.judgeAll(items, now)
	if ok && !dry {
		for i := range items {
			if it := &items[i]; it.ok {
				s := &m.shards[m.shardOf(it.hash)]
				m.charge(s, it, s.find(m.logOf(it)), now)
			}
		}
	}
	m.unlock(items)
	return outcome{ok: ok}
}

// again charges a key that has been charged in this tick already, and reports
// whether it could: of many charges in a row most can.
//
// The result is filled in before the shard is unlocked: that waits until it is
// written, and the caller, who copies it in larger pieces, need not.
func (m *memory) again(hash uint64, r *rule, cost int64, res *Result) (ok bool) {
	now := m.now()
	s := &m.shards[m.shardOf(hash)]
	s.mu.Lock()
	if slot := s.find(hash); slot >= 0 {
		e := &s.entries[slot]
		if ok = e.fitsAgain(r, now, cost); ok {
			e.add(&s.slab, cost)
			res.Allowed, res.charged = true, true
			res.Remaining, res.stamps[0] = r.limit-int64(e.sum), e.last
		}
	}
	s.mu.Unlock()
	return ok
}

// allAgain is again for several items. Their shards are locked. No entry moves
// before all have been charged.
func (m *memory) allAgain(items []item, now int64) bool {
	var room [2 * maxCharges]*entry
	for i := range items {
		it := &items[i]
		s := &m.shards[m.shardOf(it.hash)]
		slot := s.find(it.hash)
		if slot < 0 || !s.entries[slot].fitsAgain(&it.rule, now, it.cost) {
			return false
		}
		for _, other := range room[:i] {
			if other == &s.entries[slot] {
				return false
			}
		}
		room[i] = &s.entries[slot]
	}
	for i, e := range room[:len(items)] {
		it := &items[i]
		s := &m.shards[m.shardOf(it.hash)]
		it.verdict, it.shared = e.again(&s.slab, &it.rule, now, it.cost), false
	}
	return true
}

// takeOne is take for one item.
func (m *memory) takeOne(it *item, dry bool) {
	now := m.now()
	s := &m.shards[m.shardOf(it.hash)]
	s.mu.Lock()
	slot := s.find(it.hash)
	if !dry && slot >= 0 && s.entries[slot].fitsAgain(&it.rule, now, it.cost) {
		it.verdict, it.shared = s.entries[slot].again(&s.slab, &it.rule, now, it.cost), false // it may have been before
	} else {
		slot = m.judge(s, slot, it, now)
		if it.ok && !dry {
			m.charge(s, it, slot, now)
		}
	}
	s.mu.Unlock()
}

func (m *memory) judgeAll(items []item, now int64) bool {
	ok := true
	for i := range items {
		it := &items[i]
		s := &m.shards[m.shardOf(it.hash)]
		m.judge(s, s.find(it.hash), it, now)
		for j := range i {
			if m.logOf(&items[j]) == m.logOf(it) && it.cost > 0 { // both overflow into one count: only one can be judged by it
				it.verdict = verdict{wait: it.window}
			}
		}
		ok = ok && !it.denies()
	}
	return ok
}

// known reads no clock where there is room without anything having expired.
func (m *memory) known(ctx context.Context, within time.Duration, items []item) outcome {
	for i := range items {
		if !m.fits(&items[i]) {
			return m.take(ctx, within, items, true)
		}
	}
	return outcome{ok: true}
}

// fits reports whether an item is known to fit whatever the time is.
func (m *memory) fits(it *item) bool {
	s := &m.shards[m.shardOf(it.hash)]
	s.mu.Lock()
	fits := it.cost <= it.rule.limit
	if slot := s.find(it.hash); slot >= 0 {
		fits = int64(s.entries[slot].sum)+it.cost <= it.rule.limit
	} else if !it.aside() && (s.count >= s.limit || s.find(m.shared(it)) >= 0) {
		fits = false
	}
	s.mu.Unlock()
	it.ok = fits
	return fits
}

// judge fills in the item's verdict and returns the slot of its key, or -1, which
// may have changed. The shard is locked.
func (m *memory) judge(s *shard, slot int, it *item, now int64) int {
	log := slot
	it.own, it.shared = slot >= 0, false
	if slot < 0 && !it.aside() {
		if s.count >= s.limit {
			s.sweep(now)
		}
		log = s.find(m.shared(it)) // also with room: the key may have been charged there
		if s.count >= s.limit {
			slot, it.shared = log, true
			if slot < 0 && s.count >= s.limit+overflowRoom {
				it.verdict = verdict{wait: it.window}
				return slot
			}
		}
	}
	var fresh entry
	e := &fresh
	if log >= 0 {
		e = &s.entries[log]
	}
	it.verdict = e.judge(&s.slab, &it.rule, now, it.cost)
	return slot
}

// aside reports whether the item, of a lockout, takes no part in a full shard's
// shared counts.
func (i *item) aside() bool { return i.lock || i.tally }

// shared is the hash of the count that all new keys of the item's policy share in a
// full shard.
func (m *memory) shared(it *item) uint64 {
	first := it.hash >> m.shift << m.shift // stay in this shard
	return first | it.group&(1<<m.shift-1) | 1
}

// logOf is the hash of the log that the item was judged by.
func (m *memory) logOf(it *item) uint64 {
	if it.shared {
		return m.shared(it)
	}
	return it.hash
}

// charge makes the charge that judge allowed, in the key's slot or a new one.
func (m *memory) charge(s *shard, it *item, slot int, now int64) {
	if it.cost == 0 {
		return
	}
	var e *entry
	if slot >= 0 {
		e = &s.entries[slot]
	} else {
		s.sweep(now)
		if it.aside() && s.count >= s.limit {
			return // a full store locks out no more keys: the room beyond is for new ones to share
		}
		e = s.insert(m.logOf(it), now)
		e.last = it.stamp
	}
	if s.slab.wasteful() {
		s.compact()
	}
	if slot < 0 && !it.aside() && !it.own {
		if from := s.find(m.shared(it)); from >= 0 {
			s.slab.inherit(e, &s.entries[from])
		}
	}
	e.push(&s.slab, &it.rule, it.cost)
	it.remaining -= it.cost
	if it.wait == 0 {
		it.wait = it.rule.until(e.last, now)
	}
}

func (m *memory) refund(_ context.Context, _ time.Duration, items []item) {
	for i := range items {
		it := &items[i]
		if !it.charged() {
			continue
		}
		s := &m.shards[m.shardOf(it.hash)]
		s.mu.Lock()
		if slot := s.find(m.logOf(it)); slot >= 0 {
			s.entries[slot].refund(&s.slab, &it.rule, it.stamp, it.cost)
		}
		s.mu.Unlock()
	}
}

func (m *memory) reset(_ context.Context, _ time.Duration, items []item) error {
	for i := range items {
		s := &m.shards[m.shardOf(items[i].hash)]
		s.mu.Lock()
		if slot := s.find(items[i].hash); slot >= 0 {
			s.remove(slot)
		}
		s.mu.Unlock()
	}
	return nil
}

// lock locks the shards of items in ascending order, each once, so that two calls
// with the same keys in another order cannot wait for each other.
func (m *memory) lock(items []item) {
	if len(items) == 2 { // as a rule: one by address and one by user
		a, b := m.shardOf(items[0].hash), m.shardOf(items[1].hash)
		if m.shards[min(a, b)].mu.Lock(); a != b {
			m.shards[max(a, b)].mu.Lock()
		}
		return
	}
	for last := -1; ; {
		next := len(m.shards)
		for i := range items {
			if s := m.shardOf(items[i].hash); s > last {
				next = min(next, s)
			}
		}
		if next == len(m.shards) {
			return
		}
		m.shards[next].mu.Lock()
		last = next
	}
}

func (m *memory) unlock(items []item) {
	for i := range items {
		s := m.shardOf(items[i].hash)
		first := true
		for j := range i {
			first = first && m.shardOf(items[j].hash) != s
		}
		if first {
			m.shards[s].mu.Unlock()
		}
	}
}
