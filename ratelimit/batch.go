package ratelimit

import (
	"bytes"
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
	visit   *visit
	started time.Time // zero when nobody wants to know how long it took
	key     []byte    // what the item being made is counted by
	buf     []byte
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
		b.buf, b.key = nil, nil // an unusually long key
	}
	l.batches.Put(b)
}

// add appends the item of p, and of its lockout, for the key in b.key.
func (l *Limiter) add(b *batch, p *policy, cost, limit int64, window time.Duration) {
	it := item{policy: p, rule: p.rule, window: window, cost: min(cost, maxLimit+1), soft: p.ReportOnly || l.reportOnly, onFail: p.OnStoreFailure}
	if it.onFail == "" {
		it.onFail = l.onFail
	}
	if limit == p.Limit && window == p.Window {
		b.buf = append(b.buf[:0], p.prefix...)
	} else { // a plan
		it.rule = ruleOf(limit, window, false)
		b.buf = appendPrefix(b.buf[:0], &p.Policy, window, unitCoarse)
	}
	l.identify(b, &it)
	b.items = append(b.items, it)
	if p.Lockout > 0 {
		it.lock, it.cost, it.window = true, 0, p.Lockout
		it.rule = ruleOf(1, p.Lockout, true)
		it.rule.limit = 0 // fits as long as nothing is there
		b.buf = appendPrefix(b.buf[:0], &p.Policy, p.Lockout, unitLock)
		l.identify(b, &it)
		b.items = append(b.items, it)
	}
}

// identify gives the item the hash, and in a remote store the name, of the prefix
// in b.buf and the key in b.key.
func (l *Limiter) identify(b *batch, it *item) {
	prefix := len(b.buf)
	b.buf = append(b.buf, b.key...)
	it.hash = max(maphash.Bytes(l.seed, b.buf), 1)
	if l.store.remote() {
		it.name = keyName(l.store.prefix(), b.buf[:prefix], b.key)
	}
}

// keyName is the name of a log in Redis: the hash of who is counted in braces, so
// that all logs of one principal share a cluster slot, then the policy. The braces
// are the first ones in it: nothing a client sends chooses the slot.
func keyName(start string, prefix, key []byte) string {
	sum := sha256.Sum256(key)
	name, unit, _ := bytes.Cut(prefix, []byte{0})
	var room [192]byte
	b := append(room[:0], start...)
	b = append(b, '{')
	b = base64.RawURLEncoding.AppendEncode(b, sum[:16])
	b = append(b, '}', ':')
	b = append(b, name...)
	b = append(b, ':')
	b = strconv.AppendUint(b, binary.BigEndian.Uint64(unit[1:])/1000, 10) // microseconds
	return string(append(b, unit[0]))
}
