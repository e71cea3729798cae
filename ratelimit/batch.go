package ratelimit

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"strconv"
	"time"
)

// batch is the working memory of one call, used again by later ones.
type batch struct {
	subject
	items   []item
	own     int // items charged
	visit   *visit
	started time.Time // zero when nobody wants to know how long it took
	buf     []byte    // the key of the item being made; later the text of a header
	first   int       // where the first part ends
}

func (l *Limiter) batch() *batch {
	b, _ := l.batches.Get().(*batch)
	return b
}

// free gives b back. Its items must not be used any more.
func (l *Limiter) free(b *batch) {
	b.clear()
	l.batches.Put(b)
}

// clear forgets everything about a request.
func (b *batch) clear() {
	b.items, b.subject, b.visit = b.items[:0], subject{}, nil // next clears an item
	if cap(b.buf) > 4096 {
		b.buf = nil // an unusually long key
	}
}

// add appends the item of p, and of its lockout, for the key in b.buf.
func (l *Limiter) add(b *batch, p *policy, cost, limit int64, window time.Duration) {
	key := l.hashOfKey(&p.Key, b.buf)
	it, unit := b.next(), p.unit
	it.set(p, cost)
	if limit != p.Limit || window != p.Window { // a plan
		unit = unitCoarse
		it.rule, it.window, it.group = ruleOf(limit, window, false), window, l.group(p.Name, window, unit)
	}
	l.identify(b, it, key, unit)
	if p.Lockout > 0 {
		it = b.next()
		it.set(p, 0)
		it.rule, it.window, it.group, it.lock = ruleOf(1, p.Lockout, true), p.Lockout, p.locks, true
		it.rule.limit = 0 // fits as long as nothing is there
		l.identify(b, it, key, unitLock)
	}
}

// set makes an empty item one of p.
func (i *item) set(p *policy, cost int64) {
	i.policy, i.rule, i.window, i.group, i.soft = p, p.rule, p.Window, p.group, p.ReportOnly
	i.cost = min(cost, tooMuch)
	i.asked = i.cost
}

// identify gives the item the hash of its log and, for a remote store, the name.
func (l *Limiter) identify(b *batch, it *item, key uint64, unit byte) {
	it.hash = hashOf(it.group, key)
	if l.remote {
		it.name = b.name(l.store.prefix(), it.policy.Name, it.window, unit)
	}
}

// hashOfKey is the seeded hash of a key. One that is only a text, as most are, is
// hashed without what is in front of it, so that it need not be copied first.
func (l *Limiter) hashOfKey(k *Key, key []byte) uint64 {
	if len(k.parts) == 1 {
		if salt := kind(key[0]).salt(); salt != 0 {
			_, n := binary.Uvarint(key[1:])
			return maphash.Bytes(l.seed, key[1+n:]) ^ salt
		}
	}
	return maphash.Bytes(l.seed, key)
}

// salt tells the hashes of texts of one kind from those of another; 0 for kinds
// that are no text.
func (k kind) salt() uint64 {
	switch k {
	case byUser, byTenant, byRoute, custom:
		return uint64(k) * 0x9e3779b97f4a7c15
	default:
		return 0
	}
}

// hashOf joins the seeded hashes of a policy and of a key; it is never 0.
func hashOf(group, key uint64) uint64 { return max(group^key, 1) }

// next appends an empty item.
func (b *batch) next() *item {
	n := len(b.items)
	if n == cap(b.items) {
		b.items = append(b.items, item{})
	} else {
		b.items = b.items[:n+1]
		b.items[n] = item{}
	}
	return &b.items[n]
}

// name is the name in Redis of the log whose key is in b.buf: the hash of its first
// part in braces, so that all logs of one principal share a cluster slot, then the
// policy, then the hash of a joined key. The braces are the first ones in it:
// nothing a client sends chooses the slot.
func (b *batch) name(start, policy string, window time.Duration, unit byte) string {
	var room [256]byte
	n := append(append(room[:0], start...), '{')
	n = appendHash(n, b.buf[:b.first])
	n = append(n, '}', ':')
	n = append(append(n, policy...), ':')
	n = strconv.AppendInt(n, int64(window), 10)
	n = append(n, unit)
	if b.first < len(b.buf) {
		n = appendHash(append(n, ':'), b.buf)
	}
	return string(n)
}

func appendHash(b, key []byte) []byte {
	sum := sha256.Sum256(key)
	return base64.RawURLEncoding.AppendEncode(b, sum[:16])
}
