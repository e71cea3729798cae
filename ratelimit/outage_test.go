package ratelimit_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

// until waits for a condition.
func until(t *testing.T, within time.Duration, what string, condition func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !condition() {
		if time.Since(begin) > within {
			t.Fatalf("%s: not within %v", what, within)
		}
		<-time.After(2 * time.Millisecond)
	}
	return time.Since(begin)
}

func counted(server *testserver.RedisServer) bool { return server.Do("DBSIZE") != ":0\r\n" }

// ASVS 16.5.2, 16.5.3: what happens without the store is a choice, made per policy.
func TestWhileRedisIsFrozenEachPolicyDoesWhatItSays(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr))})
	with := func(name string, f ratelimit.Failure) ratelimit.Policy {
		p := policy(t, name+": 3/1h by ip")
		p.OnStoreFailure = f
		return p
	}
	r := gin.New()
	r.GET("/local", l.Use(with("local", "")), ok)
	r.GET("/allow", l.Use(with("allow", "allow")), ok)
	r.GET("/deny", l.Use(with("deny", "deny")), ok)
	r.GET("/mixed", l.Use(with("m1", "local"), with("m2", "allow")), ok)
	wantStatus(t, get(r, "/allow"), http.StatusOK)

	server.Freeze()
	begin := time.Now()
	wantStatus(t, get(r, "/local"), http.StatusOK)
	first := time.Since(begin)
	if first > time.Second { // 50 ms and what a busy machine adds
		t.Errorf("the first answer took %v", first)
	}
	begin = time.Now()
	wantStatus(t, get(r, "/local"), http.StatusOK)
	wantStatus(t, get(r, "/local"), http.StatusOK)
	wantStatus(t, get(r, "/local"), http.StatusTooManyRequests)
	for range 10 {
		w := get(r, "/allow")
		wantStatus(t, w, http.StatusOK)
		if h := w.Header().Get("RateLimit"); h != "" {
			t.Errorf("a limit that is not counted tells %q", h)
		}
	}
	w := get(r, "/deny")
	wantStatus(t, w, http.StatusServiceUnavailable)
	if w.Header().Get("Retry-After") != "1" {
		t.Error("a 503 does not say when to come back")
	}
	for range 3 {
		wantStatus(t, get(r, "/mixed"), http.StatusOK)
	}
	wantStatus(t, get(r, "/mixed"), http.StatusTooManyRequests)
	rest := time.Since(begin)
	t.Logf("first answer %v, 18 more in %v", first, rest)
	if rest > 700*time.Millisecond {
		t.Errorf("18 answers took %v: they wait for Redis", rest)
	}

	server.Thaw()
	back := until(t, aWhile, "Redis in use again", func() bool { return get(r, "/deny").Code == http.StatusOK })
	t.Logf("back in use after %v", back)
}

func TestRedisKilledAndRestarted(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr))})
	p := policy(t, "p: 1000000/1h by user")
	q := policy(t, "q: 1000000/1h by user")
	q.OnStoreFailure = "deny"
	server.Kill()
	until(t, aWhile, "an answer without Redis", func() bool {
		r, err := l.Take(t.Context(), charge(p, "k"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = l.Take(t.Context(), charge(q, "k"))
		return r.Allowed && err != nil
	})
	server.Restart()
	back := until(t, aWhile, "Redis in use again", func() bool {
		r, err := l.Take(t.Context(), charge(q, "k"))
		return err == nil && r.Allowed
	})
	t.Logf("back in use after %v", back)
	if !counted(server) {
		t.Error("nothing was counted in Redis")
	}
}

func TestRedisAbsentAtTheStart(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	server.Kill()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, DisableCache: true, ForceSingleClient: true})
	if client == nil {
		t.Fatalf("the client does not start without a server: %v", err)
	}
	t.Cleanup(client.Close)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, client)})
	p := policy(t, "p: 2/1h by user")
	for i := range 3 {
		r, err := l.Take(t.Context(), charge(p, "k"))
		if err != nil || r.Allowed != (i < 2) {
			t.Errorf("call %d without Redis: %v %v", i, r.Allowed, err)
		}
	}
	server.Restart()
	q := policy(t, "q: 1000000/1h by user")
	until(t, aWhile, "Redis in use", func() bool {
		if _, err := l.Take(t.Context(), charge(q, "k")); err != nil {
			t.Fatal(err)
		}
		return counted(server)
	})
}

func TestAnErrorReplyIsAFailureToo(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), OnStoreFailure: "deny", Timeout: 5 * time.Second})
	p := policy(t, "p: 100/1h by user")
	if r, err := l.Take(t.Context(), charge(p, "k")); err != nil || !r.Allowed {
		t.Fatal(r, err)
	}
	server.Do("REPLICAOF", "127.0.0.1", "1") // now it refuses writes
	if r, err := l.Take(t.Context(), charge(p, "k")); err == nil || r.Allowed {
		t.Errorf("a read-only Redis admitted: %v", r)
	}
	server.Do("REPLICAOF", "NO", "ONE")
	until(t, aWhile, "Redis in use again", func() bool {
		r, err := l.Take(t.Context(), charge(p, "k"))
		return err == nil && r.Allowed
	})
}

func TestAClientThatGoesAwayIsNoOutage(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), OnStoreFailure: "deny", Timeout: 5 * time.Second})
	p := policy(t, "p: 2/1h by ip")
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	gone := func(req *http.Request) { *req = *req.WithContext(cancelled(t)) }
	wantStatus(t, get(r, "/", gone), http.StatusOK)
	wantStatus(t, get(r, "/", gone), http.StatusOK)
	wantStatus(t, get(r, "/", gone), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
}

func TestTheOperatorIsToldOnceThatRedisIsGivenUp(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	sink := &events{}
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr)), Audit: sink})
	r := gin.New()
	r.GET("/", l.Use(policy(t, "p: 100/1h by ip")), ok)
	server.Freeze()
	for range 20 {
		wantStatus(t, get(r, "/"), http.StatusOK)
	}
	server.Thaw()
	told := 0
	for _, s := range sink.summary() {
		if s == "error store_unavailable 0" {
			told++
		}
	}
	if told != 1 {
		t.Errorf("told %d times that Redis is given up: %v", told, sink.summary())
	}
}

func TestAroundDuringAnOutageDoesWhatThePoliciesSay(t *testing.T) {
	t.Parallel()
	for failure, want := range map[ratelimit.Failure][2]int{
		"deny":  {http.StatusServiceUnavailable, 0},
		"allow": {http.StatusUnauthorized, 20},
		"local": {http.StatusTooManyRequests, 3},
	} {
		t.Run(string(failure), func(t *testing.T) {
			t.Parallel()
			server := testserver.Redis(t)
			l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr))})
			p := policy(t, "client: 3/1h by ip")
			p.OnStoreFailure = failure
			verified := 0
			r := gin.New()
			r.Use(l.Around(func(c *gin.Context) { verified++; authenticate(c) }, p))
			r.GET("/", ok)
			server.Freeze()
			defer server.Thaw()
			get(r, "/", from("192.0.2.9:1")) // gives Redis up
			verified = 0
			last := 0
			for range 20 {
				last = get(r, "/", as("bad")).Code
			}
			if last != want[0] || verified != want[1] {
				t.Errorf("%d of 20 bad tokens verified, the last one answered with %d; want %d, %d", verified, last, want[1], want[0])
			}
		})
	}
}
