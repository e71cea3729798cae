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
		s.first[i] = uint(math.Ceil(share + 4*math.Sqrt(share) + 1))
	}
	return s
}

// link returns the size of the n-th filter of a shard's chain, which follows one
// of the given capacity. It doubles, or makes room at once for as many ids as a
// shard of a busy window had lately. The rates of all links together stay below
// the rate asked for, however long the chain grows.
func (s *sizing) link(shard, n int, before, lately uint) (size, hashes, capacity uint) {
	capacity = s.first[shard]
	if n > 0 {
		capacity = max(2*before, lately)
	}
	size, hashes = bloom.EstimateParameters(capacity, s.rate*share(n))
	return size, hashes, capacity
}

// chain is one shard of one window: Bloom filters of growing size, of which only
// the newest takes new ids. bloom/v3 is not safe for concurrent use, and looking
// into the old links and adding to the newest must be one step: one lock holds all.
type chain struct {
	mu    sync.Mutex
	links []*bloom.BloomFilter
	cap   uint // of the newest link
	room  uint // ids the newest link still takes
	count uint // ids in all links
}

// use adds key and reports whether it was not there. Grow makes
// the link after n others, of which the last had the given capacity.
func (c *chain) use(key []byte, grow func(n int, before uint) (*bloom.BloomFilter, uint, error)) (fresh bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.room == 0 {
		if c.has(key) {
			return false, nil
		}
		f, capacity, err := grow(len(c.links), c.cap)
		if err != nil {
			return false, err
		}
		c.links, c.cap, c.room = append(c.links, f), capacity, capacity
	}
	last := len(c.links) - 1
	for _, f := range c.links[:last] {
		if f.Test(key) {
			return false, nil
		}
	}
	if c.links[last].TestOrAdd(key) {
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

func (c *chain) has(key []byte) bool {
	for _, f := range c.links {
		if f.Test(key) {
			return true
		}
	}
	return false
}

// mixer gives ids a place nobody outside the process can compute: Bloom filters
// hash with fixed seeds, and clients choose the ids of their proofs.
type mixer struct{ seed maphash.Seed }

func newMixer() mixer { return mixer{maphash.MakeSeed()} }

// mix returns a fingerprint of id and its shard.
func (m mixer) mix(id *[16]byte) (fp uint64, shard int) {
	fp = maphash.Bytes(m.seed, id[:])
	return fp, int(fp >> (64 - shardBits))
}

// key is all of id, blinded with its fingerprint.
func key(id *[16]byte, fp uint64) (k [16]byte) {
	binary.LittleEndian.PutUint64(k[:8], binary.LittleEndian.Uint64(id[:8])^fp)
	binary.LittleEndian.PutUint64(k[8:], binary.LittleEndian.Uint64(id[8:])^bits.RotateLeft64(fp, 32))
	return k
}

// share is the part of the rate that the n-th link may use up. The first one gets
// nearly all of it, so that a window whose size was right costs what a single
// filter does. The others share the rest: the squares' reciprocals add up to π²/6.
func share(n int) float64 {
	const first = 0.95
	if n == 0 {
		return first
	}
	return (1 - first) * 6 / (math.Pi * math.Pi) / float64(n*n)
}
