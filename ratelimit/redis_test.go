package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// calls returns how often a server has run a command.
func calls(s *testserver.RedisServer, command string) int {
	m := regexp.MustCompile(`cmdstat_` + command + `:calls=(\d+)`).FindStringSubmatch(s.Do("INFO", "commandstats"))
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

func TestAnyNumberOfPoliciesIsOneCommand(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	auth := func(c *gin.Context) { identity.Set(c, &identity.Principal{Subject: "alice", Tenant: "acme"}) }
	r := gin.New()
	r.Use(l.Around(auth, policy(t, "a: 1000/1h by ip"), policy(t, "b: 1000/1h by user"), policy(t, "c: 1000/1h by tenant"),
		policy(t, "d: 1000/1h by user+route"), policy(t, "e: 1000/1h global")))
	r.GET("/", ok)
	wantStatus(t, get(r, "/"), http.StatusOK) // loads the script
	for _, requests := range []int{1, 10} {
		server.Do("CONFIG", "RESETSTAT")
		for range requests {
			wantStatus(t, get(r, "/"), http.StatusOK)
		}
		if sha, eval := calls(server, "evalsha"), calls(server, "eval"); sha != requests || eval != 0 {
			t.Errorf("%d requests with five policies were %d EVALSHA and %d EVAL", requests, sha, eval)
		}
		if set, get := calls(server, "set"), calls(server, "mget"); set != 5*requests || get != requests {
			t.Errorf("%d requests were %d SET and %d MGET in the script", requests, set, get)
		}
	}
}

func TestARefusalWritesNothingAndIsRememberedHere(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	store := func() ratelimit.Store { return redisStore(t, redisClient(t, server.Addr)) }
	l := newLimiter(t, ratelimit.Config{Store: store(), Timeout: 5 * time.Second})
	other := newLimiter(t, ratelimit.Config{Store: store(), Timeout: 5 * time.Second})
	p, q := policy(t, "p: 1/1h by user"), policy(t, "q: 100/1h by user")
	take := func(l *ratelimit.Limiter) bool {
		r, err := l.Take(t.Context(), charge(p, "k"), charge(q, "k"))
		if err != nil {
			t.Fatal(err)
		}
		return r.Allowed
	}
	if !take(l) {
		t.Fatal("the first call was refused")
	}
	server.Do("CONFIG", "RESETSTAT")
	began := time.Now()
	for range 1000 {
		if take(l) {
			t.Fatal("a call over the limit was admitted")
		}
	}
	if n, most := calls(server, "evalsha"), int(time.Since(began)/time.Second)+2; n > most { // one a second
		t.Errorf("1000 refusals asked Redis %d times", n)
	}
	if n := calls(server, "set"); n != 0 {
		t.Errorf("1000 refusals wrote %d times", n)
	}
	// What another replica gives back shows within a second.
	if err := other.Reset(t.Context(), charge(p, "k")); err != nil {
		t.Fatal(err)
	}
	until(t, aWhile, "the other replica's reset", func() bool { return take(l) })
}

func TestAFlushedScriptIsNotNoticed(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), OnStoreFailure: "deny", Timeout: 5 * time.Second})
	p := policy(t, "p: 7/1h by user")
	for i := range 10 {
		r, err := l.Take(t.Context(), charge(p, "k"))
		if err != nil || r.Allowed != (i < 7) {
			t.Errorf("call %d: %v %v", i, r.Allowed, err)
		}
		server.Do("SCRIPT", "FLUSH")
	}
}

func TestEveryKeyExpires(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	const window = 300 * time.Millisecond
	for i, limit := range []int64{1, 100, 1000} {
		p := ratelimit.Policy{Name: fmt.Sprint("p", i), Limit: limit, Window: window, Key: ratelimit.ByUser()}
		for k := range 20 {
			r, err := l.Take(t.Context(), charge(p, fmt.Sprint(k)))
			if err != nil {
				t.Fatal(err)
			}
			if k%5 == 0 && limit > 1 {
				if _, err := l.Take(t.Context(), charge(p, fmt.Sprint(k))); err != nil {
					t.Fatal(err)
				}
				if err := l.Refund(t.Context(), &r, charge(p, fmt.Sprint(k))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	m := regexp.MustCompile(`keys=(\d+),expires=(\d+)`).FindStringSubmatch(server.Do("INFO", "keyspace"))
	if m == nil || m[1] != m[2] {
		t.Errorf("not every key has an expiry: %v", m)
	}
	took := until(t, aWhile, "an empty server", func() bool { return server.Do("DBSIZE") == ":0\r\n" })
	t.Logf("empty %v after the last charge of a window of %v", took, window)
}

func TestKeysTellNothingAboutClients(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	r := gin.New()
	r.GET("/", l.Use(
		policy(t, "key: 9/1m by header X-Api-Key"),
		ratelimit.Policy{Name: "mail", Limit: 9, Window: time.Minute, Key: ratelimit.By(func(c *gin.Context) (string, bool) { return c.Query("mail"), true })},
		policy(t, "ip: 9/1m by ip"), policy(t, "ip-route: 9/1m by ip+route")), ok)
	long := strings.Repeat("}{x", 10_000)
	for _, key := range []string{"sk_live_secret", "{a}", "}{", long} {
		wantStatus(t, get(r, "/?mail=eve@example.com", func(r *http.Request) { r.Header.Set("X-Api-Key", key) }), http.StatusOK)
	}
	keys := strings.Fields(server.Do("KEYS", "*"))
	tags := map[string]int{}
	for _, k := range keys {
		if !strings.HasPrefix(k, "ginsec:rl:") {
			continue
		}
		if !regexp.MustCompile(`^ginsec:rl:\{[A-Za-z0-9_-]{22}\}:[a-z-]+:60000000000e(:[A-Za-z0-9_-]{22})?$`).MatchString(k) {
			t.Errorf("unexpected key %q", k)
		}
		tags[k[:34]]++
	}
	for _, secret := range []string{"secret", "eve", "192.0.2.1", "{a}"} {
		if strings.Contains(strings.Join(keys, " "), secret) {
			t.Errorf("the keys tell %q", secret)
		}
	}
	if len(tags) != 4+1+1 {
		t.Errorf("%d hash tags: %v", len(tags), tags)
	}
}

func TestPrefixesKeepLimitersApart(t *testing.T) {
	t.Parallel()
	client := redisClient(t, testserver.Redis(t).Addr)
	make := func(prefix string) *ratelimit.Limiter {
		s, err := ratelimit.Redis(client, ratelimit.RedisConfig{Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		return newLimiter(t, ratelimit.Config{Store: s, Timeout: 5 * time.Second})
	}
	p := policy(t, "p: 1/1h by user")
	a, b, c := make("a:"), make("a:"), make("b:")
	for l, want := range map[*ratelimit.Limiter]int{a: -1, b: -1, c: 1} {
		r, err := l.Take(t.Context(), charge(p, "k"))
		if err != nil {
			t.Fatal(err)
		}
		if want == 1 && !r.Allowed {
			t.Error("another prefix shares the count")
		}
	}
	if r, _ := a.Peek(t.Context(), charge(p, "k")); r.Allowed {
		t.Error("the same prefix does not share the count")
	}
}

func TestALogInRedisIsSmall(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Timeout: 5 * time.Second})
	for _, limit := range []int64{100, 10_000} {
		p := policy(t, fmt.Sprintf("p%d: %d/1h by user", limit, limit))
		for n := range 100 {
			if r, err := l.Take(t.Context(), charge(p, "k")); err != nil || !r.Allowed {
				t.Fatal(r, err)
			}
			if n == 0 || n == 9 || n == 99 {
				var key string
				for _, k := range strings.Fields(server.Do("KEYS", fmt.Sprintf("*p%d*", limit))) {
					if strings.HasPrefix(k, "ginsec") {
						key = k
					}
				}
				size, _ := strconv.Atoi(strings.TrimSpace(server.Do("MEMORY", "USAGE", key)[1:]))
				t.Logf("limit %d, %d events: %d bytes", limit, n+1, size)
				if size > 1126 {
					t.Errorf("%d events take %d bytes, more than 1.1 KB", n+1, size)
				}
			}
		}
	}
}

func TestTwoProcessesAdmitExactlyTheLimit(t *testing.T) {
	if addr := os.Getenv("GINSEC_TEST_RATELIMIT_CHILD"); addr != "" {
		client := redisClient(t, addr)
		client.Do(t.Context(), client.B().Incr().Key("ready").Build())
		until(t, aWhile, "the other process", func() bool {
			n, _ := client.Do(t.Context(), client.B().Get().Key("ready").Build()).AsInt64()
			return n == 2
		})
		fmt.Printf("admitted %d\n", burst(t, client))
		return
	}
	t.Parallel()
	server := testserver.Redis(t)
	type result struct {
		out []byte
		err error
	}
	results := make(chan result)
	for range 2 {
		go func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestTwoProcessesAdmitExactlyTheLimit$")
			cmd.Env = append(os.Environ(), "GINSEC_TEST_RATELIMIT_CHILD="+server.Addr)
			out, err := cmd.CombinedOutput()
			results <- result{out, err}
		}()
	}
	total := 0
	for range 2 {
		r := <-results
		m := regexp.MustCompile(`admitted (\d+)`).FindSubmatch(r.out)
		if r.err != nil || m == nil {
			t.Fatalf("%v\n%s", r.err, r.out)
		}
		n, _ := strconv.Atoi(string(m[1]))
		t.Logf("one process was admitted %d times", n)
		total += n
	}
	if total != 100 {
		t.Errorf("two processes were admitted %d times, want exactly 100", total)
	}
}

func burst(t *testing.T, client rueidis.Client) int {
	t.Helper()
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client), Timeout: 5 * time.Second, OnStoreFailure: "deny"})
	p := policy(t, "p: 100/1h by user")
	return together(64, 50, func() bool {
		r, err := l.Take(context.Background(), charge(p, "k"))
		if err != nil {
			t.Error(err)
		}
		return r.Allowed
	})
}

func TestThroughSentinel(t *testing.T) {
	t.Parallel()
	sentinel := testserver.RedisSentinel(t, testserver.Redis(t))
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{sentinel.Addr}, Sentinel: rueidis.SentinelOption{MasterSet: "main"}, DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if n := burst(t, client); n != 100 {
		t.Errorf("%d admitted, want exactly 100", n)
	}
}
