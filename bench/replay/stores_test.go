// Package replay_test measures stores that accept an id once: in process and
// over Redis.
package replay_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bits-and-blooms/bloom/v3"

	"github.com/ginsec/ginsec/bench/internal/redis"
)

// rate is the share of honest ids that a filter may refuse.
const rate = 1e-9

// sized is how many ids the stores of these comparisons are made for.
const sized = 1_000_000

// use accepts an id the first time.
type use func(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error)

type store struct {
	name string
	open func(testing.TB) use
}

func locals() []store {
	return []store{
		{"ginsec", ginsecLocal},
		{"ginsec/default-size", ginsecLocalDefault},
		{"peer/bloom+mutex", func(testing.TB) use {
			var mu sync.Mutex
			filter := bloom.NewWithEstimates(sized, rate)
			return func(_ context.Context, id [16]byte, _ time.Time) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				return !filter.TestOrAdd(id[:]), nil
			}
		}},
	}
}

type remote struct {
	name string
	open func(testing.TB, redis.Server) use
}

func remotes() []remote {
	return []remote{
		{"ginsec", ginsecRedis},
		{"peer/set-nx-px", setNX},
		{"peer/exists-then-add", existsThenAdd},
	}
}

// setNX is the exact way that needs no script: a key for each id.
func setNX(tb testing.TB, s redis.Server) use {
	tb.Helper()
	client := s.Rueidis(tb)
	return func(ctx context.Context, id [16]byte, until time.Time) (bool, error) {
		left := time.Until(until).Milliseconds()
		err := client.Do(ctx, client.B().Set().Key("jti:"+string(id[:])).Value("1").Nx().PxMilliseconds(left).Build()).Error()
		return granted(err)
	}
}

// existsThenAdd is the recipe of many checklists: look, then add. Two commands
// leave a gap between them.
func existsThenAdd(tb testing.TB, s redis.Server) use {
	tb.Helper()
	client := s.Rueidis(tb)
	return func(ctx context.Context, id [16]byte, until time.Time) (bool, error) {
		key := "seen:" + string(id[:])
		n, err := client.Do(ctx, client.B().Exists().Key(key).Build()).AsInt64()
		if err != nil || n > 0 {
			return false, err
		}
		left := time.Until(until).Milliseconds()
		return true, client.Do(ctx, client.B().Set().Key(key).Value("1").PxMilliseconds(left).Build()).Error()
	}
}

// ids makes ids that differ.
type ids struct{ random *rand.PCG }

func newIDs(seed uint64) *ids { return &ids{rand.NewPCG(seed, 7)} }

func (g *ids) next() (id [16]byte) {
	binary.LittleEndian.PutUint64(id[:8], g.random.Uint64())
	binary.LittleEndian.PutUint64(id[8:], g.random.Uint64())
	return id
}

// numbered is the n-th id of all callers of a benchmark.
func numbered(seed uint64, n int) (id [16]byte) { return newIDs(seed<<32 + uint64(n)).next() }

func expiry() time.Time { return time.Now().Add(30 * time.Minute) }

// A comparison of speed is void unless all give the same verdicts: each id is
// accepted exactly once, whoever asks at the same moment.
func TestAllStoresAcceptAnIDOnce(t *testing.T) {
	s := redis.Start(t)
	for _, v := range locals() {
		t.Run(v.name, func(t *testing.T) { acceptOnce(t, v.open(t)) })
	}
	for _, v := range remotes() {
		if v.name == "peer/exists-then-add" {
			continue // it does not, which BenchmarkDoubleAcceptance counts
		}
		t.Run("redis/"+v.name, func(t *testing.T) {
			s.Do("FLUSHALL")
			acceptOnce(t, v.open(t, s))
		})
	}
}

func acceptOnce(t *testing.T, accept use) {
	t.Helper()
	const tokens = 200
	if n := accepted(t, accept, 1, tokens); n != tokens {
		t.Errorf("%d tokens were accepted %d times", tokens, n)
	}
	if n := accepted(t, accept, 1, tokens); n != 0 {
		t.Errorf("used tokens were accepted %d more times", n)
	}
	if n := accepted(t, accept, 2, tokens); n != tokens {
		t.Errorf("%d other tokens were accepted %d times", tokens, n)
	}
}

// accepted uses each of n ids from 16 goroutines at once and counts acceptances.
func accepted(tb testing.TB, accept use, seed uint64, n int) int64 {
	tb.Helper()
	const callers = 16
	var total atomic.Int64
	until := expiry()
	for i := range n {
		id := numbered(seed, i)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				<-start
				fresh, err := accept(tb.Context(), id, until)
				if err != nil {
					tb.Error(strconv.Itoa(i), err)
				}
				if fresh {
					total.Add(1)
				}
			})
		}
		close(start)
		wg.Wait()
	}
	return total.Load()
}
