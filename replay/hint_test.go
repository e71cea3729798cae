package replay_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ginsec/ginsec/replay"
)

// What a store expects of a window is a hint: no use is refused for it while there is
// room for the id, and none is accepted twice.
func TestAHintThatDoesNotFitRefusesNobody(t *testing.T) {
	t.Parallel()
	type use struct{ window, ids int }
	day := func(ids int) (uses []use) {
		for w := range 24 {
			uses = append(uses, use{w, ids})
		}
		return uses
	}
	for name, tc := range map[string]struct {
		cfg  replay.LocalConfig
		uses []use
	}{
		"a capacity of four million in one mebibyte":         {replay.LocalConfig{Capacity: 4_000_000, MaxBytes: 1 << 20}, []use{{0, 40_000}}},
		"a capacity of 300,000 in one mebibyte":              {replay.LocalConfig{Capacity: 300_000, MaxBytes: 1 << 20}, []use{{0, 40_000}}},
		"a day of windows, each expected to be busy":         {replay.LocalConfig{Capacity: 100_000, MaxBytes: 8 << 20}, day(100)},
		"a day of busier windows":                            {replay.LocalConfig{Capacity: 50_000, MaxBytes: 8 << 20}, day(10_000)},
		"windows beside one that was far busier":             {replay.LocalConfig{MaxBytes: 8 << 20}, []use{{4, 330_000}, {5, 20_000}, {6, 20_000}, {3, 20_000}, {2, 20_000}}},
		"one window until the documented room is used up":    {replay.LocalConfig{MaxBytes: 8 << 20}, []use{{0, 600_000}}},
		"a large capacity until the same room is used up":    {replay.LocalConfig{Capacity: 500_000, MaxBytes: 8 << 20}, []use{{0, 600_000}}},
		"a capacity beyond it until the same room is so":     {replay.LocalConfig{Capacity: 5_000_000, MaxBytes: 8 << 20}, []use{{0, 600_000}}},
		"a window after window, each beside a busier before": {replay.LocalConfig{MaxBytes: 4 << 20}, []use{{0, 100_000}, {1, 50_000}, {2, 25_000}, {3, 12_000}, {4, 6_000}, {5, 3_000}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := must(t)(replay.Local(tc.cfg))
			start := time.Now().Truncate(time.Hour).Add(90 * time.Minute)
			for pass := range 2 {
				wrong := 0
				for _, u := range tc.uses {
					until := start.Add(time.Duration(u.window) * time.Hour)
					for i := range u.ids {
						var id [16]byte
						binary.LittleEndian.PutUint64(id[:], uint64(i)*0x9e3779b97f4a7c15)
						id[15] = byte(u.window)
						if accepts(t, store, id, until) != (pass == 0) {
							wrong++
						}
					}
				}
				if wrong > 0 {
					t.Errorf("pass %d: %d wrong answers", pass+1, wrong)
				}
			}
			if used := replay.Bytes(store); used > tc.cfg.MaxBytes {
				t.Errorf("%d bytes, more than %d", used, tc.cfg.MaxBytes)
			}
		})
	}
}

// However long a store lives with its memory nearly used up, its chains stay short: a
// use looks into every link.
func TestChainsStayShortWhereMemoryIsShort(t *testing.T) {
	t.Parallel()
	m := &machine{time: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	store := must(t)(replay.LocalWithClock(replay.LocalConfig{MaxBytes: 1 << 20}, m.wall, m.mono))
	random := rand.New(rand.NewPCG(3, 4))
	popular := m.wall().Add(30 * time.Hour)
	longest := 0
	for range 30 {
		for range 8000 {
			until := popular
			if random.IntN(2) == 0 {
				until = m.wall().Add(time.Duration(random.Int64N(int64(24 * time.Hour))))
			}
			var id [16]byte
			binary.LittleEndian.PutUint64(id[:], random.Uint64())
			binary.LittleEndian.PutUint64(id[8:], random.Uint64())
			_, _ = store.Use(t.Context(), id, until) // many find no room
		}
		longest = max(longest, replay.LongestChain(store))
		m.run(time.Hour)
		replay.Sweep(store)
	}
	if held, counted := replay.Held(store), replay.Bytes(store); held > counted {
		t.Errorf("%d bytes held, %d counted", held, counted)
	}
	if longest > 60 {
		t.Errorf("a chain of %d links", longest)
	} else {
		t.Logf("%d links at most", longest)
	}
}
