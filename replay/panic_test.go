package replay_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// hooked is a client with something of the application's around it, which panics at
// a command, as long as there is one.
type hooked struct {
	rueidis.Client

	at *atomic.Value // a string
}

func (h hooked) meet(cmd rueidis.Completed) {
	if at := h.at.Load().(string); at != "" && strings.HasPrefix(cmd.Commands()[0], at) {
		panic("a mistake at " + at)
	}
}

func (h hooked) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	h.meet(cmd)
	return h.Client.Do(ctx, cmd)
}

func (h hooked) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	return h.Client.Dedicated(func(d rueidis.DedicatedClient) error { return fn(hookedConn{d, h}) })
}

func (h hooked) Nodes() map[string]rueidis.Client {
	if h.at.Load() == "NODES" {
		panic("a mistake")
	}
	return h.Client.Nodes()
}

type hookedConn struct {
	rueidis.DedicatedClient

	hooks hooked
}

func (h hookedConn) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	h.hooks.meet(cmd)
	return h.DedicatedClient.Do(ctx, cmd)
}

// A panic in what surrounds a client is neither the end of the process nor an
// acceptance, and takes nothing away from the uses after it.
func TestAPanicOfTheClientIsAFailure(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		at       string
		replicas int
	}{{"EVALSHA", 0}, {"EVAL", 1}, {"WAIT", 1}} {
		s := newStub(t, func([]string) string { return ":1\r\n" })
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{s.addr}, DisableCache: true, ForceSingleClient: true,
			BlockingPoolSize: 1, // a connection that is not given back is missed
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		at := &atomic.Value{}
		at.Store(tc.at)
		store := must(t)(replay.Redis(hooked{client, at}, replay.RedisConfig{Timeout: patient, MinReplicas: tc.replicas}))
		id, until := storetest.ID(), time.Now().Add(time.Hour)
		var wg sync.WaitGroup
		for range 4 { // one less than open a breaker
			wg.Go(func() {
				fresh, err := store.Use(t.Context(), id, until)
				if fresh || !errors.Is(err, replay.ErrUnavailable) || tc.at != "WAIT" && !strings.Contains(err.Error(), "a mistake at "+tc.at) {
					t.Errorf("%s: %v, %v", tc.at, fresh, err)
				}
			})
		}
		wg.Wait()
		at.Store("")
		if fresh, err := store.Use(t.Context(), storetest.ID(), until); !fresh || err != nil {
			t.Errorf("%s, afterwards: %v, %v", tc.at, fresh, err)
		}
	}
}

// A use that is recorded and then lost by a panic is not decided again by this
// process alone: others hold it for used.
func TestAPanicAfterTheWriteNeverFallsBack(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return ":1\r\n" })
	at := &atomic.Value{}
	at.Store("WAIT")
	store := must(t)(replay.Redis(hooked{stubClient(t, s.addr, false), at}, replay.RedisConfig{Timeout: patient, MinReplicas: 1}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	for range 12 {
		if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
			t.Errorf("recorded and not confirmed: %v", err)
		}
	}
}

// broken is a log handler that panics.
type broken struct{ slog.Handler }

func (broken) Enabled(context.Context, slog.Level) bool  { return true }
func (broken) Handle(context.Context, slog.Record) error { panic("a mistake") }

func TestAPanicOfTheLookAtTheServerIsNotTheEnd(t *testing.T) {
	t.Parallel()
	warns := "$48\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-random\r\n\r\n"
	for _, where := range []string{"NODES", "log"} {
		s := newStub(t, func([]string) string { return ":1\r\n" })
		s.info = warns
		at := &atomic.Value{}
		at.Store(where)
		store := must(t)(replay.Redis(hooked{stubClient(t, s.addr, false), at}, replay.RedisConfig{Timeout: patient, Logger: slog.New(broken{})}))
		if !accepts(t, store, storetest.ID(), time.Now().Add(time.Hour)) {
			t.Error("a first use was refused")
		}
		replay.Looked(store)
	}
}

// waiting is a client that holds its commands until their time is over, or uses until
// they are released.
type waiting struct {
	rueidis.Client

	release chan struct{}
	begun   chan string
}

func (w waiting) Do(ctx context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	w.begun <- cmd.Commands()[0]
	release := w.release
	if cmd.Commands()[0] == "INFO" {
		release = nil
	}
	select {
	case <-release:
	case <-ctx.Done():
	}
	return w.Client.Do(ctx, cmd)
}

func (w waiting) Nodes() map[string]rueidis.Client { return map[string]rueidis.Client{"": w} }

// Close ends the look at the server, and waits for the uses that are under way.
func TestCloseWaitsForUsesAndForNothingElse(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return ":1\r\n" })
	client := waiting{stubClient(t, s.addr, false), make(chan struct{}), make(chan string, 2)}
	store := must(t)(replay.Redis(client, replay.RedisConfig{Timeout: patient}))
	used, closed := make(chan bool), make(chan struct{})
	go func() {
		fresh, _ := store.Use(context.Background(), storetest.ID(), time.Now().Add(time.Hour))
		used <- fresh
	}()
	if a, b := <-client.begun, <-client.begun; a == b {
		t.Fatalf("two times %s", a)
	}
	go func() { defer close(closed); _ = store.Close() }()
	eventually(t, "the store is closed", func() error {
		if !replay.Stopped(store) {
			return errors.New("not yet")
		}
		return nil
	})
	select {
	case <-closed:
		t.Error("closed while a use is under way")
	default:
	}
	start := time.Now()
	close(client.release)
	if !<-used {
		t.Error("the use under way was refused")
	}
	<-closed
	if took := time.Since(start); took > patient/2 { // what the look would have taken
		t.Errorf("took %v", took)
	}
}
