package auth_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

func TestEveryAlgorithmVerifies(t *testing.T) {
	t.Parallel()
	algorithms := []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
	iss := newIssuer(t, algorithms...)
	cfg := configFor(iss)
	cfg.Algorithms = algorithms
	v := newVerifier(t, cfg)
	for i, kid := range iss.KeyIDs() {
		token := mintWith(t, iss, nil, authtest.Token{KeyID: kid})
		for _, round := range []string{"first", "again"} {
			p, err := v.Verify(t.Context(), token)
			if err != nil || p.Subject != "alice" {
				t.Errorf("%s, %s: %v, %v", algorithms[i], round, p, err)
			}
		}
	}
}

func TestPrincipalCarriesWhatTheTokenSays(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.TenantClaim = "tenant"
	v := newVerifier(t, cfg)
	now := time.Now().Unix()
	token := mint(t, iss, map[string]any{
		"tenant": "acme", "scope": "read  write", "scp": []string{"admin"}, "jti": "id-1", "azp": "web", "client_id": "app",
		"auth_time": now - 60, "big": uint64(9007199254740993), "iat": now, "exp": now + 60,
	})
	p, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if p.Tenant != "acme" || strings.Join(p.Scopes, ",") != "read,write,admin" && strings.Join(p.Scopes, ",") != "admin,read,write" ||
		p.TokenID != "id-1" || p.ClientID != "app" || p.AuthTime.Unix() != now-60 || p.ExpiresAt.Unix() != now+60 || p.ID() != "alice" {
		t.Errorf("principal is %+v", p)
	}
	type typed struct {
		Big uint64 `json:"big"`
	}
	if c, err := auth.Claims[typed](p); err != nil || c.Big != 9007199254740993 {
		t.Errorf("typed claims: %+v, %v", c, err)
	}
}

func TestAnswersSayNoMoreThanTheStandard(t *testing.T) {
	t.Parallel()
	iss, stranger := newIssuer(t, "ES256"), newIssuer(t, "ES256")
	events := &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	r := newEngine(newVerifier(t, cfg).Middleware())
	good := mint(t, iss, nil)
	forged, err := stranger.Mint(claimsWith(iss, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		header    []string
		status    int
		challenge string
		reason    string
	}{
		{"a good token", []string{"Bearer " + good}, 200, "", "ok"},
		{"the scheme in lower case", []string{"bearer " + good}, 200, "", "ok"},
		{"two spaces", []string{"Bearer  " + good}, 200, "", "ok"},
		{"no header", nil, 401, "Bearer", "no_token"},
		{"an empty header", []string{""}, 401, "Bearer", "no_token"},
		{"another scheme", []string{"Basic YTpi"}, 401, "Bearer", "no_token"},
		{"a bare token", []string{good}, 401, "Bearer", "no_token"},
		{"DPoP without binding", []string{"DPoP " + good}, 401, "Bearer", "no_token"},
		{"the scheme alone", []string{"Bearer"}, 400, `Bearer error="invalid_request"`, "malformed_credentials"},
		{"a tab", []string{"Bearer\t" + good}, 400, `Bearer error="invalid_request"`, "malformed_credentials"},
		{"more text", []string{"Bearer " + good + " x"}, 400, `Bearer error="invalid_request"`, "malformed_credentials"},
		{"a comma", []string{"Bearer " + good + ",x"}, 400, `Bearer error="invalid_request"`, "malformed_credentials"},
		{"a parameter", []string{"Bearer token=" + good}, 400, `Bearer error="invalid_request"`, "malformed_credentials"},
		{"two headers", []string{"Bearer " + good, "Bearer " + good}, 400, `Bearer error="invalid_request"`, "multiple_credentials"},
		{"not a JWT", []string{"Bearer abc"}, 401, `Bearer error="invalid_token"`, "malformed_token"},
		{"a stranger's signature", []string{"Bearer " + forged}, 401, `Bearer error="invalid_token"`, "signature"},
		{"expired", []string{"Bearer " + mint(t, iss, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})}, 401, `Bearer error="invalid_token"`, "expired"},
	} {
		w := do(r, tc.header...)
		if w.Code != tc.status || w.Header().Get("WWW-Authenticate") != tc.challenge {
			t.Errorf("%s: %d %q", tc.name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if tc.status != 200 && (w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/problem+json") {
			t.Errorf("%s: headers %v", tc.name, w.Header())
		}
		got := events.take()
		if len(got) != 1 || got[0].Reason != tc.reason || got[0].Route != "/whoami" {
			t.Errorf("%s: events %+v", tc.name, got)
		}
	}
}

func TestOptionalLetsNobodyPassAndNoBadToken(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	r := newEngine(newVerifier(t, configFor(iss)).Middleware(auth.Optional()))
	if w := do(r); w.Code != 200 || w.Body.String() != "nobody" {
		t.Errorf("without a token: %d %s", w.Code, w.Body)
	}
	if w := do(r, "Bearer "+mint(t, iss, nil)); w.Body.String() != "alice" {
		t.Errorf("with a token: %d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"Bearer", "Bearer a.b.c", "Basic YTpi", "Bearer " + mint(t, iss, map[string]any{"aud": "x"})} {
		if w := do(r, bad); w.Code < 400 {
			t.Errorf("%.12s…: %d", bad, w.Code)
		}
	}
}

func TestSecondRunChangesNothing(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	events := &sink{}
	cfg := configFor(iss)
	cfg.Audit = events
	v := newVerifier(t, cfg)
	var first *http.Request
	r := newEngine(v.Middleware(), func(c *gin.Context) { first = c.Request }, v.Middleware(), func(c *gin.Context) {
		if c.Request != first {
			t.Error("the second run copied the request")
		}
	})
	if w := do(r, "Bearer "+mint(t, iss, nil)); w.Body.String() != "alice" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if n := len(events.take()); n != 1 {
		t.Errorf("%d events", n)
	}
}

func TestKeysUnavailableIs503(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	iss.Fail(http.StatusBadGateway)
	start := time.Now()
	v, err := auth.New(configFor(iss))
	if err != nil || time.Since(start) > time.Second {
		t.Fatal(err, time.Since(start))
	}
	t.Cleanup(func() { _ = v.Close() })
	if v.Ready(t.Context()) == nil {
		t.Error("ready without keys")
	}
	r := newEngine(v.Middleware())
	token := "Bearer " + mint(t, iss, nil)
	if w := do(r, token); w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	iss.Restore()
	for deadline := time.Now().Add(10 * time.Second); do(r, token).Code != 200; {
		if time.Now().After(deadline) {
			t.Fatal("never recovered")
		}
		_ = v.Ready(t.Context())
	}
}

func TestRotationIsPickedUpAtOnce(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.JWKS.Cooldown, cfg.JWKS.Wait = time.Millisecond, 30*time.Second
	v := newVerifier(t, cfg)
	if _, err := iss.Rotate(); err != nil {
		t.Fatal(err)
	}
	token, deadline := mint(t, iss, nil), time.Now().Add(10*time.Second)
	for verify(v, token) != 200 { // until the cooldown is over
		if time.Now().After(deadline) {
			t.Fatal("never picked up")
		}
	}
	if n := iss.Counts().JWKS; n != 2 {
		t.Errorf("%d fetches", n)
	}
}

func TestConfigMistakesAreReportedTogether(t *testing.T) {
	t.Parallel()
	_, err := auth.New(auth.Config{
		Issuers: []auth.Issuer{
			{URL: "http://id.example"}, {URL: ""}, {URL: "https://a.example", Namespace: "a", JWKS: []byte(`{"keys":[]}`)},
		},
		Algorithms: []string{"HS256", "none"}, Leeway: time.Hour, Audiences: []string{" "},
	})
	var one *auth.ConfigError
	if !errors.As(err, &one) {
		t.Fatal(err)
	}
	for _, want := range []string{
		"Issuers[0].URL must be https", "Issuers[1].URL is blank", "Issuers[0].Namespace",
		"Algorithms[0]", "Algorithms[1]", "Leeway", "Audiences[0]", "Issuers[2].JWKS has no usable key",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in %q", want, err)
		}
	}
}

// ASVS 10.3.2, 10.3.4.
func TestGuards(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	token := "Bearer " + mint(t, iss, map[string]any{"scope": "read write", "acr": "mfa", "auth_time": time.Now().Unix()})
	for _, tc := range []struct {
		name      string
		guard     gin.HandlerFunc
		status    int
		challenge string
	}{
		{"all scopes there", auth.RequireScope("read", "write"), 200, ""},
		{"one missing", auth.RequireScope("read", "admin"), 403, `Bearer error="insufficient_scope", scope="read admin"`},
		{"a prefix is not a scope", auth.RequireScope("rea"), 403, `Bearer error="insufficient_scope", scope="rea"`},
		{"one of several", auth.RequireAnyScope("admin", "write"), 200, ""},
		{"none of several", auth.RequireAnyScope("admin"), 403, `Bearer error="insufficient_scope", scope="admin"`},
		{"a check passes", auth.Require(func(*identity.Principal) error { return nil }), 200, ""},
		{"a check refuses", auth.Require(func(*identity.Principal) error { return errors.New("no") }), 403, ""},
		{"strong and fresh", auth.StepUp(time.Minute, "mfa"), 200, ""},
		{"not strong enough", auth.StepUp(0, "hwk"), 401, `Bearer error="insufficient_user_authentication", acr_values="hwk"`},
	} {
		if w := do(newEngine(v.Middleware(), tc.guard), token); w.Code != tc.status || w.Header().Get("WWW-Authenticate") != tc.challenge {
			t.Errorf("%s: %d %q", tc.name, w.Code, w.Header().Get("WWW-Authenticate"))
		}
		if w := do(newEngine(tc.guard), token); w.Code != 401 {
			t.Errorf("%s, without a verifier in front: %d", tc.name, w.Code)
		}
	}
}
