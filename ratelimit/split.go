package ratelimit

import (
	"context"
	"time"
)

// split parts items by whether the node of their key is believed to answer.
func (r *redis) split(items []item) (there, away []item) {
	return parted(items, func(it *item) bool { return !r.breakerOf(it.name).open.Load() })
}

func parted(items []item, first func(*item) bool) (yes, no []item) {
	for i := range items {
		if first(&items[i]) {
			yes = append(yes, items[i])
		} else {
			no = append(no, items[i])
		}
	}
	return yes, no
}

// joinParts puts the items of two parts back where they were.
func joinParts(items, one, other []item) {
	for i := range items {
		from := &one
		if len(other) > 0 && other[0].name == items[i].name {
			from = &other
		}
		items[i], *from = (*from)[0], (*from)[1:]
	}
}

// takeRest finishes a call that some nodes have answered and some have not: the
// limits of those hold, the others do what their policies say.
func (r *redis) takeRest(ctx context.Context, within time.Duration, items, told, untold []item, dry bool, cause error) outcome {
	out := r.instead(ctx, untold, dry, cause)
	fit := out.ok
	for i := range told {
		fit = fit && !told[i].denies()
	}
	if !fit && !dry {
		if out.ok {
			r.takeBack(ctx, untold)
		}
		r.undo(r.deadline(ctx, within), told)
	}
	joinParts(items, told, untold)
	out.ok = fit
	return out
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
	joinParts(items, there, away)
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
