package replay_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// A master without replicas is no outage: if the instances fell back, each of them
// would accept the same tokens.
func TestMissingReplicasNeverFallBack(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{"none confirms": ":0\r\n", "refused": "-NOPERM no WAIT for you\r\n"} {
		s := newStub(t, func(args []string) string {
			if args[0] == "WAIT" {
				return answer
			}
			return ":1\r\n"
		})
		g := newGuard(t, replay.Config{
			OnStoreFailure: replay.LocalFallback,
			Store:          must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: patient})),
		})
		for i := range 12 { // more than open a breaker
			if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("%s, use %d: %v", name, i, err)
			}
		}
		if n := len(s.seen()); n != 24 {
			t.Errorf("%s: %d commands for 12 uses", name, n)
		}
	}
}

// What one use was told about its replicas says nothing about the next one, which
// never reached the server.
func TestAConfirmationIsOfOneUse(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	s := newStub(t, func([]string) string {
		if down.Load() {
			return lost
		}
		return ":1\r\n"
	})
	g := newGuard(t, replay.Config{
		OnStoreFailure: replay.LocalFallback,
		Store:          must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: patient})),
	})
	for _, fails := range []bool{false, true, false, true} {
		down.Store(fails)
		for range 3 {
			if err := g.Consume(t.Context(), token()); err != nil {
				t.Errorf("server fails: %v: %v", fails, err)
			}
		}
	}
}

// Redis looks at the deadline of WAIT ten times a second only: the guard's own
// deadline may be over first.
func TestAConfirmationThatIsLateNeverFallsBack(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newStub(t, func(args []string) string {
		if args[0] == "WAIT" {
			<-release
		}
		return ":1\r\n"
	})
	g := newGuard(t, replay.Config{
		OnStoreFailure: replay.LocalFallback,
		Store:          must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: time.Second})),
	})
	defer close(release)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("recorded and not confirmed: %v", err)
			}
		})
	}
	wg.Wait()
}

func TestAFrozenServerDoesNotHoldUsesThatWaitForReplicas(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{MinReplicas: 1}))
	_, _ = store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
	server.Freeze()
	defer server.Thaw()
	var slowest atomic.Int64
	var wg sync.WaitGroup
	for range 20 { // more connections than there are
		wg.Go(func() {
			start := time.Now()
			if fresh, err := store.Use(t.Context(), storetest.ID(), start.Add(time.Hour)); fresh || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("%v, %v", fresh, err)
			}
			took := int64(time.Since(start))
			for old := slowest.Load(); took > old && !slowest.CompareAndSwap(old, took); {
				old = slowest.Load()
			}
		})
	}
	wg.Wait()
	t.Logf("slowest answer %v", time.Duration(slowest.Load()))
	if slowest.Load() > int64(2500*time.Millisecond) { // 50 ms, on a machine that does nothing else
		t.Errorf("slowest answer %v", time.Duration(slowest.Load()))
	}
}

func TestCloseDoesNotWaitLongForAFrozenServer(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	client := redisClient(t, server.Addr)
	server.Freeze()
	defer server.Thaw()
	store := must(t)(replay.Redis(client, replay.RedisConfig{}))
	_, _ = store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
	start := time.Now()
	_ = store.Close()
	if took := time.Since(start); took > 3500*time.Millisecond { // 1 s at most, on a quiet machine
		t.Errorf("took %v", took)
	}
}

// For the race detector: the first use starts something that Close waits for.
func TestCloseMayMeetTheFirstUse(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return ":1\r\n" })
	client := stubClient(t, s.addr, false)
	for i := range 300 {
		store := must(t)(replay.Redis(client, replay.RedisConfig{Timeout: patient, MinReplicas: i % 2}))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { _, _ = store.Use(context.Background(), storetest.ID(), time.Now().Add(time.Hour)) })
		}
		wg.Go(func() { _ = store.Close() })
		wg.Wait()
		if fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour)); fresh || err == nil {
			t.Fatalf("a closed store answers %v, %v", fresh, err)
		}
	}
}

// away is a store that can be switched off.
type away struct {
	replay.Store

	down atomic.Bool
}

func (s *away) Use(ctx context.Context, id [16]byte, until time.Time) (bool, error) {
	if s.down.Load() {
		return false, errors.New("down")
	}
	return s.Store.Use(ctx, id, until)
}

// What was accepted while memory was full is not known here. When memory has come
// back and the store is away, nobody can tell whether such an id was used.
func TestWhatWasNotRememberedIsNotDecidedAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &away{Store: must(t)(replay.Local(replay.LocalConfig{}))}
		g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
		defer g.Close()
		replay.LimitKnown(replay.StoreOf(g), 64<<10)
		lasting := func(life time.Duration) replay.Token {
			tok := token()
			tok.NotAfter = time.Now().Add(life)
			return tok
		}
		for range 20_000 { // a busy hour fills the memory
			if err := g.Consume(t.Context(), lasting(10*time.Minute)); err != nil {
				t.Fatal(err)
			}
		}
		late := make([]replay.Token, 100)
		for i := range late {
			late[i] = lasting(10 * time.Hour)
			if err := g.Consume(t.Context(), late[i]); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * time.Hour) // and goes
		synctest.Wait()
		store.down.Store(true)
		for _, tok := range late {
			if err := g.Consume(t.Context(), tok); err == nil {
				t.Fatal("accepted a second time by the same instance")
			}
		}
		// Windows of which all is known are decided here as before.
		later := lasting(20 * time.Hour)
		if err := g.Consume(t.Context(), later); err != nil {
			t.Errorf("a first use in a later window: %v", err)
		}
		if err := g.Consume(t.Context(), later); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("its second use: %v", err)
		}
	})
}

// One use is accepted by the server when memory is full, and memory comes back, and
// another use of the same id meets an outage: in whatever order, one of them passes
// at most.
func TestMemoryThatComesBackInBetweenAcceptsNothingTwice(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	until := time.Now().Add(time.Hour)
	for name, tc := range map[string]struct {
		fails  int // of the tries to remember
		during int // the other use comes during this try, or after all of them
		want   [2]bool
	}{
		"before it is known that memory is full": {fails: 1, during: 1, want: [2]bool{false, true}},
		"before the second try":                  {fails: 1, during: 2, want: [2]bool{true, false}},
		"afterwards":                             {fails: 1, during: 3, want: [2]bool{true, false}},
		"during a second try that fails, too":    {fails: 2, during: 2, want: [2]bool{true, false}},
		"after two that fail":                    {fails: 2, during: 3, want: [2]bool{true, false}},
		"there is room":                          {fails: 0, during: 1, want: [2]bool{false, true}},
		"there was room":                         {fails: 0, during: 3, want: [2]bool{true, false}},
	} {
		client := stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false)
		store := must(t)(replay.Redis(client, replay.RedisConfig{}))
		id, try := storetest.ID(), 0
		var got [2]bool
		other := func(now int) {
			if now == tc.during {
				got[1], _ = replay.Alone(store, id, until)
			}
		}
		got[0] = replay.Remember(store, until, func() (bool, error) {
			try++
			other(try)
			if try <= tc.fails {
				return false, full
			}
			return replay.Known(store, id, until)
		})
		other(3)
		if got != tc.want {
			t.Errorf("%s: accepted by the server and alone: %v", name, got)
		}
	}
}

// However many windows have been dropped since, none of them comes back.
func TestAWindowDroppedLongAgoNeverComesBack(t *testing.T) {
	t.Parallel()
	for _, window := range []time.Duration{time.Second, time.Minute} {
		noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
		m := &machine{time: noon}
		store := must(t)(replay.LocalWithClock(replay.LocalConfig{Window: window}, m.wall, m.mono))
		id, until := storetest.ID(), noon.Add(window/2)
		if !accepts(t, store, id, until) {
			t.Fatal("a first use was refused")
		}
		for range 70 {
			m.run(window)
			accepts(t, store, storetest.ID(), m.wall().Add(window))
		}
		m.run(3 * time.Minute)
		replay.Sweep(store)
		m.set(-m.mono())
		if accepts(t, store, id, until) {
			t.Errorf("window %v: accepted again", window)
		}
		if !accepts(t, store, storetest.ID(), noon.Add(time.Hour*3)) {
			t.Errorf("window %v: a first use in a window that was never there was refused", window)
		}
		if accepts(t, store, id, until) {
			t.Errorf("window %v: accepted again after a new window", window)
		}
	}
}

// Thousands of windows with one id each take what is counted, and not much more.
//
//nolint:paralleltest // memory is measured for the whole process
func TestWindowsThemselvesCountAsMemory(t *testing.T) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	total := m.TotalAlloc
	local := must(t)(replay.Local(replay.LocalConfig{Window: time.Second}))
	exact := must(t)(replay.Exact(time.Second, 1<<30), nil)
	start := time.Now().Add(time.Minute)
	for i := range 4000 {
		for _, s := range []replay.Store{local, exact} {
			accepts(t, s, storetest.ID(), start.Add(time.Duration(i)*time.Second))
		}
	}
	counted := replay.Bytes(local) + replay.Bytes(exact)
	took := heap() - before
	runtime.ReadMemStats(&m)
	made := int64(m.TotalAlloc-total) / 8000
	t.Logf("counted %d, taken %d; %d bytes were allocated to make one", counted, took, made)
	if made > 6<<10 { // no list of all windows is copied
		t.Errorf("%d bytes were allocated to make a window", made)
	}
	if took > counted*12/10 {
		t.Errorf("counted %d bytes, but %d are taken", counted, took)
	}
	full := must(t)(replay.Exact(time.Second, 1<<20), nil)
	for i := range 4000 {
		if _, err := full.Use(t.Context(), storetest.ID(), start.Add(time.Duration(i)*time.Second)); err != nil {
			if !errors.Is(err, replay.ErrUnavailable) || replay.Bytes(full) > 1<<20 {
				t.Errorf("after %d windows and %d bytes: %v", i, replay.Bytes(full), err)
			}
			return
		}
	}
	t.Errorf("4000 windows in 1 MiB: %d bytes", replay.Bytes(full))
}

// Whatever expiries come, there are as many windows as fit into MaxLifetime.
func TestHostileExpiriesMakeAFewWindowsOnly(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	shared := must(t)(replay.Redis(stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false), replay.RedisConfig{Timeout: patient}))
	for name, store := range map[string]replay.Store{"Local": must(t)(replay.Local(replay.LocalConfig{})), "Redis": shared} {
		g := newGuard(t, replay.Config{Store: store})
		accepted := 0
		for range 5000 {
			tok := token()
			tok.NotAfter = time.Now().Add(time.Duration(random.Int64N(int64(1000*time.Hour))) - 100*time.Hour)
			switch err := g.Consume(t.Context(), tok); {
			case err == nil:
				accepted++
			case !errors.Is(err, replay.ErrLifetime):
				t.Fatal(err)
			}
		}
		for _, never := range []time.Time{{}, time.Unix(1<<62, 0), time.Unix(-1<<62, 0), time.Unix(1<<62, 999), time.Now().Add(1<<63 - 1)} {
			tok := token()
			tok.NotAfter = never
			if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrLifetime) {
				t.Errorf("%s, %v: %v", name, never, err)
			}
		}
		if s := g.Stats(); s.Windows > 26 || s.Tokens != accepted || accepted < 50 {
			t.Errorf("%s: %d accepted, %+v", name, accepted, s)
		}
	}
}
