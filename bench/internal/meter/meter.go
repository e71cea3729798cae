// Package meter charges a benchmark loop with the processor time of the whole
// process: garbage that the collector clears on another core is paid by whoever
// made it, which wall time hides.
package meter

import (
	"syscall"
	"testing"
)

// Ballast gives every variant of every comparison the same heap goal. Without it
// a variant that owns a large table collects less often than its rivals and looks
// cheaper than it is. The pages are never touched, so they cost no memory.
var Ballast = make([]byte, 256<<20)

// CPU returns the processor time that this process has used, in nanoseconds.
func CPU() int64 { return cpu(syscall.RUSAGE_SELF) }

func cpu(who int) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		panic(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// Clock measures one benchmark loop.
type Clock struct {
	b      *testing.B
	start  int64
	paused int64
}

// Start begins to measure: call it right before the loop, and Stop right after.
func Start(b *testing.B) *Clock {
	b.Helper()
	if len(Ballast) == 0 {
		b.Fatal("no ballast")
	}
	b.ReportAllocs()
	b.ResetTimer()
	return &Clock{b: b, start: CPU()}
}

// Stop ends the measurement and reports processor time per iteration.
func (c *Clock) Stop() {
	c.b.StopTimer()
	c.b.ReportMetric(float64(CPU()-c.start)/float64(c.b.N), "cpu-ns/op")
}

// Pause leaves what follows out of the measurement, until Resume.
func (c *Clock) Pause() {
	c.b.StopTimer()
	c.paused = CPU()
}

// Resume goes on measuring.
func (c *Clock) Resume() {
	c.start += CPU() - c.paused
	c.b.StartTimer()
}
