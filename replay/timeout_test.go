package replay_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// hanging is a store that answers when it has to give up.
type hanging struct {
	asked atomic.Int64
	value any // under valueKey, of the last use
}

type valueKey struct{}

func (s *hanging) Use(ctx context.Context, _ [16]byte, _ time.Time) (bool, error) {
	s.value = ctx.Value(valueKey{})
	s.asked.Add(1)
	<-ctx.Done()
	return false, ctx.Err()
}

func (*hanging) Close() error { return nil }

// Uses that begin at nearly the same moment share a deadline: none waits longer than
// its own, nor much shorter.
func TestNoUseWaitsLongerThanTheTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 100 * time.Millisecond
		store := &hanging{}
		g := newGuard(t, replay.Config{Store: store, Timeout: limit})
		defer g.Close()
		var wg sync.WaitGroup
		for range 45 { // all are under way when the first gives up
			wg.Go(func() {
				start := time.Now()
				if err := g.Consume(context.Background(), token()); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, replay.ErrUnavailable) {
					t.Error(err)
				}
				if took := time.Since(start); took > limit || took < limit*9/10 {
					t.Errorf("a use with a limit of %v took %v", limit, took)
				}
			})
			synctest.Wait() // the calls are made one after the other
			time.Sleep(2 * time.Millisecond)
		}
		wg.Wait()
		if n := store.asked.Load(); n != 45 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

// A shared deadline takes nothing from a use: it keeps its values and its own, nearer
// end. What may take long ends with its caller.
func TestAUseKeepsItsOwnContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near := func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 10*time.Millisecond)
		}
		goesAway := func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Millisecond, cancel)
			return ctx, cancel
		}
		for _, tc := range []struct {
			limit, want time.Duration
			make        func(context.Context) (context.Context, context.CancelFunc)
			cause       error
		}{
			{50 * time.Millisecond, 10 * time.Millisecond, near, context.DeadlineExceeded},
			{20 * time.Second, 10 * time.Millisecond, near, context.DeadlineExceeded},
			{20 * time.Second, 10 * time.Millisecond, goesAway, context.Canceled},
			{50 * time.Millisecond, 50 * time.Millisecond, goesAway, context.DeadlineExceeded},
		} {
			store := &hanging{}
			g := newGuard(t, replay.Config{Store: store, Timeout: tc.limit})
			ctx, cancel := tc.make(context.WithValue(t.Context(), valueKey{}, "value"))
			start := time.Now()
			if err := g.Consume(ctx, token()); !errors.Is(err, tc.cause) || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("limit %v: %v", tc.limit, err)
			}
			if took := time.Since(start); took != tc.want || store.value != "value" {
				t.Errorf("limit %v: took %v, value %v", tc.limit, took, store.value)
			}
			// Whoever is gone does not ask at all.
			cancel()
			if err := g.Consume(ctx, token()); !errors.Is(err, replay.ErrUnavailable) || store.asked.Load() != 1 {
				t.Errorf("limit %v: %v, asked %d times", tc.limit, err, store.asked.Load())
			}
			_ = g.Close()
		}
	})
}

// Clients that have no patience, or leave, say nothing about the store, however many
// they are.
func TestImpatientClientsAreNotTheStoresFailure(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, limit := range []time.Duration{50 * time.Millisecond, 20 * time.Second} {
			store := &hanging{}
			g := newGuard(t, replay.Config{Store: store, Timeout: limit})
			for n := range int64(20) {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
				if err := g.Consume(ctx, token()); !errors.Is(err, replay.ErrUnavailable) {
					t.Error(err)
				}
				cancel()
				if asked := store.asked.Load(); asked != n+1 {
					t.Fatalf("limit %v: the store was asked %d times for %d uses", limit, asked, n+1)
				}
			}
			_ = g.Close()
		}
	})
}

// panicking is a store of an application's own that makes a mistake.
type panicking struct{ ctx context.Context }

func (s *panicking) Use(ctx context.Context, _ [16]byte, _ time.Time) (bool, error) {
	s.ctx = ctx
	panic("a mistake")
}

func (*panicking) Close() error { return nil }

// What a use holds is given back whatever way it ends.
func TestAPanicOfAStoreLeavesNoTimerBehind(t *testing.T) {
	t.Parallel()
	store := &panicking{}
	g := newGuard(t, replay.Config{Store: store, Timeout: 30 * time.Second})
	func() {
		defer func() { _ = recover() }()
		_ = g.Consume(t.Context(), token())
		t.Error("the panic went nowhere")
	}()
	if store.ctx.Err() == nil {
		t.Error("the context of the use goes on")
	}
}

// deaf is a server that greets its first connection, then loses it, and takes others
// without a word.
func deaf(t *testing.T) (addr string, accepted <-chan struct{}, lose func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	first, later := make(chan net.Conn, 1), make(chan struct{}, 100)
	go func() {
		for n := 0; ; n++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			if n > 0 {
				later <- struct{}{}
				continue
			}
			first <- conn
			go (&stub{answer: func([]string) string { return ":1\r\n" }}).serve(conn, 1)
		}
	}()
	return l.Addr().String(), later, func() { _ = (<-first).Close() }
}

// The application shares the client, and its own calls may take their time to
// connect again.
func TestNoUseWaitsForAConnectionThatAnotherCallMakes(t *testing.T) {
	t.Parallel()
	addr, dialled, lose := deaf(t)
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: true,
		PipelineMultiplex: -1, // one connection for all
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	// The server has just answered when the connection is lost. An answer that is late
	// would take the connection with it.
	accepts(t, must(t)(replay.Redis(client, replay.RedisConfig{Timeout: patient})), storetest.ID(), time.Now().Add(time.Hour))
	store := must(t)(replay.Redis(client, replay.RedisConfig{}))
	lose()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil { // until one meets the lost connection and makes another
			_ = client.Do(ctx, client.B().Ping().Build()).Error()
		}
	}()
	<-dialled
	for range 3 {
		start := time.Now()
		if fresh, err := store.Use(t.Context(), storetest.ID(), start.Add(time.Hour)); fresh || !errors.Is(err, replay.ErrUnavailable) {
			t.Errorf("%v, %v", fresh, err)
		}
		if took := time.Since(start); took > 4*time.Second { // 50 ms, on a quiet machine; connecting takes 5 s
			t.Errorf("took %v", took)
		}
	}
}

// Goroutines are kept for the next uses, but not any number of them, and end with the
// store.
func TestAFewWorkersStayAfterABurst(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	s := newStub(t, func([]string) string { <-release; return ":1\r\n" })
	store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: patient}))
	var wg sync.WaitGroup
	var begun atomic.Int64
	for range 300 {
		wg.Go(func() {
			begun.Add(1)
			if fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour)); !fresh || err != nil {
				t.Errorf("%v, %v", fresh, err)
			}
		})
	}
	eventually(t, "all are under way", func() error {
		if begun.Load() < 300 || len(s.seen()) == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	close(release)
	wg.Wait()
	idle := func(want int) {
		t.Helper()
		eventually(t, "workers wait or have ended", func() error {
			if n := replay.Idle(store); n != want {
				return fmt.Errorf("%d wait, want %d", n, want)
			}
			return nil
		})
	}
	idle(64)
	for range 100 { // one after the other: they serve these
		accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
	}
	idle(64)
	_ = store.Close()
	idle(0)
}

func TestAFrozenNodeOfAClusterHoldsNoUse(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	store := must(t)(replay.Redis(redisClient(t, nodes[0].Addr, nodes[1].Addr, nodes[2].Addr), replay.RedisConfig{}))
	use := func() error {
		_, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
		return err
	}
	for range 50 {
		eventually(t, "a first use", use)
	}
	nodes[0].Freeze()
	defer nodes[0].Thaw()
	failed, slowest := 0, time.Duration(0)
	for range 60 {
		start := time.Now()
		if use() != nil {
			failed++
		}
		slowest = max(slowest, time.Since(start))
	}
	t.Logf("%d of 60 uses failed, slowest answer %v", failed, slowest)
	if failed == 0 || slowest > 4*time.Second { // 50 ms, on a quiet machine; connecting takes 5 s
		t.Errorf("%d of 60 uses failed, slowest answer %v", failed, slowest)
	}
}

// Times that no store can keep may come from a client: they must not make the store
// look bad for the others.
func TestImpossibleTimesAreNotTheStoresFailure(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient}))
	for range 20 {
		if fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(9000*time.Hour)); fresh || !errors.Is(err, replay.ErrLifetime) {
			t.Fatalf("%v, %v", fresh, err)
		}
	}
	if !accepts(t, store, storetest.ID(), time.Now().Add(time.Hour)) {
		t.Error("a first use was refused")
	}
}
