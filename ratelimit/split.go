package ratelimit

import (
	"context"
	"time"
)

// split parts items by whether the node of their key is believed to answer.
func (r *redis) split(items []item) (there, away []item) {
	for i := range items {
		if r.breakerOf(items[i].name).open.Load() {
			away = append(away, items[i])
		} else {
			there = append(there, items[i])
		}
	}
	return there, away
}

// takeSplit takes items of which some are on nodes that answer and some are not:
// those limits hold as ever, these do what their policies say. One step stays all
// or none.
func (r *redis) takeSplit(ctx context.Context, within time.Duration, items, there, away []item, dry bool) outcome {
	out := r.instead(ctx, away, dry, errGivenUp)
	if out.err != nil {
		return out
	}
	if out.ok {
		lost := out.lost
		if out = r.take(ctx, within, there, dry); out.lost == nil {
			out.lost = lost
		}
		if !dry && (out.err != nil || !out.ok) {
			r.takeBack(ctx, away)
		}
	} else {
		for i := range there {
			there[i].fits()
		}
	}
	for i := range items {
		from := &there
		if len(away) > 0 && away[0].name == items[i].name {
			from = &away
		}
		items[i], *from = (*from)[0], (*from)[1:]
	}
	return out
}

// takeBack undoes charges made in this process for a step that another node
// refused.
func (r *redis) takeBack(ctx context.Context, items []item) {
	for i := range items {
		if it := &items[i]; it.local && it.charged() {
			r.local.refund(ctx, 0, items[i:i+1])
			it.remaining += it.cost
		}
	}
}
