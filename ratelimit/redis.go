package ratelimit

import (
	"context"
	"errors"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

// RedisConfig configures [Redis].
type RedisConfig struct {
	_ [0]func()

	// LocalMaxKeys bounds the keys counted in this process while Redis does not
	// answer, as MaxKeys does for [Memory]. The default is 100,000.
	LocalMaxKeys int

	// Prefix starts every key in Redis. Limiters with the same prefix share their
	// counts. It holds no braces. The default is "ginsec:rl:".
	Prefix string
}

// Redis returns a store that counts in Redis 5 or newer: all replicas together.
// The client may be of a single node, of Sentinel or of Cluster; the store does
// not close it. Every key expires when its window is over.
//
// While Redis does not answer, each policy does what its OnStoreFailure says. It
// is asked in the background whether it is back.
func Redis(client rueidis.Client, cfg RedisConfig) (Store, error) {
	var errs []error
	if client == nil {
		errs = append(errs, &Error{"Redis client", "is nil"})
	}
	if cfg.LocalMaxKeys < 0 {
		errs = append(errs, &Error{"RedisConfig.LocalMaxKeys", "is negative"})
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "ginsec:rl:"
	}
	if strings.ContainsAny(cfg.Prefix, "{}") || len(cfg.Prefix) > 64 {
		errs = append(errs, &Error{"RedisConfig.Prefix", "has braces or is longer than 64 bytes"})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if cfg.LocalMaxKeys == 0 {
		cfg.LocalMaxKeys = defaultMaxKeys
	}
	r := &redis{client: client, start: cfg.Prefix, local: newMemory(cfg.LocalMaxKeys, maphash.MakeSeed())}
	r.denied.init()
	r.calls.New = func() any { return &call{} }
	r.cluster = client.Mode() == rueidis.ClientModeCluster
	r.breakers = make([]breaker, 1)
	if r.cluster {
		r.breakers = make([]breaker, slotGroups)
	}
	for i := range r.breakers {
		r.breakers[i].r = r
	}
	return r, nil
}

type redis struct {
	client   rueidis.Client
	start    string
	local    *memory
	denied   denyCache
	cluster  bool
	calls    sync.Pool
	opened   atomic.Pointer[error] // why a breaker opened, until a request has told
	patience atomic.Pointer[patience]
	breakers []breaker // one; in a cluster one for each group of slots, which mostly is on one node
}

func (r *redis) seed() maphash.Seed { return r.local.hashed }
func (r *redis) remote() bool       { return true }
func (r *redis) prefix() string     { return r.start }

// Close stops asking whether Redis is back.
func (r *redis) Close() error {
	for i := range r.breakers {
		r.breakers[i].stop()
	}
	return nil
}

// known asks the refusals remembered. Redis is asked about those that last but
// were heard of too long ago, else a flood would pass once a second; while it is
// away each policy does what it says. A key never refused here makes no trip.
func (r *redis) known(ctx context.Context, within time.Duration, items []item) outcome {
	now := r.local.now()
	var room [2 * maxCharges]int
	doubtful := room[:0]
	for i := range items {
		it := &items[i]
		refused, stale := r.denied.look(it, now)
		if refused {
			continue
		}
		it.fits()
		if stale || r.breakerOf(it.name).open.Load() {
			doubtful = append(doubtful, i)
		}
	}
	if len(doubtful) == 0 || slices.ContainsFunc(items, func(it item) bool { return it.denies() }) {
		return outcome{ok: true}
	}
	asked := make([]item, 0, len(doubtful))
	for _, i := range doubtful {
		asked = append(asked, items[i])
	}
	out := r.take(ctx, within, asked, true)
	for n, i := range doubtful {
		items[i].verdict, items[i].unknown = asked[n].verdict, asked[n].unknown
	}
	return out
}

func (r *redis) take(ctx context.Context, within time.Duration, items []item, dry bool) outcome {
	before := r.local.now()
	if r.refusedBefore(items, before) {
		return outcome{}
	}
	for i := range items {
		items[i].unknown, items[i].told, items[i].made = false, false, false
	}
	if !r.available(items) {
		if there, away := r.split(items); len(there) > 0 {
			return r.takeSplit(ctx, within, items, there, away, dry)
		}
		return r.instead(ctx, items, dry, errGivenUp)
	}
	seen := r.denied.before(items)
	if err := r.ask(r.deadline(ctx, within), items, dry); err != nil {
		if told, untold := parted(items, func(it *item) bool { return it.told }); len(told) > 0 {
			return r.takeRest(ctx, within, items, told, untold, dry, err)
		}
		return r.instead(ctx, items, dry, err)
	}
	out := outcome{ok: true}
	for i := range items {
		it := &items[i]
		out.ok = out.ok && (it.ok || it.soft)
		if !it.ok || it.lock && it.cost > 0 {
			r.denied.note(it, before, seen[i])
		}
	}
	return out
}

// refusedBefore reports whether an item is known to be over its limit still.
func (r *redis) refusedBefore(items []item, now int64) bool {
	refused, known := false, uint32(0)
	for i := range items {
		if is, _ := r.denied.look(&items[i], now); is {
			known |= 1 << i
			refused = refused || !items[i].soft
		}
	}
	if refused {
		for i := range items {
			if known&(1<<i) == 0 {
				items[i].fits()
			}
		}
	}
	return refused
}

var errGivenUp = errors.New("ratelimit: redis is not asked until it answers again")

// instead does what the policies say for a store that does not answer.
func (r *redis) instead(ctx context.Context, items []item, dry bool, cause error) outcome {
	var lost error
	if opened := r.opened.Swap(nil); opened != nil {
		lost = errors.Join(errStore, *opened)
	}
	here := make([]item, 0, len(items))
	for i := range items {
		switch it := &items[i]; it.policy.OnStoreFailure {
		case failDeny:
			if !it.soft {
				return outcome{err: errors.Join(errStore, cause)}
			}
			it.fits()
		case failAllow:
			it.fits()
		default:
			it.local = true
			here = append(here, *it)
		}
	}
	if len(here) == 0 {
		return outcome{ok: true, lost: lost}
	}
	out := r.local.take(ctx, 0, here, dry)
	out.lost = lost
	for i := range items {
		if items[i].local {
			items[i], here = here[0], here[1:]
		}
	}
	return out
}

func (r *redis) refund(ctx context.Context, within time.Duration, items []item) {
	there := make([]item, 0, len(items))
	for i := range items {
		it := &items[i]
		switch {
		case !it.charged():
		case it.local:
			r.local.refund(ctx, 0, items[i:i+1])
		default:
			there = append(there, *it)
		}
	}
	if !r.available(there) {
		there, _ = r.split(there) // the units of the others leave with their window
	}
	if len(there) == 0 {
		return
	}
	_ = r.giveBack(r.deadline(ctx, within), there) // if it fails, the units leave with their window
}

// forget drops the refusals remembered of items, after units of them were given
// back: until then Redis may refuse once more.
func (r *redis) forget(items []item) {
	for i := range items {
		r.denied.drop(items[i].hash)
	}
}

// reset ends when within is over, also when the client waits longer for a node.
func (r *redis) reset(ctx context.Context, within time.Duration, items []item) error {
	_ = r.local.reset(ctx, 0, items)
	defer r.forget(items)
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	cmds := make(rueidis.Commands, 0, len(items))
	for i := range items {
		cmds = append(cmds, r.client.B().Del().Key(items[i].name).Build())
	}
	answer := make(chan error, 1)
	go func() {
		var errs []error
		for _, resp := range r.client.DoMulti(ctx, cmds...) {
			errs = append(errs, resp.Error())
		}
		answer <- errors.Join(errs...)
	}()
	var err error
	select {
	case err = <-answer:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(errStore, err)
	}
	return nil
}
