package ratelimit

import (
	"math/bits"
	"sync"
)

// shard is one part of the memory store: an open-addressing table from hash to
// log, with linear probing and deletion by shifting back.
type shard struct {
	mu      sync.Mutex
	hashes  []uint64 // 0: free
	entries []entry
	slab    slab
	count   int
	hand    int // where the search for expired keys goes on
	limit   int // keys before new ones share an overflow entry
	_       [24]byte
}

const (
	smallest = 8
	// overflowRoom is how many overflow entries, one per policy, a full shard can
	// hold beyond its limit.
	overflowRoom = 64
	// swept is how many slots an insertion looks at for expired keys: more than
	// one, so that expired keys leave faster than new ones come.
	swept = 4
)

func (s *shard) home(hash uint64) int {
	hi, _ := bits.Mul64(hash<<8, uint64(len(s.hashes))) // the first 8 bits chose the shard
	return int(hi)
}

// find returns the slot of hash, or -1.
func (s *shard) find(hash uint64) int {
	n := len(s.hashes)
	if n == 0 {
		return -1
	}
	for i := s.home(hash); ; {
		switch s.hashes[i] {
		case hash:
			return i
		case 0:
			return -1
		}
		if i++; i == n {
			i = 0
		}
	}
}

// insert makes an entry for a hash that is not there.
func (s *shard) insert(hash uint64, now int64) *entry {
	if s.count*8 >= len(s.hashes)*7 {
		s.rebuild(now)
	}
	return s.place(hash)
}

func (s *shard) place(hash uint64) *entry {
	i := s.home(hash)
	for s.hashes[i] != 0 {
		if i++; i == len(s.hashes) {
			i = 0
		}
	}
	s.hashes[i] = hash
	s.entries[i] = entry{}
	s.count++
	return &s.entries[i]
}

// rebuild drops the expired and makes room: half as much again as is alive.
func (s *shard) rebuild(now int64) {
	hashes, entries := s.hashes, s.entries
	live := 0
	for i := range hashes {
		if hashes[i] == 0 {
			continue
		}
		if entries[i].expires <= now {
			s.slab.release(&entries[i])
			hashes[i] = 0
			continue
		}
		live++
	}
	size := min(max(smallest, live*12/7), (s.limit+overflowRoom)*8/7+smallest)
	size = max(size, live*8/7+2)
	s.hashes, s.entries = make([]uint64, size), make([]entry, size)
	s.count, s.hand = 0, 0
	for i, hash := range hashes {
		if hash != 0 {
			*s.place(hash) = entries[i]
		}
	}
	if live == 0 {
		s.slab = slab{}
	}
}

// compact moves the logs to a slab without holes.
func (s *shard) compact() {
	events := make([]event, 0, (len(s.slab.events)-s.slab.freed)*9/8)
	for i := range s.entries {
		if e := &s.entries[i]; s.hashes[i] != 0 && e.block != 0 {
			at := uint32(len(events)) + 1
			events = append(events, s.slab.ring(e)...)
			e.block = at
		}
	}
	s.slab = slab{events: events}
}

// sweep looks at the next few slots for expired keys.
func (s *shard) sweep(now int64) {
	for range min(swept, len(s.hashes)) {
		if s.hand++; s.hand >= len(s.hashes) {
			s.hand = 0
		}
		for s.hashes[s.hand] != 0 && s.entries[s.hand].expires <= now {
			s.remove(s.hand) // shifts the next one into this slot
		}
	}
}

// remove frees a slot and moves those behind it that would not be found past a
// hole.
func (s *shard) remove(i int) {
	s.slab.release(&s.entries[i])
	n := len(s.hashes)
	for j := i; ; {
		if j++; j == n {
			j = 0
		}
		hash := s.hashes[j]
		if hash == 0 {
			break
		}
		home := s.home(hash)
		if distance(home, j, n) >= distance(i, j, n) {
			s.hashes[i], s.entries[i] = hash, s.entries[j]
			i = j
		}
	}
	s.hashes[i] = 0
	s.count--
}

// distance is how many steps lead from slot a to slot b.
func distance(a, b, n int) int {
	if b < a {
		b += n
	}
	return b - a
}
