package replay_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// shared is a store that several processes share, in one.
type shared struct {
	mu   sync.Mutex
	used map[[16]byte]bool
}

func (s *shared) use(id [16]byte) (fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh = !s.used[id]
	s.used[id] = true
	return fresh
}

// view is how one process sees it: closed is told when it ends, and end says when it
// has.
type view struct {
	*shared
	stopped     atomic.Bool
	closed, end chan struct{}
}

func (v *view) Use(_ context.Context, id [16]byte, _ time.Time) (bool, error) {
	if v.stopped.Load() {
		return false, errors.New("closed")
	}
	return v.use(id), nil
}

func (v *view) Close() error {
	if !v.stopped.Swap(true) && v.closed != nil {
		close(v.closed)
		<-v.end
	}
	return nil
}

// While a store ends its calls, what is decided in the process alone must not be:
// other processes still ask the store.
func TestAClosingProcessAcceptsNothingByItself(t *testing.T) {
	t.Parallel()
	s := &shared{used: map[[16]byte]bool{}}
	closing := &view{shared: s, closed: make(chan struct{}), end: make(chan struct{})}
	one := newGuard(t, replay.Config{Store: closing, OnStoreFailure: replay.LocalFallback})
	other := newGuard(t, replay.Config{Store: &view{shared: s}, OnStoreFailure: replay.LocalFallback})
	done := make(chan struct{})
	go func() {
		_ = one.Close()
		close(done)
	}()
	<-closing.closed
	id := token()
	if err := other.Consume(t.Context(), id); err != nil {
		t.Errorf("the other process: %v", err)
	}
	if err := one.Consume(t.Context(), id); err == nil {
		t.Error("the closing process accepted it, too")
	}
	close(closing.end)
	<-done
}

type slow struct {
	first   atomic.Bool
	in, end chan struct{}
}

func (s *slow) Use(context.Context, [16]byte, time.Time) (bool, error) {
	if s.first.CompareAndSwap(false, true) {
		close(s.in)
		<-s.end
		return true, nil
	}
	return false, errors.New("lost")
}

func (*slow) Close() error { return nil }

// The store's answer to one use comes after Close; another use of the id was decided
// here alone meanwhile.
func TestAnAnswerAfterCloseIsNoAcceptance(t *testing.T) {
	t.Parallel()
	s := &slow{in: make(chan struct{}), end: make(chan struct{})}
	g := newGuard(t, replay.Config{Store: s, OnStoreFailure: replay.LocalFallback, Timeout: patient})
	id, answer := token(), make(chan error)
	go func() { answer <- g.Consume(context.Background(), id) }()
	<-s.in
	if err := g.Consume(t.Context(), id); err != nil {
		t.Fatalf("alone: %v", err)
	}
	_ = g.Close()
	close(s.end)
	if err := <-answer; err == nil {
		t.Error("both uses were accepted")
	}
}

// A success and the last tolerated failure at one moment: the next success closes the
// breaker, whichever came first.
func TestASuccessClosesTheBreakerInAnyOrder(t *testing.T) {
	t.Parallel()
	for range 300_000 {
		b := replay.NewBreaker()
		for range 4 {
			b.Failed(true)
		}
		var at atomic.Int32
		var wg sync.WaitGroup
		for _, failed := range []bool{true, false} {
			wg.Go(func() {
				for at.Add(1); at.Load() < 2; {
					runtime.Gosched()
				}
				b.Failed(failed)
			})
		}
		wg.Wait()
		if b.Failed(false); b.Open() {
			t.Fatal("it stays open")
		}
	}
}

// afterwards is a client whose wrapper panics once a connection's work is done.
type afterwards struct{ rueidis.Client }

func (a afterwards) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	_ = a.Client.Dedicated(fn)
	panic("a mistake")
}

// The id is recorded, so nothing is decided without the store: the confirmation that
// replicas have it is what is missing, however that came.
func TestAPanicAfterTheWriteIsAMissingConfirmation(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return ":1\r\n" })
	store := must(t)(replay.Redis(afterwards{stubClient(t, s.addr, false)}, replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	if err := g.Consume(t.Context(), token()); err == nil {
		t.Error("accepted without a confirmation")
	}
}

// stuck is a client that gives out no dedicated connection for a while.
type stuck struct {
	rueidis.Client

	until *atomic.Value // of chan struct{}
}

func (s stuck) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	if until := s.until.Load().(chan struct{}); until != nil {
		<-until
		return errors.New("too late")
	}
	return s.Client.Dedicated(fn)
}

// Clients that leave say nothing about the store, so no breaker spares the next ones;
// what waits on their behalf is bounded all the same, and afterwards there is room for
// as many again.
func TestCallsNobodyWaitsForAnyMoreAreBounded(t *testing.T) {
	t.Parallel()
	client := stuck{stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false), &atomic.Value{}}
	store := must(t)(replay.Redis(client, replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
	gone, leave := context.WithCancel(t.Context())
	leave()
	until := time.Now().Add(time.Hour)
	for round := range 2 {
		back := make(chan struct{})
		client.until.Store(back)
		taken := 0
		for range 3 * replay.MaxBusy {
			_, err := replay.Bare(store).Use(gone, storetest.ID(), until)
			if err == nil {
				t.Error("accepted")
			}
			if !errors.Is(err, replay.ErrBusy) {
				taken++
			}
		}
		if taken > replay.MaxBusy || taken < replay.MaxBusy*9/10 { // a worker may be about to wait
			t.Errorf("round %d: %d calls were taken, and %d is the limit", round, taken, replay.MaxBusy)
		}
		for range 10 { // that there is no room here says nothing about the server
			if _, err := store.Use(t.Context(), storetest.ID(), until); !errors.Is(err, replay.ErrBusy) {
				t.Errorf("round %d, with a context that goes on: %v", round, err)
			}
		}
		client.until.Store((chan struct{})(nil))
		close(back)
		eventually(t, "all calls have ended", func() error {
			if n, idle := replay.Workers(store), replay.Idle(store); n != idle {
				return fmt.Errorf("%d of %d workers wait", idle, n)
			}
			return nil
		})
		if fresh, err := store.Use(t.Context(), storetest.ID(), until); !fresh || err != nil {
			t.Errorf("round %d, when the server is back: %v, %v", round, fresh, err)
		}
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}

// asked is a client that counts what it is asked for.
type asked struct {
	rueidis.Client

	times *atomic.Int64
}

func (a asked) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	a.times.Add(1)
	return a.Client.Do(ctx, cmd)
}

func (a asked) Nodes() map[string]rueidis.Client {
	a.times.Add(1)
	return a.Client.Nodes()
}

// The client may be closed by then, too.
func TestAClosedStoreAsksItsClientNothing(t *testing.T) {
	t.Parallel()
	client := asked{stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false), &atomic.Int64{}}
	store := must(t)(replay.Redis(client, replay.RedisConfig{Timeout: patient}))
	for range 2 {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
		if fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour)); fresh || err == nil {
			t.Errorf("%v, %v", fresh, err)
		}
		replay.Looked(store)
		if n := client.times.Load(); n != 0 {
			t.Errorf("asked %d times", n)
		}
	}
}
