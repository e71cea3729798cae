package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func cluster(t *testing.T) (nodes []*testserver.RedisServer, client rueidis.Client) {
	t.Helper()
	nodes = testserver.RedisCluster(t)
	addrs := make([]string, len(nodes))
	for i, n := range nodes {
		addrs[i] = n.Addr
	}
	return nodes, redisClient(t, addrs...)
}

func TestSlotsAreThoseOfRedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t, "--cluster-enabled", "yes")
	for _, key := range []string{"", "123456789", "foo", "a{b}c", "{user1000}.following", "foo{}{bar}", "foo{{bar}}zap", "foo{bar}{zap}", "ginsec:rl:{x}:p:1e"} {
		if got, want := fmt.Sprintf(":%d\r\n", ratelimit.SlotOf(key)), server.Do("CLUSTER", "KEYSLOT", key); got != want {
			t.Errorf("%q is in slot %q, says %q", key, want, got)
		}
	}
}

func TestOverSeveralSlotsARefusalConsumesNothing(t *testing.T) {
	t.Parallel()
	_, client := cluster(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	tight := policy(t, "tight: 3/1h by user")
	wide := policy(t, "wide: 1000/1h by tenant")
	for i := range 20 { // many pairs of slots
		user, tenant := charge(tight, fmt.Sprint("u", i)), charge(wide, fmt.Sprint("t", i))
		admitted := together(8, 4, func() bool {
			r, err := l.Take(t.Context(), tenant, user)
			if err != nil {
				t.Error(err)
			}
			if !r.Allowed && (r.Exceeded(0) || !r.Exceeded(1)) {
				t.Error("the wrong charge is said not to fit")
			}
			return r.Allowed
		})
		if admitted != 3 {
			t.Errorf("%d admitted, want exactly 3", admitted)
		}
		if r, err := l.Peek(t.Context(), tenant); err != nil || r.Remaining != 997 {
			t.Errorf("%d left of the wide limit, want 997 (%v)", r.Remaining, err)
		}
	}
}

func TestADeadNodeOfAClusterLeavesTheOthersInUse(t *testing.T) {
	t.Parallel()
	nodes, client := cluster(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), OnStoreFailure: "deny"})
	p := policy(t, "p: 1000000/1h by user")
	state := func() (up, down int) {
		for i := range 60 {
			if _, err := l.Take(t.Context(), charge(p, fmt.Sprint(i))); err != nil {
				down++
			} else {
				up++
			}
		}
		return up, down
	}
	until(t, aWhile, "the whole cluster", func() bool { _, down := state(); return down == 0 })
	for _, n := range nodes {
		n.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	nodes[0].Freeze()
	took := until(t, aWhile, "the node's keys refused and the others' not", func() bool {
		up, down := state()
		return up > 20 && down > 5
	})
	begin := time.Now()
	state()
	t.Logf("60 calls with one of three nodes frozen: at first %v, then %v", took, time.Since(begin))
	nodes[0].Thaw()
	took = until(t, aWhile, "the whole cluster again", func() bool { _, down := state(); return down == 0 })
	t.Logf("the whole cluster in use after %v", took)
}

func TestOverSeveralSlotsARefusalDueToWhatWasGivenBackIsForgotten(t *testing.T) {
	t.Parallel()
	_, client := cluster(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	user, tenant := policy(t, "u: 1/1h by user"), policy(t, "t: 3/1h by tenant")
	for i := range 40 {
		u, of := charge(user, fmt.Sprint("u", i)), charge(tenant, fmt.Sprint("t", i))
		if _, err := l.Take(t.Context(), u); err != nil {
			t.Fatal(err)
		}
		together(30, 1, func() bool { r, _ := l.Take(t.Context(), of, u); return r.Allowed })
		if r, err := l.Take(t.Context(), of); err != nil || !r.Allowed {
			t.Fatalf("a tenant with nothing used is refused for %v (%v)", r.RetryAfter, err)
		}
	}
}

func TestAFrozenNodeOfAClusterKeepsNoCallLongerThanItsTimeout(t *testing.T) {
	t.Parallel()
	nodes, client := cluster(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), OnStoreFailure: "deny"})
	p := policy(t, "p: 1000000/1h by user")
	until(t, aWhile, "the whole cluster", func() bool {
		_, err := l.Take(t.Context(), charge(p, "k"))
		return err == nil
	})
	nodes[0].Freeze()
	defer nodes[0].Thaw()
	var worst time.Duration
	failed := 0
	for i := range 60 {
		begin := time.Now()
		if _, err := l.Take(t.Context(), charge(p, fmt.Sprint(i))); err != nil {
			failed++
		}
		worst = max(worst, time.Since(begin))
	}
	t.Logf("%d of 60 calls failed, the longest took %v", failed, worst)
	if failed == 0 || worst > 150*time.Millisecond { // 50 ms and what a busy machine adds
		t.Errorf("%d of 60 calls failed, the longest took %v", failed, worst)
	}
}

// A dead node is no way around the limits that the others hold.
func TestADeadNodeOfAClusterLeavesTheLimitsOnTheOthersInForce(t *testing.T) {
	t.Parallel()
	nodes, client := cluster(t)
	store := redisStore(t, client)
	l := newLimiter(t, ratelimit.Config{Store: store, OnStoreFailure: "deny"})
	probe := policy(t, "probe: 1000000/1h by user")
	answered := func(l *ratelimit.Limiter, key string) bool {
		_, err := l.Take(t.Context(), charge(probe, key))
		return err == nil
	}
	until(t, aWhile, "the whole cluster", func() bool {
		all := true
		for i := range 60 {
			all = answered(l, fmt.Sprint(i)) && all
		}
		return all
	})
	for _, n := range nodes {
		n.Do("CONFIG", "SET", "cluster-require-full-coverage", "no")
	}
	nodes[0].Freeze()
	defer nodes[0].Thaw()
	var up, down []string
	until(t, aWhile, "the node given up", func() bool {
		up, down = nil, nil
		for i := range 60 {
			if key := fmt.Sprint(i); answered(l, key) {
				up = append(up, key)
			} else {
				down = append(down, key)
			}
		}
		return len(up) > 20 && len(down) > 5
	})
	strict, local := policy(t, "strict: 5/1h by user"), policy(t, "local: 20/1h by user")
	local.OnStoreFailure = "local"
	open := policy(t, "open: 1/1h by user")
	open.OnStoreFailure = "allow"
	for i, other := range []ratelimit.Policy{open, local} {
		key := charge(strict, up[i])
		admitted := 0
		for range 15 {
			r, err := l.Take(t.Context(), key, charge(other, down[0]))
			if err != nil {
				t.Fatal(err)
			}
			if r.Allowed {
				admitted++
			} else if !r.Exceeded(0) || r.Exceeded(1) {
				t.Error("the wrong charge is said not to fit")
			}
		}
		if admitted != 5 {
			t.Errorf("beside %q, whose node is down, %d of 15 fit a limit of 5", other.Name, admitted)
		}
	}
	if r, err := l.Peek(t.Context(), charge(local, down[0])); err != nil || r.Remaining != 15 {
		t.Errorf("%d left of the local limit, want 15: a refused step consumes nothing (%v)", r.Remaining, err)
	}
}
