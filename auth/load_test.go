package auth_test

import (
	"context"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

// Ten thousand tokens with unknown keys, from fifty goroutines, over a real
// endpoint: it hardly notices, nobody waits, and a real rotation in the middle of
// it is picked up although no further token asks for it.
func TestFloodOfUnknownKeys(t *testing.T) {
	t.Parallel()
	const tokens, goroutines, cooldown = 10_000, 50, 500 * time.Millisecond
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.JWKS.Cooldown, cfg.JWKS.Wait = cooldown, 30*time.Second
	v := newVerifier(t, cfg)
	template := mint(t, iss, nil)
	payload := template[strings.IndexByte(template, '.'):]
	flood := make([]string, tokens)
	for i := range flood {
		flood[i] = b64([]byte(`{"alg":"ES256","kid":"no-`+strconv.Itoa(i)+`"}`)) + payload
	}
	var next atomic.Int64
	took := make([]time.Duration, tokens)
	start := time.Now()
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < tokens; i = next.Add(1) - 1 {
				begin := time.Now()
				if got := verify(v, flood[i]); got != 401 {
					t.Errorf("token %d: %d", i, got)
				}
				took[i] = time.Since(begin)
			}
		})
	}
	if _, err := iss.Rotate(); err != nil {
		t.Fatal(err)
	}
	fresh := mint(t, iss, nil)
	wg.Wait()
	verify(v, fresh) // at the latest this one asks
	for ctx, asked := t.Context(), time.Now(); ; {
		if _, err := v.Verify(ctx, fresh); err == nil {
			break
		}
		if time.Since(asked) > cooldown+5*time.Second {
			t.Fatal("the new key was never picked up")
		}
	}
	elapsed := time.Since(start)
	c := iss.Counts()
	if limit := 2 + int(elapsed/cooldown); c.JWKS > limit || c.Concurrent > 1 {
		t.Errorf("%d fetches in %s, %d at once", c.JWKS, elapsed, c.Concurrent)
	}
	slices.Sort(took)
	p99 := took[tokens*99/100]
	t.Logf("%d tokens in %s, %d fetches, p50 %s, p99 %s, max %s", tokens, elapsed, c.JWKS, took[tokens/2], p99, took[tokens-1])
	if p99 > time.Second { // a quiet machine shows microseconds; waiting for a fetch would be 2 s
		t.Errorf("p99 is %s", p99)
	}
}

// Everything at once: keys rotate and disappear, the endpoint fails, tokens are
// verified, and verifiers are closed in the middle of it.
func TestRotateVerifyCloseInALoop(t *testing.T) {
	t.Parallel()
	rounds := 10
	if os.Getenv("GINSEC_TEST_SOAK") != "" {
		rounds = 200
	}
	iss := newIssuer(t, "ES256")
	for range rounds {
		cfg := configFor(iss)
		cfg.JWKS.Cooldown, cfg.JWKS.Wait = time.Millisecond, 50*time.Millisecond
		cfg.Cache.Entries = 32
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 10 {
					token := mint(t, iss, map[string]any{"n": rand.N(20)})
					for range 5 {
						if got := verify(v, token); got != 200 && got != 503 && got != 401 {
							t.Errorf("%d", got)
						}
					}
				}
			})
		}
		wg.Go(func() {
			for range 3 {
				old := iss.KeyID()
				if _, err := iss.Rotate(); err != nil {
					t.Error(err)
				}
				iss.Remove(old)
			}
			iss.Fail(http.StatusBadGateway)
			iss.Restore()
		})
		wg.Go(func() { _ = v.Ready(context.Background()); _ = v.Close() })
		wg.Wait()
	}
}

// The same token from many goroutines while others push it out of memory.
func TestCacheUnderPressure(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.Cache.Entries = 1
	v := newVerifier(t, cfg)
	tokens := make([]string, 100)
	for i := range tokens {
		tokens[i] = mint(t, iss, map[string]any{"sub": "user-" + strconv.Itoa(i)})
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				i := rand.N(len(tokens))
				p, err := v.Verify(context.Background(), tokens[i])
				if err != nil || p.Subject != "user-"+strconv.Itoa(i) {
					t.Errorf("token %d: %v, %v", i, p, err)
				}
			}
		})
	}
	wg.Wait()
}

// Two configurations in one process never influence each other.
func TestVerifiersDoNotShareWhatTheyRemember(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	strict := configFor(iss)
	strict.RequiredClaims = []string{"role"}
	a, b := newVerifier(t, configFor(iss)), newVerifier(t, strict)
	token := mint(t, iss, nil)
	for range 2 {
		if got := verify(a, token); got != 200 {
			t.Errorf("the lenient one: %d", got)
		}
		if got := verify(b, token); got != 401 {
			t.Errorf("the strict one: %d", got)
		}
	}
	// Both in front of one route: each judges for itself, whichever came first.
	for _, chain := range [][]gin.HandlerFunc{{a.Middleware(), b.Middleware()}, {b.Middleware(), a.Middleware()}} {
		if w := do(newEngine(chain...), "Bearer "+token); w.Code != 401 {
			t.Errorf("%d", w.Code)
		}
		if w := do(newEngine(chain...), "Bearer "+mint(t, iss, map[string]any{"role": "x"})); w.Code != 200 {
			t.Errorf("%d", w.Code)
		}
	}
}

func TestVerifiersInOneChainRunOncePerRequest(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	first, second := &sink{}, &sink{}
	one, two := configFor(iss), configFor(iss)
	one.Audit, two.Audit = first, second
	a, b := newVerifier(t, one), newVerifier(t, two)
	r := newEngine(a.Middleware(), b.Middleware(), a.Middleware(), b.Middleware())
	if w := do(r, "Bearer "+mint(t, iss, nil)); w.Code != 200 {
		t.Fatal(w.Code)
	}
	if n, m := len(first.take()), len(second.take()); n != 1 || m != 1 {
		t.Errorf("%d and %d events", n, m)
	}
}

// The verifier that stands last says who the request is, also when it knew before.
func TestLastVerifierOfAChainSaysWho(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	one, two := configFor(iss), configFor(iss)
	one.Issuers[0].Namespace, two.Issuers[0].Namespace = "one", "two"
	a, b := newVerifier(t, one).Middleware(), newVerifier(t, two).Middleware()
	token := "Bearer " + mint(t, iss, nil)
	for want, chains := range map[string][][]gin.HandlerFunc{
		"one:alice": {{a}, {b, a}, {a, b, a}, {a, b, b, a}, {b, a, b, a}, {a, b, a, a}},
		"two:alice": {{b}, {a, b}, {b, a, b}, {a, b, a, b}, {a, b, a, b, a, b}},
	} {
		for i, chain := range chains {
			if w := do(newEngine(chain...), token); w.Code != 200 || w.Body.String() != want {
				t.Errorf("chain %d of %s: %d %s", i, want, w.Code, w.Body)
			}
		}
	}
	// What an application published in between stays.
	own := func(c *gin.Context) { identity.Set(c, &identity.Principal{Subject: "own"}) }
	if w := do(newEngine(a, own, a), token); w.Body.String() != "own" {
		t.Errorf("an application's own principal: %s", w.Body)
	}
}

func TestAudienceOfAGroup(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	r := newEngine(v.Middleware())
	admin := r.Group("/admin", v.Middleware(auth.Audience("admin", "root")))
	admin.GET("/whoami", func(c *gin.Context) { c.Status(200) })
	for _, tc := range []struct {
		path   string
		aud    any
		status int
	}{
		{"/whoami", "api", 200},
		{"/admin/whoami", "api", 401},
		{"/admin/whoami", []string{"api", "root"}, 200},
		{"/admin/whoami", "admin", 401},
	} {
		w := get(r, tc.path, "Bearer "+mint(t, iss, map[string]any{"aud": tc.aud}))
		if w.Code != tc.status {
			t.Errorf("%s with %v: %d", tc.path, tc.aud, w.Code)
		}
	}
	for _, wrong := range [][]string{nil, {""}, {"a", " "}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Audience(%q) demands nothing", wrong)
				}
			}()
			auth.Audience(wrong...)
		}()
	}
}

func TestRevocationIsAskedOnEveryUse(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	var verdict atomic.Int32
	events := &sink{}
	down := downError{}
	cfg := configFor(iss)
	cfg.Audit = events
	cfg.Revoked = func(_ context.Context, p *identity.Principal) (bool, error) {
		switch {
		case p.Subject != "alice":
			t.Errorf("asked about %q", p.Subject)
		case verdict.Load() == 2:
			return false, down
		}
		return verdict.Load() == 1, nil
	}
	v := newVerifier(t, cfg)
	r, token := newEngine(v.Middleware()), "Bearer "+mint(t, iss, nil)
	for _, tc := range []struct {
		verdict int32
		status  int
		reason  string
	}{{0, 200, "ok"}, {1, 401, "revoked"}, {2, 503, "revocation_unavailable"}, {0, 200, "ok"}} {
		verdict.Store(tc.verdict)
		if w := do(r, token); w.Code != tc.status {
			t.Errorf("%+v: %d", tc, w.Code)
		}
		if e := events.take(); len(e) != 1 || e[0].Reason != tc.reason {
			t.Errorf("%+v: %+v", tc, e)
		}
	}
}

type downError struct{}

func (downError) Error() string { return "down" }

func TestStaticKeysNeedNoNetwork(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v, err := auth.New(auth.Config{
		Issuers: []auth.Issuer{{URL: "https://id.example", JWKS: iss.JWKS()}}, Audiences: []string{"api"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if err := v.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	change := map[string]any{"iss": "https://id.example"}
	if got := verify(v, mint(t, iss, change)); got != 200 {
		t.Errorf("a good token: %d", got)
	}
	if got := verify(v, mintWith(t, iss, change, authtest.Token{Header: map[string]any{"kid": "no"}})); got != 401 {
		t.Errorf("an unknown key: %d", got)
	}
	if iss.Counts().JWKS != 0 {
		t.Error("it fetched")
	}
}

func TestLongTokensAreVerifiedEachTime(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	long := mint(t, iss, map[string]any{"pad": strings.Repeat("x", 8000)})
	a, err := v.Verify(t.Context(), long)
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Verify(t.Context(), long)
	if err != nil || a == b {
		t.Errorf("a long token was remembered: %v", err)
	}
	short := mint(t, iss, nil)
	c, _ := v.Verify(t.Context(), short)
	if d, err := v.Verify(t.Context(), short); err != nil || c != d {
		t.Errorf("a short one was not: %v", err)
	}
}
