package ginsec_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/ginsectest"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// passes counts the requests that come through when n are made.
func passes(n int, do func(i int) *httptest.ResponseRecorder) (passed int) {
	for i := range n {
		if do(i).Code < 300 {
			passed++
		}
	}
	return passed
}

func TestTheDefaultLimitsArePerClientAndPerUser(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	cfg := configFor(iss)
	cfg.Public = []string{"GET /public"}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/", ok)
	r.GET("/public", ok)
	alice := mint(t, iss, nil)
	if got := passes(700, func(int) *httptest.ResponseRecorder { return ginsectest.Do(r, http.MethodGet, "/", alice, "") }); got != 600 {
		t.Errorf("a user passed %d times a minute, want 600", got)
	}
	if got := passes(700, func(int) *httptest.ResponseRecorder { return ginsectest.Do(r, http.MethodGet, "/public", "", "") }); got != 600 {
		t.Errorf("the client passed %d more times on a public route, want 600 of its 1200", got)
	}
}

func TestTheClientsAddressComesFromTrustedProxiesOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		header  string // configured
		proxies []netip.Prefix
		sent    string
		want    int
	}{
		{"nobody is trusted: one client", "", nil, "X-Forwarded-For", 2},
		{"a trusted proxy names clients", "", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "X-Forwarded-For", 10},
		{"a peer that is no proxy names nobody", "", []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}, "X-Forwarded-For", 2},
		{"one named header", "X-Real-IP", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "X-Real-IP", 10},
		{"another header than the named one", "X-Real-IP", []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, "X-Forwarded-For", 2},
	} {
		cfg := configFor(issuer(t))
		cfg.TrustedProxies, cfg.ClientIPHeader, cfg.Public = tc.proxies, tc.header, []string{"GET /"}
		cfg.Limits.Policies = []ratelimit.Policy{rule(t, "2/1m by ip")}
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.GET("/", ok)
		got := passes(10, func(i int) *httptest.ResponseRecorder {
			req := httptest.NewRequest(http.MethodGet, "/", nil) // from 192.0.2.1
			req.Header.Set(tc.sent, "203.0.113."+string(rune('0'+i)))
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			return w
		})
		if got != tc.want {
			t.Errorf("%s: %d of 10 passed, want %d", tc.name, got, tc.want)
		}
	}
}

func TestAHandlerThatServesRequestsInProcessOpensNoGate(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	r := gin.New()
	r.Use(newSuite(t, configFor(iss)).Middleware())
	var users []string
	r.POST("/pay", ginsec.Once(), func(c *gin.Context) {
		p, _ := identity.From(c.Request.Context())
		users = append(users, p.Subject)
		ok(c)
	})
	alice, bob := mint(t, iss, nil), mint(t, iss, map[string]any{"sub": "bob"})
	var codes []int
	r.POST("/batch", ginsec.Once(), func(c *gin.Context) {
		for _, token := range []string{"", "garbage", bob, alice, alice} {
			req, err := http.NewRequestWithContext(c.Request.Context(), http.MethodPost, "/pay", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.RemoteAddr = c.Request.RemoteAddr
			if token != "" {
				req.Header.Set("Authorization", "Bearer "+token)
			}
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			codes = append(codes, w.Code)
		}
		if p, _ := identity.From(c.Request.Context()); p == nil || p.Subject != "alice" {
			t.Errorf("after serving others the handler is %v", p)
		}
		ok(c)
	})
	wantStatus(t, "the batch", ginsectest.Do(r, http.MethodPost, "/batch", alice, ""), http.StatusNoContent)
	want := []int{401, 401, 204, 401, 401} // alice's token was spent on the batch itself
	for i, code := range codes {
		if code != want[i] {
			t.Errorf("request %d in process: got %d, want %d", i, code, want[i])
		}
	}
	if len(users) != 1 || users[0] != "bob" {
		t.Errorf("payments were made by %v", users)
	}
}

func TestMistakesInLimitsAreErrorsAndNothingIsLeftBehind(t *testing.T) { //nolint:paralleltest // counts goroutines
	iss := issuer(t)
	baseline := runtime.NumGoroutine()
	for name, change := range map[string]func(*ginsec.Config){
		"a limit of nothing": func(c *ginsec.Config) { c.Limits.Policies = []ratelimit.Policy{{}} },
		"two of one name": func(c *ginsec.Config) {
			c.Limits.Policies = []ratelimit.Policy{rule(t, "a: 1/1m by ip"), rule(t, "a: 2/1m by user")}
		},
		"nine":              func(c *ginsec.Config) { c.Limits.Policies = make([]ratelimit.Policy, 9) },
		"none, not said so": func(c *ginsec.Config) { c.Limits.Policies = []ratelimit.Policy{} },
		"off and some": func(c *ginsec.Config) {
			c.Limits.Off, c.Limits.Policies = true, []ratelimit.Policy{rule(t, "1/1m by ip")}
		},
		"a timeout of an hour": func(c *ginsec.Config) { c.Limits.Timeout = time.Hour },
		"an unknown failure":   func(c *ginsec.Config) { c.Limits.OnStoreFailure = "maybe" },
		"a bad egress port":    func(c *ginsec.Config) { c.Egress.MaxRedirects = 1 << 20 },
		"a lifetime of years":  func(c *ginsec.Config) { c.Replay.MaxLifetime = 1 << 60 },
	} {
		cfg := configFor(iss)
		change(&cfg)
		if s, err := ginsec.New(cfg); err == nil || s != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > baseline; {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), baseline)
		}
		runtime.Gosched()
	}
}

// store fails or counts, and tells whether it was closed.
type store struct {
	replay.Store
	mu     sync.Mutex
	uses   int
	closed bool
}

func (s *store) Use(context.Context, [16]byte, time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uses++
	return s.uses == 1, nil
}

func (s *store) Close() error { s.closed = true; return nil }

func TestAFailedNewLeavesTheCallersStoresOpen(t *testing.T) {
	t.Parallel()
	mine := &store{}
	cfg := configFor(issuer(t))
	cfg.Replay.Store = mine
	bad := cfg
	bad.Limits.Policies = []ratelimit.Policy{{}}
	if _, err := ginsec.New(bad); err == nil || mine.closed {
		t.Fatalf("error %v, store closed %v", err, mine.closed)
	}
	s, err := ginsec.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil || !mine.closed {
		t.Errorf("Close: %v, store closed %v", err, mine.closed)
	}
}

func TestEveryControlReportsToTheOneSink(t *testing.T) {
	t.Parallel()
	iss, events := issuer(t), &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	s := newSuite(t, cfg)
	r := gin.New()
	r.Use(s.Middleware())
	r.POST("/", ginsec.Once(), func(c *gin.Context) {
		_, err := egress.From(c.Request.Context()).HTTP().Get("http://127.0.0.1/")
		if err == nil {
			t.Error("the inside was reached")
		}
	})
	token := mint(t, iss, nil)
	ginsectest.Do(r, http.MethodPost, "/", token, "")
	ginsectest.Do(r, http.MethodPost, "/", token, "")
	for control, verdict := range map[string]audit.Verdict{"auth": audit.Allow, "ratelimit": audit.Allow, "replay": audit.Deny, "egress": audit.Deny} {
		if !events.has(control, verdict) {
			t.Errorf("no %v event of %s", verdict, control)
		}
	}
}

func TestReportOnlyLimitsRefuseNobody(t *testing.T) {
	t.Parallel()
	events := &sink{}
	cfg := configFor(issuer(t))
	cfg.Audit, cfg.Public, cfg.Limits.ReportOnly = events, []string{"GET /"}, true
	cfg.Limits.Policies = []ratelimit.Policy{rule(t, "1/1m by ip")}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/", ginsec.Limit("1/1m by ip"), ok)
	if got := passes(5, func(int) *httptest.ResponseRecorder { return ginsectest.Do(r, http.MethodGet, "/", "", "") }); got != 5 {
		t.Errorf("%d of 5 passed", got)
	}
	if !events.has("ratelimit", audit.Report) {
		t.Error("nothing was reported")
	}
}

func TestDPoPProofsGetAStoreOfTheirOwn(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for _, shared := range []bool{false, true} {
		iss := issuer(t)
		cfg := configFor(iss)
		cfg.Auth.DPoP = &auth.DPoP{BaseURL: "https://api.example"}
		if shared {
			onRedis(t, &cfg, server)
		}
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.GET("/", ok)
		key, err := authtest.NewHolder("")
		if err != nil {
			t.Fatal(err)
		}
		token := mint(t, iss, map[string]any{"cnf": key.Confirmation()})
		proof, err := key.Prove(authtest.Proof{Method: http.MethodGet, URI: "https://api.example/", Token: token})
		if err != nil {
			t.Fatal(err)
		}
		use := func() int {
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.Header.Set("Authorization", "DPoP "+token)
			req.Header.Set("DPoP", proof)
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			return w.Code
		}
		if first, second := use(), use(); first != http.StatusNoContent || second != http.StatusUnauthorized {
			t.Errorf("shared %v: a proof used twice got %d and %d", shared, first, second)
		}
	}
	if keys := server.Do("KEYS", "ginsec:dpop:*"); !strings.Contains(keys, "ginsec:dpop:") {
		t.Errorf("no proof is kept under its prefix: %q", keys)
	}
}

func TestServicesWithAPrefixEachDoNotShareARedis(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	for _, prefix := range []string{"a:", "b:"} {
		iss := issuer(t)
		cfg := configFor(iss)
		cfg.Prefix = prefix
		onRedis(t, &cfg, server)
		cfg.Limits.Policies = []ratelimit.Policy{rule(t, "1/1m by user")}
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.POST("/", ginsec.Once(), ok)
		wantStatus(t, "alice's first request at "+prefix, ginsectest.Do(r, http.MethodPost, "/", mint(t, iss, map[string]any{"jti": "one"}), ""), http.StatusNoContent)
		wantStatus(t, "alice's second request at "+prefix, ginsectest.Do(r, http.MethodPost, "/", mint(t, iss, nil), ""), http.StatusTooManyRequests)
	}
	if keys := server.Do("KEYS", "ginsec:*"); keys != "*0\r\n" {
		t.Errorf("keys without a service's prefix: %q", keys)
	}
}

func TestReadyTellsWhatIsMissing(t *testing.T) {
	t.Parallel()
	server, iss := testserver.Redis(t), issuer(t)
	cfg := configFor(iss)
	cfg.Redis = redisClient(t, server.Addr)
	s := newSuite(t, cfg)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatalf("with keys and Redis: %v", err)
	}
	server.Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if s.Ready(ctx) == nil {
		t.Error("ready without Redis")
	}
	iss.Fail(http.StatusServiceUnavailable)
	cold, err := ginsec.New(configFor(iss))
	if err != nil {
		t.Fatal(err)
	}
	defer cold.Close()
	if cold.Ready(ctx) == nil {
		t.Error("ready without keys")
	}
}

func TestLimitsFollowTheirFailurePolicy(t *testing.T) {
	t.Parallel()
	for failure, want := range map[ratelimit.Failure]int{"deny": http.StatusServiceUnavailable, "allow": http.StatusNoContent} {
		server := testserver.Redis(t)
		cfg := configFor(issuer(t))
		cfg.Redis, cfg.Public, cfg.Limits.OnStoreFailure = redisClient(t, server.Addr), []string{"GET /"}, failure
		cfg.Limits.Policies = []ratelimit.Policy{rule(t, "1/1m by ip")}
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.GET("/", ok)
		server.Kill()
		for range 3 {
			wantStatus(t, string(failure), ginsectest.Do(r, http.MethodGet, "/", "", ""), want)
		}
	}
}

// logged returns what is logged while f runs. It replaces the default logger: no
// test that calls it is parallel.
func logged(f func()) string {
	var out bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(before)
	f()
	return out.String()
}

func TestTheOperatorIsWarnedOnce(t *testing.T) { //nolint:paralleltest // replaces the default logger
	iss := issuer(t)
	var s *ginsec.Suite
	text := logged(func() { s = newSuite(t, configFor(iss)) })
	if !strings.Contains(text, "limits and one-time ids") {
		t.Errorf("a suite without Redis says %q", text)
	}
	cfg := configFor(iss)
	cfg.Replay.Store = &store{}
	if text = logged(func() { newSuite(t, cfg) }); strings.Contains(text, "one-time") {
		t.Errorf("a suite with a store of the caller's says %q", text)
	}
	r := gin.New()
	r.Use(s.Middleware())
	forwarded := func(peer string) {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RemoteAddr = peer
		req.Header.Set("X-Forwarded-For", "203.0.113.7")
		r.ServeHTTP(httptest.NewRecorder(), req)
	}
	text = logged(func() { forwarded("203.0.113.9:1") })
	if strings.Contains(text, "no proxy is trusted") {
		t.Error("a stranger's header is taken for a proxy's")
	}
	text = logged(func() { forwarded("10.0.0.1:1"); forwarded("10.0.0.1:1") })
	if strings.Count(text, "no proxy is trusted") != 1 {
		t.Errorf("a proxy that nobody trusts is reported as %q", text)
	}
}

func TestRulesThatCannotStandTogetherPanicWhenRegistered(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string][]string{
		"none": {}, "not a rule": {"often"}, "one name twice": {"a: 1/1m by ip", "a: 2/1m by ip"},
		"nine": strings.Split(strings.Repeat("1/1m by ip|", 8)+"1/1m by ip", "|"),
	} {
		if text := panicOf(func() { ginsec.Limit(rules...) }); !strings.Contains(text, "ginsec.Limit") {
			t.Errorf("%s: the panic says %q", name, text)
		}
	}
}
