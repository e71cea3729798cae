package redis

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// parallel shares b.N calls among the goroutines.
func parallel(b *testing.B, call func(n int) error) {
	b.Helper()
	b.SetParallelism(max(1, Goroutines/runtime.GOMAXPROCS(0)))
	var next atomic.Int64
	next.Store(warmUp)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := call(int(next.Add(1))); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// Each makes n numbered calls from as many goroutines as a benchmark uses.
func Each(n int, call func(n int) error) error {
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for range Goroutines {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(n) && failed.Load() == nil; i = next.Add(1) {
				if err := call(int(i)); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}
