package ratelimit

import (
	"strconv"
	"time"
)

const (
	// exactUpTo is the largest limit whose log holds the exact time of every unit.
	// Above it the events of a 128th of the window are merged, so that no log gets
	// longer, and a slot frees that much late.
	exactUpTo = 128
	ticks     = 128

	minWindow = time.Millisecond
	maxWindow = 366 * 24 * time.Hour
	maxLimit  = 1<<32 - 1
	tooMuch   = maxLimit + 1 // as a cost; more never fits either
)

// rule is a quota in the units of a log. An event counts while it is less than
// keep ticks old; that is never shorter than the window.
type rule struct {
	limit, tick, keep int64 // tick in nanoseconds
	exact             bool
}

// ruleOf returns the rule of a quota. A policy with a plan has no exact log
// whatever its limit: a log must not change its unit.
func ruleOf(limit int64, window time.Duration, exact bool) rule {
	if exact {
		return rule{limit, 1, int64(window), true}
	}
	tick := (int64(window) + ticks - 1) / ticks
	tick = (tick + 999) / 1000 * 1000 // Redis counts microseconds
	// An event may have happened at the end of its tick: one tick more.
	return rule{limit, tick, (int64(window)+tick-1)/tick + 1, false}
}

// tickOf is the tick that now is in, or the last one seen when that is later. Most
// often it is the last one, which takes no division to find out.
func (r *rule) tickOf(now, last int64) int64 {
	switch {
	case now < (last+1)*r.tick:
		return last
	case r.exact:
		return now
	default:
		return now / r.tick
	}
}

// until is the time from now to the moment when an event of this tick stops to
// count.
func (r *rule) until(tick, now int64) time.Duration {
	return time.Duration((tick+r.keep)*r.tick - now)
}

// inRedis returns the tick in microseconds, how many of them an event counts, and
// the milliseconds after which nothing of a log does.
func (r *rule) inRedis() (tick, keep, ttl int64) {
	tick, keep = r.tick/1000, r.keep
	if r.exact {
		tick, keep = 1, (r.keep+999)/1000
	}
	return tick, keep, (keep+1)*tick/1000 + 1
}

// args are the rule's arguments for the script: limit, tick, keep, expiry.
func (r *rule) args() (args [4]string) {
	tick, keep, ttl := r.inRedis()
	for i, n := range [4]int64{r.limit, tick, keep, ttl} {
		args[i] = strconv.FormatInt(n, 10)
	}
	return args
}

// event is n units admitted in one tick, packed: the tick above, n below. In an
// exact log n has 8 bits, else 32. Ticks lose their upper bits; entry.last tells
// them.
type event uint64

func (r *rule) bits() uint {
	if r.exact {
		return 8
	}
	return 32
}

func (r *rule) event(tick, n int64) event {
	shift := r.bits()
	return event(uint64(tick)<<shift | uint64(n))
}

// split returns how many ticks before full an event was, and its units.
func (r *rule) split(e event, full int64) (age, n int64) {
	shift := r.bits()
	mask := uint64(1)<<(64-shift) - 1
	return int64((uint64(full) - uint64(e)>>shift) & mask), int64(uint64(e) & (1<<shift - 1))
}
