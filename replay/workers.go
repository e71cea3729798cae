package replay

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// maxIdle is how many workers wait for the next call. It is as many as are busy at
// once in front of a server that does well; the others end.
const maxIdle = 64

// maxBusy is how many calls wait for replicas at once: as many as a client has dedicated
// connections by default. A call outlives its use while it makes one to a server that
// hangs; more calls would then wait for these, and make theirs after them, one round after
// the other.
const maxBusy = rueidis.DefaultPoolSize

// workers make calls beside those who wait for the answers, and so can leave. A
// worker makes one call after the other: a goroutine for each would cost as much as
// a third of a call.
type workers struct {
	mu      sync.RWMutex // held to hand out work; for writing, to stop
	stopped bool
	calls   chan *call // who receives is idle
	idle    atomic.Int32
	count   atomic.Int32 // of workers
	spares  sync.Pool
	busy    sync.WaitGroup
	others  sync.WaitGroup  // what else runs in the background
	ctx     context.Context //nolint:containedctx // ends the others
	cancel  context.CancelFunc
}

// call is one use on its way.
type call struct {
	ctx     context.Context //nolint:containedctx // the use's
	key     string
	args    []string
	written atomic.Bool // the id is recorded, and replicas are to confirm it

	fresh bool // the answer, after done
	err   error
	done  chan struct{} // holds one: nobody may be waiting any more
}

func newWorkers() *workers {
	ctx, cancel := context.WithCancel(context.Background())
	return &workers{
		ctx: ctx, cancel: cancel, calls: make(chan *call),
		spares: sync.Pool{New: func() any { return &call{done: make(chan struct{}, 1)} }},
	}
}

func (w *workers) call(ctx context.Context, key string, args []string) *call {
	c := w.spares.Get().(*call) //nolint:forcetypeassert // nothing else is put there
	c.ctx, c.key, c.args = ctx, key, args
	return c
}

// spare takes a call back that is done. One that somebody may still be making never
// comes back.
func (w *workers) spare(c *call) {
	c.ctx, c.key, c.args, c.fresh, c.err = nil, "", nil, false, nil
	c.written.Store(false)
	w.spares.Put(c)
}

// hand lets an idle worker or a new one make c, unless there are too many, or after stop.
func (s *server) hand(c *call) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.stopped {
		return errClosed
	}
	select {
	case s.calls <- c:
		return nil
	default:
	}
	if s.count.Add(1) > maxBusy && s.replicas > 0 {
		s.count.Add(-1)
		return errBusy
	}
	s.busy.Go(func() { s.work(c) })
	return nil
}

func (s *server) work(c *call) {
	defer s.count.Add(-1)
	for c != nil {
		s.try(c)
		c.done <- struct{}{}
		c = nil // it may be somebody else's by now
		if s.idle.Add(1) <= maxIdle {
			c = <-s.calls // nil after stop
		}
		s.idle.Add(-1)
	}
}

// start runs f in the background, or not after stop.
func (w *workers) start(f func()) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if !w.stopped {
		w.others.Go(f)
	}
}

// stop waits for all that is under way.
func (w *workers) stop() {
	w.mu.Lock()
	if !w.stopped {
		w.stopped = true
		close(w.calls)
		w.cancel()
	}
	w.mu.Unlock()
	w.busy.Wait()
	w.others.Wait()
}
