package replay_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// sequence gives every call another id, spread like a hash.
type sequence struct{ n atomic.Uint64 }

func (s *sequence) next() (id [16]byte) {
	x := s.n.Add(1)
	binary.LittleEndian.PutUint64(id[:8], mix(x))
	binary.LittleEndian.PutUint64(id[8:], mix(x+1<<63))
	return id
}

func mix(x uint64) uint64 { // splitmix64
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// million is the capacity at which filters of one size are compared: first uses
// beyond it go to a new filter.
const million = 1_000_000

func BenchmarkLocalFirstUse(b *testing.B) {
	for _, bc := range []struct {
		name string
		cfg  replay.LocalConfig
	}{{"sized", replay.LocalConfig{Capacity: million}}, {"grown", replay.LocalConfig{}}} {
		b.Run(bc.name, func(b *testing.B) {
			var ids sequence
			store := must(b)(replay.Local(bc.cfg))
			n, until, begin := 0, time.Now().Add(time.Hour), cpu()
			b.ReportAllocs()
			for b.Loop() {
				if n++; n%million == 0 { // the next window
					until = until.Add(time.Hour)
				}
				_, _ = store.Use(b.Context(), ids.next(), until)
			}
			b.ReportMetric(float64(cpu()-begin)/float64(n), "cpu-ns/op")
			b.ReportMetric(float64(replay.Bytes(store))/float64(n), "B/token")
		})
	}
	b.Run("mutexed bloom/v3 of the same rate", func(b *testing.B) {
		var ids sequence
		var mu sync.Mutex
		f, n, begin := bloom.NewWithEstimates(million, 1e-9), 0, cpu()
		b.ReportAllocs()
		for b.Loop() {
			if n++; n%million == 0 {
				f = bloom.NewWithEstimates(million, 1e-9)
			}
			id := ids.next()
			mu.Lock()
			f.TestOrAdd(id[:])
			mu.Unlock()
		}
		b.ReportMetric(float64(cpu()-begin)/float64(n), "cpu-ns/op")
	})
}

func BenchmarkLocalFirstUseParallel(b *testing.B) {
	b.Run("sized", func(b *testing.B) {
		var ids sequence
		store := must(b)(replay.Local(replay.LocalConfig{Capacity: million, MaxBytes: 8 << 30}))
		start := time.Now().Add(time.Hour)
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			n := 0
			for pb.Next() {
				n++
				until := start.Add(time.Duration(n/(million/runtime.GOMAXPROCS(0))) * time.Hour)
				_, _ = store.Use(b.Context(), ids.next(), until)
			}
		})
	})
	b.Run("mutexed bloom/v3 of the same rate", func(b *testing.B) {
		var ids sequence
		var mu sync.Mutex
		f, n := bloom.NewWithEstimates(million, 1e-9), 0
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				id := ids.next()
				mu.Lock()
				if n++; n%million == 0 {
					f = bloom.NewWithEstimates(million, 1e-9)
				}
				f.TestOrAdd(id[:])
				mu.Unlock()
			}
		})
	})
}

func BenchmarkLocalReplay(b *testing.B) {
	store := must(b)(replay.Local(replay.LocalConfig{Capacity: million}))
	var ids, again sequence
	until := time.Now().Add(time.Hour)
	for range 1 << 16 {
		_, _ = store.Use(b.Context(), ids.next(), until)
	}
	b.ReportAllocs()
	for b.Loop() {
		if fresh, _ := store.Use(b.Context(), again.next(), until); fresh {
			b.Fatal("a replay was missed")
		}
		if again.n.Load() == 1<<16 {
			again.n.Store(0)
		}
	}
}

// BenchmarkLocalMemory reports bytes of heap per token at ten million.
func BenchmarkLocalMemory(b *testing.B) {
	for _, capacity := range []int{0, 10 * million} {
		b.Run(fmt.Sprintf("capacity %d", capacity), func(b *testing.B) {
			for b.Loop() {
				var ids sequence
				before := heap()
				store := must(b)(replay.Local(replay.LocalConfig{Capacity: capacity}))
				until := time.Now().Add(time.Hour)
				refused := 0
				for range 10 * million {
					if fresh, _ := store.Use(b.Context(), ids.next(), until); !fresh {
						refused++
					}
				}
				b.ReportMetric(float64(heap()-before)/(10*million), "B/token")
				b.ReportMetric(float64(refused), "refused")
				_ = store.Close()
			}
		})
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func BenchmarkID(b *testing.B) {
	p := principal()
	tok := replay.Token{Kind: replay.KindToken, Issuer: p.Issuer, Client: p.ClientID, ID: "0192b3c4-1111-7000-8000-abcdefabcdef"}
	b.ReportAllocs()
	for b.Loop() {
		_ = replay.ID(tok)
	}
}

func BenchmarkGuardConsume(b *testing.B) {
	guard := newGuard(b, replay.Config{Store: must(b)(replay.Local(replay.LocalConfig{Capacity: million}))})
	n, until := 0, time.Now().Add(time.Hour)
	ids := make([]string, 1<<16)
	for i := range ids {
		ids[i] = strconv.Itoa(i) + "-7000-8000-abcdefabcdef"
	}
	b.ReportAllocs()
	for b.Loop() {
		n++
		_ = guard.Consume(b.Context(), replay.Token{Kind: replay.KindToken, ID: ids[n&0xffff], NotAfter: until})
	}
}

// BenchmarkSingleUse is a whole request with a token of its own, with and without
// the guard.
func BenchmarkSingleUse(b *testing.B) {
	guard := newGuard(b, replay.Config{Store: must(b)(replay.Local(replay.LocalConfig{Capacity: million}))})
	for _, bc := range []struct {
		name     string
		handlers []gin.HandlerFunc
	}{{"bare", nil}, {"guarded", []gin.HandlerFunc{guard.SingleUse()}}} {
		b.Run(bc.name, func(b *testing.B) {
			p := principal()
			r := gin.New()
			r.Use(func(c *gin.Context) { identity.Set(c, p) })
			r.Use(bc.handlers...)
			r.POST("/pay/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			req, w := httptest.NewRequest(http.MethodPost, "/pay/1", nil), httptest.NewRecorder()
			ids := make([]string, 1<<20)
			for i := range ids {
				ids[i] = strconv.Itoa(i) + "-7000-8000-abcdefabcdef"
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				n++
				p.TokenID = ids[n&(1<<20-1)]
				r.ServeHTTP(w, req)
			}
		})
	}
}

// BenchmarkRedis compares with SET NX PX at 64 goroutines.
func BenchmarkRedis(b *testing.B) {
	server := testserver.Redis(b)
	client := redisClient(b, server.Addr)
	store := must(b)(replay.Redis(client, replay.RedisConfig{Timeout: patient}))
	ctx := context.Background()
	until := time.Now().Add(time.Hour)
	run := func(b *testing.B, use func(id [16]byte) bool) {
		b.Helper()
		var ids sequence
		b.SetParallelism(64 / runtime.GOMAXPROCS(0))
		b.ReportAllocs()
		client0, server0 := cpu(), serverCPU(server)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if !use(ids.next()) {
					b.Error("a first use was refused")
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
		b.ReportMetric(float64(cpu()-client0)/float64(b.N), "client-cpu-ns/op")
		b.ReportMetric(float64(serverCPU(server)-server0)/float64(b.N), "server-cpu-ns/op")
		server.Do("FLUSHALL")
	}
	b.Run("SET NX PX", func(b *testing.B) {
		run(b, func(id [16]byte) bool {
			key := "ginsec:nx:" + string(id[:])
			return client.Do(ctx, client.B().Set().Key(key).Value("1").Nx().PxMilliseconds(3_600_000).Build()).Error() == nil
		})
	})
	b.Run("Redis", func(b *testing.B) {
		bare := replay.Bare(store)
		run(b, func(id [16]byte) bool { fresh, _ := bare.Use(ctx, id, until); return fresh })
	})
	b.Run("Redis behind what this process knows", func(b *testing.B) {
		store := must(b)(replay.Redis(client, replay.RedisConfig{Timeout: 2 * time.Second})) // calls share a deadline
		run(b, func(id [16]byte) bool { fresh, _ := store.Use(ctx, id, until); return fresh })
	})
}

// BenchmarkRedisMemory reports bytes per token at the default capacity.
func BenchmarkRedisMemory(b *testing.B) {
	server := testserver.Redis(b)
	client := redisClient(b, server.Addr)
	ctx := context.Background()
	until := time.Now().Add(time.Hour)
	measure := func(b *testing.B, n int, use func(id [16]byte)) {
		b.Helper()
		for b.Loop() {
			server.Do("FLUSHALL")
			before := usedMemory(server)
			var ids sequence
			var wg sync.WaitGroup
			for range 64 {
				wg.Go(func() {
					for range n / 64 {
						use(ids.next())
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(usedMemory(server)-before)/float64(n), "B/token")
		}
	}
	b.Run("SET NX PX", func(b *testing.B) {
		measure(b, million, func(id [16]byte) {
			client.Do(ctx, client.B().Set().Key("ginsec:nx:"+string(id[:])).Value("1").Nx().PxMilliseconds(3_600_000).Build())
		})
	})
	for _, n := range []int{million / 8, million, 18 * million / 10} {
		b.Run(fmt.Sprintf("Redis, %d", n), func(b *testing.B) {
			store := must(b)(replay.Redis(client, replay.RedisConfig{Timeout: patient}))
			measure(b, n, func(id [16]byte) { _, _ = replay.Bare(store).Use(ctx, id, until) })
		})
	}
}

// cpu is the processor time of this process: on a machine that does other things
// too it says more than the time that passed.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serverCPU(s *testserver.RedisServer) time.Duration {
	var sum float64
	for line := range strings.Lines(s.Do("INFO", "cpu")) {
		name, text, _ := strings.Cut(strings.TrimSpace(line), ":")
		if name == "used_cpu_user" || name == "used_cpu_sys" {
			n, _ := strconv.ParseFloat(text, 64)
			sum += n
		}
	}
	return time.Duration(sum * float64(time.Second))
}

func usedMemory(s *testserver.RedisServer) int {
	for line := range strings.Lines(s.Do("INFO", "memory")) {
		if text, ok := strings.CutPrefix(line, "used_memory:"); ok {
			n, _ := strconv.Atoi(strings.TrimSpace(text))
			return n
		}
	}
	return 0
}

var _ storetest.ReplayStore = replay.Store(nil)
