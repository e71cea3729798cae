package replay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"
)

// knownBytes bounds the ids of its own that a process remembers in front of a
// shared store: 12 million at least.
const knownBytes = 256 << 20

// fronted is a store outside this process with what this process has accepted in
// front of it. A known replay is refused without a round trip, also while the
// store is away, and also after it has lost a write in a failover.
type fronted struct {
	remote  Store
	known   *local
	timeout *timeout
	breaker *breaker
	forgot  *atomic.Int64 // the last window of which an accepted id is not known
	solo    *atomic.Bool  // something has been decided without the store
	closing *atomic.Bool
}

func newFronted(remote Store, w windows, limit time.Duration) *fronted {
	f := &fronted{
		remote: remote, known: newExact(w, knownBytes, systemClock()),
		timeout: newTimeout(limit), breaker: &breaker{start: time.Now()}, forgot: &atomic.Int64{},
		solo: &atomic.Bool{}, closing: &atomic.Bool{},
	}
	f.forgot.Store(math.MinInt64)
	return f
}

// within returns the same store under another deadline.
func (f *fronted) within(limit time.Duration) *fronted {
	g := *f
	g.timeout = newTimeout(limit)
	return &g
}

func (f *fronted) Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	if f.known.seen(id, until) {
		return false, nil
	}
	if err := ctx.Err(); err != nil {
		return false, unavailable(err)
	}
	if !f.breaker.allow() {
		return false, unavailable(errOpen)
	}
	if fresh, err = f.ask(ctx, id, until); err != nil {
		return false, unavailable(err)
	}
	if !fresh {
		// Not recorded as known: the winner, if it is this process, does that, and
		// must not find it done.
		return false, nil
	}
	return f.remember(until, func() (bool, error) { return f.known.Use(ctx, id, until) })
}

// remember tries to add an id that the remote store has accepted to the known ones,
// and reports whether it is accepted here, too: another use of it may have been
// decided here alone meanwhile, when its own call failed. Whoever comes first has it.
// After Close nobody knows any more who that was, if anybody.
func (f *fronted) remember(until time.Time, add func() (bool, error)) (bool, error) {
	first, err := add()
	if err != nil {
		f.forget(until)
		// Between the try and the mark, memory may have come back and another use
		// been decided here alone; after the mark none is.
		first, err = add()
	}
	if errors.Is(err, errClosed) && f.solo.Load() {
		return false, unavailable(err)
	}
	return first || err != nil, nil
}

// ask lets the remote store decide, in time.
func (f *fronted) ask(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	call, cancel := f.timeout.bound(ctx)
	defer cancel() // a store of the application's own may panic
	fresh, err = f.remote.Use(call, id, until)
	f.judge(ctx, err)
	return fresh, err
}

// alone decides without the store, from what this process has accepted. It cannot
// do so where it did not remember all of that.
func (f *fronted) alone(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error) {
	f.solo.Store(true)
	if f.closing.Load() {
		return false, unavailable(errClosed)
	}
	if !f.forgetful(until) {
		fresh, err = f.known.Use(ctx, id, until)
	}
	if f.forgetful(until) {
		return false, unavailable(errForgot)
	}
	return fresh, err
}

// forget notes that an accepted id of this window is not known. One number for all
// windows errs on the safe side.
func (f *fronted) forget(until time.Time) {
	i := f.known.index(until)
	for last := f.forgot.Load(); i > last && !f.forgot.CompareAndSwap(last, i); {
		last = f.forgot.Load()
	}
}

func (f *fronted) forgetful(until time.Time) bool { return f.known.index(until) <= f.forgot.Load() }

// judge tells the breaker how the store does. A client that went away says nothing
// about the store, nor does an impossible time, nor a use for which there is no room
// here; and an answer is an answer, even an error: an open breaker would hide which one
// it was.
func (f *fronted) judge(ctx context.Context, err error) {
	switch {
	case err == nil || answered(err) || errors.Is(err, ErrNoBloom) || errors.Is(err, errReplicas):
		f.breaker.succeeded()
	case ctx.Err() == nil && !errors.Is(err, ErrLifetime) && !errors.Is(err, errBusy):
		f.breaker.failed()
	}
}

// Close first ends what is decided here alone, then lets the store end its calls: until
// it has, another process may accept the ids that come here now.
func (f *fronted) Close() error {
	f.closing.Store(true)
	return errors.Join(f.remote.Close(), f.known.Close())
}

// unavailable marks err as a store's failure.
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
