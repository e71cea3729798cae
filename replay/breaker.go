package replay

import (
	"sync/atomic"
	"time"
)

const (
	// tolerated is how many failures in a row are met with another try.
	tolerated = 5
	// cooldown is how long a failing store is then left alone before one use is
	// spent on trying it.
	cooldown = 250 * time.Millisecond
)

// breaker spares requests the wait for a store that does not answer.
type breaker struct {
	start    time.Time
	failures atomic.Int32
	retry    atomic.Int64 // nanoseconds after start; 0 while closed
}

// allow reports whether the store may be tried. While open it lets one use
// through per cooldown.
func (b *breaker) allow() bool {
	retry := b.retry.Load()
	if retry == 0 {
		return true
	}
	now := int64(time.Since(b.start))
	return now >= retry && b.retry.CompareAndSwap(retry, now+int64(cooldown))
}

func (b *breaker) succeeded() {
	// A failure at the same moment may set the mark after the count was cleared.
	if b.failures.Load() != 0 || b.retry.Load() != 0 {
		b.failures.Store(0)
		b.retry.Store(0)
	}
}

func (b *breaker) failed() {
	if b.failures.Add(1) >= tolerated {
		b.retry.Store(int64(time.Since(b.start) + cooldown))
	}
}
