package replay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// A server that refuses the write is there, and may answer another instance: with
// replicas to confirm, nobody decides alone, whatever the policy.
func TestWithReplicasAServerThatRefusesLeavesNobodyAlone(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{
		"-MOVED 1 127.0.0.1:1\r\n", "-ASK 1 127.0.0.1:1\r\n", "-TRYAGAIN later\r\n", "-CLUSTERDOWN no\r\n",
		"-READONLY replica\r\n", "-NOREPLICAS none\r\n", "-MASTERDOWN no\r\n", "-LOADING wait\r\n", "-OOM full\r\n", "-MISCONF disk\r\n", "-NOPERM no\r\n",
		"$-1\r\n", "+OK\r\n", ":2\r\n", "*0\r\n", "$1\r\n1\r\n", // that make no sense
	} {
		for name, open := range map[string]func(rueidis.Client, replay.RedisConfig) (replay.Store, error){"Redis": replay.Redis, "RedisBloom": replay.RedisBloom} {
			s := newStub(t, func([]string) string { return answer })
			store := must(t)(open(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
			g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
			if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) || errors.Is(err, replay.ErrNoBloom) {
				t.Errorf("%s, %q: %v", name, answer, err)
			}
		}
	}
}

// Without replicas to confirm, a server that refuses is an outage like any other.
func TestWithoutReplicasAServerThatRefusesLeavesTheFallback(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return "-MISCONF disk\r\n" })
	store := must(t)(replay.Redis(stubClient(t, s.addr, false), replay.RedisConfig{Timeout: patient}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	tok := token()
	if err := g.Consume(t.Context(), tok); err != nil {
		t.Error(err)
	}
	if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
}

// The module is missing with replicas, too.
func TestWithReplicasAMissingModuleIsStillNamed(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return "-ERR unknown command 'BF.INSERT'\r\n" })
	store := must(t)(replay.RedisBloom(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrNoBloom) || !errors.Is(err, replay.ErrUnavailable) {
		t.Error(err)
	}
}

// wrapping is a client that says more about its errors than the server did.
type wrapping struct{ rueidis.Client }

func (w wrapping) Dedicated(fn func(rueidis.DedicatedClient) error) error {
	if err := w.Client.Dedicated(fn); err != nil {
		return fmt.Errorf("traced: %w", err)
	}
	return nil
}

func TestWithReplicasARefusalIsOneThroughAWrappedClient(t *testing.T) {
	t.Parallel()
	s := newStub(t, func([]string) string { return "-READONLY replica\r\n" })
	store := must(t)(replay.Redis(wrapping{stubClient(t, s.addr, false)}, replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
		t.Error(err)
	}
}

// A server without WAIT has recorded the id, and is not one without the module.
func TestAServerWithoutWaitDoesNotLackTheModule(t *testing.T) {
	t.Parallel()
	s := newStub(t, func(args []string) string {
		if args[0] == "WAIT" {
			return "-ERR unknown command 'WAIT'\r\n"
		}
		return ":1\r\n"
	})
	store := must(t)(replay.RedisBloom(stubClient(t, s.addr, false), replay.RedisConfig{MinReplicas: 1, Timeout: patient}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) || errors.Is(err, replay.ErrNoBloom) {
		t.Error(err)
	}
}

// A server that is gone answers nobody, and the fallback is for that.
func TestWithReplicasAServerThatIsGoneLeavesTheFallback(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	// Time enough to write on a busy machine; the confirmation takes most of it.
	store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{MinReplicas: 1, Timeout: 3 * time.Second}))
	g := newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
	if err := g.Consume(t.Context(), token()); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("without a replica: %v", err)
	}
	server.Kill()
	tok := token()
	eventually(t, "alone", func() error { tok.ID = rnd(); return g.Consume(t.Context(), tok) })
	if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("again: %v", err)
	}
}

// A slot that is being moved in a healthy cluster, or a master that was told not to
// write without replicas: of two instances that may decide alone, neither does.
func TestNoTwoInstancesAcceptAnIDWhoseWriteIsRefused(t *testing.T) {
	t.Parallel()
	two := func(cfg replay.RedisConfig, addrs ...string) func() error {
		var guards []*replay.Guard
		for range 2 {
			store := must(t)(replay.Redis(redisClient(t, addrs...), cfg))
			guards = append(guards, newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback}))
		}
		return func() error {
			tok := token()
			return errors.Join(guards[0].Consume(t.Context(), tok), guards[1].Consume(t.Context(), tok))
		}
	}
	cfg := replay.RedisConfig{Timeout: time.Second, MinReplicas: 1}

	alone := testserver.Redis(t)
	alone.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	if two(cfg, alone.Addr)() == nil {
		t.Error("both accepted what the master would not write")
	}

	nodes := testserver.RedisCluster(t)
	var names []string
	for _, n := range nodes {
		f := strings.Fields(n.Do("CLUSTER", "MYID"))
		names = append(names, f[len(f)-1])
	}
	slot := strings.Trim(nodes[0].Do("CLUSTER", "KEYSLOT", "{x}"), ": \r\n")
	cfg.Prefix = "{x}:"
	consume := two(cfg, nodes[0].Addr, nodes[1].Addr, nodes[2].Addr)
	_ = consume()
	owner := -1
	for i, n := range nodes {
		if strings.Trim(n.Do("CLUSTER", "COUNTKEYSINSLOT", slot), ": \r\n") != "0" {
			owner = i
		}
	}
	if owner < 0 {
		t.Fatal("no node has the slot's keys")
	}
	to := (owner + 1) % 3
	nodes[owner].Do("FLUSHALL") // an empty slot asks elsewhere
	nodes[to].Do("CLUSTER", "SETSLOT", slot, "IMPORTING", names[owner])
	nodes[owner].Do("CLUSTER", "SETSLOT", slot, "MIGRATING", names[to])
	for range 5 {
		if consume() == nil {
			t.Error("both accepted while the slot was being moved")
		}
	}
	for _, i := range []int{to, owner, 3 - to - owner} {
		nodes[i].Do("CLUSTER", "SETSLOT", slot, "NODE", names[to])
	}
	for range 5 {
		if consume() == nil {
			t.Error("both accepted after the slot was moved")
		}
	}
}

// Guards on one store know what each has accepted, whatever their deadlines are.
func TestGuardsOnOneStoreRememberTogether(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{}))
	var guards []*replay.Guard
	for _, limit := range []time.Duration{0, 40 * time.Millisecond, 45 * time.Millisecond} {
		guards = append(guards, newGuard(t, replay.Config{Store: store, Timeout: limit, OnStoreFailure: replay.LocalFallback}))
	}
	tok := token()
	eventually(t, "a first use", func() error { tok.ID = rnd(); return guards[1].Consume(t.Context(), tok) })
	server.Kill()
	for i, g := range guards {
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("guard %d, what another accepted before the outage: %v", i, err)
		}
	}
	alone := token()
	eventually(t, "alone", func() error { alone.ID = rnd(); return guards[2].Consume(t.Context(), alone) })
	for i, g := range guards {
		if err := g.Consume(t.Context(), alone); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("guard %d, what another accepted alone: %v", i, err)
		}
	}
}
