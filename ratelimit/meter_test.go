//go:build unix

package ratelimit_test

import (
	"syscall"
	"testing"
)

// meter reports the processor time of a benchmark's loop: unlike wall time it
// hardly depends on what else the machine does.
func meter(b *testing.B) (done func()) {
	b.Helper()
	b.ReportAllocs()
	b.ResetTimer()
	ballast[0]++
	before := cpuTime()
	return func() {
		b.StopTimer()
		b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
	}
}

func cpuTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// ballast keeps the collector's pace the same for every variant.
var ballast = make([]byte, 256<<20)
