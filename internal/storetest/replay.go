// Package storetest holds the suites that every store of a kind must pass.
package storetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ReplayStore is replay.Store.
type ReplayStore interface {
	Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error)
	Close() error
}

// Replay is the suite of replay stores. Open returns instances that share one
// state, with the given window; each call has a state of its own. Tokens scales
// the concurrent test.
func Replay(t *testing.T, tokens int, open func(t *testing.T, window time.Duration) []ReplayStore) {
	t.Helper()
	t.Run("one of many concurrent uses wins", func(t *testing.T) {
		t.Parallel()
		OneWins(t, open(t, time.Hour), tokens, 64)
	})
	t.Run("a used id stays used on every instance", func(t *testing.T) {
		t.Parallel()
		staysUsed(t, open(t, time.Hour))
	})
	t.Run("ids that differ in one bit are different", func(t *testing.T) {
		t.Parallel()
		oneBit(t, open(t, time.Hour))
	})
	t.Run("both sides of a window's edge", func(t *testing.T) {
		t.Parallel()
		edges(t, open(t, time.Hour))
	})
	t.Run("what is over is never fresh", func(t *testing.T) {
		t.Parallel()
		over(t, open(t, time.Hour))
	})
	t.Run("refused to the last moment over many edges", func(t *testing.T) {
		t.Parallel()
		lastMoment(t, open(t, time.Second))
	})
	t.Run("a closed store accepts nothing", func(t *testing.T) {
		t.Parallel()
		closed(t, open(t, time.Hour))
	})
}

// ID returns a random id, as a guard's hashes are.
func ID() (id [16]byte) {
	_, _ = rand.Read(id[:])
	return id
}

// OneWins lets a number of goroutines use each of many ids at once, spread over
// the instances.
func OneWins(t *testing.T, stores []ReplayStore, tokens, goroutines int) {
	t.Helper()
	until := time.Now().Add(30 * time.Minute)
	ids := make([][16]byte, tokens)
	wins := make([]atomic.Int32, tokens)
	for i := range ids {
		ids[i] = ID()
	}
	var wg sync.WaitGroup
	for g := range goroutines {
		wg.Go(func() {
			for i, id := range ids {
				fresh, err := stores[(g+i)%len(stores)].Use(t.Context(), id, until)
				if err != nil {
					t.Error(err)
					return
				}
				if fresh {
					wins[i].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for i := range wins {
		if n := wins[i].Load(); n != 1 {
			t.Errorf("token %d was accepted %d times", i, n)
		}
	}
}

func use(t *testing.T, s ReplayStore, id [16]byte, until time.Time) bool {
	t.Helper()
	fresh, err := s.Use(t.Context(), id, until)
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func staysUsed(t *testing.T, stores []ReplayStore) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	for n := range 200 {
		id := ID()
		if !use(t, stores[n%len(stores)], id, until) {
			t.Fatal("a first use was refused")
		}
		for i, s := range stores {
			if use(t, s, id, until) {
				t.Fatalf("instance %d accepted a used id", i)
			}
		}
	}
}

func oneBit(t *testing.T, stores []ReplayStore) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	base := ID()
	use(t, stores[0], base, until)
	// A store may keep 64 bits of an id: more than enough, as ids are hashes. All of
	// them must count, the sign bit too.
	for bit := range 64 {
		id := base
		id[bit/8] ^= 1 << (bit % 8)
		if !use(t, stores[0], id, until) {
			t.Errorf("bit %d does not count", bit)
		}
	}
}

func edges(t *testing.T, stores []ReplayStore) {
	t.Helper()
	edge := time.Now().Add(3 * time.Hour).Truncate(time.Hour)
	for _, until := range []time.Time{edge.Add(-time.Second), edge.Add(-1), edge, edge.Add(1), edge.Add(time.Hour - 1)} {
		id := ID()
		if !use(t, stores[0], id, until) {
			t.Errorf("%v: a first use was refused", until)
		}
		for _, s := range stores {
			if use(t, s, id, until) {
				t.Errorf("%v: accepted twice", until)
			}
		}
		// The same instant, told in another zone or read off another clock.
		if use(t, stores[0], id, until.In(time.FixedZone("", 7200))) {
			t.Errorf("%v: the zone makes a difference", until)
		}
	}
}

func over(t *testing.T, stores []ReplayStore) {
	t.Helper()
	for _, ago := range []time.Duration{2 * time.Hour, 24 * time.Hour, 50 * 365 * 24 * time.Hour, 90 * 365 * 24 * time.Hour} {
		id := ID()
		for range 3 {
			if use(t, stores[0], id, time.Now().Add(-ago)) {
				t.Errorf("accepted what was over %v ago", ago)
			}
		}
	}
	for name, until := range map[string]time.Time{"no time": {}, "the epoch": time.Unix(0, 0)} {
		if use(t, stores[0], ID(), until) {
			t.Errorf("accepted with %s", name)
		}
	}
	if fresh, err := stores[0].Use(t.Context(), ID(), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)); fresh || err == nil {
		t.Error("accepted what cannot be kept long enough")
	}
}

// lastMoment uses ids once and then again until their time has come.
func lastMoment(t *testing.T, stores []ReplayStore) {
	t.Helper()
	start := time.Now()
	type token struct {
		id    [16]byte
		until time.Time
	}
	var tokens []token
	for ms := 100; ms <= 3500; ms += 100 {
		tokens = append(tokens, token{ID(), start.Add(time.Duration(ms) * time.Millisecond)})
	}
	tokens = append(tokens, token{ID(), start.Truncate(time.Second).Add(2 * time.Second)})
	for _, tok := range tokens {
		if !use(t, stores[0], tok.id, tok.until) && time.Now().Before(tok.until) { // a busy machine may be late
			t.Error("a first use was refused")
		}
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; time.Since(start) < 3500*time.Millisecond; n++ {
		for i, tok := range tokens {
			if use(t, stores[(n+i)%len(stores)], tok.id, tok.until) {
				t.Errorf("token %d was accepted again %v before its end", i, time.Until(tok.until))
			}
		}
		<-tick.C
	}
}

func closed(t *testing.T, stores []ReplayStore) {
	t.Helper()
	until := time.Now().Add(time.Hour)
	used := ID()
	use(t, stores[0], used, until)
	for range 2 {
		if err := stores[0].Close(); err != nil {
			t.Fatal(fmt.Errorf("close: %w", err))
		}
	}
	for _, id := range [][16]byte{used, ID()} {
		if fresh, err := stores[0].Use(t.Context(), id, until); fresh || err == nil {
			t.Errorf("a closed store answers %v, %v", fresh, err)
		}
	}
}
