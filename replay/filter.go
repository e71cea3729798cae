package replay

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"sync"

	"github.com/bits-and-blooms/bloom/v3"
)

const (
	shardBits = 4
	shards    = 1 << shardBits
	// small is the capacity with which a shard of unknown size starts. A window
	// that is hardly used then costs some 50 KiB.
	small = 512
	// smallest is the least capacity of a filter: in a smaller one chance makes full
	// spots that the formula for its rate does not expect.
	smallest = 64
)

// sizing says how the filters of a store grow.
type sizing struct {
	rate  float64
	first [shards]uint // capacity of each shard's first link
}

func newSizing(capacity int, rate float64) *sizing {
	s := &sizing{rate: rate}
	for i := range s.first {
		if capacity == 0 {
			// Shards of different sizes do not all double at the same moment: memory
			// grows smoothly, and no burst of requests pays for it at once.
			s.first[i] = uint(small * math.Exp2(float64(i)/shards))
			continue
		}
		share := float64(capacity) / shards
		// Ids spread unevenly: four standard deviations of room.
		s.first[i] = max(smallest, uint(math.Ceil(share+4*math.Sqrt(share)+1)))
	}
	return s
}

// link returns the size of the n-th filter of a shard's chain, which follows one
// of the given capacity. It doubles, or makes room at once for as many ids as a
// shard of a busy window had lately, as far as that takes no more than room bytes. The
// rates of all links together stay below the rate asked for, however long the chain
// grows.
func (s *sizing) link(shard, n int, before, lately uint, room int64) (size, hashes, capacity uint) {
	capacity = s.first[shard]
	if n > 0 {
		capacity = max(2*before, lately)
	}
	for {
		size, hashes = bloom.EstimateParameters(capacity, s.rate*share(n))
		if capacity <= smallest || filterBytes(size) <= room {
			return size, hashes, capacity
		}
		capacity = max(smallest, capacity/2)
	}
}

// filterBytes is the memory of a filter and of what a chain keeps of it.
func filterBytes(bits uint) int64 { return int64(bits/64+1)*8 + 64 }

// trail is the sequence of places at which an id leaves its marks in a filter: as
// many as the filter has hashes.
type trail struct{ at, step uint64 }

// trailOf depends on all of an id and on its fingerprint.
func trailOf(id *[16]byte, fp uint64) trail {
	return trail{
		at:   binary.LittleEndian.Uint64(id[:8]) ^ fp,
		step: binary.LittleEndian.Uint64(id[8:]) ^ bits.RotateLeft64(fp, 32) | 1,
	}
}

// next returns the next place below n. The steps alone, evenly spaced, would not
// do: two ids whose trails begin and step nearly alike would share all their
// places, and in a small filter that happens more often than once in a billion.
func (t *trail) next(n uint64) uint64 {
	t.at += t.step
	hi, lo := bits.Mul64(t.at, t.at^0x9e3779b97f4a7c15)
	hi, _ = bits.Mul64(hi^lo, n)
	return hi
}

// link is one filter of a chain. Its size, number of hashes and memory are
// bits-and-blooms'. Where an id leaves its marks is not: trails need no division,
// and one serves all links of a chain.
type link struct {
	words  []uint64
	bits   uint64
	hashes uint
}

func newLink(size, hashes uint) link {
	f := bloom.New(size, hashes)
	return link{words: f.BitSet().Bytes(), bits: uint64(f.Cap()), hashes: f.K()}
}

// testOrAdd adds an id and reports whether it was there. It branches on no mark: the
// processor fetches all of them from memory at once, not one after the other.
func (l *link) testOrAdd(t trail) bool {
	there := ^uint64(0)
	for range l.hashes {
		i := t.next(l.bits)
		word := &l.words[i/64]
		there &= *word >> (i % 64)
		*word |= 1 << (i % 64)
	}
	return there&1 == 1
}

// test reports whether an id is there. It looks at a few marks at a time, for the
// same reason: where an id is not, it rarely needs more.
func (l *link) test(t trail) bool {
	const few = 4
	for left := l.hashes; left > 0; {
		there := ^uint64(0)
		for range min(few, left) {
			i := t.next(l.bits)
			there &= l.words[i/64] >> (i % 64)
		}
		if there&1 == 0 {
			return false
		}
		left -= min(few, left)
	}
	return true
}

// chain is one shard of one window: Bloom filters of growing size, of which only
// the newest takes new ids. Looking into the old links and adding to the newest must
// be one step: one lock holds all.
type chain struct {
	mu    sync.Mutex
	links []link
	cap   uint // of the newest link
	room  uint // ids the newest link still takes
	count uint // ids in all links
}

// use adds an id and reports whether it was not there. Grow makes
// the link after n others, of which the last had the given capacity.
func (c *chain) use(t trail, grow func(n int, before uint) (link, uint, error)) (fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room == 0 {
		if c.has(t, len(c.links)) {
			return false, nil
		}
		l, capacity, err := grow(len(c.links), c.cap)
		if err != nil {
			return false, err
		}
		c.links, c.cap, c.room = append(c.links, l), capacity, capacity
	}
	last := len(c.links) - 1
	if c.has(t, last) || c.links[last].testOrAdd(t) {
		return false, nil
	}
	c.room--
	c.count++
	return true, nil
}

// size returns how many ids and links the chain has.
func (c *chain) size() (ids uint, links int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count, len(c.links)
}

// has reports whether one of the first n links has an id.
func (c *chain) has(t trail, n int) bool {
	for i := range n {
		if c.links[i].test(t) {
			return true
		}
	}
	return false
}

// mixer gives ids a place nobody outside the process can compute: clients choose
// the ids of their proofs.
type mixer struct{ seed maphash.Seed }

func newMixer() mixer { return mixer{maphash.MakeSeed()} }

// mix returns a fingerprint of id and its shard.
func (m mixer) mix(id *[16]byte) (fp uint64, shard int) {
	fp = maphash.Bytes(m.seed, id[:])
	return fp, int(fp >> (64 - shardBits))
}

// share is the part of the rate that the n-th link may use up. The first one gets
// nearly all of it, so that a window whose size was right costs what a single
// filter does. The others share a little: the squares' reciprocals add up to π²/6.
// What is left makes up for rounding, a filter having a whole number of hashes, and for
// chance, which fills some filters more than the formula says.
func share(n int) float64 {
	const first, others = 0.89, 0.05
	if n == 0 {
		return first
	}
	return others * 6 / (math.Pi * math.Pi) / float64(n*n)
}
