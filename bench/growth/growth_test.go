// Package growth_test measures how costs grow with what a service holds and is
// asked: nothing may grow faster than its work.
package growth_test

import (
	"os"
	"runtime"
	"strconv"
	"testing"

	"github.com/ginsec/ginsec/bench/internal/meter"
)

// quick makes the largest sizes small, to see in seconds that all of it works.
func quick() bool { return os.Getenv("GINSEC_BENCH_QUICK") != "" }

// decades are the powers of ten up to most.
func decades(most int) []int {
	if quick() {
		most = min(most, 1000)
	}
	var all []int
	for n := 1; n <= most; n *= 10 {
		all = append(all, n)
	}
	return all
}

// cost runs call n times and returns the processor time of one.
func cost(n int, call func(i int)) float64 {
	start := meter.CPU()
	for i := range n {
		call(i)
	}
	return float64(meter.CPU()-start) / float64(n)
}

// tell writes a result that was measured already as a benchmark's line.
func tell(b *testing.B, name string, size int, cpu float64, more ...metric) {
	b.Helper()
	b.Run(name+strconv.Itoa(size), func(b *testing.B) {
		for b.Loop() { // measured before, once
		}
		b.ReportMetric(cpu, "cpu-ns/op")
		for _, m := range more {
			b.ReportMetric(m.value, m.unit)
		}
	})
}

type metric struct {
	value float64
	unit  string
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func check(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
