package replay_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/replay"
)

// steady is a client whose commands do not end with the context of a use.
type steady struct{ rueidis.Client }

func (s steady) Do(_ context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return s.Client.Do(context.Background(), cmd)
}

func (s steady) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	return s.Client.Dedicated(func(d rueidis.DedicatedClient) error { return fn(steadyConn{d}) })
}

type steadyConn struct{ rueidis.DedicatedClient }

func (s steadyConn) Do(_ context.Context, cmd rueidis.Completed) rueidis.RedisResult {
	return s.DedicatedClient.Do(context.Background(), cmd)
}

// lastMoment is a context that ends right after the answer to its use has come, and
// before anybody has looked at it.
type lastMoment struct {
	context.Context

	answered func() bool
	over     chan struct{}
}

func (l *lastMoment) Done() <-chan struct{} {
	for !l.answered() {
		runtime.Gosched()
	}
	return l.over
}

func (l *lastMoment) Err() error {
	if l.answered() {
		return context.DeadlineExceeded
	}
	return nil
}

// The id is used up: if the answer were thrown away, nobody would have had the use.
func TestADecisionAtTheLastMomentCounts(t *testing.T) {
	t.Parallel()
	client := steady{stubClient(t, newStub(t, func([]string) string { return ":1\r\n" }).addr, false)}
	over := make(chan struct{})
	close(over)
	for i := range 40 { // a choice at random would have to go well each time
		store := must(t)(replay.Redis(client, replay.RedisConfig{MinReplicas: i % 2}))
		ctx := &lastMoment{Context: t.Context(), over: over, answered: func() bool { return replay.Idle(store) == 1 }}
		if fresh, err := replay.Bare(store).Use(ctx, storetest.ID(), time.Now().Add(time.Hour)); !fresh || err != nil {
			t.Fatalf("round %d: %v, %v", i, fresh, err)
		}
	}
}

// overdue is a context whose time is over, though nothing has told so yet.
type overdue struct{ context.Context }

func (overdue) Deadline() (time.Time, bool) { return time.Now(), true }

// WAIT takes 0 for ever, and holds the connection.
func TestReplicasAreNeverWaitedForWithoutEnd(t *testing.T) {
	t.Parallel()
	for name, ctx := range map[string]context.Context{"no time left": overdue{t.Context()}, "no deadline": t.Context()} {
		for confirmed, want := range map[string]bool{":1\r\n": true, ":0\r\n": false} {
			s := newStub(t, func(args []string) string {
				if args[0] == "WAIT" {
					return confirmed
				}
				return ":1\r\n"
			})
			store := replay.Bare(must(t)(replay.Redis(steady{stubClient(t, s.addr, false)}, replay.RedisConfig{MinReplicas: 1})))
			if fresh, err := store.Use(ctx, storetest.ID(), time.Now().Add(time.Hour)); fresh != want || (err == nil) != want {
				t.Errorf("%s: %v, %v", name, fresh, err)
			}
			if got := s.seen(); len(got) != 2 || got[1][0] != "WAIT" || got[1][2] != "1" {
				t.Errorf("%s: commands %q", name, got)
			}
		}
	}
}
