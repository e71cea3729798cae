package replay_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/storetest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// withoutExpiry counts keys that would stay for ever, and those that would not.
const withoutExpiry = `local n = {0, 0}
for _, k in ipairs(redis.call('KEYS', '*')) do
  local i = redis.call('PTTL', k) > 0 and 2 or 1
  n[i] = n[i] + 1
end
return n`

// A process that is killed while it uses tokens leaves no key that stays.
func TestEveryKeyExpiresEvenWhenTheProcessDies(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for round := range 5 {
		for _, store := range []string{"redis", "bloom"} {
			spec := fmt.Sprintf("%s %s %s 1000000 8 %d", store, server.Addr, prefix(), time.Now().Add(time.Hour).Unix())
			child := startChild(t, spec)
			child.begin(t)
			eventually(t, "the process has used tokens", func() error {
				if n := server.Do("DBSIZE"); n == ":0\r\n" {
					return errors.New(n)
				}
				return nil
			})
			_ = child.cmd.Process.Kill()
			<-child.done
			_ = child.cmd.Wait()
			if got := server.Do("EVAL", withoutExpiry, "0"); !strings.HasPrefix(got, "*2\r\n:0\r\n") || strings.HasSuffix(got, "\r\n:0\r\n") {
				t.Fatalf("round %d, %s: keys without and with an expiry: %q", round, store, got)
			}
			if round < 4 {
				server.Do("FLUSHALL")
			}
		}
	}
}

// Keys live over their window and the pad, whatever the server's clock says: the
// distance is what is sent, see TestAUseIsOneCommand.
func TestAKeyLivesAsLongAsItsWindow(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for _, window := range []time.Duration{time.Second, time.Minute, time.Hour} {
		store := must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{Window: window, Timeout: patient, Prefix: window.String(), Capacity: 1}))
		until := time.Now().Add(window * 3)
		accepts(t, store, storetest.ID(), until)
		end := until.Truncate(window).Add(window) // windows are aligned with the epoch in UTC
		ttl, _ := strconv.Atoi(strings.TrimSpace(server.Do("PTTL", onlyKey(t, server, window.String()+"*"))[1:]))
		low := time.Until(end)
		if got := time.Duration(ttl) * time.Millisecond; got < low || got > low+2*time.Minute {
			t.Errorf("window %v: the key lives %v, its ids %v", window, got, low)
		}
	}
}

// An instance whose clock is ahead makes a key that dies too early; the next one
// puts that right.
func TestAnExpiryOnlyMovesFurtherAway(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	until := time.Now().Add(time.Hour)
	for name, open := range map[string]func(rueidis.Client, replay.RedisConfig) (replay.Store, error){
		"set:": replay.Redis, "bloom:": replay.RedisBloomOverSet,
	} {
		store := must(t)(open(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient, Prefix: name, Capacity: 1}))
		accepts(t, store, storetest.ID(), until)
		key := onlyKey(t, server, name+"*")
		for _, tc := range []struct {
			ms     string
			extend bool
		}{{"60000", true}, {"100000000", false}} {
			server.Do("PEXPIRE", key, tc.ms)
			accepts(t, store, storetest.ID(), until)
			ttl, _ := strconv.Atoi(strings.TrimSpace(server.Do("PTTL", key)[1:]))
			if long := ttl > 90_000; !long {
				t.Errorf("%s after PEXPIRE %s the key lives %d ms", name, tc.ms, ttl)
			}
			if !tc.extend && ttl < 99_000_000 {
				t.Errorf("%s an expiry was moved closer: %d ms", name, ttl)
			}
		}
	}
}

// Nothing of what identifies a token or a person can be read in Redis, in an event
// or in a log.
func TestNothingOfATokenCanBeRead(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	var log bytes.Buffer
	sink := &events{}
	logged := audit.Slog(slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	secrets := []string{"secret-jti", "id.example", "alice", "shop"}
	var errs []error
	for _, open := range []func(rueidis.Client, replay.RedisConfig) (replay.Store, error){replay.Redis, replay.RedisBloomOverSet, replay.RedisBloom} {
		for _, s := range []audit.Sink{sink, logged} {
			g := newGuard(t, replay.Config{
				Store: must(t)(open(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient, Prefix: prefix()})), Audit: s,
			})
			p := principal()
			r, _ := engine(p, g.SingleUse())
			post(r)
			post(r)
			for range 2 {
				errs = append(errs, g.Consume(identity.With(t.Context(), p), replay.Token{ID: p.TokenID, Issuer: p.Issuer, Client: p.ClientID, NotAfter: p.ExpiresAt}))
			}
		}
	}
	dump := server.Do("EVAL", `local all = {}
for _, k in ipairs(redis.call('KEYS', '*')) do all[#all + 1] = k; all[#all + 1] = redis.call('DUMP', k)
for _, m in ipairs(redis.call('SMEMBERS', k)) do all[#all + 1] = m end end
return all`, "0")
	if strings.Count(dump, "\r\n") < 10 || log.Len() == 0 || len(sink.all) == 0 {
		t.Fatal("nothing was written: the test looks in the wrong place")
	}
	for where, text := range map[string]string{"Redis": dump, "a log": log.String(), "an event": fmt.Sprintf("%+v", sink.all), "an error": fmt.Sprint(errs)} {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %q: %q", where, secret, text)
			}
		}
	}
}

func TestReplicasThatDoNotConfirmFailTheUse(t *testing.T) {
	t.Parallel()
	master := testserver.Redis(t)
	replica := testserver.RedisReplica(t, master)
	store := must(t)(replay.Redis(redisClient(t, master.Addr), replay.RedisConfig{MinReplicas: 1, Timeout: time.Second}))
	until := time.Now().Add(time.Hour)
	eventually(t, "a confirmed use", func() error {
		id := storetest.ID()
		fresh, err := store.Use(t.Context(), id, until)
		if err == nil && !fresh {
			t.Fatal("a first use was refused")
		}
		if err == nil && accepts(t, store, id, until) {
			t.Fatal("accepted twice")
		}
		return err
	})
	replica.Freeze()
	id := storetest.ID()
	for range 2 { // the write stands: the token counts as used
		if fresh, err := store.Use(t.Context(), id, until); fresh {
			t.Errorf("accepted without a confirmation: %v", err)
		}
	}
	replica.Thaw()
	eventually(t, "a confirmed use", func() error {
		_, err := store.Use(t.Context(), storetest.ID(), until)
		return err
	})
	if fresh, _ := store.Use(t.Context(), id, until); fresh {
		t.Error("a use that was not confirmed did not count")
	}
}

// The answer to BF.INSERT is in a table, and so is an error.
func TestOnlyAnAnswerOfTheFilterCounts(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for insert, tc := range map[string]struct {
		fresh, fails bool
		says         string
	}{
		"{1}":     {true, false, ""},
		"{0}":     {false, false, ""},
		"{true}":  {true, false, ""},
		"{false}": {false, false, ""},
		"{}":      {false, true, "no answer"},
		"{2}":     {false, true, "no answer"},
		"{'1'}":   {false, true, "no answer"},
		"{{}}":    {false, true, "no answer"},
		"{{err='ERR non scaling filter is full'}}":       {false, true, "filter is full"},
		"real.error_reply('ERR error rate is required')": {false, true, ""},
	} {
		store := must(t)(replay.RedisBloomShim(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient, Prefix: prefix()}, insert))
		fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
		if fresh != tc.fresh || (err != nil) != tc.fails || err != nil && (!errors.Is(err, replay.ErrUnavailable) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, %v", insert, fresh, err)
		}
	}
}

func TestScriptsAreNamedByTheirHashes(t *testing.T) {
	t.Parallel()
	for sha, script := range replay.Scripts() {
		if sum := sha1.Sum([]byte(script)); sha != hex.EncodeToString(sum[:]) {
			t.Errorf("the hash should be %x:\n%s", sum, script)
		}
	}
}

// The commands a store needs are those its documentation lists.
func TestAUserWithTheDocumentedRightsSuffices(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	server.Do("ACL", "SETUSER", "app", "on", ">secret", "~ginsec:*", "resetchannels", "-@all",
		"+evalsha", "+eval", "+sadd", "+pttl", "+pexpire", "+info", "+wait", "+ping", "+hello", "+client")
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, DisableCache: true, Username: "app", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	for _, replicas := range []int{0, 1} {
		store := must(t)(replay.Redis(client, replay.RedisConfig{Timeout: time.Second, MinReplicas: replicas}))
		fresh, err := store.Use(t.Context(), storetest.ID(), time.Now().Add(time.Hour))
		if replicas == 0 && (!fresh || err != nil) || replicas == 1 && (fresh || err == nil || strings.Contains(err.Error(), "NOPERM")) {
			t.Errorf("%d replicas: %v, %v", replicas, fresh, err)
		}
	}
}

// A failover may lose uses that were not replicated yet. The instance that
// accepted them knows them, so that nothing passes twice there.
func TestAFailoverGivesNothingBackToTheSameInstance(t *testing.T) {
	t.Parallel()
	master := testserver.Redis(t)
	replica := testserver.RedisReplica(t, master)
	sentinel := testserver.RedisSentinel(t, master)
	eventually(t, "the sentinel knows the replica", func() error {
		if info := sentinel.Do("SENTINEL", "REPLICAS", "main"); !strings.Contains(info, replica.Addr) {
			return errors.New(info)
		}
		return nil
	})
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{sentinel.Addr}, DisableCache: true,
		Sentinel: rueidis.SentinelOption{MasterSet: "main"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	g := newGuard(t, replay.Config{Store: must(t)(replay.Redis(client, replay.RedisConfig{})), Timeout: 500 * time.Millisecond})
	var used []replay.Token
	use := func() error {
		tok := token()
		err := g.Consume(t.Context(), tok)
		if err == nil {
			used = append(used, tok)
		} else if !errors.Is(err, replay.ErrUnavailable) {
			t.Fatal(err)
		}
		return err
	}
	for len(used) < 500 {
		eventually(t, "a first use", use)
	}
	// The link breaks, and these are lost for the replica.
	replica.Freeze()
	for len(used) < 1000 {
		eventually(t, "a first use", use)
	}
	master.Kill()
	replica.Thaw()
	down := time.Now()
	eventually(t, "the replica has taken over", use)
	t.Logf("%d tokens, back after %v", len(used), time.Since(down))
	again := 0
	for _, tok := range used {
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			again++
		}
	}
	if again > 0 {
		t.Errorf("%d tokens passed twice on the same instance", again)
	}
}

func TestAClusterWithoutOneNodeFailsClosed(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	store := must(t)(replay.Redis(redisClient(t, nodes[0].Addr, nodes[1].Addr, nodes[2].Addr), replay.RedisConfig{Timeout: time.Second}))
	g := newGuard(t, replay.Config{Store: store})
	var used []replay.Token
	for range 200 {
		tok := token()
		eventually(t, "a first use", func() error { tok.ID = rnd(); return g.Consume(t.Context(), tok) })
		used = append(used, tok)
	}
	nodes[2].Kill()
	failed, passed := 0, 0
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 60 {
		tok := token()
		switch err := g.Consume(ctx, tok); {
		case err == nil:
			passed++
			used = append(used, tok)
		case errors.Is(err, replay.ErrUnavailable):
			failed++
		default:
			t.Fatal(err)
		}
	}
	t.Logf("without one of three nodes %d uses passed and %d failed", passed, failed)
	if failed == 0 {
		t.Error("no use failed")
	}
	for _, tok := range used {
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Fatalf("a used token: %v", err)
		}
	}
}

// The bucket tells ids apart, too: it comes from other bits than what is in it.
func TestTheBucketIsPartOfTheFingerprint(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := replay.Bare(must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{Timeout: patient})))
	id := storetest.ID()
	for i := range 100 {
		id[15] = byte(i)
		if !accepts(t, store, id, time.Now().Add(time.Hour)) {
			t.Errorf("id %d was taken for another", i)
		}
	}
}

// The ids stay a sorted array of integers: that is where the price per token
// comes from.
func TestBucketsStayCompact(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := replay.Bare(must(t)(replay.Redis(redisClient(t, server.Addr), replay.RedisConfig{Capacity: 2560, Timeout: patient})))
	until := time.Now().Add(time.Hour)
	for range 3500 {
		accepts(t, store, storetest.ID(), until)
	}
	got := server.Do("EVAL", `local n = {0, 0}
for _, k in ipairs(redis.call('KEYS', '*')) do
  n[1] = n[1] + 1
  if redis.call('OBJECT', 'ENCODING', k) == 'intset' then n[2] = n[2] + 1 end
end
return n`, "0")
	if got != "*2\r\n:10\r\n:10\r\n" {
		t.Errorf("buckets and intsets: %q", got)
	}
}
