package replay_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// token returns a one-time token of its own.
func token() replay.Token {
	return replay.Token{Kind: replay.KindToken, Issuer: "https://id.example", ID: rnd(), NotAfter: time.Now().Add(time.Hour)}
}

// eventually repeats try, with a token of its own each time, until it succeeds.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	var err error
	for start := time.Now(); time.Since(start) < 30*time.Second; {
		if err = try(); err == nil {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("%s: %v", what, err)
}

// server is a Redis that a test may treat badly, and a guard on it.
func redisGuard(t *testing.T, cfg replay.Config, rc replay.RedisConfig) (*replay.Guard, *testserver.RedisServer) {
	t.Helper()
	server := testserver.Redis(t)
	store := must(t)(replay.Redis(redisClient(t, server.Addr), rc))
	cfg.Store = store
	g := newGuard(t, cfg)
	eventually(t, "a first use", func() error { return g.Consume(t.Context(), token()) })
	return g, server
}

func TestAStoreThatIsAwayIs503AndNeverAPass(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		begin, end func(s *testserver.RedisServer)
	}{
		"killed and restarted": {(*testserver.RedisServer).Kill, (*testserver.RedisServer).Restart},
		"frozen and thawed":    {(*testserver.RedisServer).Freeze, (*testserver.RedisServer).Thaw},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := &events{}
			g, server := redisGuard(t, replay.Config{Audit: sink}, replay.RedisConfig{})
			used := token()
			eventually(t, "a first use", func() error { used.ID = rnd(); return g.Consume(t.Context(), used) })
			tc.begin(server)
			var slowest time.Duration
			for range 30 {
				p := principal()
				p.TokenID = rnd()
				r, handled := engine(p, g.SingleUse())
				start := time.Now()
				w := post(r)
				slowest = max(slowest, time.Since(start))
				if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || handled.Load() != 0 {
					t.Fatalf("answer: %d %v", w.Code, w.Header())
				}
				if !strings.Contains(w.Body.String(), `"code":"temporarily_unavailable"`) {
					t.Fatalf("body: %s", w.Body)
				}
			}
			if e := sink.last(t); e.Verdict != audit.Error || e.Reason != "store_unavailable" || e.Err == nil || e.Status != 503 {
				t.Errorf("event: %+v", e)
			}
			t.Logf("slowest answer %v", slowest)
			if slowest > 2*time.Second { // 50 ms, on a machine that does nothing else
				t.Errorf("slowest answer %v", slowest)
			}
			// What this process has accepted is refused without the store.
			if err := g.Consume(t.Context(), used); !errors.Is(err, replay.ErrReplayed) {
				t.Errorf("a known replay during the outage: %v", err)
			}
			tc.end(server)
			eventually(t, "after the outage", func() error { return g.Consume(t.Context(), token()) })
			if err := g.Consume(t.Context(), used); !errors.Is(err, replay.ErrReplayed) {
				t.Errorf("a known replay after the outage, with a server that has forgotten it: %v", err)
			}
		})
	}
}

func TestLocalFallbackAcceptsOncePerInstanceThroughAnOutage(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g, server := redisGuard(t, replay.Config{Audit: sink, OnStoreFailure: replay.LocalFallback}, replay.RedisConfig{})
	before := token()
	eventually(t, "a first use", func() error { before.ID = rnd(); return g.Consume(t.Context(), before) })
	server.Kill()
	if err := g.Consume(t.Context(), before); !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("used before the outage: %v", err)
	}
	during := make([]replay.Token, 200)
	wins := make([]atomic.Int32, len(during))
	var wg sync.WaitGroup
	for i := range during {
		during[i] = token()
		for range 8 {
			wg.Go(func() {
				switch err := g.Consume(t.Context(), during[i]); {
				case err == nil:
					wins[i].Add(1)
				case !errors.Is(err, replay.ErrReplayed):
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	for i := range wins {
		if n := wins[i].Load(); n != 1 {
			t.Errorf("token %d was accepted %d times during the outage", i, n)
		}
	}
	if !sink.has(audit.Error, "local_fallback") {
		t.Error("no event tells of the fallback")
	}
	server.Restart()
	eventually(t, "the store is used again", func() error {
		tok := token()
		if err := g.Consume(t.Context(), tok); err != nil {
			return err
		}
		if !sink.has(audit.Allow, "fresh") || sink.last(t).Reason != "fresh" {
			return errors.New("still local")
		}
		return nil
	})
	for i, tok := range slices.Concat(during, []replay.Token{before}) {
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("token %d after the outage: %v", i, err)
		}
	}
}

// While calls fail and succeed at random, the same token is decided partly by the
// server and partly here: it still passes once.
func TestAFlickeringStoreNeverLetsATokenPassTwice(t *testing.T) {
	t.Parallel()
	for _, policy := range []replay.Failure{replay.Deny, replay.LocalFallback} {
		inner := must(t)(replay.Local(replay.LocalConfig{}))
		store := &flickering{Store: inner}
		g := newGuard(t, replay.Config{Store: store, OnStoreFailure: policy})
		for i := range soak(3000, 50_000) {
			tok := token()
			var wins atomic.Int32
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					if g.Consume(t.Context(), tok) == nil {
						wins.Add(1)
					}
				})
			}
			wg.Wait()
			if g.Consume(t.Context(), tok) == nil {
				wins.Add(1)
			}
			if n := wins.Load(); n > 1 {
				t.Fatalf("policy %d: token %d was accepted %d times", policy, i, n)
			}
		}
	}
}

// flickering records every use and loses every third answer.
type flickering struct {
	replay.Store

	n atomic.Int64
}

func (f *flickering) Use(ctx context.Context, id [16]byte, until time.Time) (bool, error) {
	n := f.n.Add(1)
	if n%3 == 0 {
		return false, errors.New("lost before it arrived")
	}
	fresh, err := f.Store.Use(ctx, id, until)
	if n%3 == 1 && n%2 == 0 {
		return false, errors.New("the answer was lost")
	}
	return fresh, err
}

// A process that can remember no more goes on with the store alone, and refuses
// when it would have to decide alone.
func TestAFullMemoryInFrontOfAStoreFailsClosed(t *testing.T) {
	t.Parallel()
	g, server := redisGuard(t, replay.Config{OnStoreFailure: replay.LocalFallback, Timeout: patient}, replay.RedisConfig{})
	replay.LimitKnown(replay.StoreOf(g), 1)
	for range 200 {
		tok := token()
		if err := g.Consume(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Fatal(err)
		}
	}
	server.Kill()
	refused := 0
	for range 200 {
		if err := g.Consume(t.Context(), token()); errors.Is(err, replay.ErrUnavailable) {
			refused++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if refused < 190 { // the tables that exist have a little room
		t.Errorf("%d of 200 uses were refused", refused)
	}
}

func (e *events) has(v audit.Verdict, reason string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, ev := range e.all {
		if ev.Verdict == v && ev.Reason == reason {
			return true
		}
	}
	return false
}

func TestAFailingStoreIsLeftAloneForAWhileAndFoundAgain(t *testing.T) {
	t.Parallel()
	store := &scripted{err: errors.New("down")}
	g := newGuard(t, replay.Config{Store: store})
	for range 1000 {
		if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if n := store.calls.Load(); n < 5 || n > 100 {
		t.Errorf("a store that is down was tried %d times for 1000 uses", n)
	}
	eventually(t, "tried again", func() error {
		before := store.calls.Load()
		_ = g.Consume(t.Context(), token())
		if store.calls.Load() == before {
			return errors.New("not yet")
		}
		return nil
	})
}

// Clients that go away must not make the store look bad for the others.
func TestClientsThatGoAwayAreNotTheStoresFailure(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g, _ := redisGuard(t, replay.Config{Audit: sink, OnStoreFailure: replay.LocalFallback, Timeout: patient}, replay.RedisConfig{})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 50 {
		if err := g.Consume(gone, token()); !errors.Is(err, replay.ErrUnavailable) {
			t.Fatal(err)
		}
	}
	if e := sink.last(t); e.Reason != "canceled" {
		t.Errorf("event: %+v", e)
	}
	if err := g.Consume(t.Context(), token()); err != nil || sink.last(t).Reason != "fresh" {
		t.Errorf("the next client: %v, %+v", err, sink.last(t))
	}
}

func TestAFlushedScriptCacheGoesUnnoticed(t *testing.T) {
	t.Parallel()
	g, server := redisGuard(t, replay.Config{Timeout: patient}, replay.RedisConfig{})
	for range 20 {
		server.Do("SCRIPT", "FLUSH")
		tok := token()
		if err := g.Consume(t.Context(), tok); err != nil {
			t.Fatal(err)
		}
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Fatal(err)
		}
	}
}

// Whatever a key has become, it is neither a pass nor a replay.
func TestErrorsOfTheServerAreFailures(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--maxmemory-policy", "noeviction")
	client := redisClient(t, server.Addr)
	until := time.Now().Add(time.Hour)
	for name, open := range map[string]func(rueidis.Client, replay.RedisConfig) (replay.Store, error){
		"Redis": replay.Redis, "RedisBloom": replay.RedisBloomOverSet,
	} {
		// One bucket, so that its key is known.
		store := must(t)(open(client, replay.RedisConfig{Prefix: name + ":", Capacity: 1, Timeout: patient}))
		if !accepts(t, store, storetest.ID(), until) {
			t.Fatal("a first use was refused")
		}
		key := onlyKey(t, server, name+":*")
		server.Do("DEL", key)
		server.Do("SET", key, "text")
		for range 10 { // also: an answer, whatever it is, opens no breaker
			if fresh, err := store.Use(t.Context(), storetest.ID(), until); fresh || !errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), "WRONGTYPE") {
				t.Fatalf("%s, wrong type: %v, %v", name, fresh, err)
			}
		}
		server.Do("DEL", key)
		server.Do("CONFIG", "SET", "maxmemory", "1")
		if fresh, err := store.Use(t.Context(), storetest.ID(), until); fresh || !errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), "OOM") {
			t.Fatalf("%s, out of memory: %v, %v", name, fresh, err)
		}
		server.Do("CONFIG", "SET", "maxmemory", "0")
		if !accepts(t, store, storetest.ID(), until) {
			t.Error("a first use afterwards was refused")
		}
	}
}

func onlyKey(t *testing.T, server *testserver.RedisServer, pattern string) string {
	t.Helper()
	lines := strings.Split(server.Do("KEYS", pattern), "\r\n")
	if lines[0] != "*1" {
		t.Fatalf("want one key: %q", lines)
	}
	return lines[2]
}

func TestAMissingModuleIsNeverAnAcceptance(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for _, policy := range []replay.Failure{replay.Deny, replay.LocalFallback} {
		sink := &events{}
		store := must(t)(replay.RedisBloom(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient}))
		g := newGuard(t, replay.Config{Store: store, OnStoreFailure: policy, Audit: sink})
		for i := range 20 { // more than open a breaker, which would hide the reason
			err := g.Consume(t.Context(), token())
			if !errors.Is(err, replay.ErrNoBloom) || !errors.Is(err, replay.ErrUnavailable) {
				t.Errorf("policy %d, use %d: %v", policy, i, err)
			}
		}
		r, handled := engine(principal(), g.SingleUse())
		if w := post(r); w.Code != http.StatusServiceUnavailable || handled.Load() != 0 {
			t.Errorf("policy %d: %d", policy, w.Code)
		}
		if e := sink.last(t); e.Reason != "no_bloom" || e.Verdict != audit.Error {
			t.Errorf("event: %+v", e)
		}
		if keys := server.Do("KEYS", "*"); keys != "*0\r\n" {
			t.Errorf("keys: %q", keys)
		}
	}
}

func TestAServerThatMayEvictIdsIsWarnedAbout(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		warn bool
	}{
		{[]string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, true},
		{[]string{"--maxmemory", "100mb", "--maxmemory-policy", "volatile-ttl"}, true},
		{[]string{"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"}, false},
		{[]string{"--maxmemory-policy", "allkeys-lru"}, false}, // no limit, no eviction
		{[]string{"--rename-command", "INFO", ""}, false},      // refused: nothing is known
	} {
		server := testserver.Redis(t, tc.args...)
		var out bytes.Buffer
		store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{
			Timeout: patient, Logger: slog.New(slog.NewTextHandler(&out, nil)),
		}))
		for range 3 {
			accepts(t, store, storetest.ID(), time.Now().Add(time.Hour))
		}
		replay.Looked(store)
		if n := strings.Count(out.String(), "maxmemory_policy="); (n > 0) != tc.warn || n > 1 {
			t.Errorf("%v: %d warnings %s", tc.args, n, &out)
		}
	}
}
