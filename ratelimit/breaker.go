package ratelimit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	probeEvery   = 100 * time.Millisecond
	probeTimeout = 200 * time.Millisecond
	// repliesToOpen is how many error replies in a row open a breaker; a node that
	// does not answer opens it at once.
	repliesToOpen = 5
	slotGroups    = 64
)

// breaker keeps requests away from a Redis that does not answer. While it is open
// one goroutine asks whether Redis is back.
type breaker struct {
	r       *redis
	open    atomic.Bool
	replies atomic.Int32
	mu      sync.Mutex
	closed  bool
	cancel  context.CancelFunc
	done    chan struct{}
}

func (r *redis) breakerOf(name string) *breaker {
	if !r.cluster {
		return &r.breakers[0]
	}
	return &r.breakers[slotOf(name)/(16384/slotGroups)]
}

// available reports whether every node that holds one of the items' keys is
// believed to answer.
func (r *redis) available(items []item) bool {
	for i := range items {
		if r.breakerOf(items[i].name).open.Load() {
			return false
		}
		if !r.cluster {
			break
		}
	}
	return true
}

func (b *breaker) succeeded() {
	if b.replies.Load() != 0 {
		b.replies.Store(0)
	}
}

// failed counts a failure. key is one that was asked for.
func (b *breaker) failed(err error, key string) {
	if _, reply := rueidis.IsRedisErr(err); reply && b.replies.Add(1) < repliesToOpen {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.open.Load() {
		return
	}
	b.open.Store(true)
	b.r.opened.Store(&err)
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel, b.done = cancel, make(chan struct{})
	go b.probe(ctx, cancel, key, b.done)
}

// probe asks for key, on the node that failed, until there is an answer.
func (b *breaker) probe(ctx context.Context, cancel context.CancelFunc, key string, done chan struct{}) {
	defer close(done)
	defer cancel()
	for ctx.Err() == nil {
		if b.alive(ctx, key) {
			b.replies.Store(0)
			b.open.Store(false)
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(probeEvery):
		}
	}
}

func (b *breaker) alive(ctx context.Context, key string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	return b.r.answers(ctx, key) == nil
}

// stop ends the probe. The breaker stays as it is: later failures start none.
func (b *breaker) stop() {
	b.mu.Lock()
	b.closed = true
	cancel, done := b.cancel, b.done
	b.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}

var errReply = errors.New("ratelimit: redis answered something else than the script returns")
