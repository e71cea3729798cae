package ratelimit

import (
	"context"
	_ "embed" // the scripts
	"errors"
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
	takeSHA   = "49f6aa23a8f4bd6323845da3dbdbd76881e8edf8"
	refundSHA = "fc69bd7e446d5de2618cf1bc23c24ca9e3896772"
)

// call is one run of a script on one slot, used again by later ones.
type call struct {
	script, sha string
	items       []*item
	keys, args  []string
	reply       []int64
	err         error
}

// newCall returns an empty call; it is given back with free.
func (r *redis) newCall(script, sha string) *call {
	k, _ := r.calls.Get().(*call)
	k.script, k.sha = script, sha
	return k
}

func (r *redis) free(calls []*call) {
	for _, k := range calls {
		clear(k.items)
		clear(k.keys)
		k.items, k.keys, k.args, k.reply, k.err = k.items[:0], k.keys[:0], k.args[:0], nil, nil
		r.calls.Put(k)
	}
}

// build makes the command, by hash or with the whole text.
func (r *redis) build(k *call, text bool) rueidis.Completed {
	n := int64(len(k.keys))
	if text {
		return r.client.B().Eval().Script(k.script).Numkeys(n).Key(k.keys...).Arg(k.args...).Build()
	}
	return r.client.B().Evalsha().Sha1(k.sha).Numkeys(n).Key(k.keys...).Arg(k.args...).Build()
}

// evaluate runs calls at the same time and ends when ctx does.
func (r *redis) evaluate(ctx context.Context, calls []*call) error {
	if !r.cluster {
		return r.evaluateHere(ctx, calls)
	}
	// The client may wait for a connection to a node longer than ctx lasts. So each
	// call has a goroutine, which keeps what belongs to the command until it returns.
	answers := make(chan func(), len(calls))
	for _, k := range calls {
		own := &call{script: k.script, sha: k.sha, keys: k.keys, args: k.args}
		k.keys, k.args, k.err = nil, nil, context.DeadlineExceeded
		go func() {
			_ = r.evaluateHere(ctx, []*call{own})
			answers <- func() { k.keys, k.args, k.reply, k.err = own.keys, own.args, own.reply, own.err }
		}()
	}
	for range calls {
		select {
		case answer := <-answers:
			answer()
		case <-ctx.Done():
			select {
			case answer := <-answers:
				answer()
			default:
			}
		}
	}
	return firstError(calls)
}

// evaluateHere runs calls in one round trip, and once more those whose script the
// server does not have (any more). A call that was sent is never repeated
// otherwise: it may have been made.
func (r *redis) evaluateHere(ctx context.Context, calls []*call) error {
	missing := calls
	for _, text := range []bool{false, true} {
		if len(missing) == 0 {
			break
		}
		missing = r.send(ctx, missing, text)
	}
	return firstError(calls)
}

func firstError(calls []*call) error {
	for _, k := range calls {
		if k.err != nil {
			return k.err
		}
	}
	return nil
}

// run evaluates calls and tells the breakers how it went.
func (r *redis) run(ctx context.Context, calls []*call) error {
	err := r.evaluate(ctx, calls)
	for _, k := range calls {
		if b := r.breakerOf(k.items[0].name); k.err != nil {
			b.failed(k.err, k.items[0].name)
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

// charge makes k the call that charges its items.
func (k *call) charge(dry bool) {
	k.args = append(k.args, flag(dry))
	for _, it := range k.items {
		args := &it.policy.args
		if it.rule != it.policy.rule {
			own := it.rule.args()
			args = &own
		}
		k.keys = append(k.keys, it.name)
		k.args = append(k.args, args[0], args[1], args[2], strconv.FormatInt(it.cost, 10), args[3], flag(it.soft))
	}
}

// giveBack makes k the call that refunds its items.
func (k *call) giveBack() {
	for _, it := range k.items {
		k.keys = append(k.keys, it.name)
		k.args = append(k.args, strconv.FormatInt(it.stamp, 10), strconv.FormatInt(it.cost, 10), flag(it.rule.exact))
	}
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// answers asks for a key what a real call asks, without writing.
func (r *redis) answers(ctx context.Context, key string) error {
	p := &policy{rule: ruleOf(1, time.Second, true)}
	p.args = p.rule.args()
	k := r.newCall(takeScript, takeSHA)
	k.items = append(k.items, &item{name: key, policy: p, rule: p.rule})
	k.charge(true)
	calls := []*call{k}
	defer r.free(calls)
	return r.evaluateHere(ctx, calls)
}

// fill gives the items their verdicts.
func (k *call) fill() error {
	if len(k.reply) != 1+4*len(k.items) {
		return errReply
	}
	for i, it := range k.items {
		v := k.reply[1+4*i:]
		it.verdict = verdict{ok: v[2] == 1, remaining: max(v[0], 0), wait: time.Duration(v[1]) * time.Microsecond, stamp: v[3]}
		it.told, it.made = true, k.reply[0] == 1
	}
	return nil
}

// ask takes items from Redis: one call, or in a cluster one for each slot at the
// same time. When a slot refuses, what the others have charged is given back.
func (r *redis) ask(ctx context.Context, items []item, dry bool) error {
	var room [4]*call
	calls := r.group(room[:0], items, takeScript, takeSHA)
	defer r.free(calls)
	for _, k := range calls {
		k.charge(dry)
	}
	err := r.run(ctx, calls)
	refused := false
	for _, k := range calls {
		if k.err != nil {
			continue
		}
		if fault := k.fill(); fault != nil {
			err = errors.Join(err, fault)
			continue
		}
		refused = refused || k.reply[0] == 0
	}
	if err == nil && refused && len(calls) > 1 && !dry {
		r.undo(ctx, items)
	}
	return err
}

// undo gives back what slots have charged for a call that another slot refused.
// When that fails, the units leave with their window.
func (r *redis) undo(ctx context.Context, items []item) {
	var back []item
	for i := range items {
		if it := &items[i]; it.made && it.charged() {
			back = append(back, *it)
			it.remaining += it.cost
		}
	}
	if len(back) > 0 {
		_ = r.giveBack(ctx, back)
	}
}

func (r *redis) giveBack(ctx context.Context, items []item) error {
	var room [4]*call
	calls := r.group(room[:0], items, refundScript, refundSHA)
	defer r.free(calls)
	for _, k := range calls {
		k.giveBack()
	}
	err := r.run(ctx, calls)
	r.forget(items)
	return err
}

// group appends calls with the items of one slot each; without a cluster one with
// all of them.
func (r *redis) group(calls []*call, items []item, script, sha string) []*call {
	for i := range items {
		j := 0
		for j < len(calls) && r.cluster && slotOf(calls[j].items[0].name) != slotOf(items[i].name) {
			j++
		}
		if j == len(calls) {
			calls = append(calls, r.newCall(script, sha))
		}
		calls[j].items = append(calls[j].items, &items[i])
	}
	return calls
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
