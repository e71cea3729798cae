package ratelimit_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// history records when units were admitted: for certain not before from, and not
// after to.
type history struct {
	mu     sync.Mutex
	events []admission
}

type admission struct {
	from, to time.Time
	n        int64
}

func (h *history) add(from, to time.Time, n int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, admission{from, to, n})
}

// worst is the largest number of units that were certainly admitted within one
// interval of length w, its end not included.
func (h *history) worst(w time.Duration) (most int64) {
	slices.SortFunc(h.events, func(a, b admission) int { return a.to.Compare(b.to) })
	for _, first := range h.events {
		end, sum := first.from.Add(w), int64(0)
		for _, e := range h.events {
			if !e.from.Before(first.from) && e.to.Before(end) {
				sum += e.n
			}
			if e.to.After(end) {
				break
			}
		}
		most = max(most, sum)
	}
	return most
}

func (h *history) total() (sum int64) {
	for _, e := range h.events {
		sum += e.n
	}
	return sum
}

var limits = []int64{1, 7, 100, 128, 129, 1000, 10_000}

// attack charges one anchor unit, waits for most of the window, and then takes
// whatever it gets until three windows have passed.
func attack(t *testing.T, l *ratelimit.Limiter, p ratelimit.Policy, step func() time.Duration) *history {
	t.Helper()
	h := &history{}
	take := func(cost int64) {
		from := time.Now()
		r, err := l.Take(t.Context(), ratelimit.Charge{Policy: p, Key: "k", Cost: cost})
		if err != nil {
			t.Error(err)
		}
		if r.Allowed {
			h.add(from, time.Now(), cost)
		}
	}
	begin := time.Now()
	take(1)
	time.Sleep(p.Window * 93 / 100)
	cost := max(p.Limit/2000, 1)
	for time.Since(begin) < 3*p.Window {
		for range 2000 {
			before := len(h.events)
			take(cost)
			if len(h.events) == before {
				break
			}
		}
		time.Sleep(step())
	}
	return h
}

func TestTheBoundaryAttackNeverGetsMoreThanTheLimitInMemory(t *testing.T) {
	t.Parallel()
	for _, limit := range limits {
		for _, window := range []time.Duration{50 * time.Millisecond, time.Minute, 24 * time.Hour} {
			t.Run(fmt.Sprintf("%d per %v", limit, window), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l := newLimiter(t, ratelimit.Config{})
					p := ratelimit.Policy{Name: "p", Limit: limit, Window: window, Key: ratelimit.ByUser()}
					random := rand.New(rand.NewPCG(uint64(limit), uint64(window)))
					time.Sleep(time.Duration(random.Int64N(int64(window))))
					h := attack(t, l, p, func() time.Duration { return time.Duration(random.Int64N(int64(window) / 500)) })
					if worst := h.worst(window); worst > limit {
						t.Errorf("%d units in one window of %d", worst, limit)
					}
					if total := h.total(); total < 3*limit-10 {
						t.Errorf("%d units in three windows: slots free too late", total)
					}
				})
			})
		}
	}
}

func TestTheBoundaryAttackNeverGetsMoreThanTheLimitInRedis(t *testing.T) {
	t.Parallel()
	client := redisClient(t, testserver.Redis(t).Addr)
	for _, limit := range limits {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second})
			p := ratelimit.Policy{Name: fmt.Sprint("p", limit), Limit: limit, Window: 700 * time.Millisecond, Key: ratelimit.ByUser()}
			h := attack(t, l, p, func() time.Duration { return time.Millisecond })
			worst := h.worst(p.Window)
			if worst > limit {
				t.Errorf("%d units in one window of %d", worst, limit)
			}
			t.Logf("worst %d, total %d", worst, h.total())
		})
	}
}

func TestASteadyClientAtTheLimitIsNeverRefused(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 2, 7, 100, 128} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{})
				p := ratelimit.Policy{Limit: limit, Window: time.Minute, Key: ratelimit.ByUser()}
				every := (time.Minute + time.Duration(limit) - 1) / time.Duration(limit)
				for i := range 10 * limit {
					if r, err := l.Take(t.Context(), charge(p, "k")); err != nil || !r.Allowed {
						t.Fatalf("call %d refused: %v %v", i, r.RetryAfter, err)
					}
					time.Sleep(every)
				}
			})
		})
	}
}

func TestAClientAtTwiceTheLimitGetsTheLimitInEveryWindow(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 10, 128, 500} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{})
				p := ratelimit.Policy{Limit: limit, Window: time.Minute, Key: ratelimit.ByUser()}
				h := &history{}
				const windows = 10
				for range 2 * limit * windows {
					now := time.Now()
					if r, _ := l.Take(t.Context(), charge(p, "k")); r.Allowed {
						h.add(now, now, 1)
					}
					time.Sleep(time.Minute / time.Duration(2*limit))
				}
				if worst := h.worst(time.Minute); worst > limit {
					t.Errorf("%d units in one window of %d", worst, limit)
				}
				if got, want := h.total(), limit*windows*9/10; got < want {
					t.Errorf("%d units in %d windows of %d, want %d at least", got, windows, limit, want)
				}
			})
		})
	}
}

func TestRetryAfterIsExact(t *testing.T) {
	t.Parallel()
	for _, limit := range limits {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{})
				p := ratelimit.Policy{Limit: limit, Window: time.Minute, Key: ratelimit.ByUser()}
				random := rand.New(rand.NewPCG(1, uint64(limit)))
				for range 200 {
					cost := 1 + random.Int64N(max(limit/3, 1))
					c := ratelimit.Charge{Policy: p, Key: "k", Cost: cost}
					r, err := l.Take(t.Context(), c)
					if err != nil {
						t.Fatal(err)
					}
					if r.Allowed {
						time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
						continue
					}
					time.Sleep(r.RetryAfter - time.Nanosecond)
					if early, _ := l.Peek(t.Context(), c); early.Allowed || early.RetryAfter != time.Nanosecond {
						t.Fatalf("a nanosecond early: allowed %v, wait %v", early.Allowed, early.RetryAfter)
					}
					time.Sleep(time.Nanosecond)
					if now, _ := l.Peek(t.Context(), c); !now.Allowed {
						t.Fatalf("at the told time still refused, for %v", now.RetryAfter)
					}
				}
			})
		})
	}
}
