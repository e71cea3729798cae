package replay

import (
	"context"
	"sync/atomic"
	"time"
)

// maxShared is the longest time for which a use may outlast its request.
const maxShared = 2 * time.Second

// timeout bounds calls of a store. A timer for each would cost as much as the rest
// of a call, so those that begin at nearly the same moment share one.
type timeout struct {
	limit time.Duration
	start time.Time
	last  atomic.Pointer[moment]
}

// moment is a deadline that several calls share.
type moment struct {
	ctx  context.Context //nolint:containedctx // it is only a deadline
	ends time.Duration   // what begins later needs a new one
}

// bounded has the deadline of a moment and the values of a request. It does not end
// with the request: a client that goes away must not look like a store that does.
type bounded struct {
	context.Context //nolint:containedctx // the moment's

	request context.Context //nolint:containedctx // for its values
}

// Value returns the request's.
func (b *bounded) Value(key any) any { return b.request.Value(key) }

func newTimeout(limit time.Duration) *timeout { return &timeout{limit: limit, start: time.Now()} }

// bound returns a context for one call. It ends at the limit, or up to a tenth of
// that earlier. Where ctx has a deadline that is nearer, or the limit is long, it
// ends with ctx, too.
func (t *timeout) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if end, ok := ctx.Deadline(); t.limit > maxShared || ok && time.Until(end) < t.limit {
		return context.WithTimeout(ctx, t.limit)
	}
	now := time.Since(t.start)
	m := t.last.Load()
	if m == nil || now >= m.ends {
		shared, cancel := context.WithTimeout(context.Background(), t.limit)
		context.AfterFunc(shared, cancel)
		m = &moment{ctx: shared, ends: now + t.limit/10}
		t.last.Store(m)
	}
	return &bounded{m.ctx, ctx}, func() {}
}
