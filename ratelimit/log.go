package ratelimit

import "time"

// entry is the run-length log of one key. It holds no pointer, so that a million
// of them cost the garbage collector nothing.
type entry struct {
	last    int64 // the newest tick seen, in full
	expires int64 // when the last event stops to count, in nanoseconds
	sum     uint32
	block   uint32 // where the events are in the slab, plus one; 0: in first
	head, n uint16
	class   uint8 // the block has 4 << class events
	open    bool  // the newest event is of the last tick
	first   [2]event
}

// verdict is what a log says about one charge.
type verdict struct {
	remaining int64         // units left, after the charge if it was made
	wait      time.Duration // until the charge fits (0: never), or until more is left
	stamp     int64         // the tick to refund from
	ok        bool
}

// judge drops what does not count any more and says whether cost fits. A clock
// that was read before another goroutine's charge may be older than the newest
// event: time never runs backwards here.
func (e *entry) judge(s *slab, r *rule, now, cost int64) verdict {
	full := r.tickOf(now, e.last)
	if full-e.last >= r.keep {
		s.release(e)
		e.sum, e.head, e.n = 0, 0, 0
	}
	if full != e.last {
		e.last, e.open = full, false
	}
	ring := s.ring(e)
	mask := len(ring) - 1
	oldest := int64(0)
	for e.n > 0 {
		age, n := r.split(ring[int(e.head)&mask], full)
		if age < r.keep {
			oldest = full - age
			break
		}
		e.sum -= uint32(n)
		e.head++
		e.n--
	}
	left := r.limit - int64(e.sum)
	v := verdict{ok: cost <= left, remaining: max(left, 0), stamp: full}
	switch {
	case v.ok && e.n > 0:
		v.wait = r.until(oldest, now)
	case !v.ok && cost <= r.limit:
		for i, need := uint16(0), cost-left; i < e.n; i++ {
			age, n := r.split(ring[int(e.head+i)&mask], full)
			if need -= n; need <= 0 {
				v.wait = r.until(full-age, now)
				break
			}
		}
	}
	return v
}

// fitsAgain reports whether cost can be added right away: nothing has to be looked
// for when the newest event is of the tick that now is in, and there is room.
func (e *entry) fitsAgain(r *rule, now, cost int64) bool {
	return e.open && int64(e.sum)+cost <= r.limit && now < (e.last+1)*r.tick
}

// add adds cost to the newest event. fitsAgain has just allowed it.
func (e *entry) add(s *slab, cost int64) {
	ring := s.ring(e)
	ring[int(e.head+e.n-1)&(len(ring)-1)] += event(cost)
	e.sum += uint32(cost)
}

// again makes the charge that fitsAgain has just allowed.
func (e *entry) again(s *slab, r *rule, now, cost int64) verdict {
	e.add(s, cost)
	ring := s.ring(e)
	age, _ := r.split(ring[int(e.head)&(len(ring)-1)], e.last)
	return verdict{ok: true, remaining: r.limit - int64(e.sum), stamp: e.last, wait: r.until(e.last-age, now)}
}

// push adds cost to the newest tick. judge has just allowed it.
func (e *entry) push(s *slab, r *rule, cost int64) {
	e.sum += uint32(cost)
	e.expires = (e.last + r.keep) * r.tick
	e.open = true
	ring := s.ring(e)
	if e.n > 0 {
		newest := &ring[int(e.head+e.n-1)&(len(ring)-1)]
		if age, n := r.split(*newest, e.last); age == 0 {
			*newest = r.event(e.last, n+cost)
			return
		}
	}
	if int(e.n) == len(ring) {
		ring = s.grow(e)
	}
	ring[int(e.head+e.n)&(len(ring)-1)] = r.event(e.last, cost)
	e.n++
}

// refund takes back at most cost units of the event of this tick. What does not
// count any more, or was taken back before, stays as it is.
func (e *entry) refund(s *slab, r *rule, tick, cost int64) {
	ring := s.ring(e)
	mask := len(ring) - 1
	for i := range e.n {
		at := &ring[int(e.head+i)&mask]
		age, n := r.split(*at, tick)
		if age != 0 {
			continue
		}
		back := min(cost, n)
		e.sum -= uint32(back)
		*at = r.event(tick, n-back)
		if n == back { // an empty event would only make the log longer
			for j := i; j+1 < e.n; j++ {
				ring[int(e.head+j)&mask] = ring[int(e.head+j+1)&mask]
			}
			e.n--
			e.open = false
		}
		return
	}
}
