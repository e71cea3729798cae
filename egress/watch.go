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
	timer *time.Timer
	due   time.Time // when the timer fires; zero when it does not
}

// stage is what the watch knows of one exchange.
type stage struct {
	next, prev *exchange
	watched    bool
	answered   bool
	until      time.Time // of the current stage
	cause      error     // what to say when it passes
}

// add watches x until its total budget ends.
func (w *watch) add(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.stage = stage{next: w.first, watched: true, until: x.until, cause: errTotal}
	if w.first != nil {
		w.first.stage.prev = x
	}
	w.first = x
	w.arm(x.until)
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

// remove forgets x.
func (w *watch) remove(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unlink(x)
}

func (w *watch) unlink(x *exchange) {
	s := &x.stage
	if !s.watched {
		return
	}
	s.watched = false
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
			x.end(x.stage.cause)
			w.unlink(x)
		case earliest.IsZero() || x.stage.until.Before(earliest):
			earliest = x.stage.until
		}
		x = next
	}
	if !earliest.IsZero() {
		w.arm(earliest)
	}
}
