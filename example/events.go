package main

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/ginsec/ginsec/audit"
)

// events hands what the controls decide to whoever watches the page.
type events struct {
	mu       sync.Mutex
	watchers map[chan []byte]struct{}
}

func newEvents() *events { return &events{watchers: map[chan []byte]struct{}{}} }

// line is an event as the page shows it.
type line struct {
	Control string `json:"control"`
	Verdict string `json:"verdict"`
	Reason  string `json:"reason"`
	Route   string `json:"route"`
	Status  int    `json:"status"`
	Subject string `json:"subject"`
}

// Record passes e on to the watchers and drops it for one that is too slow: a
// sink must not block.
func (s *events) Record(_ context.Context, e audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.watchers) == 0 {
		return
	}
	text, err := json.Marshal(line{e.Control, e.Verdict.String(), e.Reason, e.Route, e.Status, e.Subject.String()})
	if err != nil {
		return
	}
	for w := range s.watchers {
		select {
		case w <- text:
		default:
		}
	}
}

// watch returns a channel of events until stop is called.
func (s *events) watch() (lines <-chan []byte, stop func()) {
	w := make(chan []byte, 256)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return w, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, w)
	}
}
