package ratelimit

import "context"

// lockExceeded locks the keys out that have used up a limit whose every request
// counts. The refusal then lasts as long as the lockout.
func (l *Limiter) lockExceeded(ctx context.Context, d *batch) {
	lock := l.batch()
	for i := range d.items {
		it := &d.items[i]
		if !it.denies() || it.lock || it.policy.Lockout == 0 || it.policy.CountIf != nil {
			continue
		}
		if locked := &d.items[i+1]; locked.ok {
			lock.items = append(lock.items, *locked)
			locked.ok, locked.wait = false, locked.window
		}
	}
	l.lockOut(ctx, lock)
	l.free(lock)
}

// lockCounted locks out keys whose limit has been used up by requests that count.
// items are those of one that does.
//
// What the limit itself has left does not tell: it holds the requests under way,
// too, most of which may succeed. So those that count have a log of their own.
func (l *Limiter) lockCounted(ctx context.Context, items []item) {
	var at [maxCharges]int
	tallies := l.batch()
	for i := range items {
		if it := &items[i]; it.policy.CountIf != nil && it.policy.Lockout > 0 && !it.lock && it.charged() {
			at[len(tallies.items)] = i
			tallies.items = append(tallies.items, tallyOf(it, &items[i+1]))
		}
	}
	if len(tallies.items) > 0 && l.store.take(ctx, l.timeout, tallies.items, false).err == nil {
		lock := l.batch()
		for i := range tallies.items {
			if t := &tallies.items[i]; !t.unknown && (!t.ok || t.remaining < t.cost) {
				lock.items = append(lock.items, items[at[i]+1])
			}
		}
		l.lockOut(ctx, lock)
		l.free(lock)
	}
	l.free(tallies)
}

// tallyOf is the item of the log of requests that count, made from that of the
// limit and that of its lockout.
func tallyOf(it, lock *item) item {
	t := *it
	t.group = it.group * 0x9e3779b97f4a7c15             // another hash
	t.hash = hashOf(t.group, lock.hash^it.policy.locks) // the limit's own may be that of a shared count
	if t.name != "" {
		t.name += ":counted"
	}
	t.verdict, t.tally, t.soft, t.local = verdict{}, true, true, false
	return t
}

// lockOut turns items that ask for a lockout into those that make it.
func (l *Limiter) lockOut(ctx context.Context, b *batch) {
	if len(b.items) == 0 {
		return
	}
	for i := range b.items {
		it := &b.items[i]
		it.rule.limit, it.cost, it.soft = 1, 1, true // one that is locked already stays so
	}
	l.store.take(ctx, l.timeout, b.items, false)
}
