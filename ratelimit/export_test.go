package ratelimit

import "time"

// The scripts and the names Redis should know them by.
var (
	TakeScript   = takeScript
	RefundScript = refundScript
	SlotOf       = slotOf
	ParsePeer    = parsePeer
)

// The hashes are constants, so that the package needs no SHA-1.
const (
	TakeSHA   = takeSHA
	RefundSHA = refundSHA
)

// RuleArgs returns the tick in microseconds, the ticks an event counts, and the
// expiry in milliseconds, that the take script is called with.
func RuleArgs(limit int64, window time.Duration) (tick, keep, ttl int64) {
	r := ruleOf(limit, window, limit <= exactUpTo)
	return r.inRedis()
}

// Again charges an empty log n times at a moment and returns whether one more unit
// fits at another.
func Again(limit, n int64, window time.Duration, at, again int64) bool {
	var e entry
	var s slab
	r := ruleOf(limit, window, limit <= exactUpTo)
	for range n {
		if e.judge(&s, &r, at, 1).ok {
			e.push(&s, &r, 1)
		}
	}
	return e.judge(&s, &r, again, 1).ok
}

// GivenUp reports whether a Redis store has given its server up since a request was
// told so last.
func GivenUp(s Store) bool { return s.(*redis).opened.Load() != nil }
