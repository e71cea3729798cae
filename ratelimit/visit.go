package ratelimit

import (
	"net/http"
	"reflect"
	"sync"

	"github.com/gin-gonic/gin"
)

// visit is what a limiter remembers of a request under way: the steps it has
// passed and what they have charged. It lasts as long as the outermost step's
// part of the chain, HandleContext included.
type visit struct {
	c        *gin.Context
	header   http.Header // held, so that no other can be at its address
	next     *visit      // in the same chain
	gates    []*gate
	charged  []item
	batch    batch // of the step being taken
	values   values
	busy     bool
	refusals int // each has given back what was charged until then
}

// is reports whether v is of the request that c stands for.
func (v *visit) is(c *gin.Context) bool {
	return v.c == c && reflect.ValueOf(v.header).Pointer() == reflect.ValueOf(c.Request.Header).Pointer()
}

// clear forgets what a request did.
func (v *visit) clear() {
	if v.busy { // a panic
		v.batch.clear()
	}
	v.gates, v.charged, v.busy = v.gates[:0], v.charged[:0], false
}

// giveUp forgets what has been charged: it has been given back.
func (v *visit) giveUp() {
	v.gates, v.charged = v.gates[:0], v.charged[:0]
	v.refusals++
}

func (v *visit) passed(g *gate) bool {
	for _, other := range v.gates {
		if other == g {
			return true
		}
	}
	return false
}

// visits finds the visit of a request by its gin context. That is cheaper than a
// value in the request's context, which would copy the request, and unlike the
// context's own keys it survives HandleContext.
//
// A gin context is used again by other requests, also when a handler of an earlier
// one still runs, as behind a timeout. The request's header, the one thing that is
// its own from the beginning to the end, tells them apart.
type visits struct {
	shards [64]visitShard
	pool   sync.Pool // of visits that no shard keeps
}

// visitShard is a hash table whose buckets are chains: they stay short however
// many requests are under way.
type visitShard struct {
	mu      sync.Mutex
	buckets []*visit // a power of two
	count   int
	unused  *visit // kept for the next requests
	kept    int
	_       [16]byte
}

const visitsKept = 8

func (vs *visits) init() { vs.pool.New = func() any { return &visit{} } }

// place spreads the addresses of contexts: the first 6 bits choose the shard, the
// last ones the bucket.
func place(c *gin.Context) uint64 {
	h := uint64(reflect.ValueOf(c).Pointer()) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// enter returns the visit of c; outermost is true for the first step of it, which
// must call leave when the chain behind it has run.
func (vs *visits) enter(c *gin.Context) (v *visit, outermost bool) {
	h := place(c)
	s := &vs.shards[h>>58]
	s.mu.Lock()
	if s.count >= len(s.buckets) {
		s.grow()
	}
	bucket := &s.buckets[h&uint64(len(s.buckets)-1)]
	for v = *bucket; v != nil; v = v.next {
		if v.is(c) {
			s.mu.Unlock()
			return v, false
		}
	}
	if v = s.unused; v != nil {
		s.unused = v.next
		s.kept--
	} else {
		v, _ = vs.pool.Get().(*visit)
	}
	v.c, v.header, v.next = c, c.Request.Header, *bucket
	*bucket = v
	s.count++
	s.mu.Unlock()
	return v, true
}

func (vs *visits) leave(v *visit) {
	v.clear()
	h := place(v.c)
	s := &vs.shards[h>>58]
	s.mu.Lock()
	at := &s.buckets[h&uint64(len(s.buckets)-1)]
	for *at != v {
		at = &(*at).next
	}
	*at = v.next
	s.count--
	v.c, v.header, v.next = nil, nil, nil
	if s.kept < visitsKept {
		v.next, s.unused = s.unused, v
		s.kept++
		v = nil
	}
	s.mu.Unlock()
	if v != nil {
		vs.pool.Put(v)
	}
}

func (s *visitShard) grow() {
	old := s.buckets
	s.buckets = make([]*visit, max(2*len(old), 4))
	for _, v := range old {
		for v != nil {
			next := v.next
			bucket := &s.buckets[place(v.c)&uint64(len(s.buckets)-1)]
			v.next, *bucket = *bucket, v
			v = next
		}
	}
}
