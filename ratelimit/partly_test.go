package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/ratelimit"
)

// frozenNode is a cluster one of whose nodes has just stopped to answer: up are keys
// on the others, down are its own.
func frozenNode(t *testing.T) (client rueidis.Client, up, down []string) {
	t.Helper()
	nodes, client := cluster(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), OnStoreFailure: "deny", Timeout: 5 * time.Second})
	probe := policy(t, "probe: 1000000/1h by user")
	until(t, aWhile, "the whole cluster", func() bool {
		for i := range 60 {
			if _, err := l.Take(t.Context(), charge(probe, fmt.Sprint("warm", i))); err != nil {
				return false
			}
		}
		return true
	})
	for i := 0; len(up) < 3 || len(down) < 3; i++ {
		key, before := fmt.Sprint(i), nodes[0].Do("DBSIZE")
		if _, err := l.Take(t.Context(), charge(probe, key)); err != nil {
			t.Fatal(err)
		}
		if nodes[0].Do("DBSIZE") == before {
			up = append(up, key)
		} else {
			down = append(down, key)
		}
	}
	for _, n := range nodes {
		n.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	nodes[0].Freeze()
	t.Cleanup(nodes[0].Thaw)
	return client, up, down
}

// The very call that finds a node dead keeps to the limits on the others, and
// consumes nothing of them when it is refused.
func TestTheCallThatFindsANodeDeadIsAllOrNothing(t *testing.T) {
	t.Parallel()
	client, up, down := frozenNode(t)
	healthy := policy(t, "healthy: 100/1h by user")
	tight := policy(t, "tight: 1/1h by user")
	dead := policy(t, "dead: 10/1h by user")
	// Each of these has not met the dead node yet.
	fresh := func(f ratelimit.Failure) *ratelimit.Limiter {
		return newLimiter(t, ratelimit.Config{Store: redisStore(t, client), OnStoreFailure: f, Timeout: 500 * time.Millisecond})
	}
	left := func(l *ratelimit.Limiter, c ratelimit.Charge) int64 {
		r, err := l.Peek(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return r.Remaining
	}
	watch := fresh("deny")
	for i := range 2 {
		if r, err := fresh("deny").Take(t.Context(), charge(healthy, up[i]), charge(dead, down[i])); err == nil || r.Allowed {
			t.Fatalf("a call to a dead node that is to deny was admitted: %v", r)
		}
		if n := left(watch, charge(healthy, up[i])); n != 100 {
			t.Errorf("%d left of the limit on the other node, want 100: the call was refused", n)
		}

		l := fresh("local")
		if r, err := l.Take(t.Context(), charge(tight, up[i]), charge(dead, down[i])); err != nil || !r.Allowed {
			t.Fatalf("the first call: %v, %v", r, err)
		}
		if n := left(watch, charge(tight, up[i])); n != 0 {
			t.Errorf("%d left of the limit on the other node, want 0: the call was admitted", n)
		}
		l = fresh("local")
		r, err := l.Take(t.Context(), charge(tight, up[i]), charge(dead, down[i]))
		if err != nil || r.Allowed || !r.Exceeded(0) || r.Exceeded(1) {
			t.Errorf("a second call beyond the limit on the other node: %v, %v", r, err)
		}
		if n := left(l, charge(dead, down[i])); n != 10 {
			t.Errorf("%d left of the local limit, want 10: the call was refused", n)
		}
	}
}

func TestResetWaitsForNoFrozenNode(t *testing.T) {
	t.Parallel()
	client, up, down := frozenNode(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client)})
	p := policy(t, "p: 10/1h by user")
	begin := time.Now()
	if err := l.Reset(t.Context(), charge(p, down[0])); err == nil {
		t.Error("a key on a dead node was reset")
	}
	if took := time.Since(begin); took > 3*time.Second { // 50 ms and what a busy machine adds; the client waits longer
		t.Errorf("a reset waited for %v", took)
	}
	until(t, aWhile, "the reset of a key on another node", func() bool { return l.Reset(t.Context(), charge(p, up[0])) == nil })
}
