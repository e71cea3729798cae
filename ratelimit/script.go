package ratelimit

import (
	"context"
	_ "embed" // the scripts
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// The scripts and their SHA-1, by which Redis knows them.
var (
	//go:embed take.lua
	takeScript string
	//go:embed refund.lua
	refundScript string
)

const (
	takeSHA   = "ef947cd626b169144e08e750974eff3189e05353"
	refundSHA = "fc69bd7e446d5de2618cf1bc23c24ca9e3896772"
)

// call is one run of a script on one slot.
type call struct {
	script, sha string
	keys, args  []string
	reply       []int64
	err         error
}

// build makes the command, by hash or with the whole text.
func (r *redis) build(k *call, text bool) rueidis.Completed {
	n := int64(len(k.keys))
	if text {
		return r.client.B().Eval().Script(k.script).Numkeys(n).Key(k.keys...).Arg(k.args...).Build()
	}
	return r.client.B().Evalsha().Sha1(k.sha).Numkeys(n).Key(k.keys...).Arg(k.args...).Build()
}

// evaluate runs calls in one round trip, and once more those whose script the
// server does not have (any more). A call that was sent is never repeated
// otherwise: it may have been made.
func (r *redis) evaluate(ctx context.Context, calls ...*call) error {
	missing := calls
	for _, text := range []bool{false, true} {
		if len(missing) == 0 {
			break
		}
		missing = r.send(ctx, missing, text)
	}
	for _, k := range calls {
		if k.err != nil {
			return k.err
		}
	}
	return nil
}

// run evaluates calls and tells the breakers how it went.
func (r *redis) run(ctx context.Context, calls ...*call) error {
	err := r.evaluate(ctx, calls...)
	for _, k := range calls {
		if b := r.breakerOf(k.keys[0]); k.err != nil {
			b.failed(k.err, k.keys[0])
		} else {
			b.succeeded()
		}
	}
	return err
}

// send returns the calls answered with NOSCRIPT.
func (r *redis) send(ctx context.Context, calls []*call, text bool) (missing []*call) {
	if len(calls) == 1 {
		return calls[0].read(r.client.Do(ctx, r.build(calls[0], text)), nil)
	}
	cmds := make(rueidis.Commands, len(calls))
	for i, k := range calls {
		cmds[i] = r.build(k, text)
	}
	for i, resp := range r.client.DoMulti(ctx, cmds...) {
		missing = calls[i].read(resp, missing)
	}
	return missing
}

func (k *call) read(resp rueidis.RedisResult, missing []*call) []*call {
	k.reply, k.err = nil, nil
	if k.script == refundScript {
		k.err = resp.Error()
	} else {
		k.reply, k.err = resp.AsIntSlice()
	}
	if err, ok := rueidis.IsRedisErr(k.err); ok && err.IsNoScript() {
		return append(missing, k)
	}
	return missing
}

func takeCall(items []*item, dry bool) *call {
	k := &call{script: takeScript, sha: takeSHA, keys: make([]string, 0, len(items)), args: make([]string, 1, 1+6*len(items))}
	k.args[0] = flag(dry)
	for _, it := range items {
		args := &it.policy.args
		if it.rule != it.policy.rule {
			own := it.rule.args()
			args = &own
		}
		k.keys = append(k.keys, it.name)
		k.args = append(k.args, args[0], args[1], args[2], strconv.FormatInt(it.cost, 10), args[3], flag(it.soft))
	}
	return k
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// probeCall asks what a real call does, without writing.
func probeCall(key string) *call {
	p := &policy{rule: ruleOf(1, time.Second, true)}
	p.args = p.rule.args()
	return takeCall([]*item{{name: key, policy: p, rule: p.rule}}, true)
}

// fill gives the items their verdicts.
func (k *call) fill(items []*item) error {
	if len(k.reply) != 1+4*len(items) {
		return errReply
	}
	for i, it := range items {
		v := k.reply[1+4*i:]
		it.verdict = verdict{ok: v[2] == 1, remaining: max(v[0], 0), wait: time.Duration(v[1]) * time.Microsecond, stamp: v[3]}
	}
	return nil
}

// ask takes items from Redis: one call, or in a cluster one for each slot at the
// same time. When a slot refuses, what the others have charged is given back.
func (r *redis) ask(ctx context.Context, items []item, dry bool) error {
	groups := r.group(items)
	calls := make([]*call, len(groups))
	for i, g := range groups {
		calls[i] = takeCall(g, dry)
	}
	if err := r.run(ctx, calls...); err != nil {
		return err
	}
	refused := false
	for i, k := range calls {
		if err := k.fill(groups[i]); err != nil {
			return err
		}
		refused = refused || k.reply[0] == 0
	}
	if refused && len(calls) > 1 && !dry {
		r.undo(ctx, groups, calls)
	}
	return nil
}

// undo gives back what slots have charged for a call that another slot refused.
// When that fails, the units leave with their window.
func (r *redis) undo(ctx context.Context, groups [][]*item, calls []*call) {
	var back []item
	for i, g := range groups {
		if calls[i].reply[0] == 0 {
			continue
		}
		for _, it := range g {
			if it.ok && it.cost > 0 {
				back = append(back, *it)
				it.remaining += it.cost
			}
		}
	}
	if len(back) > 0 {
		_ = r.giveBack(ctx, back)
	}
}

func (r *redis) giveBack(ctx context.Context, items []item) error {
	groups := r.group(items)
	calls := make([]*call, len(groups))
	for i, g := range groups {
		k := &call{script: refundScript, sha: refundSHA}
		for _, it := range g {
			k.keys = append(k.keys, it.name)
			k.args = append(k.args, strconv.FormatInt(it.stamp, 10), strconv.FormatInt(it.cost, 10), flag(it.rule.exact))
		}
		calls[i] = k
	}
	return r.run(ctx, calls...)
}

// group puts items of one slot together; without a cluster all of them.
func (r *redis) group(items []item) [][]*item {
	var groups [][]*item
	var slots []int
	for i := range items {
		slot, j := 0, 0
		if r.cluster {
			slot = slotOf(items[i].name)
		}
		for j < len(slots) && slots[j] != slot {
			j++
		}
		if j == len(slots) {
			slots, groups = append(slots, slot), append(groups, make([]*item, 0, len(items)))
		}
		groups[j] = append(groups[j], &items[i])
	}
	return groups
}

// slotOf is the cluster slot of a key: CRC16 (XMODEM) of what is in its braces.
func slotOf(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for i := range len(key) {
		crc ^= uint16(key[i]) << 8
		for range 8 {
			if carry := crc&0x8000 != 0; carry {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % 16384)
}
