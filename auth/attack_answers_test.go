package auth_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/identity"
)

// What a client is told, byte by byte: the status, the challenges, the code, and
// nothing of what it sent.
// ASVS 16.5.1.
func TestAnswersOverHTTP(t *testing.T) {
	t.Parallel()
	b := newBound(t, func(cfg *auth.Config) {
		cfg.Realm, cfg.Resource = `the "docs" \ API`, "https://api.example/docs"
		cfg.Revoked = func(_ context.Context, p *identity.Principal) (bool, error) {
			if p.TokenID == "unknown" {
				return false, downError{}
			}
			return p.TokenID == "revoked", nil
		}
	})
	ok := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	b.engine.GET("/scope", auth.RequireScope("a", "b"), ok)
	b.engine.GET("/any", auth.RequireAnyScope("a", "b"), ok)
	b.engine.GET("/step", auth.StepUp(time.Minute, "mfa"), ok)
	b.engine.GET("/check", auth.Require(func(*identity.Principal) error { return downError{} }), ok)
	const params = `realm="the \"docs\" \\ API", resource_metadata="https://api.example/.well-known/oauth-protected-resource/docs"`
	const proofs = `DPoP ` + params + `, algs="ES256 EdDSA Ed25519 PS256 RS256"`
	bearer := mint(t, b.iss, map[string]any{"scope": "c", "jti": "fine"})
	type answer struct {
		path, authorization string
		status              int
		code                string
		bearer, dpop        string // what their challenges end in
	}
	cases := map[string]answer{
		"no token":             {"/whoami", "", 401, "", "", ""},
		"a token in the query": {"/whoami?access_token=" + bearer, "", 401, "", "", ""},
		"a token in both":      {"/whoami?access_token=" + bearer, "Bearer x", 401, "invalid_token", `, error="invalid_token"`, ""},
		"another scheme":       {"/whoami", "Basic YTpi", 401, "", "", ""},
		"not one token":        {"/whoami", "Bearer a b", 400, "invalid_request", `, error="invalid_request"`, ""},
		"a bad token":          {"/whoami", "Bearer secret-of-mine", 401, "invalid_token", `, error="invalid_token"`, ""},
		"a revoked token":      {"/whoami", "Bearer " + mint(t, b.iss, map[string]any{"jti": "revoked"}), 401, "invalid_token", `, error="invalid_token"`, ""},
		"a bound one":          {"/whoami", "Bearer " + b.token, 401, "invalid_token", `, error="invalid_token"`, ""},
		"no proof":             {"/whoami", "DPoP " + b.token, 401, "invalid_dpop_proof", "", `, error="invalid_dpop_proof"`},
		"a bad DPoP token":     {"/whoami", "DPoP x", 401, "invalid_token", "", `, error="invalid_token"`},
		"scopes missing":       {"/scope", "Bearer " + bearer, 403, "insufficient_scope", `, error="insufficient_scope", scope="a b"`, ""},
		"any scope missing":    {"/any", "Bearer " + bearer, 403, "insufficient_scope", `, error="insufficient_scope", scope="a b"`, ""},
		"a step up":            {"/step", "Bearer " + bearer, 401, "insufficient_user_authentication", `, error="insufficient_user_authentication", acr_values="mfa", max_age="60"`, ""},
		"a check that says no": {"/check", "Bearer " + bearer, 403, "access_denied", "none", "none"},
		"the list is down":     {"/whoami", "Bearer " + mint(t, b.iss, map[string]any{"jti": "unknown"}), 503, "", "none", "none"},
	}
	for name, change := range map[string]map[string]any{
		"expired": {"exp": 1}, "of another issuer": {"iss": "https://evil.example"}, "for another API": {"aud": "x"},
		"not valid yet": {"nbf": time.Now().Unix() + 3600}, "without a subject": {"sub": nil}, "bound to something else": {"cnf": map[string]any{"kid": "x"}},
		"with a date in words": {"exp": "soon"},
	} { // all the same to a client
		cases["a token "+name] = answer{"/whoami", "Bearer " + mint(t, b.iss, change), 401, "invalid_token", `, error="invalid_token"`, ""}
	}
	runAll(t, cases, func(t *testing.T, tc answer) {
		t.Helper()
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if method == http.MethodHead && tc.path != "/whoami" {
				continue
			}
			req := httptest.NewRequest(method, tc.path, nil)
			if tc.authorization != "" {
				req.Header.Set("Authorization", tc.authorization)
			}
			w := overHTTP(t, b.server.Client(), b.server.URL, req)
			if w.Code != tc.status {
				t.Fatalf("%d, not %d", w.Code, tc.status)
			}
			want := []string{"Bearer " + params + tc.bearer, proofs + tc.dpop}
			if tc.bearer == "none" {
				want = nil
			}
			if got := w.Header().Values("WWW-Authenticate"); strings.Join(got, "|") != strings.Join(want, "|") {
				t.Errorf("the challenges are %q, not %q", got, want)
			}
			if (w.Header().Get("Retry-After") != "") != (tc.status == 503) {
				t.Errorf("Retry-After is %q", w.Header().Get("Retry-After"))
			}
			body := `{"type":"about:blank","title":"` + http.StatusText(tc.status) + `","status":` + strconv.Itoa(tc.status)
			if tc.code != "" {
				body += `,"code":"` + tc.code + `"`
			}
			if body += "}"; method == http.MethodHead {
				body = ""
			}
			if w.Body.String() != body {
				t.Errorf("the body is %s, not %s", w.Body, body)
			}
			if w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("the headers are %v", w.Header())
			}
			for name := range w.Header() {
				switch name {
				case "Cache-Control", "Content-Length", "Content-Type", "Date", "Retry-After", "Www-Authenticate":
				default:
					t.Errorf("a header of its own: %s", name)
				}
			}
		}
	})
}

// The metadata a challenge leads to (RFC 9728 section 3).
func TestMetadataOverHTTP(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.Resource = "https://api.example/docs"
	v := newVerifier(t, cfg)
	r := gin.New()
	r.GET("/.well-known/oauth-protected-resource/docs", v.Metadata())
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	w := overHTTP(t, server.Client(), server.URL, httptest.NewRequest(http.MethodGet, "/.well-known/oauth-protected-resource/docs", nil))
	var document struct {
		Resource string   `json:"resource"`
		Servers  []string `json:"authorization_servers"`
		Methods  []string `json:"bearer_methods_supported"`
	}
	raw, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &document); err != nil || w.Code != 200 {
		t.Fatalf("%d %s: %v", w.Code, raw, err)
	}
	if document.Resource != cfg.Resource || len(document.Servers) != 1 || document.Servers[0] != iss.URL() || len(document.Methods) != 1 || document.Methods[0] != "header" {
		t.Errorf("%s", raw)
	}
}
