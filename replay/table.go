package replay

import "sync"

// table is one shard of one window of a set of 64-bit fingerprints by open addressing. It
// serves in front of a shared store, where a Bloom filter would spoil what is behind it.
type table struct {
	mu    sync.Mutex
	slots []uint64 // a power of two of them; 0 is empty
	count int
}

const smallTable = 16

// use adds fp and reports whether it was not there. Grow is asked before more
// memory is taken.
func (t *table) use(fp uint64, grow func(bytes int64) error) (fresh bool, err error) {
	fp = max(fp, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.slots) > 0 && t.slots[t.place(fp)] == fp {
		return false, nil
	}
	if 4*(t.count+1) > 3*len(t.slots) {
		size := max(smallTable, 2*len(t.slots))
		if err := grow(int64(size-len(t.slots)) * 8); err != nil {
			return false, err
		}
		t.rehash(size)
	}
	t.slots[t.place(fp)] = fp
	t.count++
	return true, nil
}

func (t *table) seen(fp uint64) bool {
	fp = max(fp, 1)
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.slots) > 0 && t.slots[t.place(fp)] == fp
}

// place returns where fp is, or else the empty slot where it belongs.
func (t *table) place(fp uint64) int {
	mask := len(t.slots) - 1
	i := int(fp) & mask
	for t.slots[i] != 0 && t.slots[i] != fp {
		i = (i + 1) & mask
	}
	return i
}

func (t *table) rehash(size int) {
	old := t.slots
	t.slots = make([]uint64, size)
	for _, fp := range old {
		if fp != 0 {
			t.slots[t.place(fp)] = fp
		}
	}
}

func (t *table) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}
