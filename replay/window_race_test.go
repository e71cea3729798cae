package replay_test

import (
	"encoding/binary"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// Two goroutines bring the first ids of two windows at the same moment. Each id is
// kept in the window of its own expiry, or its second use would find none.
func TestWindowsMadeAtOnceAreNotTakenForEachOther(t *testing.T) {
	t.Parallel()
	// Windows so far apart are looked for at the same place of a small table, most often.
	for _, apart := range []time.Duration{13 * time.Hour, 34 * time.Hour} {
		first := time.Now().Truncate(time.Hour).Add(2*time.Hour + time.Second)
		until := [2]time.Time{first, first.Add(apart)}
		const stores = 10_000
		var list [stores]replay.Store
		for i := range list {
			var err error
			if list[i], err = replay.Local(replay.LocalConfig{}); err != nil {
				t.Fatal(err)
			}
		}
		id := func(i, who int) (id [16]byte) {
			binary.BigEndian.PutUint64(id[:], uint64(2*i+who))
			return id
		}
		var at [2]atomic.Int64
		var wg sync.WaitGroup
		for who := range 2 {
			wg.Go(func() {
				for i, store := range list {
					at[who].Store(int64(i + 1))
					for at[1-who].Load() <= int64(i) { // both must arrive together
						runtime.Gosched()
					}
					if fresh, err := store.Use(t.Context(), id(i, who), until[who]); !fresh || err != nil {
						t.Errorf("the first use: %v, %v", fresh, err)
					}
				}
			})
		}
		wg.Wait()
		for i, store := range list {
			for who := range 2 {
				if fresh, _ := store.Use(t.Context(), id(i, who), until[who]); fresh {
					t.Errorf("store %d, window %d: accepted twice", i, who)
				}
			}
			_ = store.Close()
		}
	}
}

// A window that is made while the list of them is replaced by a larger one is in the
// larger one, too.
func TestWindowsMadeWhileTheListGrowsAreAllThere(t *testing.T) {
	t.Parallel()
	const stores, before = 5000, 4 // one more makes it grow
	first := time.Now().Truncate(time.Hour).Add(2*time.Hour + time.Second)
	var list [stores]replay.Store
	for i := range list {
		list[i] = replay.Exact(time.Hour, 1<<30)
		for n := range before {
			accepts(t, list[i], storetest.ID(), first.Add(time.Duration(n)*time.Hour))
		}
	}
	id, until := [2][16]byte{storetest.ID(), storetest.ID()}, [2]time.Time{}
	for who := range until {
		until[who] = first.Add(time.Duration(before+who) * time.Hour)
	}
	var at [2]atomic.Int64
	var wg sync.WaitGroup
	for who := range 2 {
		wg.Go(func() {
			for i, store := range list {
				at[who].Store(int64(i + 1))
				for at[1-who].Load() <= int64(i) { // both must arrive together
					runtime.Gosched()
				}
				if fresh, err := store.Use(t.Context(), id[who], until[who]); !fresh || err != nil {
					t.Errorf("the first use: %v, %v", fresh, err)
				}
			}
		})
	}
	wg.Wait()
	for i, store := range list {
		for who := range 2 {
			if fresh, _ := store.Use(t.Context(), id[who], until[who]); fresh {
				t.Fatalf("store %d, window %d: accepted twice", i, who)
			}
		}
		_ = store.Close()
	}
}
