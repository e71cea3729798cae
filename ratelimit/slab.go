package ratelimit

// slab holds the logs that outgrew their entry, in blocks of 4, 8, 16 … events.
// Freed blocks are kept in one list per size; the list's links are in the blocks.
type slab struct {
	events []event
	free   [8]uint32 // by class; a block's offset plus one
	freed  int       // events in free blocks
}

// wasteful reports whether the slab is about to grow although much of it is free,
// in blocks of the wrong sizes.
func (s *slab) wasteful() bool {
	return cap(s.events)-len(s.events) < 256 && s.freed*4 > len(s.events)
}

// ring returns the events of e: a power of two of them, used as a ring.
func (s *slab) ring(e *entry) []event {
	if e.block == 0 {
		return e.first[:]
	}
	from := int(e.block - 1)
	return s.events[from : from+4<<e.class]
}

// grow moves the events of e to a block twice as large, oldest first.
func (s *slab) grow(e *entry) []event {
	class := uint8(0)
	if e.block != 0 {
		class = e.class + 1
	}
	block := s.take(class)
	old := s.ring(e)
	ring := s.events[int(block-1) : int(block-1)+4<<class]
	for i := range e.n {
		ring[i] = old[int(e.head+i)&(len(old)-1)]
	}
	s.release(e)
	e.block, e.class, e.head = block, class, 0
	return ring
}

// inherit makes e a copy of the log that new keys have shared: some of it may be
// what the key of e, which was one of them, has been charged.
func (s *slab) inherit(e, from *entry) {
	if e == from || from.n == 0 {
		return
	}
	*e = *from
	if from.block != 0 {
		e.block = s.take(from.class)
		copy(s.ring(e), s.ring(from))
	}
}

func (s *slab) take(class uint8) uint32 {
	if block := s.free[class]; block != 0 {
		s.free[class] = uint32(s.events[block-1])
		s.freed -= 4 << class
		return block
	}
	block := uint32(len(s.events)) + 1
	s.events = append(s.events, make([]event, 4<<class)...)
	return block
}

// release gives the block of e back.
func (s *slab) release(e *entry) {
	if e.block == 0 {
		return
	}
	s.events[e.block-1] = event(s.free[e.class])
	s.free[e.class] = e.block
	s.freed += 4 << e.class
	e.block = 0
}
