package replay_test

import (
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

func accepts(tb testing.TB, s replay.Store, id [16]byte, until time.Time) bool {
	tb.Helper()
	fresh, err := s.Use(tb.Context(), id, until)
	if err != nil {
		tb.Fatal(err)
	}
	return fresh
}

// Tokens of many lifetimes are used at many moments, and again at every later
// moment until they have expired: through every rotation, none passes twice. Then
// nothing is left of them.
func TestLocalMissesNoReplayOverManyRotations(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := must(t)(replay.Local(replay.LocalConfig{}))
		defer store.Close()
		type token struct {
			id    [16]byte
			until time.Time
		}
		var live []token
		start := time.Now()
		for step := range 120 { // 30 hours in quarters
			now := start.Add(time.Duration(step) * 15 * time.Minute)
			time.Sleep(time.Until(now)) // the bubble's clock
			kept := live[:0]
			for _, tok := range live {
				if now.After(tok.until) {
					continue
				}
				kept = append(kept, tok)
				if accepts(t, store, tok.id, tok.until) {
					t.Fatalf("accepted again %v before its end", tok.until.Sub(now))
				}
			}
			live = kept
			for _, life := range []time.Duration{time.Second, 29 * time.Minute, time.Hour, 5*time.Hour + 7*time.Minute, 24*time.Hour + 30*time.Second} {
				tok := token{storetest.ID(), now.Add(life)}
				if !accepts(t, store, tok.id, tok.until) {
					t.Fatal("a first use was refused")
				}
				live = append(live, tok)
			}
		}
		if replay.Bytes(store) == 0 {
			t.Fatal("the measure of memory is broken")
		}
		time.Sleep(26 * time.Hour)
		synctest.Wait()
		if n := replay.Bytes(store); n != 0 {
			t.Errorf("%d bytes are left after the last expiry", n)
		}
	})
}

// A window goes in its time, whether it was made before or after those that stay.
func TestAWindowGoesInItsTimeWhateverOthersThereAre(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, hours := range [][]int{{1, 3, 24}, {24, 3, 1}, {3, 24, 1}, {3, 1, 24}} {
			store := must(t)(replay.Local(replay.LocalConfig{}))
			g := newGuard(t, replay.Config{Store: store})
			begin := time.Now()
			for _, h := range hours {
				accepts(t, store, storetest.ID(), begin.Add(time.Duration(h)*time.Hour))
			}
			for _, tc := range []struct {
				after time.Duration
				left  int
			}{{time.Hour / 2, 3}, {2*time.Hour + 2*time.Minute, 2}, {4*time.Hour + 2*time.Minute, 1}, {25*time.Hour + 2*time.Minute, 0}} {
				time.Sleep(time.Until(begin.Add(tc.after)))
				synctest.Wait()
				if n := g.Stats().Windows; n != tc.left {
					t.Errorf("made in the order %d: %d windows after %v, want %d", hours, n, tc.after, tc.left)
				}
			}
			_ = g.Close()
		}
	})
}

// The classic mistake keeps ids by the hour of their use.
func TestTheEdgeOfTheHourIsNoWayIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, replay.Config{})
		defer g.Close()
		time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour - time.Second)))
		for _, life := range []time.Duration{time.Second, 2 * time.Second, time.Hour, time.Hour + time.Second} {
			tok := replay.Token{ID: life.String(), NotAfter: time.Now().Add(life)}
			if err := g.Consume(t.Context(), tok); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
			if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
				t.Errorf("life %v, after the edge: %v", life, err)
			}
			time.Sleep(time.Until(time.Now().Truncate(time.Hour).Add(time.Hour - time.Second)))
		}
	})
}

// A verifier accepts until exp + leeway; so long, and not a moment less, a use is
// remembered. Afterwards the guard refuses by itself.
func TestUsesAreRememberedOverTheLeeway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, leeway := range []time.Duration{-1, 0, 30 * time.Second, 5 * time.Minute} {
			g := newGuard(t, replay.Config{Leeway: leeway})
			want := max(0, leeway)
			if leeway == 0 {
				want = 30 * time.Second
			}
			// An expiry on the edge itself, and one on either side of it.
			for _, off := range []time.Duration{-time.Nanosecond, 0, time.Second} {
				tok := replay.Token{ID: rnd(), NotAfter: time.Now().Add(90 * time.Minute).Truncate(time.Hour).Add(off)}
				if err := g.Consume(t.Context(), tok); err != nil {
					t.Fatal(err)
				}
				for _, left := range []time.Duration{want + time.Second, max(want, 2), 1} {
					if wait := time.Until(tok.NotAfter.Add(want - left)); wait > 0 {
						time.Sleep(wait)
					}
					if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
						t.Errorf("leeway %v, %v left: %v", want, left, err)
					}
				}
				fresh := tok
				fresh.ID = rnd()
				if err := g.Consume(t.Context(), fresh); err != nil {
					t.Errorf("leeway %v, first use in the last moment: %v", want, err)
				}
				time.Sleep(time.Nanosecond)
				fresh.ID = rnd()
				if err := g.Consume(t.Context(), fresh); !errors.Is(err, replay.ErrLifetime) {
					t.Errorf("leeway %v, first use after the end: %v", want, err)
				}
			}
			_ = g.Close()
		}
	})
}

func TestLocalHoldsItsRateAndItsMemoryFarBeyondItsCapacity(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(time.Hour)
	n := soak(400_000, 10_000_000)
	for name, tc := range map[string]struct {
		cfg      replay.LocalConfig
		perToken float64
	}{
		"grown from nothing": {replay.LocalConfig{}, 13},
		"capacity too small": {replay.LocalConfig{Capacity: n / 100}, 15},
		"capacity just met":  {replay.LocalConfig{Capacity: n}, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := must(t)(replay.Local(tc.cfg))
			var ids sequence
			refused := 0
			for range n {
				if !accepts(t, store, ids.next(), until) {
					refused++
				}
			}
			var again sequence
			for range n / 10 {
				if accepts(t, store, again.next(), until) {
					t.Fatal("a replay was missed")
				}
			}
			per := float64(replay.Bytes(store)) / float64(n)
			t.Logf("%d tokens: %d refused by mistake, %.1f bytes a token", n, refused, per)
			if refused > 1 || per > tc.perToken { // one is a thousandth's chance
				t.Errorf("%d refused by mistake, %.1f bytes a token", refused, per)
			}
		})
	}
}

// With rates high enough to be measured, the chain stays below them, and misses no
// replay.
func TestAGrowingChainKeepsTheRateAskedFor(t *testing.T) {
	t.Parallel()
	const n = 300_000
	for _, rate := range []float64{0.01, 0.001} {
		store := must(t)(replay.Local(replay.LocalConfig{FalsePositiveRate: rate}))
		until := time.Now().Add(time.Hour)
		var ids, again sequence
		refused := 0
		for range n {
			if !accepts(t, store, ids.next(), until) {
				refused++
			}
		}
		t.Logf("rate %g: measured %.1e", rate, float64(refused)/n)
		if expected := rate * n; float64(refused) > 1.1*expected+4*math.Sqrt(expected) {
			t.Errorf("rate %g: %d of %d refused by mistake", rate, refused, n)
		}
		for range n {
			if accepts(t, store, again.next(), until) {
				t.Fatalf("rate %g: a replay was missed", rate)
			}
		}
	}
}

// Full filters of all sizes keep to the rate of ideal ones: small ones too, in which
// related trails would meet.
func TestAFullFilterKeepsItsRate(t *testing.T) {
	t.Parallel()
	const rate = 1e-5
	for _, capacity := range []uint{64, 512, 100_000} {
		n := soak(10_000_000, 200_000_000)
		refused := replay.Refusals(capacity, rate, 1, n)
		t.Logf("%d ids: measured rate %.2e", capacity, float64(refused)/float64(n))
		if expected := rate * float64(n); float64(refused) > 1.25*expected+6*math.Sqrt(expected) {
			t.Errorf("%d ids: %d refused by mistake, %.0f expected", capacity, refused, expected)
		}
	}
}

// No filter is so small that chance fills it more than its formula says: on average
// over many of them.
func TestAStoreForAFewIDsKeepsItsRateToo(t *testing.T) {
	t.Parallel()
	const rate, n = 1e-5, 4_000_000
	for _, capacity := range []int{1, 16, 63, 1000} {
		first := replay.FirstLink(capacity)
		refused := replay.Refusals(first, rate, n/100, n)
		t.Logf("Capacity %d, filters of %d ids: measured rate %.2e", capacity, first, float64(refused)/n)
		if float64(refused) > rate*n*5/4 {
			t.Errorf("Capacity %d, filters of %d ids: %d refused by mistake, %.0f expected", capacity, first, refused, rate*n)
		}
	}
}

// However long a chain gets, and however it grows.
func TestTheRatesOfAChainAddUpToLessThanTheRateAskedFor(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.01, 1e-6, 1e-9, 1e-12} {
		for _, capacity := range []int{0, 1, 100_000} {
			for _, lately := range []uint{0, 5000} {
				for n, low := range map[int]float64{1: 0.86, 2: 0.88, 20: 0.9, 1000: 0.9} {
					for _, room := range []int64{0, 1 << 40} {
						sum := replay.Chain(replay.LocalConfig{Capacity: capacity, FalsePositiveRate: rate}, n, lately, room)
						if sum > rate || sum < rate*low {
							t.Errorf("rate %g, Capacity %d, %d links, room for %d: %g of the rate", rate, capacity, n, room, sum/rate)
						}
					}
				}
			}
		}
	}
}

// All of an id counts, and where its marks are nobody outside the process can tell:
// ids made to meet in a filter whose places were known do not.
func TestIDsThatAreNearlyAlikeAreDifferent(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(time.Hour)
	for name, store := range map[string]replay.Store{
		"filters": must(t)(replay.Local(replay.LocalConfig{})),
		"tables":  must(t)(replay.Exact(time.Hour, 1<<30), nil),
	} {
		for range 100 {
			base := storetest.ID()
			for bit := range 129 {
				id := base
				if bit < 128 {
					id[bit/8] ^= 1 << (bit % 8)
				}
				if !accepts(t, store, id, until) {
					t.Fatalf("%s: bit %d does not count", name, bit)
				}
			}
		}
	}
}

// What stands in front of a shared store refuses nothing by mistake.
func TestExactTablesAreExactAndCompact(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Exact(time.Hour, 1<<30), nil)
	until := time.Now().Add(time.Hour)
	var ids, again sequence
	n := soak(500_000, 10_000_000)
	for range n {
		if !accepts(t, store, ids.next(), until) {
			t.Fatal("a first use was refused")
		}
	}
	for range n {
		if accepts(t, store, again.next(), until) {
			t.Fatal("a replay was missed")
		}
	}
	if per := float64(replay.Bytes(store)) / float64(n); per < 8 || per > 24 {
		t.Errorf("%.1f bytes a token", per)
	}
}

// After a busy window the next one makes room at once, and a quiet one does not.
func TestWindowsLearnFromTheOnesBefore(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Local(replay.LocalConfig{}))
	guard := newGuard(t, replay.Config{Store: store})
	var ids sequence
	const n = 300_000
	until := time.Now().Add(time.Hour)
	grown := []int{}
	for w := range 3 {
		before := guard.Stats()
		for range n {
			accepts(t, store, ids.next(), until.Add(time.Duration(w)*time.Hour))
		}
		after := guard.Stats()
		if after.Tokens-before.Tokens != n || after.Windows-before.Windows != 1 || after.Bytes-before.Bytes > 13*n {
			t.Errorf("window %d: %+v after %+v", w, after, before)
		}
		grown = append(grown, after.Grown-before.Grown)
	}
	t.Logf("filters added per window: %v", grown)
	if grown[1] > grown[0]/2 || grown[2] > grown[0]/2 {
		t.Errorf("filters added per window: %v", grown)
	}
	before := replay.Bytes(store)
	accepts(t, store, ids.next(), until.Add(10*time.Hour))
	if n := replay.Bytes(store) - before; n > 7<<10 {
		t.Errorf("one token in a quiet window takes %d bytes", n)
	}
}

func TestAFullLocalStoreFailsAndNeverForgets(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Local(replay.LocalConfig{MaxBytes: 1 << 20}))
	until := time.Now().Add(time.Hour)
	var ids sequence
	taken := 0
	for {
		fresh, err := store.Use(t.Context(), ids.next(), until)
		if err != nil {
			if fresh || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("full: %v, %v", fresh, err)
			}
			break
		}
		taken++
	}
	if taken < 50_000 || replay.Bytes(store) > 1<<20 {
		t.Errorf("full after %d tokens and %d bytes", taken, replay.Bytes(store))
	}
	var again sequence
	for range taken {
		fresh, err := store.Use(t.Context(), again.next(), until)
		if fresh || err != nil {
			t.Fatalf("a replay in a full store: %v, %v", fresh, err)
		}
	}
	guard := newGuard(t, replay.Config{Store: store})
	p := principal()
	codes := map[int]int{}
	for range 500 {
		p.TokenID = rnd()
		r, _ := engine(p, guard.SingleUse())
		codes[post(r).Code]++
	}
	if codes[503] == 0 || codes[401] != 0 {
		t.Errorf("answers of a full store: %v", codes)
	}
}

// Nothing holds a store that is closed: no timer, no goroutine.
func TestAClosedStoreIsGarbage(t *testing.T) {
	t.Parallel()
	store, err := replay.Local(replay.LocalConfig{})
	if err != nil {
		t.Fatal(err)
	}
	accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
	gone := replay.Collected(store)
	if gone() {
		t.Error("gone while it is in use")
	}
	_ = store.Close()
	eventually(t, "the store is collected", func() error {
		if !gone() {
			return errors.New("still there")
		}
		return nil
	})
}

// A use may be held up so long that its window is gone meanwhile. The memory that it
// then takes goes with it, and is not counted for ever.
func TestALateUseTakesNoMemoryForGood(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]func(wall func() time.Time, mono func() time.Duration) (replay.Store, error){
		"filters": func(wall func() time.Time, mono func() time.Duration) (replay.Store, error) {
			return replay.LocalWithClock(replay.LocalConfig{}, wall, mono)
		},
		"tables": func(wall func() time.Time, mono func() time.Duration) (replay.Store, error) {
			return replay.ExactWithClock(wall, mono), nil
		},
	} {
		for _, gone := range []string{"swept", "closed"} {
			m := &machine{time: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
			store := must(t)(s(m.wall, m.mono))
			accepts(t, store, storetest.ID(), m.wall())
			for range 100 { // enough to make filters of their own
				_, _ = replay.LateUse(store, storetest.ID(), m.wall(), func() {
					if gone == "closed" {
						_ = store.Close()
						return
					}
					m.run(3 * time.Hour)
					replay.Sweep(store)
				})
				if n := replay.Bytes(store); n != 0 {
					t.Fatalf("%s, %s: %d bytes are left of nothing", name, gone, n)
				}
				if gone == "closed" {
					break
				}
			}
		}
	}
}

// Windows far shorter than what is kept in them are a waste, not a fault.
func TestManyWindowsAreFoundFast(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Local(replay.LocalConfig{Window: time.Second}))
	start := time.Now().Add(time.Minute)
	var first, again sequence
	for i := range 3000 {
		accepts(t, store, first.next(), start.Add(time.Duration(i*7919%3000)*time.Second))
	}
	for i := range 3000 {
		if accepts(t, store, again.next(), start.Add(time.Duration(i*7919%3000)*time.Second)) {
			t.Fatal("a replay was missed")
		}
	}
}

//nolint:paralleltest // allocations are counted for the whole process
func TestAUseInProcessAllocatesNothing(t *testing.T) {
	store := must(t)(replay.Local(replay.LocalConfig{Capacity: 100_000}))
	until := time.Now().Add(time.Hour)
	var ids sequence
	for range 20_000 { // every shard has its filter
		accepts(t, store, ids.next(), until)
	}
	ctx := t.Context()
	if n := testing.AllocsPerRun(10_000, func() { _, _ = store.Use(ctx, ids.next(), until) }); n > 0 {
		t.Errorf("%v allocations a use", n)
	}
	guard := newGuard(t, replay.Config{Store: store})
	tok := replay.Token{Kind: replay.KindToken, Issuer: "https://id.example", Client: "shop", ID: rnd(), NotAfter: until}
	if n := testing.AllocsPerRun(10_000, func() { _ = guard.Consume(ctx, tok) }); n > 0 {
		t.Errorf("%v allocations a replay", n)
	}
}

func TestAnEmptyWindowCostsLittle(t *testing.T) {
	t.Parallel()
	store := must(t)(replay.Local(replay.LocalConfig{}))
	for h := range 25 {
		accepts(t, store, storetest.ID(), time.Now().Add(time.Duration(h)*time.Hour))
	}
	if n := replay.Bytes(store); n > 160<<10 {
		t.Errorf("25 windows of one token take %d bytes", n)
	}
}
