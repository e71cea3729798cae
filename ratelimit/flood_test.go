package ratelimit_test

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // empties the pools, too
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// GINSEC_TEST_SOAK=1 makes it ten million keys.
func TestAFloodOfNewKeysNeitherFillsTheMemoryNorFreesAnybody(t *testing.T) { //nolint:paralleltest // others would be measured, too
	keys := 1_000_000
	if os.Getenv("GINSEC_TEST_SOAK") != "" {
		keys = 10_000_000
	}
	before := heap()
	synctest.Test(t, func(t *testing.T) {
		store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		l := newLimiter(t, ratelimit.Config{Store: store})
		p := ratelimit.Policy{Name: "p", Limit: 5, Window: time.Minute, Key: ratelimit.ByUser()}
		for range 5 {
			if r, _ := l.Take(t.Context(), charge(p, "victim")); !r.Allowed {
				t.Fatal("the victim was refused below its limit")
			}
		}
		admitted := 0
		for i := range keys {
			if r, _ := l.Take(t.Context(), charge(p, "flood"+strconv.Itoa(i))); r.Allowed {
				admitted++
			}
		}
		used := heap() - before
		t.Logf("%d keys: %d admitted, %d MiB", keys, admitted, used>>20)
		if used > 64<<20 {
			t.Errorf("the store takes %d MiB", used>>20)
		}
		if most := 100_000 + 256*5; admitted > most {
			t.Errorf("%d admitted of a store of 100,000 keys, want at most %d: keys were forgotten alive", admitted, most)
		}
		if r, _ := l.Peek(t.Context(), charge(p, "victim")); r.Allowed {
			t.Error("the flood cleared the victim's count")
		}
		// A new client shares the overflow of its part of the store: it is told when
		// to come back, and is served then although the flood goes on.
		fresh := charge(p, "fresh")
		r, _ := l.Take(t.Context(), fresh)
		if !r.Allowed {
			if r.RetryAfter <= 0 || r.RetryAfter > time.Minute {
				t.Errorf("told to come back in %v", r.RetryAfter)
			}
			time.Sleep(r.RetryAfter)
			if r, _ = l.Take(t.Context(), fresh); !r.Allowed {
				t.Error("a new client is refused at the time it was told")
			}
		}
		// After the window everybody is served again, with counts of their own.
		time.Sleep(time.Minute)
		for i := range 200_000 {
			if r, _ := l.Take(t.Context(), charge(p, "later"+strconv.Itoa(i))); !r.Allowed && i < 80_000 {
				t.Fatalf("key %d refused in an empty store", i)
			}
		}
		runtime.KeepAlive(l)
	})
}

func TestAFullStoreStillServesNewClients(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 1000})
		if err != nil {
			t.Fatal(err)
		}
		l := newLimiter(t, ratelimit.Config{Store: store})
		p := ratelimit.Policy{Name: "p", Limit: 100, Window: time.Minute, Key: ratelimit.ByUser()}
		for i := range 1500 { // half as many again as fit, each once
			if r, err := l.Take(t.Context(), charge(p, strconv.Itoa(i))); err != nil || !r.Allowed {
				t.Fatalf("client %d refused: %v", i, err)
			}
		}
	})
}

func TestTwoNewKeysOfAFullStoreDoNotExceedWhatTheyShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 10}) // one shard
		if err != nil {
			t.Fatal(err)
		}
		l := newLimiter(t, ratelimit.Config{Store: store})
		p := ratelimit.Policy{Name: "p", Limit: 5, Window: time.Minute, Key: ratelimit.ByUser()}
		for i := range 10 {
			if r, _ := l.Take(t.Context(), charge(p, strconv.Itoa(i))); !r.Allowed {
				t.Fatal("refused in an empty store")
			}
		}
		shared := 0
		for i := range 50 {
			if r, _ := l.Take(t.Context(), charge(p, "c"+strconv.Itoa(i))); r.Allowed {
				shared++
			}
			if r, _ := l.Take(t.Context(), charge(p, "a"+strconv.Itoa(i)), charge(p, "b"+strconv.Itoa(i))); r.Allowed {
				shared += 2
			}
		}
		if shared > 5 {
			t.Errorf("new keys got %d units of a shared limit of 5", shared)
		}
	})
}

func TestManyPoliciesInAFullStoreStayBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 100})
		if err != nil {
			t.Fatal(err)
		}
		l := newLimiter(t, ratelimit.Config{Store: store})
		refused := 0
		for i := range 5000 {
			p := ratelimit.Policy{Name: fmt.Sprint("p", i), Limit: 100, Window: time.Minute, Key: ratelimit.ByUser()}
			r, err := l.Take(t.Context(), charge(p, "k"))
			if err != nil {
				t.Fatal(err)
			}
			if !r.Allowed {
				refused++
				if r.RetryAfter <= 0 {
					t.Fatal("refused without a time to come back")
				}
			}
		}
		if refused < 4000 {
			t.Errorf("only %d of 5000 policies refused: the overflow is not bounded", refused)
		}
	})
}

func TestALogTakesLittleMemory(t *testing.T) { //nolint:paralleltest // others would be measured, too
	for _, v := range []struct{ events, most int }{{1, 100}, {10, 260}} {
		before := heap()
		store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 2_000_000})
		if err != nil {
			t.Fatal(err)
		}
		l := newLimiter(t, ratelimit.Config{Store: store})
		p := ratelimit.Policy{Name: "p", Limit: 100, Window: time.Hour, Key: ratelimit.ByUser()}
		const keys = 200_000
		for range v.events {
			for i := range keys {
				if r, _ := l.Take(t.Context(), charge(p, strconv.Itoa(i))); !r.Allowed {
					t.Fatal("refused")
				}
			}
		}
		perKey := int(heap()-before) / keys
		t.Logf("%d events: %d bytes a key", v.events, perKey)
		if perKey > v.most {
			t.Errorf("%d events take %d bytes a key, want at most %d", v.events, perKey, v.most)
		}
		runtime.KeepAlive(l)
	}
}

func TestTakeAllocatesNothing(t *testing.T) { //nolint:paralleltest // others would be measured, too
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 1000/1h by user")
	ctx, c := t.Context(), charge(p, "k")
	for range 100 {
		if _, err := l.Take(ctx, c); err != nil {
			t.Fatal(err)
		}
	}
	if n := testing.AllocsPerRun(2000, func() { _, _ = l.Take(ctx, c) }); n != 0 && !testserver.Race {
		t.Errorf("%v allocations", n)
	}
	r := gin.New()
	r.GET("/", l.Use(never("n", ratelimit.ByIP())), func(*gin.Context) {})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.RemoteAddr = "192.0.2.1:1"
	w := &writer{header: http.Header{}}
	if n := testing.AllocsPerRun(2000, func() { clear(w.header); r.ServeHTTP(w, req) }); n > 3 && !testserver.Race {
		t.Errorf("%v allocations for a request", n)
	}
}

// Lockouts take the room of keys, never that which new clients share in a full store.
func TestLockoutsInAFullStoreLeaveRoomForNewClients(t *testing.T) {
	t.Parallel()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 100})
	if err != nil {
		t.Fatal(err)
	}
	l := newLimiter(t, ratelimit.Config{Store: store})
	p := policy(t, "p: 1/1h by ip")
	p.Lockout = time.Hour
	r := gin.New()
	r.GET("/p", l.Use(p), ok)
	r.GET("/q", l.Use(policy(t, "q: 1000/1h by ip")), ok)
	for i := range 2000 {
		client := from(fmt.Sprintf("10.0.%d.%d:1", i/256, i%256))
		get(r, "/p", client)
		get(r, "/p", client)
	}
	for i := range 100 {
		wantStatus(t, get(r, "/q", from(fmt.Sprintf("10.9.0.%d:1", i))), http.StatusOK)
	}
}
