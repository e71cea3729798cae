package auth

import (
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ginsec/ginsec/identity"
)

// verified is a token that was good. It is immutable apart from its mark and
// shared by every request that brings the token.
type verified struct {
	owner      *Verifier
	principal  *identity.Principal // nil for nobody, see Optional
	source     *source
	generation uint64
	notBefore  int64 // microseconds since the epoch, leeway included
	notAfter   int64
	audience   []string
	confirm    confirmation

	until time.Time   // monotonic: when to verify again
	used  atomic.Bool // since the last look for somebody to evict
}

// fresh reports whether the verdict still holds at now: the token has not
// expired, and the key set it was verified with is still the issuer's.
func (e *verified) fresh(now time.Time) bool {
	wall := now.UnixMicro()
	if wall < e.notBefore || wall >= e.notAfter || !now.Before(e.until) {
		return false
	}
	s := e.source.snapshot.Load()
	return s.generation == e.generation && s.usable(now)
}

const (
	shards        = 32
	maxCacheToken = 4 << 10 // longer ones are verified each time
)

// tokenCache remembers good tokens by the SHA-256 of all their bytes: nothing
// weaker tells two tokens apart, and no part of a token names it.
type tokenCache struct {
	perShard int
	shards   [shards]struct {
		sync.RWMutex
		entries map[[sha256.Size]byte]*verified
	}
}

func newTokenCache(entries int) *tokenCache {
	c := &tokenCache{perShard: max((entries+shards-1)/shards, 1)}
	for i := range c.shards {
		c.shards[i].entries = make(map[[sha256.Size]byte]*verified)
	}
	return c
}

// get returns the verdict on the token with this hash if it still holds.
func (c *tokenCache) get(sum *[sha256.Size]byte, now time.Time) *verified {
	shard := &c.shards[sum[0]%shards]
	shard.RLock()
	e := shard.entries[*sum]
	shard.RUnlock()
	if e == nil || !e.fresh(now) {
		return nil
	}
	if !e.used.Load() { // a store on every hit would pass the cache line around
		e.used.Store(true)
	}
	return e
}

// put remembers e. A full shard gives up an entry that has run out, else one that
// was not used since it was last looked at.
func (c *tokenCache) put(sum *[sha256.Size]byte, e *verified, now time.Time) {
	shard := &c.shards[sum[0]%shards]
	shard.Lock()
	defer shard.Unlock()
	if _, replace := shard.entries[*sum]; !replace && len(shard.entries) >= c.perShard {
		const looks = 8
		victim, seen := *sum, 0
		for k, old := range shard.entries { // in random order
			victim = k
			if seen++; seen > looks || !old.fresh(now) || !old.used.Swap(false) {
				break
			}
		}
		delete(shard.entries, victim)
	}
	shard.entries[*sum] = e
}
