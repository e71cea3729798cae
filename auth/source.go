package auth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	minBackoff = 250 * time.Millisecond
	maxBackoff = 30 * time.Second
	maxWaiters = 512
)

// source keeps the keys of one issuer. One goroutine does all fetching, so there
// are never two fetches at once and an older answer cannot replace a newer one;
// requests only say that they miss a key and wait a little.
type source struct {
	snapshot atomic.Pointer[keySnapshot]
	fetch    fetcher
	cfg      *JWKSConfig
	allowed  []*algorithm
	static   bool // the keys never change
	report   func(reason Reason, err error, start time.Time)

	wake chan struct{} // an earlier fetch is wanted

	mu       sync.Mutex
	round    chan struct{} // closed when the fetch under way, or else the next, has ended
	fetching bool
	next     time.Time // when the next fetch starts
	cooled   time.Time // when an unknown key may cause the next fetch
	failures int       // since the last success
	failure  error
	waiters  int
	closed   bool
}

var (
	errClosed  = errors.New("auth: the verifier is closed")
	errWaiters = errors.New("auth: too many requests wait for keys")
	errWait    = errors.New("auth: the key set did not arrive in time")
	errStale   = errors.New("auth: the keys are too old to be used")
)

func newSource(iss Issuer, cfg *JWKSConfig, allowed []*algorithm, report func(Reason, error, time.Time)) *source {
	return &source{
		report: report, cfg: cfg, allowed: allowed, fetch: newFetcher(iss, cfg),
		wake: make(chan struct{}, 1), round: make(chan struct{}), next: time.Now(),
	}
}

// staticSource holds keys that never change.
func staticSource(raw []byte, maxKeys int, allowed []*algorithm) (*source, error) {
	keys, err := parseKeys(raw, allowed, maxKeys)
	if err != nil {
		return nil, err
	}
	s, err := newSnapshot(keys)
	if err != nil {
		return nil, err
	}
	s.generation = 1
	src := &source{static: true, closed: true}
	src.snapshot.Store(s)
	return src, nil
}

// run fetches until ctx ends.
func (s *source) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			s.close()
			return
		case <-s.wake:
		case <-timer.C:
		}
		if wait := s.due(); wait > 0 {
			timer.Reset(wait)
			continue
		}
		s.refresh(ctx)
		timer.Reset(s.due())
	}
}

// due returns how long until the next fetch.
func (s *source) due() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(time.Until(s.next), 0)
}

// refresh fetches once. The fetch has a deadline of its own and no tie to any
// request: a client that hangs up changes nothing.
func (s *source) refresh(ctx context.Context) {
	s.mu.Lock()
	s.fetching = true
	s.mu.Unlock()
	start := time.Now()
	life, err := s.renew(ctx)
	if err != nil && ctx.Err() == nil {
		s.report(reasonFetch, err, start)
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fetching = false
	s.cooled = now.Add(s.cfg.Cooldown)
	s.failure = err
	if err != nil {
		s.failures++
		s.next = now.Add(backoff(s.failures))
	} else {
		s.failures = 0
		s.next = now.Add(life)
	}
	close(s.round)
	s.round = make(chan struct{})
}

// renew fetches the keys, puts them in place and returns how long to leave them
// alone. A panic in somebody else's client or parser is a failure like others: it
// must not take the service down from a goroutine that nobody watches.
func (s *source) renew(ctx context.Context) (life time.Duration, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("auth: panic while fetching keys: %v", r)
		}
		if err != nil {
			s.fetch.forget() // the tag of a useless answer must not renew anything
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	a, err := s.fetch.get(ctx)
	if err != nil {
		return 0, err
	}
	life = jitter(s.lifetime(a))
	// A refresh that is due may take a while: keys are never too old before it had
	// the time to end.
	return life, s.accept(a, time.Now().Add(life+max(s.cfg.MaxStale, s.cfg.Timeout)))
}

// accept puts the answer's keys in place of the old ones, unless it has none.
func (s *source) accept(a answer, staleAt time.Time) error {
	old := s.snapshot.Load()
	if a.notModified {
		if old == nil {
			return errNotKeySet
		}
		renewed := *old
		renewed.staleAt = staleAt
		s.snapshot.Store(&renewed)
		return nil
	}
	keys, err := parseKeys(a.body, s.allowed, s.cfg.MaxKeys)
	if err != nil {
		return err
	}
	fresh, err := newSnapshot(keys)
	if err != nil {
		return err
	}
	if fresh.private() {
		s.report(reasonPrivateKey, errPrivateKey, time.Now())
	}
	fresh.staleAt, fresh.generation = staleAt, 1
	if old != nil {
		fresh.generation = old.generation
		if old.digest != fresh.digest {
			fresh.generation++
		}
	}
	s.snapshot.Store(fresh)
	return nil
}

// lifetime is how long the answer is fresh.
func (s *source) lifetime(a answer) time.Duration {
	if a.maxAge < 0 {
		return s.cfg.Refresh
	}
	return min(max(a.maxAge, time.Minute), time.Hour)
}

// jitter spreads d by ±10 %, so that replicas do not ask together.
func jitter(d time.Duration) time.Duration {
	return d*9/10 + rand.N(d/5+1) //nolint:gosec // spreads load, hides nothing
}

// backoff is how long to wait after n failures in a row.
func backoff(n int) time.Duration {
	d := maxBackoff
	if n < 8 {
		d = min(minBackoff<<(n-1), maxBackoff)
	}
	return d*3/4 + rand.N(d/4+1) //nolint:gosec // spreads load, hides nothing
}

func (s *source) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.failure == nil {
		s.failure = errClosed
	}
	close(s.round)
	s.round = make(chan struct{})
}

// missing is called with the snapshot in which a token's key was not found, nil
// for none. It returns a newer snapshot to look in, or nil and why there is none:
// no error means that the snapshot is fresh and the key unknown. It tells whether
// the newer one's fetch began before the call: it may miss what came since.
func (s *source) missing(ctx context.Context, seen *keySnapshot) (newer *keySnapshot, joined bool, err error) {
	if s.static {
		return nil, false, nil
	}
	s.mu.Lock()
	if newer = s.snapshot.Load(); newer != seen {
		s.mu.Unlock()
		return newer, true, nil
	}
	joined = s.fetching
	if !joined {
		switch now := time.Now(); {
		case s.closed:
			s.mu.Unlock()
			return nil, false, errClosed
		case s.failures > 0: // the backoff decides when to ask again
			err = s.failure
			s.mu.Unlock()
			return nil, false, err
		case now.Before(s.cooled): // fetch at the end of the cooldown, without another trigger
			s.ask(s.cooled)
			s.mu.Unlock()
			return nil, false, nil
		default:
			s.ask(now)
		}
	}
	newer, err = s.await(ctx, seen)
	return newer, joined, err
}

// later asks for a fetch at the end of the cooldown.
func (s *source) later() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed && s.failures == 0 {
		s.ask(s.cooled)
	}
}

// ask moves the next fetch to at, if that is earlier. The caller holds the lock.
func (s *source) ask(at time.Time) {
	if !at.Before(s.next) {
		return
	}
	s.next = at
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// await waits for the fetch under way. The caller holds the lock, which is given up.
func (s *source) await(ctx context.Context, seen *keySnapshot) (*keySnapshot, error) {
	if s.waiters >= maxWaiters {
		s.mu.Unlock()
		return nil, errWaiters
	}
	s.waiters++
	round := s.round
	s.mu.Unlock()
	timer := time.NewTimer(s.cfg.Wait)
	defer timer.Stop()
	var err error
	select {
	case <-round:
	case <-timer.C:
		err = errWait
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiters--
	if newer := s.snapshot.Load(); newer != seen {
		return newer, nil
	}
	if err == nil {
		err = s.failure
	}
	return nil, err
}

// ready returns nil when there are usable keys. While a fetch is under way it
// waits for its end, or ctx's.
func (s *source) ready(ctx context.Context) error {
	if s.snapshot.Load().usable(time.Now()) {
		return nil
	}
	s.mu.Lock()
	round, busy := s.round, s.fetching || !s.closed && s.failures == 0
	s.mu.Unlock()
	if busy {
		select {
		case <-round:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.snapshot.Load().usable(time.Now()) {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure != nil {
		return s.failure
	}
	return errStale
}
