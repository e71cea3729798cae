package replay_test

import (
	"context"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// soak enlarges the tests whose size is a matter of patience.
func soak(normal, soaked int) int {
	if os.Getenv("GINSEC_TEST_SOAK") == "1" {
		return soaked
	}
	return normal
}

func redisClient(tb testing.TB, addrs ...string) rueidis.Client {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs, DisableCache: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// must closes what a constructor returned when the test ends.
func must(tb testing.TB) func(s replay.Store, err error) replay.Store {
	tb.Helper()
	return func(s replay.Store, err error) replay.Store {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = s.Close() })
		return s
	}
}

// prefixes gives every state on a shared server its own keys.
var prefixes atomic.Int64 //nolint:gochecknoglobals // a counter of this test binary

func prefix() string { return "test:" + strconv.FormatInt(prefixes.Add(1), 10) + ":" }

// patient lets a busy machine take its time: what is tested is not the deadline.
const patient = 20 * time.Second

func TestEveryStoreKeepsThePromise(t *testing.T) {
	t.Parallel()
	single := testserver.Redis(t)
	var cluster []string
	for _, node := range testserver.RedisCluster(t) {
		cluster = append(cluster, node.Addr)
	}
	redis := func(addrs ...string) func(*testing.T, time.Duration) []storetest.ReplayStore {
		return func(t *testing.T, window time.Duration) []storetest.ReplayStore {
			t.Helper()
			cfg := replay.RedisConfig{Window: window, Prefix: prefix(), Timeout: patient}
			return []storetest.ReplayStore{
				must(t)(replay.Redis(redisClient(t, addrs...), cfg)),
				must(t)(replay.Redis(redisClient(t, addrs...), cfg)),
			}
		}
	}
	stores := map[string]func(*testing.T, time.Duration) []storetest.ReplayStore{
		"Local": func(t *testing.T, window time.Duration) []storetest.ReplayStore {
			t.Helper()
			return []storetest.ReplayStore{must(t)(replay.Local(replay.LocalConfig{Window: window}))}
		},
		"in front of others": func(t *testing.T, window time.Duration) []storetest.ReplayStore {
			t.Helper()
			return []storetest.ReplayStore{must(t)(replay.Exact(window, 1<<30), nil)}
		},
		"Redis":            redis(single.Addr),
		"Redis in cluster": redis(cluster...),
		"Redis with nothing in front": func(t *testing.T, window time.Duration) []storetest.ReplayStore {
			t.Helper()
			var bare []storetest.ReplayStore
			for _, s := range redis(single.Addr)(t, window) {
				bare = append(bare, replay.Bare(s))
			}
			return bare
		},
		"RedisBloom's script over a set": func(t *testing.T, window time.Duration) []storetest.ReplayStore {
			t.Helper()
			cfg := replay.RedisConfig{Window: window, Prefix: prefix(), Timeout: patient}
			return []storetest.ReplayStore{
				must(t)(replay.RedisBloomOverSet(redisClient(t, single.Addr), cfg)),
				must(t)(replay.RedisBloomOverSet(redisClient(t, single.Addr), cfg)),
			}
		},
	}
	if url := os.Getenv("GINSEC_TEST_REDIS_URL"); url != "" {
		addBloom(t, url, stores)
	}
	for name, open := range stores {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Replay(t, soak(1000, 10_000), open)
		})
	}
}

// addBloom adds RedisBloom on the user's server, if that has the module.
func addBloom(t *testing.T, url string, stores map[string]func(*testing.T, time.Duration) []storetest.ReplayStore) {
	t.Helper()
	opt, err := rueidis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	connect := func(t *testing.T) rueidis.Client {
		t.Helper()
		opt.DisableCache = true
		client, err := rueidis.NewClient(opt)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client
	}
	client := connect(t)
	err = client.Do(context.Background(), client.B().Arbitrary("BF.EXISTS").Keys("test:none").Args("x").Build()).Error()
	if _, refused := rueidis.IsRedisErr(err); refused {
		t.Logf("the server of GINSEC_TEST_REDIS_URL has no BF commands: %v", err)
		return
	}
	stores["RedisBloom"] = func(t *testing.T, window time.Duration) []storetest.ReplayStore {
		t.Helper()
		cfg := replay.RedisConfig{Window: window, Prefix: prefix() + strconv.Itoa(os.Getpid()) + ":", Timeout: patient}
		return []storetest.ReplayStore{
			must(t)(replay.RedisBloom(connect(t), cfg)),
			must(t)(replay.RedisBloom(connect(t), cfg)),
		}
	}
}
