package replay_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

func TestManyGoroutinesMakeAWindowTogether(t *testing.T) {
	t.Parallel()
	for range 200 {
		store := must(t)(replay.Local(replay.LocalConfig{}))
		id, until := storetest.ID(), time.Now().Add(time.Hour)
		var wins atomic.Int32
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if accepts(t, store, id, until) {
					wins.Add(1)
				}
			})
		}
		wg.Wait()
		if wins.Load() != 1 {
			t.Fatalf("%d first uses", wins.Load())
		}
	}
}

// Two uses in lockstep meet in the middle of a decision, again and again.
func TestUsesInLockstepAreDecidedOneAfterTheOther(t *testing.T) {
	t.Parallel()
	for name, store := range map[string]replay.Store{
		"filters": must(t)(replay.Local(replay.LocalConfig{})),
		"tables":  must(t)(replay.Exact(time.Hour, 1<<30), nil),
	} {
		const tokens = 100_000
		until, end := time.Now().Add(time.Hour), time.Now().Add(1500*time.Millisecond)
		var wins [2][]bool
		var ready [2]atomic.Int64
		var wg sync.WaitGroup
		for me := range 2 {
			wg.Go(func() {
				var ids sequence
				for n := int64(1); n <= tokens && time.Now().Before(end); n++ {
					id := ids.next()
					ready[me].Store(n)
					for spun := 0; ready[1-me].Load() < n && (spun < 1000 || time.Now().Before(end)); spun++ {
						if spun%100 == 99 {
							runtime.Gosched()
						}
					}
					fresh, err := store.Use(context.Background(), id, until)
					if err != nil {
						t.Error(err)
					}
					wins[me] = append(wins[me], fresh)
				}
			})
		}
		wg.Wait()
		pairs := min(len(wins[0]), len(wins[1]))
		for i := range pairs {
			if wins[0][i] == wins[1][i] {
				t.Fatalf("%s: token %d of %d was accepted by both or none: %v", name, i, pairs, wins[0][i])
			}
		}
		if pairs == 0 {
			t.Errorf("%s: no two uses met", name)
		}
	}
}
