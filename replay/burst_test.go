package replay_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/replay"
)

// However many uses come at once, a server that answers decides about each: nothing is
// decided without it, and the breaker stays closed.
func TestABurstIsDecidedByTheStoreAlone(t *testing.T) {
	t.Parallel()
	const n = 6 * replay.MaxBusy
	connect := func(t *testing.T, addr string) rueidis.Client {
		t.Helper()
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{addr}, DisableCache: true, ForceSingleClient: true,
			// A busy machine is no outage, and a thousand connections at once take long.
			Dialer: net.Dialer{Timeout: patient}, ConnWriteTimeout: patient, BlockingPoolSize: 32,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	for name, replicas := range map[string]int{"plain": 0, "with replicas": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			members := map[string]bool{}
			s := newStub(t, func(args []string) string {
				mu.Lock()
				defer mu.Unlock()
				if args[0] == "WAIT" {
					return ":1\r\n"
				}
				if m := args[3] + " " + args[4]; !members[m] {
					members[m] = true
					return ":1\r\n"
				}
				return ":0\r\n"
			})
			open := func() *replay.Guard {
				store := must(t)(replay.Redis(connect(t, s.addr), replay.RedisConfig{MinReplicas: replicas, Timeout: patient}))
				return newGuard(t, replay.Config{Store: store, OnStoreFailure: replay.LocalFallback})
			}
			one, other := open(), open()
			tokens, accepted := make([]replay.Token, n), make([]bool, n)
			start := make(chan struct{})
			var wg sync.WaitGroup
			for i := range n {
				tokens[i] = token()
				wg.Go(func() {
					<-start
					accepted[i] = one.Consume(context.Background(), tokens[i]) == nil
				})
			}
			close(start)
			wg.Wait()
			count, double := 0, 0
			for i := range n {
				if !accepted[i] {
					continue
				}
				count++
				if i%8 == 0 && other.Consume(t.Context(), tokens[i]) == nil { // those refused here may pass there
					double++
				}
			}
			if double > 0 {
				t.Errorf("%d tokens were accepted twice", double)
			}
			if replicas == 0 && count != n {
				t.Errorf("%d of %d first uses were accepted", count, n)
			}
		})
	}
}
