package ratelimit

import (
	"context"
	"errors"
	"hash/maphash"
	"time"
)

// Charge is what one call takes from one policy.
type Charge struct {
	// Policy is the limit. Its functions (Cost, Plan, CountIf, Skip) and Lockout
	// belong to requests and are not used here.
	Policy Policy

	// Key is the text counted by: a user's ID, a tenant, an API key, a route's
	// pattern, an address for [ByIP], what the function of [By] would return;
	// nothing for [Global]. The count is the one that requests with this key have.
	Key string

	// More holds the texts of the further parts of a joined key.
	More []string

	// Cost is how many units to take. 0 means 1; a negative cost is an error.
	Cost int64
}

// Result is what became of the charges of one call.
type Result struct {
	// Allowed reports whether all charges fit. If not, none was made.
	Allowed bool

	// Remaining is what is left of the policy that has the least left.
	Remaining int64

	// RetryAfter is how long to wait until the same call would fit, as far as is
	// known now; 0 when it is allowed and when it can never fit.
	RetryAfter time.Duration

	exceeded uint8
	local    uint8
	shared   uint8
	charged  bool
	stamps   [maxCharges]int64
}

// Exceeded reports whether the i-th charge of the call is one that did not fit.
func (r *Result) Exceeded(i int) bool { return i >= 0 && i < maxCharges && r.exceeded&(1<<i) != 0 }

var errStore = &Error{"Store", "does not answer"}

// Take makes all charges, or none when one does not fit. With Redis it is one
// round trip for up to 8 charges. The error, an [*Error], tells of invalid charges
// and, for policies that are to deny then, of a store that does not answer (Field
// is "Store"); the result is not allowed in both cases. Policies that report only
// never deny.
func (l *Limiter) Take(ctx context.Context, charges ...Charge) (res Result, err error) {
	err = l.run(ctx, &res, charges, false)
	return res, err
}

// Peek says what [Limiter.Take] would, without charging anything.
func (l *Limiter) Peek(ctx context.Context, charges ...Charge) (res Result, err error) {
	err = l.run(ctx, &res, charges, true)
	return res, err
}

func (l *Limiter) run(ctx context.Context, res *Result, charges []Charge, dry bool) error {
	if l.memory != nil && len(charges) == 1 {
		return l.runOne(res, &charges[0], dry)
	}
	b := l.batch()
	err := l.runBatch(ctx, b, res, charges, dry)
	l.free(b)
	return err
}

// runOne is the short way of one charge in memory.
func (l *Limiter) runOne(res *Result, c *Charge, dry bool) error {
	p, err := l.policyOf(c)
	if err != nil {
		return err
	}
	hash, fault := l.hashOfCharge(p, c)
	if fault != nil {
		return fault
	}
	cost := min(max(c.Cost, 1), tooMuch)
	if !dry && l.memory.again(hash, &p.rule, cost, res) {
		return nil
	}
	var it item
	it.set(p, cost)
	it.hash = hash
	l.memory.takeOne(&it, dry)
	res.Allowed, res.Remaining = it.ok || it.soft, it.remaining
	res.charged = res.Allowed && !dry
	res.stamps[0] = it.stamp
	if it.shared {
		res.shared = 1
	}
	if !it.ok {
		res.exceeded = 1
		if !it.soft {
			res.RetryAfter = it.wait
		}
	}
	return nil
}

// hashOfCharge is the hash of the log that c is charged to.
func (l *Limiter) hashOfCharge(p *policy, c *Charge) (uint64, *Error) {
	if p.text != 0 {
		return hashOf(p.group, maphash.String(l.seed, c.Key)^p.text), nil
	}
	var room [64]byte
	key, _, fault := p.Key.appendValues(room[:0], c)
	if fault != nil {
		return 0, fault
	}
	return hashOf(p.group, l.hashOfKey(&p.Key, key)), nil
}

func (l *Limiter) runBatch(ctx context.Context, b *batch, res *Result, charges []Charge, dry bool) error {
	if err := l.addCharges(b, charges, false); err != nil {
		return err
	}
	var owner [maxCharges]uint8
	if len(charges) > 1 {
		owner = b.merge()
	}
	out := l.store.take(ctx, l.timeout, b.items, dry)
	if out.err != nil {
		return out.err
	}
	res.Allowed, res.charged, res.Remaining = out.ok, out.ok && !dry, maxLimit
	for i := range charges {
		it := &b.items[owner[i]]
		res.Remaining = min(res.Remaining, it.remaining)
		res.stamps[i] = it.stamp
		if it.local {
			res.local |= 1 << i
		}
		if it.shared {
			res.shared |= 1 << i
		}
		if !it.ok {
			res.exceeded |= 1 << i
		}
	}
	if !out.ok {
		res.RetryAfter = retryAfter(b.items)
	}
	return nil
}

// retryAfter is the longest wait of the items that deny; 0 when one never fits.
func retryAfter(items []item) time.Duration {
	var wait time.Duration
	for i := range items {
		if it := &items[i]; it.denies() {
			if it.wait == 0 {
				return 0
			}
			wait = max(wait, it.wait)
		}
	}
	return wait
}

// Refund gives back what r charged, for the same charges, once: a second call
// does nothing. Units that have left the window meanwhile stay gone.
func (l *Limiter) Refund(ctx context.Context, r *Result, charges ...Charge) error {
	if !r.charged {
		return nil
	}
	b := l.batch()
	defer l.free(b)
	if err := l.addCharges(b, charges, false); err != nil {
		return err
	}
	r.charged = false
	kept := b.items[:0]
	for i := range b.items {
		it := b.items[i]
		it.ok, it.stamp = true, r.stamps[i]
		it.local, it.shared = r.local&(1<<i) != 0, r.shared&(1<<i) != 0
		if r.exceeded&(1<<i) == 0 { // report-only charges that did not fit were not made
			kept = append(kept, it)
		}
	}
	b.items = kept
	l.store.refund(ctx, l.timeout, b.items)
	return nil
}

// Reset forgets everything counted, and any lockout, for the keys of charges.
func (l *Limiter) Reset(ctx context.Context, charges ...Charge) error {
	b := l.batch()
	defer l.free(b)
	if err := l.addCharges(b, charges, true); err != nil {
		return err
	}
	for i := range b.items {
		if it := &b.items[i]; it.lock {
			b.items = append(b.items, tallyOf(&b.items[i-1], it))
		}
	}
	return l.store.reset(ctx, l.timeout, b.items)
}

// addCharges adds the items of charges: one for each, and one for the lockout of
// each if wanted.
func (l *Limiter) addCharges(b *batch, charges []Charge, lockouts bool) error {
	if n := len(charges); n == 0 || n > maxCharges {
		return &Error{"charges", "are none or more than 8"}
	}
	for i := range charges {
		c := &charges[i]
		p, err := l.policyOf(c)
		if err != nil {
			return err
		}
		var fault *Error
		if b.buf, b.first, fault = p.Key.appendValues(b.buf[:0], c); fault != nil {
			return fault
		}
		l.add(b, p, max(c.Cost, 1), p.Limit, p.Window)
		if last := len(b.items) - 1; b.items[last].lock && !lockouts {
			b.items[last] = item{}
			b.items = b.items[:last]
		}
	}
	return nil
}

// policyOf checks a charge and returns its policy made ready: most callers charge
// the same policies again and again, and many only one.
func (l *Limiter) policyOf(c *Charge) (*policy, error) {
	if c.Cost < 0 {
		return nil, &Error{"Charge.Cost", "is negative"}
	}
	q := &c.Policy
	p := l.first.Load()
	if p == nil || !p.is(q) {
		var err error
		if p, err = l.recentOf(q); err != nil {
			return nil, err
		}
	}
	if len(c.More) != len(p.Key.parts)-1 {
		return nil, &Error{"Charge.More", "does not have one text for each further part of the key"}
	}
	return p, nil
}

func (l *Limiter) recentOf(q *Policy) (*policy, error) {
	slot := &l.recent[spread(q)%uint64(len(l.recent))]
	p := slot.Load()
	if p == nil || !p.is(q) {
		if faults := q.faults(); faults != nil {
			return nil, errors.Join(faults...)
		}
		p = l.compile(q)
		slot.Store(p)
		l.first.CompareAndSwap(nil, p)
	}
	return p, nil
}

// spread tells policies apart, most of the time. A hash of the whole name would cost
// more than it saves.
func spread(q *Policy) uint64 {
	h := uint64(q.Limit) ^ uint64(q.Window)>>10
	if n := len(q.Name); n >= 4 {
		h ^= uint64(n) ^ word(q.Name)<<32 ^ word(q.Name[n-4:])
		if n >= 12 {
			h ^= word(q.Name[n-8:])<<16 ^ word(q.Name[4:])<<24
		}
	}
	return h * 0x9e3779b97f4a7c15 >> 32
}

// word is the first four bytes of s.
func word(s string) uint64 {
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}

// is reports whether p was made of q, as far as charges outside requests use it.
func (p *policy) is(q *Policy) bool {
	s := &p.source
	return s.Limit == q.Limit && s.Window == q.Window && s.Key.is(q.Key) && s.Name == q.Name && (s.Plan == nil) == (q.Plan == nil) &&
		s.Lockout == q.Lockout && s.OnStoreFailure == q.OnStoreFailure && s.ReportOnly == q.ReportOnly
}

func (c *Charge) value(i int) string {
	if i == 0 {
		return c.Key
	}
	return c.More[i-1]
}

// merge makes one item of those with the same policy and key, which a store must
// see once, and returns which item each charge became.
func (b *batch) merge() (owner [maxCharges]uint8) {
	kept := 0
	for i := range b.items {
		j := 0
		for j < kept && b.items[j].hash != b.items[i].hash {
			j++
		}
		if owner[i] = uint8(j); j == kept {
			b.items[j] = b.items[i]
			kept++
			continue
		}
		b.items[j].cost += b.items[i].cost
		b.items[j].rule.limit = min(b.items[j].rule.limit, b.items[i].rule.limit)
		b.items[j].soft = b.items[j].soft && b.items[i].soft
	}
	b.items = b.items[:kept]
	return owner
}
