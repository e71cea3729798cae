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
	if b.failures.Load() != 0 {
		b.failures.Store(0)
		b.retry.Store(0)
	}
}

func (b *breaker) failed() {
	if b.failures.Add(1) >= tolerated {
		b.retry.Store(int64(time.Since(b.start) + cooldown))
	}
}

const (
	lively = 100 * time.Millisecond
	never  = -int64(lively)
)

// pulse tells whether a server has answered just now, and nothing has failed since.
type pulse struct {
	start time.Time
	last  atomic.Int64 // nanoseconds after start
}

func newPulse() *pulse {
	p := &pulse{start: time.Now()}
	p.last.Store(never)
	return p
}

func (p *pulse) beats() bool { return p.age() < int64(lively) }

func (p *pulse) age() int64 { return int64(time.Since(p.start)) - p.last.Load() }

func (p *pulse) note(answered bool) {
	switch {
	case !answered:
		p.last.Store(never)
	case p.age() > int64(lively)/10: // not on every use: all goroutines share it
		p.last.Store(int64(time.Since(p.start)))
	}
}
