package replay

import (
	"context"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
	"unsafe"
	"weak"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/redis/rueidis"
)

// bloomShim stands for a server with the module: the script runs as it is, and
// its BF.INSERT becomes the given expression over a, the command's arguments, and
// real, the server's own functions.
const bloomShim = `local real = redis
local redis = {error_reply = real.error_reply, call = function(name, ...)
  if name ~= 'BF.INSERT' then return real.call(name, ...) end
  local a = {...}
  assert(#a == 7 and a[2] == 'CAPACITY' and a[4] == 'ERROR' and a[6] == 'ITEMS')
  return %s
end}
`

// RedisBloomShim is RedisBloom with its own script and another BF.INSERT.
func RedisBloomShim(client rueidis.Client, cfg RedisConfig, insert string) (Store, error) {
	store, err := RedisBloom(client, cfg)
	if err == nil {
		s := store.(*fronted).remote.(*redisBloom)
		s.text = fmt.Sprintf(bloomShim, insert) + s.text
		sum := sha1.Sum([]byte(s.text))
		s.sha = hex.EncodeToString(sum[:])
	}
	return store, err
}

// RedisBloomOverSet is RedisBloom with its own script over an ordinary set.
func RedisBloomOverSet(client rueidis.Client, cfg RedisConfig) (Store, error) {
	return RedisBloomShim(client, cfg, "{real.call('SADD', a[1], a[7])}")
}

// LocalWithClock is Local on clocks of the test's own.
func LocalWithClock(cfg LocalConfig, wall func() time.Time, mono func() time.Duration) (Store, error) {
	return newLocal(cfg, clock{wall: wall, mono: mono})
}

// Sweep runs what the timer of a Local store runs.
func Sweep(s Store) { s.(*local).sweep() }

// LateUse is Use by somebody who is held up after finding the window.
func LateUse(s Store, id [16]byte, until time.Time, meanwhile func()) (fresh bool, err error) {
	l := s.(*local)
	w, err := l.find(l.index(until))
	if err != nil {
		return false, err
	}
	meanwhile()
	return l.useIn(w, id)
}

// Bytes returns how much memory the filters of a Local store take.
func Bytes(s Store) int64 { return s.(*local).bytes.Load() }

// Bare returns a Redis store without what is in front of it.
func Bare(s Store) Store { return s.(*fronted).remote }

// ID returns the id under which a token is kept.
func ID(t Token) [16]byte { return t.id() }

// Ahead returns an id whose trail would be that of another, some steps ahead, if it came
// from the id alone.
func Ahead(id [16]byte, steps uint64) [16]byte {
	t := trailOf(&id, 0)
	binary.LittleEndian.PutUint64(id[:8], t.at+steps*t.step)
	return id
}

// Collected reports whether a Local store is garbage and gone.
func Collected(s Store) func() bool {
	p := weak.Make(s.(*local))
	return func() bool {
		runtime.GC()
		return p.Value() == nil
	}
}

// Dropped returns how many dropped windows a Local store knows by number.
func Dropped(s Store) int { return len(s.(*local).state.Load().gone) }

// Looked waits until a Redis store has looked at its server's settings.
func Looked(s Store) { s.(*fronted).remote.(*redisSet).others.Wait() }

// Idle returns how many workers of a Redis store wait for a use.
func Idle(s Store) int { return int(s.(*fronted).remote.(*redisSet).idle.Load()) }

// Workers returns how many there are.
func Workers(s Store) int { return int(s.(*fronted).remote.(*redisSet).count.Load()) }

// Stopped reports whether a Redis store has been told to close.
func Stopped(s Store) bool { return s.(*fronted).remote.(*redisSet).ctx.Err() != nil }

// Exact returns what stands in front of a shared store, as a store.
func Exact(window time.Duration, maxBytes int64) Store {
	return newExact(windows{int64(window.Seconds())}, maxBytes, systemClock())
}

// ExactWithClock is Exact on clocks of the test's own.
func ExactWithClock(wall func() time.Time, mono func() time.Duration) Store {
	return newExact(windows{3600}, 1<<30, clock{wall: wall, mono: mono})
}

// LimitKnown bounds what a shared store remembers in this process.
func LimitKnown(s Store, maxBytes int64) { s.(*fronted).known.maxBytes = maxBytes }

// Remember adds what the server has accepted to what is known here, with add.
func Remember(s Store, until time.Time, add func() (bool, error)) (accepted bool) {
	accepted, _ = s.(*fronted).remember(until, add)
	return accepted
}

// Known adds an id to what is known here, as Remember's add does.
func Known(s Store, id [16]byte, until time.Time) (bool, error) {
	return s.(*fronted).known.Use(context.Background(), id, until)
}

// Alone decides without the server.
func Alone(s Store, id [16]byte, until time.Time) (bool, error) {
	return s.(*fronted).alone(context.Background(), id, until)
}

// StoreOf returns a guard's store.
func StoreOf(g *Guard) Store { return g.store }

// Refusals fills a number of filters to their capacity and returns how many of n
// other ids they take for their own.
func Refusals(capacity uint, rate float64, filters, n int) (refused int) {
	size, hashes := bloom.EstimateParameters(capacity, rate)
	random := rand.NewPCG(1, 2)
	for range filters {
		l := newLink(size, hashes)
		for range capacity {
			l.testOrAdd(trail{random.Uint64(), random.Uint64() | 1})
		}
		for range n / filters {
			if l.test(trail{random.Uint64(), random.Uint64() | 1}) {
				refused++
			}
		}
	}
	return refused
}

// LongestChain returns how many links the longest chain of a Local store has.
func LongestChain(s Store) (most int) {
	for w := range s.(*local).state.Load().all() {
		for i := range w.chains {
			_, links := w.chains[i].size()
			most = max(most, links)
		}
	}
	return most
}

// Held returns what the filters of a Local store and its windows take at least.
func Held(s Store) (bytes int64) {
	for w := range s.(*local).state.Load().all() {
		bytes += windowBytes
		for i := range w.chains {
			for _, l := range w.chains[i].links {
				bytes += int64(unsafe.Sizeof(l)) + int64(len(l.words))*8
			}
		}
	}
	return bytes
}

// FirstLink returns how many ids the smallest filter takes with which a shard of a
// Local store begins.
func FirstLink(capacity int) uint {
	s := newSizing(capacity, defaultRate)
	return slices.Min(s.first[:])
}

// Chain returns the rate of the first n filters of a shard together, when they are
// full, as if they were ideal. Room is what can be had for each.
func Chain(cfg LocalConfig, n int, lately uint, room int64) (rate float64) {
	s, before := newSizing(cfg.Capacity, cfg.FalsePositiveRate), uint(0)
	for i := range n {
		size, hashes, capacity := s.link(0, i, before, lately, room)
		k := float64(hashes)
		rate += math.Pow(1-math.Exp(-k*float64(capacity)/float64(size)), k)
		before = min(capacity, 1<<30)
	}
	return rate
}

// Scripts returns the scripts by the hashes under which they are run.
func Scripts() map[string]string { return map[string]string{setSHA: setScript, bloomSHA: bloomScript} }

// Breaker is the breaker in front of a remote store, by itself.
type Breaker struct{ b *breaker }

// NewBreaker returns a closed one.
func NewBreaker() Breaker { return Breaker{&breaker{start: time.Now()}} }

// Failed tells of a call that failed, or of one that did not.
func (b Breaker) Failed(failed bool) {
	if failed {
		b.b.failed()
		return
	}
	b.b.succeeded()
}

// Allow reports whether a call may be made now.
func (b Breaker) Allow() bool { return b.b.allow() }

// Open reports whether calls are held back.
func (b Breaker) Open() bool { return b.b.retry.Load() != 0 }

// MaxBusy is how many calls are made at once, and ErrBusy what the next one gets.
const MaxBusy = maxBusy

// ErrBusy says that too many calls wait for the server.
var ErrBusy = errBusy
