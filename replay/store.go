package replay

import (
	"context"
	"time"
)

// Store remembers ids until they expire. Implementations are safe for concurrent
// use by many goroutines and, when they are shared, many processes.
type Store interface {
	// Use records id and reports whether it had not been there. Among any number
	// of calls with one id, at most one reports true, and exactly one when none of
	// them fails. The id is kept at least until the given time, which must be a
	// function of what the id stands for and thus the same on every call. An id that
	// can no longer be kept, because that time has passed, is not fresh. When the
	// store cannot decide it returns an error, and the id counts as used. Use gives
	// up when ctx ends.
	Use(ctx context.Context, id [16]byte, until time.Time) (fresh bool, err error)
	// Close ends what the store runs in the background. It may be called again.
	Close() error
}

const (
	defaultWindow = time.Hour
	minWindow     = time.Second
	maxWindow     = 31 * 24 * time.Hour
	// pad is kept beyond the end of a window: room for instances whose clocks
	// differ, and for small corrections of one's own.
	pad = time.Minute
	// maxAhead bounds times whose distance could not be computed otherwise.
	maxAhead = 366 * 24 * time.Hour
)

// windows divides time. An id belongs to the window of its expiry.
type windows struct{ seconds int64 }

func (w windows) index(until time.Time) int64 { return until.Unix() / w.seconds }

// end is the first moment at which no id of window i is needed any more.
func (w windows) end(i int64) time.Time { return time.Unix((i+1)*w.seconds, 0) }

func checkWindow(f *faults, w time.Duration) windows {
	if w == 0 {
		w = defaultWindow
	}
	f.unless(w >= minWindow && w <= maxWindow && w%time.Second == 0, "Window", "must be whole seconds, 1 s to 31 days")
	return windows{seconds: int64(w / time.Second)}
}
