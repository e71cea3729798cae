package egress

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// The causes of a context that the watch ended.
var (
	errTotal  = fmt.Errorf("egress: total time budget exceeded: %w", context.DeadlineExceeded)
	errHeader = fmt.Errorf("egress: header time budget exceeded: %w", context.DeadlineExceeded)
)

// watch ends exchanges whose time is up. It has one timer for all of them: a timer
// for each would cost a busy client more than all judging. The timer is set for the
// earliest deadline and never put off; when it finds that exchange gone, it is set
// for the next one.
type watch struct {
	mu    sync.Mutex
	first *exchange
	count int // of the exchanges watched
	free  []*leash
	timer *time.Timer
	due   time.Time // when the timer fires; zero when it does not
}

// stage is what the watch knows of one exchange.
type stage struct {
	next, prev *exchange
	watched    bool
	over       bool // ended by the watch, or released
	deserted   bool // its caller has left
	answered   bool
	until      time.Time // of the current stage
	cause      error     // what to say when it passes
}

// mostFree is how many leashes are kept for the next exchanges.
const mostFree = 64

// Each time the timer fires all exchanges are looked at. In a crowd that happens at most
// once in a grain, or thousands that end one after another would cost their square.
const (
	crowd = 256
	grain = 10 * time.Millisecond
)

// add watches x until its total budget ends, and gives it a leash.
func (w *watch) add(x *exchange) {
	if deserted := w.enter(x); deserted {
		x.ctx.leash.end(context.Cause(x.ctx.Context))
	}
}

func (w *watch) enter(x *exchange) (deserted bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.stage.next, x.stage.watched, x.stage.until, x.stage.cause = w.first, true, x.until, errTotal
	if w.first != nil {
		w.first.stage.prev = x
	}
	w.first = x
	w.count++
	w.arm(x.until)
	if last := len(w.free) - 1; last < 0 {
		x.ctx.leash = newLeash()
	} else {
		x.ctx.leash, w.free = w.free[last], w.free[:last]
	}
	return x.stage.deserted
}

// left ends x, whose caller does not wait for it any more.
func (w *watch) left(x *exchange) {
	cause := context.Cause(x.ctx.Context) // the caller's code, which may do anything: not under the lock
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.stage.deserted = true; x.ctx.leash != nil && !x.stage.over {
		x.ctx.leash.end(cause)
	}
}

// written starts the wait for the header, unless the server has answered before it
// had the whole request.
func (w *watch) written(x *exchange, until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s := &x.stage; s.watched && !s.answered && until.Before(x.until) {
		s.until, s.cause = until, errHeader
		w.arm(until)
	}
}

// answered ends the wait for the header; the total budget goes on.
func (w *watch) answered(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.stage.answered, x.stage.until, x.stage.cause = true, x.until, errTotal
}

func (w *watch) arm(until time.Time) {
	if !w.due.IsZero() && !until.Before(w.due) {
		return
	}
	w.due = until
	if w.timer == nil {
		w.timer = time.AfterFunc(time.Until(until), w.fire)
		return
	}
	w.timer.Reset(time.Until(until))
}

// remove forgets x. Its leash is kept for another exchange if nothing hangs on it any
// more, and pulled otherwise.
func (w *watch) remove(x *exchange, free bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if x.stage.over {
		return
	}
	x.stage.over = true
	w.unlink(x)
	if free && len(w.free) < mostFree {
		w.free = append(w.free, x.ctx.leash)
		return
	}
	x.ctx.leash.end(nil)
}

func (w *watch) unlink(x *exchange) {
	s := &x.stage
	if !s.watched {
		return
	}
	s.watched = false
	w.count--
	if s.prev != nil {
		s.prev.stage.next = s.next
	} else {
		w.first = s.next
	}
	if s.next != nil {
		s.next.stage.prev = s.prev
	}
	s.next, s.prev = nil, nil
}

// fire ends what is over and sets the timer for what comes next.
func (w *watch) fire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.due = time.Time{}
	var earliest time.Time
	for x := w.first; x != nil; {
		next := x.stage.next
		switch {
		case !x.stage.until.After(now):
			x.stage.over = true
			x.leave() // nobody may ever close the answer
			x.ctx.leash.end(x.stage.cause)
			w.unlink(x)
		case earliest.IsZero() || x.stage.until.Before(earliest):
			earliest = x.stage.until
		}
		x = next
	}
	if earliest.IsZero() {
		return
	}
	if soonest := now.Add(grain); w.count > crowd && earliest.Before(soonest) {
		earliest = soonest
	}
	w.arm(earliest)
}
