package ratelimit_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/ratelimit"
)

// FuzzModel runs calls of several charges, refunds, resets and pauses against the
// limiter and a model that keeps every unit. In a full store, where keys share
// counts, it only sees to it that no key gets more than its limit.
func FuzzModel(f *testing.F) {
	f.Add(uint8(0), []byte("one store with room for every key, and calls of many charges"))
	f.Add(uint8(3), []byte{7, 1, 0, 0, 0, 7, 1, 0, 1, 0, 0, 0, 1, 4, 7, 2, 0, 0, 0, 1, 1, 0, 2, 0, 2, 1, 7, 1})
	seeds := []uint32{2033, 3517, 5222, 5412, 5793} // found what took keys of a full store over their limit
	for seed := range uint32(200) {
		seeds = append(seeds, seed)
	}
	for _, seed := range seeds {
		ops, x := make([]byte, 4000), seed+1
		for i := range ops {
			x = x*1664525 + 1013904223
			ops[i] = byte(x >> 24)
		}
		f.Add([]uint8{0, 0, 3, 10, 40}[seed%5], ops)
	}
	f.Fuzz(func(t *testing.T, maxKeys uint8, ops []byte) {
		if len(ops) > 5000 {
			return
		}
		synctest.Test(t, func(t *testing.T) { newModel(t, int(maxKeys), ops).run() })
	})
}

type (
	model struct {
		*testing.T

		l        *ratelimit.Limiter
		ops      []byte
		full     bool // there is not room for all keys
		keys     int
		policies []ratelimit.Policy
		begin    time.Time
		calls    int
		units    map[modelKey][]unit
		made     []modelCall // can be given back
	}
	modelKey struct{ policy, key int }
	unit     struct {
		at, cost int64
		call     int
	}
	modelCall struct {
		id      int
		res     ratelimit.Result
		charges []ratelimit.Charge
		keys    []modelKey
	}
)

func newModel(t *testing.T, maxKeys int, ops []byte) *model {
	t.Helper()
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: maxKeys})
	if err != nil {
		t.Fatal(err)
	}
	m := &model{
		T: t, l: newLimiter(t, ratelimit.Config{Store: store}), ops: ops, full: maxKeys > 0,
		begin: time.Now(), units: map[modelKey][]unit{},
	}
	limits := []int64{1, 2, 3, 5, 128, 129, 200, 1000}
	windows := []time.Duration{time.Millisecond, 1000003, 7 * time.Millisecond, 100*time.Millisecond + 1, time.Second}
	kinds := []ratelimit.Key{ratelimit.ByUser(), ratelimit.ByTenant(), ratelimit.ByRoute()}
	for i := range 1 + m.next(4) {
		m.policies = append(m.policies, ratelimit.Policy{
			Name: "p" + strconv.Itoa(i), Key: kinds[m.next(len(kinds))],
			Limit: limits[m.next(len(limits))], Window: windows[m.next(len(windows))],
		})
	}
	m.keys = 1 + m.next(4) + 2*maxKeys*m.next(2)
	return m
}

// next takes a number below n, at most 256, from the input.
func (m *model) next(n int) int {
	if len(m.ops) == 0 {
		return 0
	}
	b := int(m.ops[0])
	m.ops = m.ops[1:]
	return b % n
}

func (m *model) now() int64 { return int64(time.Since(m.begin)) }

func (m *model) run() {
	for len(m.ops) > 0 {
		switch m.next(10) {
		case 0, 1:
			m.pause()
		case 2:
			m.refund()
		case 3:
			m.reset()
		case 4:
			m.call(true)
		default:
			m.call(false)
		}
	}
}

func (m *model) pause() {
	window := m.policies[m.next(len(m.policies))].Window
	switch m.next(4) {
	case 0:
		time.Sleep(window * time.Duration(m.next(64)) / 256)
	case 1: // about when units leave
		time.Sleep(window - 1 + time.Duration(m.next(3)))
	case 2:
		time.Sleep(time.Duration(m.next(3)))
	default:
		time.Sleep(window * time.Duration(m.next(256)) / 170)
	}
}

func (m *model) refund() {
	if len(m.made) == 0 {
		return
	}
	i := m.next(min(len(m.made), 256))
	c := m.made[i]
	m.made = append(m.made[:i], m.made[i+1:]...)
	for range 2 { // a second one does nothing
		if err := m.l.Refund(m.Context(), &c.res, c.charges...); err != nil {
			m.Fatal(err)
		}
	}
	for _, k := range c.keys {
		m.drop(k, func(u unit) bool { return u.call == c.id })
	}
}

func (m *model) drop(k modelKey, which func(unit) bool) {
	kept := m.units[k][:0]
	for _, u := range m.units[k] {
		if !which(u) {
			kept = append(kept, u)
		}
	}
	m.units[k] = kept
}

func (m *model) reset() {
	k, c := m.charge(1)
	if err := m.l.Reset(m.Context(), c); err != nil {
		m.Fatal(err)
	}
	delete(m.units, k)
	kept := m.made[:0]
	for _, c := range m.made { // what was made before is not given back any more
		touched := false
		for _, other := range c.keys {
			touched = touched || other == k
		}
		if !touched {
			kept = append(kept, c)
		}
	}
	m.made = kept
}

// charge chooses a key and makes a charge of it.
func (m *model) charge(cost int64) (modelKey, ratelimit.Charge) {
	k := modelKey{m.next(len(m.policies)), m.next(m.keys)}
	return k, ratelimit.Charge{Policy: m.policies[k.policy], Key: strconv.Itoa(k.key), Cost: cost}
}

func (m *model) call(dry bool) {
	c := modelCall{id: m.calls}
	m.calls++
	costs := map[modelKey]int64{}
	for range 1 + m.next(2)*m.next(4) {
		k, charge := m.charge(1)
		if m.next(3) == 0 {
			charge.Cost += int64(m.next(256)) * charge.Policy.Limit / 220 // up to more than the limit
		}
		c.keys, c.charges = append(c.keys, k), append(c.charges, charge)
		costs[k] += charge.Cost
	}
	ask := m.l.Take
	if dry {
		ask = m.l.Peek
	}
	var err error
	if c.res, err = ask(m.Context(), c.charges...); err != nil {
		m.Fatal(err)
	}
	m.check(&c, costs, dry)
	switch {
	case dry:
	case c.res.Allowed:
		for i, k := range c.keys {
			m.units[k] = append(m.units[k], unit{m.now(), c.charges[i].Cost, c.id})
		}
		m.made = append(m.made, c)
	case !m.full && m.next(8) == 0:
		m.comeBack(&c)
	}
}

// check holds an answer against the units of the window.
func (m *model) check(c *modelCall, costs map[modelKey]int64, dry bool) {
	fits, surely, exact, left := true, true, true, int64(1)<<62
	for k, cost := range costs {
		p := m.policies[k.policy]
		late := int64(p.Window)
		if p.Limit > 128 { // counted in ticks
			late += int64(p.Window)/64 + 2000
			exact = false
		}
		used := m.used(k, int64(p.Window))
		fits = fits && used+cost <= p.Limit
		surely = surely && m.used(k, late)+cost <= p.Limit
		if dry {
			cost = 0
		}
		left = min(left, p.Limit-used-cost)
	}
	switch {
	case c.res.Allowed && !fits:
		m.Fatalf("call %d: more than a limit in one window: %v, %v", c.id, c.keys, costs)
	case m.full:
	case !c.res.Allowed && surely:
		m.Fatalf("call %d: refused with room for it: %v, %v", c.id, c.keys, costs)
	case c.res.Allowed && exact && c.res.Remaining != left:
		m.Fatalf("call %d: says %d are left, it is %d", c.id, c.res.Remaining, left)
	}
}

func (m *model) used(k modelKey, window int64) (sum int64) {
	for _, u := range m.units[k] {
		if u.at > m.now()-window {
			sum += u.cost
		}
	}
	return sum
}

// comeBack waits as long as a refusal said: not a nanosecond less will do.
func (m *model) comeBack(c *modelCall) {
	if c.res.RetryAfter <= 0 { // fits never
		return
	}
	time.Sleep(c.res.RetryAfter - 1)
	if res, err := m.l.Peek(m.Context(), c.charges...); err != nil || res.Allowed {
		m.Fatalf("call %d: told to come back too late (%v)", c.id, err)
	}
	time.Sleep(time.Nanosecond)
	if res, err := m.l.Peek(m.Context(), c.charges...); err != nil || !res.Allowed {
		m.Fatalf("call %d: told to come back too early (%v)", c.id, err)
	}
}
