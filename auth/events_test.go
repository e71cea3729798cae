package auth_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/probe"
)

func TestFailedFetchesAreTold(t *testing.T) {
	t.Parallel()
	o, events := &origin{iss: newIssuer(t, "ES256")}, &sink{}
	synctest.Test(t, func(t *testing.T) {
		cfg := o.config()
		cfg.Audit = events
		o.fail(http.StatusBadGateway)
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := events.take()
		if len(got) != 1 || got[0].Reason != "key_fetch" || got[0].Verdict != audit.Error || got[0].Err == nil {
			t.Errorf("events %+v", got)
		}
		o.hang()
		time.Sleep(time.Second) // the next one is under way
		events.take()
		_ = v.Close()
		if got := events.take(); len(got) != 0 {
			t.Errorf("closing is no failure: %+v", got)
		}
	})
}

func TestPublishedPrivateKeyIsUsedAndTold(t *testing.T) {
	t.Parallel()
	o, events := &origin{iss: newIssuer(t, "ES256")}, &sink{}
	synctest.Test(t, func(t *testing.T) {
		var set struct {
			Keys []map[string]any `json:"keys"`
		}
		if err := json.Unmarshal(o.iss.JWKS(), &set); err != nil {
			t.Fatal(err)
		}
		set.Keys[0]["d"] = "AQAB"
		raw, err := json.Marshal(set)
		if err != nil {
			t.Fatal(err)
		}
		o.set(func(*http.Request) (*http.Response, error) { return reply(200, raw), nil })
		cfg := o.config()
		cfg.Audit = events
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		synctest.Wait()
		if got := events.take(); len(got) != 1 || got[0].Reason != "private_key" || strings.Contains(got[0].Err.Error(), "AQAB") {
			t.Errorf("events %+v", got)
		}
		o.expect(t, "a token", v, mint(t, o.iss, nil), 200)
	})
}

func TestPrivateKeyInTheConfigurationIsTold(t *testing.T) {
	t.Parallel()
	iss, events := newIssuer(t, "ES256"), &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	cfg.Issuers[0].JWKS = []byte(strings.Replace(string(iss.JWKS()), `"kty"`, `"d":"AQAB","kty"`, 1))
	v := newVerifier(t, cfg)
	if got := events.take(); len(got) != 1 || got[0].Reason != "private_key" || got[0].Verdict != audit.Error {
		t.Errorf("events %+v", got)
	}
	if got := verify(v, mint(t, iss, nil)); got != 200 {
		t.Errorf("a token: %d", got)
	}
}

func TestEventsNameTheSubjectOnlyWhenTheTokenWasGood(t *testing.T) {
	t.Parallel()
	iss, stranger, events := newIssuer(t, "ES256"), newIssuer(t, "ES256"), &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	v := newVerifier(t, cfg)
	alice := audit.SubjectOf("alice").String()
	guarded := newEngine(v.Middleware(), auth.RequireScope("admin"))
	group := newEngine(v.Middleware(auth.Audience("other")))
	forged, err := stranger.Mint(claimsWith(iss, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, token, subject string
		engine               *gin.Engine
		reasons              []string
	}{
		{"a scope is missing", mint(t, iss, nil), alice, guarded, []string{"ok", "insufficient_scope"}},
		{"the audience of a group", mint(t, iss, nil), alice, group, []string{"audience"}},
		{"a guard is content", mint(t, iss, map[string]any{"scope": "admin"}), alice, guarded, []string{"ok", "granted"}},
		{"a forged token", forged, "", guarded, []string{"signature"}},
		{"an expired token", mint(t, iss, map[string]any{"exp": 1}), "", guarded, []string{"expired"}},
	} {
		do(tc.engine, "Bearer "+tc.token)
		var reasons []string
		for _, e := range events.take() {
			reasons = append(reasons, e.Reason)
			if e.Subject.String() != tc.subject || e.Control != "auth" || e.Route != "/whoami" {
				t.Errorf("%s: %+v", tc.name, e)
			}
		}
		if !slices.Equal(reasons, tc.reasons) {
			t.Errorf("%s: %v", tc.name, reasons)
		}
	}
}

func TestGuardKnowsTheVerifierOfAnAnonymousRequest(t *testing.T) {
	t.Parallel()
	iss, events := newIssuer(t, "ES256"), &sink{}
	cfg := configFor(iss)
	cfg.Audit, cfg.Realm = events, `the "docs" \ API`
	v := newVerifier(t, cfg)
	w := do(newEngine(v.Middleware(auth.Optional()), auth.RequireScope("read")))
	if got := w.Header().Get("WWW-Authenticate"); w.Code != 401 || got != `Bearer realm="the \"docs\" \\ API"` {
		t.Errorf("%d %s", w.Code, got)
	}
	if got := events.take(); len(got) != 2 || got[0].Reason != "anonymous" || got[1].Reason != "no_principal" {
		t.Errorf("events %+v", got)
	}
	// A strict group behind an optional engine asks again.
	if w := do(newEngine(v.Middleware(auth.Optional()), v.Middleware())); w.Code != 401 {
		t.Errorf("%d", w.Code)
	}
	if w := do(newEngine(v.Middleware(auth.Optional()), v.Middleware()), "Bearer "+mint(t, iss, nil)); w.Code != 200 {
		t.Errorf("%d", w.Code)
	}
}

func TestProbesTellOptionalRoutesFromGuardedOnes(t *testing.T) {
	t.Parallel()
	v := newVerifier(t, configFor(newIssuer(t, "ES256")))
	for want, handler := range map[string]gin.HandlerFunc{
		"auth": v.Middleware(), "auth.optional": v.Middleware(auth.Optional()), "auth.guard": auth.RequireScope("x"),
	} {
		c, _ := gin.CreateTestContext(nil)
		record := probe.Attach(c, http.MethodGet, "/")
		handler(c)
		if got := record.Names(); !slices.Equal(got, []string{want}) || c.IsAborted() {
			t.Errorf("%s: %v", want, got)
		}
	}
}

func TestUselessGuardsPanicWhenTheyAreMade(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(){
		"no scope":           func() { auth.RequireScope() },
		"an empty scope":     func() { auth.RequireScope("a", "") },
		"two scopes in one":  func() { auth.RequireAnyScope("a b") },
		"a quoted scope":     func() { auth.RequireAnyScope(`a"b`) },
		"no check":           func() { auth.Require(nil) },
		"no step":            func() { auth.StepUp(0) },
		"a negative age":     func() { auth.StepUp(-1, "a") },
		"an empty acr":       func() { auth.StepUp(0, "") },
		"no resource":        func() { newVerifier(t, configFor(newIssuer(t, "ES256"))).Metadata() },
		"no further demands": func() { auth.Audience() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			make()
		}()
	}
}

func TestConfigIsReadOnce(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.Algorithms, cfg.ScopeClaims = []string{"ES256"}, []string{"scope"}
	cfg.RequiredValues = map[string][]string{"use": {"a"}}
	v := newVerifier(t, cfg)
	cfg.Audiences[0], cfg.Algorithms[0], cfg.ScopeClaims[0], cfg.Issuers[0].URL = "x", "RS256", "x", "x"
	cfg.RequiredValues["use"][0] = "b"
	p, err := v.Verify(t.Context(), mint(t, iss, map[string]any{"scope": "read", "use": "a"}))
	if err != nil || !slices.Equal(p.Scopes, []string{"read"}) {
		t.Errorf("%v, %v", p, err)
	}
}

func TestClaimsOfNobodyAreAnError(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*identity.Principal{"nobody": nil, "an application's own": {Subject: "a"}} {
		if _, err := auth.Claims[map[string]any](p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	p := (&identity.Principal{}).WithClaims(`{"n":"x"}`)
	got, err := auth.Claims[struct {
		N int `json:"n"`
	}](p)
	if err == nil || got.N != 0 {
		t.Errorf("a claim of another type: %+v, %v", got, err)
	}
}

func TestEveryConfigMistakeIsNamed(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	one := func(change func(*auth.Config)) auth.Config {
		cfg := configFor(iss)
		change(&cfg)
		return cfg
	}
	for field, cfg := range map[string]auth.Config{
		"Issuers":              one(func(c *auth.Config) { c.Issuers = nil }),
		"Issuers[0].URL":       one(func(c *auth.Config) { c.Issuers[0].URL = "https://user:pw@id.example" }),
		"Issuers[0].JWKSURL":   one(func(c *auth.Config) { c.Issuers[0].JWKSURL = "ftp://id.example" }),
		"Issuers[0].JWKS":      one(func(c *auth.Config) { c.Issuers[0].JWKS = []byte(`{}`) }),
		"Issuers[0].Namespace": one(func(c *auth.Config) { c.Issuers[0].Namespace = "a:b" }),
		"Issuers[0].Audiences[0]": one(func(c *auth.Config) {
			c.Issuers[0].Audiences = []string{""}
		}),
		"Issuers[1].URL":    one(func(c *auth.Config) { c.Issuers = append(c.Issuers, c.Issuers[0]) }),
		"Audiences":         one(func(c *auth.Config) { c.Audiences = nil }),
		"Audiences[0]":      one(func(c *auth.Config) { c.Audiences = []string{"api "} }),
		"Algorithms[0]":     one(func(c *auth.Config) { c.Algorithms = []string{"ES256K"} }),
		"Types[0]":          one(func(c *auth.Config) { c.Types = []string{"JWT; x"} }),
		"Profile":           one(func(c *auth.Config) { c.Profile = 9 }),
		"Leeway":            one(func(c *auth.Config) { c.Leeway = 6 * time.Minute }),
		"MaxTokenBytes":     one(func(c *auth.Config) { c.MaxTokenBytes = -1 }),
		"RequiredClaims":    one(func(c *auth.Config) { c.RequiredClaims = slices.Repeat([]string{"x"}, 60) }),
		"RequiredClaims[0]": one(func(c *auth.Config) { c.RequiredClaims = []string{""} }),
		"RequiredValues":    one(func(c *auth.Config) { c.RequiredValues = map[string][]string{"a": nil} }),
		"ClientIDs[0]":      one(func(c *auth.Config) { c.ClientIDs = []string{" "} }),
		"ClientClaims[0]":   one(func(c *auth.Config) { c.ClientClaims = []string{""} }),
		"ScopeClaims[0]":    one(func(c *auth.Config) { c.ScopeClaims = []string{""} }),
		"JWKS.Refresh":      one(func(c *auth.Config) { c.JWKS.Refresh = -1 }),
		"JWKS.Cooldown":     one(func(c *auth.Config) { c.JWKS.Cooldown = -1 }),
		"JWKS.MaxStale":     one(func(c *auth.Config) { c.JWKS.MaxStale = 1000 * time.Hour }),
		"JWKS.Timeout":      one(func(c *auth.Config) { c.JWKS.Timeout = time.Hour }),
		"JWKS.Wait":         one(func(c *auth.Config) { c.JWKS.Wait = -1 }),
		"JWKS.MaxBytes":     one(func(c *auth.Config) { c.JWKS.MaxBytes = -1 }),
		"JWKS.MaxKeys":      one(func(c *auth.Config) { c.JWKS.MaxKeys = -1 }),
		"Cache.TTL":         one(func(c *auth.Config) { c.Cache.TTL = -1 }),
		"Realm":             one(func(c *auth.Config) { c.Realm = "a\nb" }),
		"Resource":          one(func(c *auth.Config) { c.Resource = "api.example" }),
		"DPoP.BaseURL":      one(func(c *auth.Config) { c.DPoP = &auth.DPoP{Seen: &seen{}} }),
		"DPoP.Seen":         one(func(c *auth.Config) { c.DPoP = &auth.DPoP{BaseURL: apiURL} }),
		"DPoP.Algorithms[0]": one(func(c *auth.Config) {
			c.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, Algorithms: []string{"HS256"}}
		}),
		"DPoP.Window":   one(func(c *auth.Config) { c.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, Window: time.Hour} }),
		"DPoP.NonceKey": one(func(c *auth.Config) { c.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, NonceKey: []byte("short")} }),
	} {
		v, err := auth.New(cfg)
		if err == nil {
			_ = v.Close()
			t.Errorf("%s: no error", field)
			continue
		}
		var mistake *auth.ConfigError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), "auth: "+field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}
