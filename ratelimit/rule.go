package ratelimit

import "time"

const (
	// exactUpTo is the largest limit whose log has ticks so short that a slot
	// frees within a 32,768th of the window; above it one of a 128th is enough,
	// and the log stays as short.
	exactUpTo = 128
	fineTicks = 1 << 16
	rawTicks  = 128

	minWindow = time.Millisecond
	maxWindow = 366 * 24 * time.Hour
	maxLimit  = 1<<32 - 1
)

// rule is a quota in the units of a log: events of one tick are merged, and an
// event counts until span whole ticks lie between it and now, so never less than
// the window.
type rule struct{ limit, tick, span int64 } // tick in nanoseconds, whole microseconds

// ruleOf returns the rule of a quota, with short ticks or long ones. A policy with
// a plan has long ones whatever its limit: a log must not change its unit.
func ruleOf(limit int64, window time.Duration, fine bool) rule {
	ticks := int64(rawTicks)
	if fine {
		ticks = fineTicks
	}
	tick := (int64(window) + ticks - 1) / ticks
	tick = (tick + 999) / 1000 * 1000 // Redis counts microseconds; the unit must be the same everywhere
	return rule{limit: limit, tick: tick, span: (int64(window) + tick - 1) / tick}
}
