package ratelimit

import (
	"hash/maphash"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/problem"
)

// Concurrency returns middleware that lets at most n requests of a key run at the
// same time in this process, for handlers that are slow or stream. One more is
// answered with 429 and consumes nothing of the limits around it; with
// Config.ReportOnly it is reported and runs. A slot is freed when the handler returns or panics; a handler
// should watch its context to notice that the client is gone. A request that has a
// slot does not take a second one.
//
// An n below 1 or a key that is not valid panics.
func (l *Limiter) Concurrency(n int, k Key) gin.HandlerFunc {
	if n < 1 {
		panic("ratelimit.Concurrency: n is below 1")
	}
	if reason := k.fault(); reason != "" {
		panic("ratelimit.Concurrency: the key " + reason)
	}
	s := &slots{gate: gate{l: l}, n: n, key: k}
	for i := range s.shards {
		s.shards[i].taken = map[uint64]int{}
	}
	return s.serve
}

type slots struct {
	gate   gate // what a visit remembers
	n      int
	key    Key
	shards [16]struct {
		mu    sync.Mutex
		taken map[uint64]int
	}
}

func (s *slots) serve(c *gin.Context) {
	if probe.Met(c, control) {
		return
	}
	l := s.gate.l
	v, outermost := l.visits.enter(c)
	if outermost {
		defer l.visits.leave(v)
	} else if v.passed(&s.gate) {
		return
	}
	d := s.gate.begin(c, v)
	d.appendKey(&s.key)
	hash := maphash.Bytes(l.seed, d.buf)
	switch entered := s.enter(hash); {
	case entered:
		defer s.leave(hash)
		l.record(d, audit.Allow, reasonOK, 0, nil)
	case l.defaults.reportOnly:
		l.record(d, audit.Report, reasonConcurrency, 0, nil)
	default:
		s.refuse(d)
		s.gate.end(d)
		return
	}
	v.gates = append(v.gates, &s.gate)
	s.gate.end(d)
	c.Next()
}

// refuse answers a request that finds no slot. Like any refused one it consumes
// nothing of the limits around this one.
func (s *slots) refuse(d *batch) {
	l, c := s.gate.l, d.c
	l.giveBack(c.Request.Context(), d.visit)
	l.writeHeaders(d, nil)
	d.visit.giveUp()
	c.Writer.Header()[headerRetry] = []string{"1"}
	problem.Abort(c, problem.Problem{Status: http.StatusTooManyRequests, Code: reasonConcurrency})
	l.record(d, audit.Deny, reasonConcurrency, http.StatusTooManyRequests, nil)
}

func (s *slots) enter(hash uint64) bool {
	sh := &s.shards[hash%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.taken[hash] >= s.n {
		return false
	}
	sh.taken[hash]++
	return true
}

func (s *slots) leave(hash uint64) {
	sh := &s.shards[hash%16]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.taken[hash]--; sh.taken[hash] == 0 {
		delete(sh.taken, hash)
	}
}
