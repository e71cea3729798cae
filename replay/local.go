package replay

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultRate     = 1e-9
	defaultMaxBytes = 1 << 30
	maxCapacity     = 1 << 30
	// windowBytes is what a window takes before it has an id.
	windowBytes = 1 << 10
	// neighbours on either side tell a new window how busy it may get.
	neighbours = 2
)

// LocalConfig configures a [Local] store. Every zero value is the documented
// default.
type LocalConfig struct {
	_ [0]func()

	// Capacity is the number of ids expected in one window. It saves memory and
	// time, and binds nothing: filters grow past it at the same rate, and begin smaller
	// where MaxBytes has no room for it. A much too large one wastes MaxBytes. The
	// default starts small and grows.
	Capacity int

	// FalsePositiveRate is the share of first uses that are refused by mistake.
	// Default 1e-9; 1e-12 to 0.01.
	FalsePositiveRate float64

	// MaxBytes bounds the memory of all windows and filters. When it is reached no new id is
	// accepted: the store returns an error. Default 1 GiB, room for some 80
	// million ids at once; at least 1 MiB.
	MaxBytes int64

	// Window is the step in which ids are forgotten. It should be about as long as
	// the tokens live: a window takes 1 KiB by itself. Default 1 h; whole seconds, 1 s to 31 days.
	Window time.Duration
}

// local keeps ids in this process, one set per window: Bloom filters, or exact
// tables where it stands in front of another store.
type local struct {
	windows
	mixer
	clock
	sizing   *sizing // nil: exact tables
	maxBytes int64
	bytes    atomic.Int64
	state    atomic.Pointer[localState] // changed under mu
	mu       sync.Mutex
	timer    *time.Timer
	next     time.Duration // when it is due, on the monotonic clock; 0 without one
}

// clock is the wall clock, which may be set, and the monotonic one, which only
// runs on. Both are needed: see [local.sweep].
type clock struct {
	wall func() time.Time
	mono func() time.Duration
}

func systemClock() clock {
	start := time.Now()
	return clock{wall: time.Now, mono: func() time.Duration { return time.Since(start) }}
}

// Local returns a store in this process: rolling Bloom filters that grow in a
// chain rather than past their rate. It needs nothing and decides in less than a
// microsecond (two, in windows of many millions of ids), but it is this process's
// alone: n instances accept an id up to n times, and a restart forgets (see
// Config.RejectIssuedBefore).
//
// It uses some 6 to 13 bytes per live id.
func Local(cfg LocalConfig) (Store, error) {
	l, err := newLocal(cfg, systemClock())
	if err != nil {
		return nil, err
	}
	return l, nil
}

func newLocal(cfg LocalConfig, clock clock) (*local, error) {
	f := faults{config: "LocalConfig"}
	w := checkWindow(&f, cfg.Window)
	f.unless(cfg.Capacity >= 0 && cfg.Capacity <= maxCapacity, "Capacity", "must not be negative, and 2^30 at most")
	if cfg.FalsePositiveRate == 0 {
		cfg.FalsePositiveRate = defaultRate
	}
	f.unless(cfg.FalsePositiveRate >= 1e-12 && cfg.FalsePositiveRate <= 0.01, "FalsePositiveRate", "must be 1e-12 to 0.01")
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = defaultMaxBytes
	}
	f.unless(cfg.MaxBytes >= 1<<20, "MaxBytes", "must be 1 MiB at least")
	if err := f.err(); err != nil {
		return nil, err
	}
	l := newExact(w, cfg.MaxBytes, clock)
	l.sizing = newSizing(cfg.Capacity, cfg.FalsePositiveRate)
	return l, nil
}

// newExact makes a store of exact tables.
func newExact(w windows, maxBytes int64, clock clock) *local {
	l := &local{windows: w, mixer: newMixer(), clock: clock, maxBytes: maxBytes}
	l.state.Store(newState(fewSlots))
	return l
}

func (l *local) Use(_ context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	w, err := l.find(l.index(until))
	if w == nil {
		return false, err
	}
	return l.useIn(w, id)
}

func (l *local) useIn(w *window, id [16]byte) (fresh bool, err error) {
	fp, shard := l.mix(&id)
	if w.tables != nil {
		return w.tables[shard].use(fp, func(bytes int64) error { return l.take(w, bytes) })
	}
	return w.chains[shard].use(trailOf(&id, fp), func(n int, before uint) (link, uint, error) {
		return l.grow(w, shard, n, before)
	})
}

// seen reports whether id has been used, without recording anything. Only exact
// tables are asked this.
func (l *local) seen(id [16]byte, until time.Time) bool {
	w := l.state.Load().find(l.index(until))
	if w == nil {
		return false
	}
	fp, shard := l.mix(&id)
	return w.tables[shard].seen(fp)
}

// find returns the window with index i, or nil when ids of it are not accepted.
// The clocks are read only when the window does not exist yet.
func (l *local) find(i int64) (*window, error) {
	state := l.state.Load()
	if w := state.find(i); w != nil {
		return w, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	state = l.state.Load()
	if w := state.find(i); w != nil {
		return w, nil
	}
	left := l.end(i).Sub(l.wall())
	switch {
	case state.closed:
		return nil, unavailable(errClosed)
	case left > maxAhead:
		return nil, ErrLifetime
	case left <= 0, state.dropped(i):
		return nil, nil //nolint:nilnil // no window, and no failure either: not fresh
	}
	w := l.newWindow(i, l.mono()+left+pad)
	if err := l.take(w, windowBytes); err != nil {
		return nil, err
	}
	for n := i - neighbours; n <= i+neighbours; n++ {
		if other := state.find(n); other != nil {
			ids, _ := other.size()
			w.lately = max(w.lately, ids/shards)
		}
	}
	l.state.Store(state.with(w))
	if l.next == 0 || w.deadline < l.next {
		l.arm(w.deadline)
	}
	return w, nil
}

func (l *local) newWindow(i int64, deadline time.Duration) *window {
	w := &window{index: i, deadline: deadline}
	if l.sizing == nil {
		w.tables = new([shards]table)
	} else {
		w.chains = new([shards]chain)
	}
	return w
}

func (l *local) grow(w *window, shard, n int, before uint) (link, uint, error) {
	// All shards of all windows want room, and what is expected here is no reason to
	// refuse what comes there. But a filter is an eighth of its shard at least, or a chain
	// would grow longer and slower as room gets less.
	room := max((l.maxBytes-l.bytes.Load())/(4*shards), w.bytes.Load()/(8*shards))
	bits, hashes, capacity := l.sizing.link(shard, n, before, w.lately, room)
	if err := l.take(w, filterBytes(bits)); err != nil {
		return link{}, 0, err
	}
	return newLink(bits, hashes), capacity, nil
}

// take accounts for more memory of a window, or refuses it. A use that is late may
// still be at work on a window that is gone: what that takes lasts no longer.
func (l *local) take(w *window, bytes int64) error {
	if l.bytes.Add(bytes) > l.maxBytes {
		l.bytes.Add(-bytes)
		return unavailable(errFull)
	}
	if w.bytes.Add(bytes) < 0 {
		l.bytes.Add(-bytes)
	}
	return nil
}

// release gives back the memory of a window that is gone.
func (l *local) release(w *window) { l.bytes.Add(-w.bytes.Swap(math.MinInt64 / 2)) }

// arm sets the timer to the next moment at which a window may be dropped, or stops
// it for 0. The caller holds mu.
func (l *local) arm(next time.Duration) {
	if l.timer != nil {
		l.timer.Stop()
	}
	if l.next = next; next == 0 {
		return
	}
	left := next - l.mono()
	if left <= 0 { // overdue, but the wall clock was set back: look again
		left = pad
	}
	l.timer = time.AfterFunc(left, l.sweep)
}

// sweep drops the windows that nobody needs. A window goes only when both clocks
// say that its time is over: a wall clock that was wrong when it was made or is
// wrong now does not make ids usable again. Should both have been deceived, a
// dropped window is still known by its number, or lies below the floor, and never
// comes back.
func (l *local) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	state := l.state.Load()
	if state.closed {
		return
	}
	mono, wall := l.mono(), l.wall()
	next, due, over := newState(state.size()), time.Duration(0), []int64(nil)
	for w := range state.all() {
		if mono >= w.deadline && !wall.Before(l.end(w.index)) {
			over = append(over, w.index)
			l.release(w)
			continue
		}
		next = next.with(w)
		if due == 0 || w.deadline < due {
			due = w.deadline
		}
	}
	next.gone, next.floor = state.dropping(over)
	l.state.Store(next)
	l.arm(due)
}

func (l *local) stats() Stats {
	s := Stats{Bytes: l.bytes.Load()}
	for w := range l.state.Load().all() {
		ids, grown := w.size()
		s.Windows, s.Tokens, s.Grown = s.Windows+1, s.Tokens+int(ids), s.Grown+grown
	}
	return s
}

func (l *local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.timer != nil {
		l.timer.Stop()
	}
	for w := range l.state.Load().all() {
		l.release(w)
	}
	state := newState(fewSlots)
	state.closed = true
	l.state.Store(state)
	return nil
}
