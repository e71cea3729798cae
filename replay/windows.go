package replay

import (
	"iter"
	"math"
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

const (
	// fewSlots is a power of two, and so is every larger number of slots.
	fewSlots = 8
	// remembered is how many dropped windows are known by their number; of those
	// before, only the highest is.
	remembered = 64
)

type window struct {
	index    int64
	deadline time.Duration // on the monotonic clock
	lately   uint          // ids a shard of the busiest other window had when this one was made
	bytes    atomic.Int64  // of memory; far below zero when the window is gone
	chains   *[shards]chain
	tables   *[shards]table
}

// size returns how many ids a window has and how many links beyond the first of
// each shard.
func (w *window) size() (ids uint, grown int) {
	for i := range shards {
		if w.tables != nil {
			ids += uint(w.tables[i].size())
			continue
		}
		n, links := w.chains[i].size()
		ids, grown = ids+n, grown+max(0, links-1)
	}
	return ids, grown
}

// localState is the windows of a local store. It is read without a lock. A new window
// takes an empty slot, or a state with more of them replaces this one; a window is
// dropped by a state without it.
type localState struct {
	slots  []atomic.Pointer[window] // by their index, open addressing; half are empty
	shift  int                      // 64 less the number of bits of a slot's number
	count  int
	gone   []int64 // the windows dropped last
	floor  int64   // the highest window dropped before those
	closed bool
}

// newState returns a state with at least so many slots.
func newState(slots int) *localState {
	n := bits.Len(uint(max(slots, fewSlots) - 1))
	return &localState{slots: make([]atomic.Pointer[window], 1<<n), shift: 64 - n, floor: math.MinInt64}
}

// find returns the window with index i, or nil.
func (s *localState) find(i int64) *window {
	_, w := s.slot(i)
	return w
}

// slot returns where the window with index i is, and it, or else where it belongs.
// Without the lock the place alone says nothing: another window may take it meanwhile.
func (s *localState) slot(i int64) (*atomic.Pointer[window], *window) {
	at := int(uint64(i) * 0x9e3779b97f4a7c15 >> s.shift)
	for {
		w := s.slots[at].Load()
		if w == nil || w.index == i {
			return &s.slots[at], w
		}
		at = (at + 1) & (len(s.slots) - 1)
	}
}

// with returns the state with one more window: the same, if there is room.
func (s *localState) with(w *window) *localState {
	if 2*(s.count+1) > len(s.slots) {
		larger := newState(2 * len(s.slots))
		larger.gone, larger.floor = s.gone, s.floor
		for other := range s.all() {
			at, _ := larger.slot(other.index)
			at.Store(other)
		}
		larger.count = s.count
		s = larger
	}
	at, _ := s.slot(w.index)
	at.Store(w)
	s.count++
	return s
}

func (s *localState) size() int { return 2 * s.count }

func (s *localState) all() iter.Seq[*window] {
	return func(yield func(*window) bool) {
		for i := range s.slots {
			if w := s.slots[i].Load(); w != nil && !yield(w) {
				return
			}
		}
	}
}

// dropping returns what is to be known of the windows dropped so far and of these.
func (s *localState) dropping(over []int64) (gone []int64, floor int64) {
	slices.Sort(over)
	gone, floor = slices.Concat(s.gone, over), s.floor
	for ; len(gone) > remembered; gone = gone[1:] {
		floor = max(floor, gone[0])
	}
	return gone, floor
}

func (s *localState) dropped(i int64) bool { return i <= s.floor || slices.Contains(s.gone, i) }
