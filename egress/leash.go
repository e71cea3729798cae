package egress

import "context"

// leash is the context by which the watch ends an exchange. Making one costs more than
// judging a request, so an exchange that came to its end hands its leash on.
type leash struct {
	ctx context.Context //nolint:containedctx // of one exchange after the other
	end context.CancelCauseFunc
}

func newLeash() *leash {
	l := &leash{}
	l.ctx, l.end = context.WithCancelCause(context.Background())
	return l
}

// leashed is the caller's context on a leash.
type leashed struct {
	context.Context //nolint:containedctx // it is one itself
	leash           *leash
}

// Done is closed when the leash was pulled: by the watch, or because the caller left.
func (l *leashed) Done() <-chan struct{} { return l.leash.ctx.Done() }

// Err says why: the caller's reason, if it has one.
func (l *leashed) Err() error {
	if err := l.Context.Err(); err != nil {
		return err
	}
	return l.leash.ctx.Err()
}

// Value finds the leash for package context, which then needs no goroutine to watch
// it, and the caller's values for everybody else.
func (l *leashed) Value(key any) any {
	if v := l.leash.ctx.Value(key); v != nil {
		return v
	}
	return l.Context.Value(key)
}
