package ginsec_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
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
	"github.com/ginsec/ginsec/ratelimit"
)

// issuer starts an issuer that ends with the test.
func issuer(tb testing.TB) *authtest.Issuer {
	tb.Helper()
	iss, err := authtest.New(authtest.Config{})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = iss.Close() })
	return iss
}

// mint makes a valid token; change replaces claims, a nil value removes one.
func mint(tb testing.TB, iss *authtest.Issuer, change map[string]any) string {
	tb.Helper()
	now := time.Now()
	claims := map[string]any{
		"iss": iss.URL(), "aud": "api", "sub": "alice", "tenant": "acme", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for name, value := range change {
		if value == nil {
			delete(claims, name)
		} else {
			claims[name] = value
		}
	}
	token, err := iss.Mint(claims)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// configFor accepts the issuer's tokens.
func configFor(iss *authtest.Issuer) ginsec.Config {
	return ginsec.Config{Auth: auth.Config{
		Issuers: []auth.Issuer{{URL: iss.URL()}}, Audiences: []string{"api"}, TenantClaim: "tenant",
		JWKS: auth.JWKSConfig{InsecureAllowLoopback: true},
	}}
}

// newSuite makes a suite that has its keys and ends with the test.
func newSuite(tb testing.TB, cfg ginsec.Config) *ginsec.Suite {
	tb.Helper()
	s, err := ginsec.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for s.Auth.Ready(ctx) != nil {
		select {
		case <-ctx.Done():
			tb.Fatal("the suite never became ready")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return s
}

func ok(c *gin.Context) { c.Status(http.StatusNoContent) }

// sink keeps events.
type sink struct {
	mu     sync.Mutex
	events []audit.Event
}

func (s *sink) Record(_ context.Context, e audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

func (s *sink) has(control string, v audit.Verdict) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Control == control && e.Verdict == v {
			return true
		}
	}
	return false
}

func rule(t *testing.T, text string) ratelimit.Policy {
	t.Helper()
	p, err := ratelimit.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantStatus(t *testing.T, what string, w *httptest.ResponseRecorder, want int) {
	t.Helper()
	if w.Code != want {
		t.Errorf("%s: got %d, want %d: %s", what, w.Code, want, w.Body)
	}
}

func TestAValidTokenPassesAndEveryControlSaysSo(t *testing.T) {
	t.Parallel()
	iss, events := issuer(t), &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	s := newSuite(t, cfg)
	r := gin.New()
	r.Use(s.Middleware())
	r.GET("/who", func(c *gin.Context) {
		p, found := identity.From(c.Request.Context())
		if !found || p.Subject != "alice" || p.Tenant != "acme" {
			t.Errorf("the handler sees %+v", p)
		}
		if egress.From(c.Request.Context()) != s.Egress {
			t.Error("the handler does not see the suite's client")
		}
		ok(c)
	})
	w := ginsectest.Do(r, http.MethodGet, "/who", mint(t, iss, nil), "")
	wantStatus(t, "a valid token", w, http.StatusNoContent)
	if w.Header().Get("RateLimit") == "" {
		t.Error("no RateLimit header")
	}
	for _, control := range []string{"auth", "ratelimit"} {
		if !events.has(control, audit.Allow) {
			t.Errorf("no allow event of %s", control)
		}
	}
}

func TestNothingPassesWithoutAValidToken(t *testing.T) {
	t.Parallel()
	iss, stranger := issuer(t), issuer(t)
	s := newSuite(t, configFor(iss))
	r := gin.New()
	r.Use(s.Middleware())
	r.GET("/private", func(*gin.Context) { t.Error("the handler ran") })
	now := time.Now()
	for name, token := range map[string]string{
		"no token":           "",
		"garbage":            "a.b.c",
		"another's key":      mint(t, stranger, map[string]any{"iss": iss.URL()}),
		"another issuer":     mint(t, stranger, nil),
		"another audience":   mint(t, iss, map[string]any{"aud": "other"}),
		"no subject":         mint(t, iss, map[string]any{"sub": nil}),
		"an expired token":   mint(t, iss, map[string]any{"exp": now.Add(-time.Hour).Unix()}),
		"a token of forever": mint(t, iss, map[string]any{"exp": nil}),
	} {
		w := ginsectest.Do(r, http.MethodGet, "/private", token, "")
		wantStatus(t, name, w, http.StatusUnauthorized)
		if w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: no challenge", name)
		}
	}
	for _, path := range []string{"/absent", "/private/", "//private", "/private%2f"} {
		w := ginsectest.Do(r, http.MethodGet, path, "", "")
		if w.Code == http.StatusOK || w.Code == http.StatusNoContent {
			t.Errorf("%s passed without a token", path)
		}
	}
}

func TestGuessingTokensIsLimitedByAddress(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	cfg := configFor(iss)
	cfg.Limits.Policies = []ratelimit.Policy{rule(t, "3/1m by ip"), rule(t, "100/1m by user")}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/", ok)
	for i := range 3 {
		wantStatus(t, "guess "+strconv.Itoa(i), ginsectest.Do(r, http.MethodGet, "/", "a.b.c", ""), http.StatusUnauthorized)
	}
	w := ginsectest.Do(r, http.MethodGet, "/", "a.b.c", "")
	wantStatus(t, "the fourth guess", w, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantStatus(t, "a valid token from that address", ginsectest.Do(r, http.MethodGet, "/", mint(t, iss, nil), ""), http.StatusTooManyRequests)
	wantStatus(t, "an unmatched route", ginsectest.Do(r, http.MethodGet, "/absent", "", ""), http.StatusTooManyRequests)
}

func TestUsersAreLimitedOneByOne(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	cfg := configFor(iss)
	cfg.Limits.Policies = []ratelimit.Policy{rule(t, "100/1m by ip"), rule(t, "5/1m by user")}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/", ok)
	alice, bob := mint(t, iss, nil), mint(t, iss, map[string]any{"sub": "bob"})
	passed := 0
	for range 20 {
		if ginsectest.Do(r, http.MethodGet, "/", alice, "").Code == http.StatusNoContent {
			passed++
		}
	}
	if passed != 5 {
		t.Errorf("alice passed %d times, want 5", passed)
	}
	wantStatus(t, "bob", ginsectest.Do(r, http.MethodGet, "/", bob, ""), http.StatusNoContent)
	wantStatus(t, "alice with another token", ginsectest.Do(r, http.MethodGet, "/", mint(t, iss, nil), ""), http.StatusTooManyRequests)
}

func TestGroupsHaveLimitsOfTheirOwn(t *testing.T) {
	t.Parallel()
	cfg := configFor(issuer(t))
	cfg.Public = []string{"POST /login", "POST /reset", "POST /a", "POST /b"}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.POST("/login", ginsec.Limit("2/1m by ip"), ok)
	r.POST("/reset", ginsec.Limit("2/1m by ip"), ok)
	r.POST("/a", ginsec.Limit("both: 2/1m by ip"), ok)
	r.POST("/b", ginsec.Limit("both: 2/1m by ip"), ok)
	passed := func(path string) (n int) {
		for range 5 {
			if ginsectest.Do(r, http.MethodPost, path, "", "").Code == http.StatusNoContent {
				n++
			}
		}
		return n
	}
	for _, tc := range []struct {
		path string
		want int
	}{{"/login", 2}, {"/reset", 2}, {"/a", 2}, {"/b", 0}} {
		if got := passed(tc.path); got != tc.want {
			t.Errorf("%s passed %d times, want %d", tc.path, got, tc.want)
		}
	}
}

func TestAOneTimeTokenIsSpentOnceWhateverTheConcurrency(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	r := gin.New()
	r.Use(newSuite(t, configFor(iss)).Middleware())
	r.POST("/pay", ginsec.Once(), ok)
	r.GET("/read", ok)
	token := mint(t, iss, nil)
	var wg sync.WaitGroup
	codes := make([]int, 32)
	for i := range codes {
		wg.Go(func() { codes[i] = ginsectest.Do(r, http.MethodPost, "/pay", token, "").Code })
	}
	wg.Wait()
	passed := 0
	for _, code := range codes {
		switch code {
		case http.StatusNoContent:
			passed++
		case http.StatusUnauthorized:
		default:
			t.Errorf("got %d", code)
		}
	}
	if passed != 1 {
		t.Errorf("passed %d times, want 1", passed)
	}
	wantStatus(t, "an ordinary route", ginsectest.Do(r, http.MethodGet, "/read", token, ""), http.StatusNoContent)
	wantStatus(t, "no id", ginsectest.Do(r, http.MethodPost, "/pay", mint(t, iss, map[string]any{"jti": nil}), ""), http.StatusUnauthorized)
}

func TestPublicRoutesAreExact(t *testing.T) {
	t.Parallel()
	cfg := configFor(issuer(t))
	cfg.Public = []string{"GET /healthz", "GET /files/:name"}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	for _, path := range []string{"/healthz", "/healthz/deep", "/files/:name", "/files/:name/secret"} {
		r.GET(path, ok)
		r.POST(path, ok)
	}
	for _, tc := range []struct {
		method, path, token string
		want                int
	}{
		{"GET", "/healthz", "", 204},
		{"GET", "/healthz", "an.expired.token", 204},
		{"GET", "/files/a", "", 204},
		{"POST", "/healthz", "", 401},
		{"GET", "/healthz/deep", "", 401},
		{"GET", "/files/a/secret", "", 401},
		{"HEAD", "/healthz", "", 401},
		{"GET", "/healthz/../healthz/deep", "", 401},
	} {
		wantStatus(t, tc.method+" "+tc.path, ginsectest.Do(r, tc.method, tc.path, tc.token, ""), tc.want)
	}
}

func TestHandleContextNeitherCountsTwiceNorOpensAGate(t *testing.T) {
	t.Parallel()
	iss := issuer(t)
	cfg := configFor(iss)
	cfg.Public = []string{"GET /public"}
	cfg.Limits.Policies = []ratelimit.Policy{rule(t, "2/1m by ip")}
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	private := 0
	r.GET("/private", func(c *gin.Context) { private++; ok(c) })
	forward := func(c *gin.Context) {
		c.Request.URL.Path = "/private"
		r.HandleContext(c)
	}
	r.GET("/public", forward)
	r.GET("/forward", ginsec.Once(), forward)
	wantStatus(t, "public to private without a token", ginsectest.Do(r, http.MethodGet, "/public", "", ""), http.StatusUnauthorized)
	if private != 0 {
		t.Fatal("a forwarded request reached a private handler without a token")
	}
	wantStatus(t, "private to private", ginsectest.Do(r, http.MethodGet, "/forward", mint(t, iss, nil), ""), http.StatusNoContent)
	wantStatus(t, "the third request", ginsectest.Do(r, http.MethodGet, "/forward", mint(t, iss, nil), ""), http.StatusTooManyRequests)
}

func TestWithoutASuiteInFrontGroupsAnswer500(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]gin.HandlerFunc{"Limit": ginsec.Limit("5/1m by ip"), "Once": ginsec.Once()} {
		r := gin.New()
		var failed error
		r.Use(func(c *gin.Context) {
			c.Next()
			failed = errors.Join(failed, c.Errors.Last())
		})
		r.GET("/", h, func(*gin.Context) { t.Errorf("%s let a request pass", name) })
		wantStatus(t, name, ginsectest.Do(r, http.MethodGet, "/", "", ""), http.StatusInternalServerError)
		if failed == nil {
			t.Errorf("%s told the operator nothing", name)
		}
	}
}

func TestTwoSuitesInOneProcessDoNotInfluenceEachOther(t *testing.T) {
	t.Parallel()
	issA, issB := issuer(t), issuer(t)
	tight := configFor(issA)
	tight.Limits.Policies = []ratelimit.Policy{rule(t, "1/1m by ip")}
	limit := ginsec.Limit("shared: 3/1m by ip")
	engine := func(cfg ginsec.Config) *gin.Engine {
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.GET("/", limit, ok)
		return r
	}
	a, b := engine(tight), engine(configFor(issB))
	wantStatus(t, "a", ginsectest.Do(a, http.MethodGet, "/", mint(t, issA, nil), ""), http.StatusNoContent)
	wantStatus(t, "a's second", ginsectest.Do(a, http.MethodGet, "/", mint(t, issA, nil), ""), http.StatusTooManyRequests)
	wantStatus(t, "a's token at b", ginsectest.Do(b, http.MethodGet, "/", mint(t, issA, nil), ""), http.StatusUnauthorized)
	for i := range 3 {
		wantStatus(t, fmt.Sprintf("b's request %d", i), ginsectest.Do(b, http.MethodGet, "/", mint(t, issB, nil), ""), http.StatusNoContent)
	}
	wantStatus(t, "b's fourth", ginsectest.Do(b, http.MethodGet, "/", mint(t, issB, nil), ""), http.StatusTooManyRequests)
}

func TestNewReportsEveryMistakeAtOnce(t *testing.T) {
	t.Parallel()
	s, err := ginsec.New(ginsec.Config{Public: []string{"healthz", "GET healthz", "get /a", "GET /a?b"}})
	if err == nil || s != nil {
		t.Fatal("a configuration without an issuer was accepted")
	}
	for _, part := range []string{"Public[0]", "Public[1]", "Public[2]", "Public[3]", "Issuers", "Audiences"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not name %s: %v", part, err)
		}
	}
	var typed *ginsec.ConfigError
	if !errors.As(err, &typed) {
		t.Error("no ConfigError inside")
	}
}
