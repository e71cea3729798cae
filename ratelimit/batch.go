package ratelimit

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"strconv"
	"time"
)

// batch is the working memory of one call, used again by later ones.
type batch struct {
	subject
	items   []item
	visit   *visit
	started time.Time          // zero when nobody wants to know how long it took
	buf     []byte             // the key of the item being made; later the text of a header
	prefix  int                // where in buf the key's parts begin
	first   int                // where the first part ends
	adhoc   [maxCharges]policy // of charges made without a middleware
}

func (l *Limiter) batch() *batch {
	b, _ := l.batches.Get().(*batch)
	b.items = b.items[:0]
	return b
}

// free gives b back. Its items must not be used any more.
func (l *Limiter) free(b *batch) {
	clear(b.items) // no request's data outlives it here
	b.subject, b.visit = subject{}, nil
	if cap(b.buf) > 4096 {
		b.buf = nil // an unusually long key
	}
	l.batches.Put(b)
}

// begin starts the key of p in b.buf: what tells p's logs from others. The parts
// of the key are appended behind it.
func (b *batch) begin(p *policy) {
	b.buf = append(b.buf[:0], p.prefix...)
	b.prefix = len(b.buf)
}

// add appends the item of p, and of its lockout, for the key in b.buf.
func (l *Limiter) add(b *batch, p *policy, cost, limit int64, window time.Duration) {
	it := b.next()
	it.policy, it.rule, it.window, it.cost, it.soft = p, p.rule, window, min(cost, maxLimit+1), p.ReportOnly
	if limit != p.Limit || window != p.Window { // a plan
		it.rule = ruleOf(limit, window, false)
		b.rename(p, window, unitCoarse)
	}
	l.identify(b, it)
	if p.Lockout > 0 {
		b.rename(p, p.Lockout, unitLock)
		it = b.next()
		it.policy, it.rule, it.window, it.lock, it.soft = p, ruleOf(1, p.Lockout, true), p.Lockout, true, p.ReportOnly
		it.rule.limit = 0 // fits as long as nothing is there
		l.identify(b, it)
	}
}

// next appends an empty item.
func (b *batch) next() *item {
	n := len(b.items)
	if n == cap(b.items) {
		b.items = append(b.items, item{})
	} else {
		b.items = b.items[:n+1] // cleared by free
	}
	return &b.items[n]
}

// rename puts another log of p in front of the key.
func (b *batch) rename(p *policy, window time.Duration, unit byte) {
	var room [160]byte
	prefix := appendPrefix(room[:0], p.Name, window, unit)
	b.buf = slices.Replace(b.buf, 0, b.prefix, prefix...)
	b.first += len(prefix) - b.prefix
	b.prefix = len(prefix)
}

// identify gives the item the hash, and in a remote store the name, of b.buf.
func (l *Limiter) identify(b *batch, it *item) {
	it.hash = max(maphash.Bytes(l.seed, b.buf), 1)
	if l.remote {
		it.name = b.name(l.store.prefix())
	}
}

// name is the name in Redis of the log whose key is in b.buf: the hash of its first
// part in braces, so that all logs of one principal share a cluster slot, then the
// policy, then the hash of a joined key. The braces are the first ones in it:
// nothing a client sends chooses the slot.
func (b *batch) name(start string) string {
	key := b.buf[b.prefix:]
	policy, unit, _ := bytes.Cut(b.buf[:b.prefix], []byte{0})
	var room [224]byte
	n := append(append(room[:0], start...), '{')
	n = appendHash(n, b.buf[b.prefix:b.first])
	n = append(n, '}', ':')
	n = append(append(n, policy...), ':')
	n = strconv.AppendUint(n, binary.BigEndian.Uint64(unit[1:])/1000, 10) // microseconds
	n = append(n, unit[0])
	if b.first < len(b.buf) {
		n = appendHash(append(n, ':'), key)
	}
	return string(n)
}

func appendHash(b, key []byte) []byte {
	sum := sha256.Sum256(key)
	return base64.RawURLEncoding.AppendEncode(b, sum[:16])
}
