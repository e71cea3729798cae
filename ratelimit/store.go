package ratelimit

import (
	"context"
	"hash/maphash"
	"time"
)

// Store holds the logs of a [Limiter]: [Memory] or [Redis]. Its methods but Close
// are internal; a limiter is what counts.
type Store interface {
	// Close stops what the store runs in the background. It can be called more
	// than once; charges made afterwards are still answered.
	Close() error

	seed() maphash.Seed
	// remote reports whether the logs are outside this process; items then need
	// their key's name, and not only its hash.
	remote() bool
	// prefix is the start of every key's name.
	prefix() string
	// take judges all items and charges all of them or none; dry, it only judges.
	take(ctx context.Context, within time.Duration, items []item, dry bool) outcome
	// known judges what it has cause to think over the limit. Items it knows nothing
	// about fit, without leaving the process. Nothing is charged.
	known(ctx context.Context, within time.Duration, items []item) outcome
	// refund takes back the items' costs where they were charged.
	refund(ctx context.Context, within time.Duration, items []item)
	reset(ctx context.Context, within time.Duration, items []item) error
}

// outcome is what a store says about a whole call.
type outcome struct {
	ok   bool  // every item that is not soft fits
	err  error // the store did not answer, and an item's policy is to deny then
	lost error // the store has just been given up, until it answers again
}

// item is one policy's part of a call.
type item struct {
	policy *policy
	rule   rule
	window time.Duration
	group  uint64 // hash of what tells the policy's logs from others
	hash   uint64 // of that and the key; of that alone once in overflow
	name   string // of the log in a remote store
	cost   int64
	asked  int64 // the cost before what an earlier step charged was taken off
	verdict
	lock    bool // asks whether the key is locked out
	tally   bool // counts towards a lockout
	soft    bool // neither denies nor is charged when it does not fit
	local   bool // judged in this process while the store was away
	unknown bool // let pass unjudged
	told    bool // judged by Redis, in this call
	made    bool // and charged there
	own     bool // the key has a log of its own
	shared  bool // of a key without a log of its own, in a full store
}

// denies reports whether the item refuses its request.
func (i *item) denies() bool { return !i.ok && !i.soft }

// charged reports whether there is something to give back.
func (i *item) charged() bool { return i.ok && i.cost > 0 && !i.unknown }

// fits answers for an item that was not judged.
func (i *item) fits() {
	i.verdict, i.unknown = verdict{ok: true, remaining: i.rule.limit}, true
}
