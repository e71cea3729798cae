package ratelimit

import "time"

// event is the n units that were admitted in one tick. Ticks are kept modulo
// 2^32; entry.last tells which round it is.
type event struct{ tick, n uint32 }

// entry is the run-length log of one key. It holds no pointer, so that a million
// of them cost the garbage collector nothing.
type entry struct {
	last    int64 // the newest tick seen, in full
	expires int64 // when the last event is out of every window, in nanoseconds
	sum     uint32
	block   uint32 // where the events are in the slab, plus one; 0: in first
	head, n uint16
	class   uint8 // the block has 4 << class events
	first   [2]event
}

// verdict is what a log says about one charge.
type verdict struct {
	remaining int64         // units left, after the charge if it was made
	wait      time.Duration // until the charge fits (0: never), or until more is left
	stamp     uint32        // the tick to refund from
	ok        bool
}

// judge prunes what has left the window and says whether cost fits. A clock that
// was read before another goroutine's charge may be older than the newest event:
// time never runs backwards here.
func (e *entry) judge(s *slab, r *rule, now, cost int64) verdict {
	full := max(now/r.tick, e.last)
	if full-e.last > r.span {
		s.release(e)
		e.sum, e.head, e.n = 0, 0, 0
	}
	e.last = full
	t := uint32(full)
	ring := s.ring(e)
	for e.n > 0 {
		old := ring[int(e.head)&(len(ring)-1)]
		if int64(t-old.tick) <= r.span {
			break
		}
		e.sum -= old.n
		e.head++
		e.n--
	}
	v := verdict{ok: cost <= r.limit-int64(e.sum), remaining: max(r.limit-int64(e.sum), 0), stamp: t}
	if v.ok {
		if e.n > 0 {
			v.wait = r.until(full, t-ring[int(e.head)&(len(ring)-1)].tick, now)
		}
		return v
	}
	if cost > r.limit {
		return v // waiting does not help
	}
	need := int64(e.sum) + cost - r.limit
	for i := range e.n {
		old := ring[int(e.head+i)&(len(ring)-1)]
		if need -= int64(old.n); need <= 0 {
			v.wait = r.until(full, t-old.tick, now)
			break
		}
	}
	return v
}

// until is the time from now to the moment an event that is age ticks old frees
// its slot.
func (r *rule) until(full int64, age uint32, now int64) time.Duration {
	return time.Duration((full-int64(age)+r.span+1)*r.tick - now)
}

// push adds cost to the newest tick. judge has just been called.
func (e *entry) push(s *slab, r *rule, cost int64) {
	t := uint32(e.last)
	e.sum += uint32(cost)
	e.expires = (e.last + r.span + 2) * r.tick
	ring := s.ring(e)
	if e.n > 0 {
		if newest := &ring[int(e.head+e.n-1)&(len(ring)-1)]; newest.tick == t {
			newest.n += uint32(cost)
			return
		}
	}
	if int(e.n) == len(ring) {
		ring = s.grow(e)
	}
	ring[int(e.head+e.n)&(len(ring)-1)] = event{t, uint32(cost)}
	e.n++
}

// refund takes back at most cost units of the event with this tick. What has
// left the window, or was taken back before, stays as it is.
func (e *entry) refund(s *slab, stamp uint32, cost int64) {
	ring := s.ring(e)
	mask := len(ring) - 1
	for i := range e.n {
		v := &ring[int(e.head+i)&mask]
		if v.tick != stamp {
			continue
		}
		back := uint32(min(cost, int64(v.n)))
		v.n -= back
		e.sum -= back
		if v.n == 0 { // an empty event would only make the log longer
			for j := i; j+1 < e.n; j++ {
				ring[int(e.head+j)&mask] = ring[int(e.head+j+1)&mask]
			}
			e.n--
		}
		return
	}
}
