package replay_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// machine has the two clocks of a computer: one that can be set and one that only
// runs on.
type machine struct {
	mu   sync.Mutex
	time time.Time
	ran  time.Duration
}

func (m *machine) run(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.time, m.ran = m.time.Add(d), m.ran+d
}

func (m *machine) set(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.time = m.time.Add(d)
}

func (m *machine) wall() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.time
}

func (m *machine) mono() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ran
}

func aheadAndBack(m *machine, sweep func()) {
	m.set(5 * time.Hour)
	sweep()
	m.set(-5 * time.Hour)
}

// Nor is anybody refused because a clock was wrong for a moment.
func TestAJumpAndBackRefusesNoFirstUse(t *testing.T) {
	t.Parallel()
	m := &machine{time: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	until := m.wall().Add(40 * time.Minute)
	store := must(t)(replay.LocalWithClock(replay.LocalConfig{}, m.wall, m.mono))
	for round := range 3 {
		if !accepts(t, store, storetest.ID(), until) {
			t.Errorf("round %d: a first use was refused", round)
		}
		aheadAndBack(m, func() { replay.Sweep(store) })
	}
}

// A clock that is set right by less than a minute takes no window away that is needed.
func TestASmallCorrectionOfTheClockRefusesNoFirstUse(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	m := &machine{time: noon}
	store := must(t)(replay.LocalWithClock(replay.LocalConfig{}, m.wall, m.mono))
	until := noon.Add(time.Hour - 1)
	accepts(t, store, storetest.ID(), until)
	m.run(time.Hour + 50*time.Second)
	replay.Sweep(store)
	m.set(-55 * time.Second)
	if !accepts(t, store, storetest.ID(), until) {
		t.Error("a first use was refused")
	}
	m.run(time.Minute)
	replay.Sweep(store)
	if n := replay.Bytes(store); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestJumpsOfTheClockMakeNothingUsableAgain(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, story := range map[string]func(m *machine, sweep func()){
		"ahead and back": aheadAndBack,
		"back and ahead": func(m *machine, sweep func()) {
			m.set(-5 * time.Hour)
			sweep()
			m.run(5 * time.Hour)
			sweep()
			m.set(4*time.Hour + 50*time.Minute)
			m.set(-5 * time.Hour)
		},
		"ahead for hours, then back": func(m *machine, sweep func()) {
			m.set(2 * time.Hour)
			m.run(3 * time.Hour) // the window is dropped
			sweep()
			m.set(-5 * time.Hour)
		},
		"a slow clock": func(m *machine, sweep func()) {
			for range 10 {
				m.run(30 * time.Minute)
				m.set(-29 * time.Minute)
				sweep()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &machine{time: noon}
			store := must(t)(replay.LocalWithClock(replay.LocalConfig{}, m.wall, m.mono))
			id, until := storetest.ID(), noon.Add(40*time.Minute)
			if !accepts(t, store, id, until) {
				t.Fatal("a first use was refused")
			}
			for round := range 3 {
				story(m, func() { replay.Sweep(store) })
				if accepts(t, store, id, until) {
					t.Fatalf("round %d: accepted again", round)
				}
			}
		})
	}
}

// A window made while the clock was ahead is over too early on the monotonic
// clock; it must not be dropped while it is needed.
func TestAWindowMadeByAWrongClockIsKept(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	m := &machine{time: noon.Add(4 * time.Hour)}
	store := must(t)(replay.LocalWithClock(replay.LocalConfig{}, m.wall, m.mono))
	until := noon.Add(4*time.Hour + 30*time.Minute)
	accepts(t, store, storetest.ID(), until) // the window ends in an hour, says the clock
	m.set(-4 * time.Hour)
	id := storetest.ID()
	if !accepts(t, store, id, until) {
		t.Fatal("a first use was refused")
	}
	for range 9 {
		m.run(30 * time.Minute)
		replay.Sweep(store)
		if accepts(t, store, id, until) {
			t.Fatalf("accepted again %v before its end", until.Sub(m.wall()))
		}
		if left := until.Sub(m.wall()); left > 0 && !accepts(t, store, storetest.ID(), until) {
			t.Fatalf("a first use was refused %v before its end", left)
		}
	}
	m.run(2 * time.Hour)
	replay.Sweep(store)
	if n := replay.Bytes(store); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// Nor does it come back when the store makes room for more windows than it had.
func TestNewWindowsLetNoDroppedOneComeBack(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for _, dropped := range []int{1, 100} { // known by number, and by the floor
		m := &machine{time: noon}
		store := must(t)(replay.LocalWithClock(replay.LocalConfig{}, m.wall, m.mono))
		var ids [][16]byte
		for i := range dropped {
			ids = append(ids, storetest.ID())
			if !accepts(t, store, ids[i], noon.Add(time.Duration(i)*time.Hour)) {
				t.Fatal("a first use was refused")
			}
		}
		m.run(time.Duration(dropped+2) * time.Hour)
		replay.Sweep(store)
		m.set(-m.mono())
		for n := range 150 { // more than there is room for, however many went before
			accepts(t, store, storetest.ID(), noon.Add(time.Duration(200+n)*time.Hour))
			for i, id := range ids {
				if accepts(t, store, id, noon.Add(time.Duration(i)*time.Hour)) {
					t.Fatalf("with %d new windows, dropped window %d came back", n+1, i)
				}
			}
		}
	}
}

// Dropped windows are known by their number, but not any number of them.
func TestTheListOfDroppedWindowsIsBounded(t *testing.T) {
	t.Parallel()
	m := &machine{time: time.Unix(0, 0).Add(time.Hour)}
	store := must(t)(replay.LocalWithClock(replay.LocalConfig{Window: time.Second}, m.wall, m.mono))
	for range 1000 {
		accepts(t, store, storetest.ID(), m.wall())
		m.run(time.Second)
		if m.mono()%(100*time.Second) == 0 {
			replay.Sweep(store)
		}
	}
	m.run(time.Hour)
	replay.Sweep(store)
	if n := replay.Dropped(store); n == 0 || n > 64 {
		t.Errorf("%d dropped windows are remembered", n)
	}
}
