package ratelimit_test

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/ginsec/ginsec/bench/internal/meter"
)

// BenchmarkOneKey is the store alone, one hot key.
func BenchmarkOneKey(b *testing.B) {
	for _, s := range stores() {
		b.Run(s.name, func(b *testing.B) {
			take := s.open(b, never)
			clock := meter.Start(b)
			for b.Loop() {
				if ok, err := take("user_00000001"); !ok || err != nil {
					b.Fatal("refused", err)
				}
			}
			clock.Stop()
		})
	}
}

// BenchmarkOneKeyParallel is the same key from all processors at once.
func BenchmarkOneKeyParallel(b *testing.B) {
	for _, s := range stores() {
		if s.name == "peer/httprate" {
			continue // its response writer cannot be shared
		}
		b.Run(s.name, func(b *testing.B) {
			take := s.open(b, never)
			clock := meter.Start(b)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if ok, err := take("user_00000001"); !ok || err != nil {
						b.Error("refused", err)
						return
					}
				}
			})
			clock.Stop()
		})
	}
}

// BenchmarkManyKeys draws from 100 000 live keys at random, more than fit a
// processor's cache.
func BenchmarkManyKeys(b *testing.B) {
	all := keys(100_000)
	for _, s := range stores() {
		b.Run(s.name, func(b *testing.B) {
			take := s.open(b, never)
			for _, key := range all {
				if ok, err := take(key); !ok || err != nil {
					b.Fatal("refused", err)
				}
			}
			random := rand.New(rand.NewPCG(1, 2))
			clock := meter.Start(b)
			for b.Loop() {
				if ok, err := take(all[random.IntN(len(all))]); !ok || err != nil {
					b.Fatal("refused", err)
				}
			}
			clock.Stop()
		})
	}
}

// BenchmarkBytesPerKey is the heap that a key with one event occupies.
func BenchmarkBytesPerKey(b *testing.B) {
	all := keys(100_000)
	for _, s := range stores() {
		b.Run(s.name, func(b *testing.B) {
			take := s.open(b, never)
			before := heap()
			for _, key := range all {
				if _, err := take(key); err != nil {
					b.Fatal(err)
				}
			}
			used := float64(heap() - before)
			for b.Loop() { // measured above, once
			}
			b.ReportMetric(used/float64(len(all)), "B/key")
			runtime.KeepAlive(take)
		})
	}
	runtime.KeepAlive(all)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
