package ratelimit

import (
	"context"
	"time"
)

// patience is a deadline that the calls of a few milliseconds share: a timer for
// each would cost more than the rest of a call.
type patience struct {
	ctx    context.Context //nolint:containedctx // it is only a deadline
	within time.Duration
	until  int64 // calls begun before this moment may use it
}

// bounded has the values of a request, but neither its end nor its deadline: a
// client that goes away must not look like a Redis that does.
type bounded struct {
	context.Context //nolint:containedctx // the shared deadline

	request context.Context //nolint:containedctx // for its values
}

// Value is the request's.
func (b *bounded) Value(key any) any { return b.request.Value(key) }

// deadline returns a context for a call that ends within that time, or up to a
// twentieth of it later.
func (r *redis) deadline(ctx context.Context, within time.Duration) context.Context {
	now := r.local.now()
	p := r.patience.Load()
	if p == nil || p.within != within || now >= p.until {
		shared, cancel := context.WithTimeout(context.Background(), within+within/20)
		time.AfterFunc(2*within, cancel) // the last call has ended then
		p = &patience{ctx: shared, within: within, until: now + int64(within/20)}
		r.patience.Store(p)
	}
	return &bounded{p.ctx, ctx}
}
