package replay_test

import (
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// Of several windows of which not all is known, the last one counts, in whatever order
// they came.
func TestTheLastWindowOfWhichNotAllIsKnownCounts(t *testing.T) {
	t.Parallel()
	client := stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false)
	early, late := time.Now().Add(time.Hour), time.Now().Add(10*time.Hour)
	full := func() (bool, error) { return false, errors.New("full") }
	for name, order := range map[string][]time.Time{"late, early": {late, early}, "early, late": {early, late}, "late, late": {late, late}} {
		store := must(t)(replay.Redis(client, replay.RedisConfig{}))
		for _, until := range order {
			if !replay.Remember(store, until, full) {
				t.Errorf("%s: what the server has accepted was refused", name)
			}
		}
		for _, until := range []time.Time{early, early.Add(5 * time.Hour), late} {
			if fresh, err := replay.Alone(store, storetest.ID(), until); fresh || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("%s, %v: %v, %v", name, time.Until(until), fresh, err)
			}
		}
		if fresh, err := replay.Alone(store, storetest.ID(), late.Add(time.Hour)); !fresh || err != nil {
			t.Errorf("%s, a later window: %v, %v", name, fresh, err)
		}
	}
}

// An expiry that is over would delete the key and make all its ids fresh: the server is
// not even asked.
func TestAServerIsNotAskedAboutWhatIsOver(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(rueidis.Client, replay.RedisConfig) (replay.Store, error){
		"Redis": replay.Redis, "RedisBloom": replay.RedisBloom,
	} {
		s := newStub(t, func([]string) string { return ":1\r\n" })
		store := replay.Bare(must(t)(open(stubClient(t, s.addr, false), replay.RedisConfig{Window: time.Second, Timeout: patient})))
		// A window's end is kept for another minute, but nothing is accepted in it.
		for _, ago := range []time.Duration{1001 * time.Millisecond, 30 * time.Second, 5 * time.Minute, 59 * time.Minute} {
			if accepts(t, store, storetest.ID(), time.Now().Add(-ago)) {
				t.Errorf("%s: accepted what was over %v ago", name, ago)
			}
		}
		if got := s.seen(); len(got) != 0 {
			t.Errorf("%s: commands %q", name, got)
		}
	}
}

// However many uses come when a failing store may be tried again, one of them does.
func TestAnOpenBreakerLetsOneUseThroughAtATime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := replay.NewBreaker()
		for n := range 5 {
			if !b.Allow() || b.Open() {
				t.Fatalf("held back after %d failures", n)
			}
			b.Failed(true)
		}
		if !b.Open() || b.Allow() {
			t.Fatal("not held back after 5 failures")
		}
		time.Sleep(250*time.Millisecond - 1)
		if b.Allow() {
			t.Error("tried too early")
		}
		time.Sleep(time.Nanosecond)
		for round := range 3000 {
			var allowed, at atomic.Int32
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					at.Add(1)
					for spun := 1; at.Load() < 2; spun++ { // together
						if spun%100 == 0 {
							runtime.Gosched()
						}
					}
					if b.Allow() {
						allowed.Add(1)
					}
				})
			}
			wg.Wait()
			if n := allowed.Load(); n != 1 {
				t.Fatalf("round %d: %d uses tried the store", round, n)
			}
			time.Sleep(250 * time.Millisecond)
		}
		if b.Failed(false); b.Open() || !b.Allow() || !b.Allow() {
			t.Error("held back after a success")
		}
		for range 4 { // failures before it do not count
			b.Failed(true)
		}
		if b.Open() {
			t.Error("held back after 4 failures that follow a success")
		}
	})
}
