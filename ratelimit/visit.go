package ratelimit

import (
	"hash/maphash"
	"net/http"
	"reflect"
	"sync"

	"github.com/gin-gonic/gin"
)

// visit is what a limiter remembers of a request under way: the steps it has
// passed and what they have charged. It lasts as long as the outermost step's
// part of the chain, HandleContext included.
type visit struct {
	gates   []*gate
	charged []item
	batch   batch // of the step being taken
	busy    bool
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
	seed   maphash.Seed
	pool   sync.Pool
	shards [64]struct {
		mu    sync.Mutex
		under []underWay
		_     [32]byte
	}
}

type underWay struct {
	c      *gin.Context
	header http.Header // held, so that no other can be at its address
	v      *visit
}

func (u *underWay) is(c *gin.Context) bool {
	return u.c == c && reflect.ValueOf(u.header).Pointer() == reflect.ValueOf(c.Request.Header).Pointer()
}

func (vs *visits) init() {
	vs.seed = maphash.MakeSeed()
	vs.pool.New = func() any { return &visit{} }
}

// enter returns the visit of c; outermost is true for the first step of it, which
// must call leave when the chain behind it has run.
func (vs *visits) enter(c *gin.Context) (v *visit, outermost bool) {
	s := &vs.shards[maphash.Comparable(vs.seed, c)%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.under {
		if s.under[i].is(c) {
			return s.under[i].v, false
		}
	}
	v, _ = vs.pool.Get().(*visit)
	s.under = append(s.under, underWay{c, c.Request.Header, v})
	return v, true
}

func (vs *visits) leave(c *gin.Context, v *visit) {
	s := &vs.shards[maphash.Comparable(vs.seed, c)%64]
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.under {
		if s.under[i].v != v {
			continue
		}
		last := len(s.under) - 1
		s.under[i] = s.under[last]
		s.under[last] = underWay{}
		s.under = s.under[:last]
		clear(v.charged)
		v.batch.clear()
		v.gates, v.charged, v.busy = v.gates[:0], v.charged[:0], false
		vs.pool.Put(v)
		return
	}
}
