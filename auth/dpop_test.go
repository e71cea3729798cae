package auth_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
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

// seen is a store of proof ids, as package replay's are.
type seen struct {
	mu   sync.Mutex
	ids  map[[16]byte]time.Time
	fail error
}

func (s *seen) Use(_ context.Context, id [16]byte, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return false, s.fail
	}
	if _, used := s.ids[id]; used {
		return false, nil
	}
	if s.ids == nil {
		s.ids = map[[16]byte]time.Time{}
	}
	s.ids[id] = until
	return true, nil
}

func newHolder(tb testing.TB, algorithm string) *authtest.Holder {
	tb.Helper()
	h, err := authtest.NewHolder(algorithm)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func prove(tb testing.TB, h *authtest.Holder, p authtest.Proof) string {
	tb.Helper()
	proof, err := h.Prove(p)
	if err != nil {
		tb.Fatal(err)
	}
	return proof
}

const apiURL = "https://api.example"

// bound is an API that accepts bound tokens, reached over real HTTP but in
// simulated time, where sockets cannot be.
type bound struct {
	t      *testing.T
	server *httptest.Server // nil in simulated time
	iss    *authtest.Issuer
	holder *authtest.Holder
	token  string
	engine *gin.Engine
	seen   *seen
	events *sink
}

func newBound(t *testing.T, change func(*auth.Config)) *bound {
	t.Helper()
	b := &bound{t: t, iss: newIssuer(t, "ES256"), holder: newHolder(t, "ES256"), seen: &seen{}, events: &sink{}}
	cfg := configFor(b.iss)
	cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: b.seen}
	cfg.Audit = b.events
	if change != nil {
		change(&cfg)
	}
	b.engine = newEngine(newVerifier(t, cfg).Middleware())
	b.server = httptest.NewServer(b.engine)
	t.Cleanup(b.server.Close)
	b.token = mint(t, b.iss, map[string]any{"cnf": b.holder.Confirmation(), "scope": "read"})
	return b
}

func (b *bound) proof(t *testing.T, change authtest.Proof) string {
	t.Helper()
	if change.Method == "" {
		change.Method = http.MethodGet
	}
	if change.URI == "" {
		change.URI = apiURL + "/whoami"
	}
	if change.Token == "" {
		change.Token = b.token
	}
	return prove(t, b.holder, change)
}

// send sends a token with proofs to target.
func (b *bound) send(target, authorization string, proofs ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, target, nil)
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	for _, p := range proofs {
		req.Header.Add("DPoP", p)
	}
	w := httptest.NewRecorder()
	if b.server == nil {
		b.engine.ServeHTTP(w, req)
		return w
	}
	return overHTTP(b.t, b.server.Client(), b.server.URL, req)
}

// ASVS 10.3.5.
func TestProofAttacks(t *testing.T) {
	t.Parallel()
	b := newBound(t, func(cfg *auth.Config) { cfg.DPoP.Window = 2 * time.Minute }) // subtests may have to wait their turn
	thief := newHolder(t, "ES256")
	now := time.Now().Unix()
	type claims = map[string]any
	good := func(change authtest.Proof) []string { return []string{b.proof(t, change)} }
	stolen := prove(t, thief, authtest.Proof{Method: "GET", URI: apiURL + "/whoami", Token: b.token})
	unbound := mint(t, b.iss, nil)
	runAll(t, map[string]struct {
		scheme string
		token  string
		proofs []string
		status int
		code   string
	}{
		"a good proof":                      {"DPoP", b.token, good(authtest.Proof{}), 200, ""},
		"the scheme in lower case":          {"dpop", b.token, good(authtest.Proof{}), 200, ""},
		"htu with a default port":           {"DPoP", b.token, good(authtest.Proof{URI: "https://api.example:443/whoami"}), 200, ""},
		"htu in capitals":                   {"DPoP", b.token, good(authtest.Proof{URI: "HTTPS://API.example/whoami"}), 200, ""},
		"htu with a percent-encoded letter": {"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/%77hoami"}), 200, ""},
		"htu with a query that does not count": {
			"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/whoami?x=1#y"}), 200, "",
		},
		"iat a little ahead":                 {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": now + 60}}), 200, ""},
		"iat a little ago":                   {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": now - 60}}), 200, ""},
		"an unknown claim":                   {"DPoP", b.token, good(authtest.Proof{Claims: claims{"x": 1}}), 200, ""},
		"typ as a media type":                {"DPoP", b.token, good(authtest.Proof{Header: claims{"typ": "application/dpop+jwt"}}), 200, ""},
		"an unbound token as bearer":         {"Bearer", unbound, nil, 200, ""},
		"an unbound token with a proof":      {"Bearer", unbound, good(authtest.Proof{Token: unbound}), 400, "invalid_request"},
		"an unbound token as DPoP":           {"DPoP", unbound, good(authtest.Proof{Token: unbound}), 401, "invalid_token"},
		"a bound token as bearer":            {"Bearer", b.token, nil, 401, "invalid_token"},
		"a bound token as bearer, proven":    {"Bearer", b.token, good(authtest.Proof{}), 401, "invalid_token"},
		"no proof":                           {"DPoP", b.token, nil, 401, "invalid_dpop_proof"},
		"an empty proof":                     {"DPoP", b.token, []string{""}, 401, "invalid_dpop_proof"},
		"two proofs":                         {"DPoP", b.token, append(good(authtest.Proof{}), good(authtest.Proof{})...), 401, "invalid_dpop_proof"},
		"two proofs in one line":             {"DPoP", b.token, []string{strings.Join(append(good(authtest.Proof{}), good(authtest.Proof{})...), ",")}, 401, "invalid_dpop_proof"},
		"a thief's proof":                    {"DPoP", b.token, []string{stolen}, 401, "invalid_dpop_proof"},
		"a proof for another token":          {"DPoP", b.token, good(authtest.Proof{Token: unbound}), 401, "invalid_dpop_proof"},
		"no ath":                             {"DPoP", b.token, good(authtest.Proof{Claims: claims{"ath": nil}}), 401, "invalid_dpop_proof"},
		"ath a number":                       {"DPoP", b.token, good(authtest.Proof{Claims: claims{"ath": 1}}), 401, "invalid_dpop_proof"},
		"htm POST":                           {"DPoP", b.token, good(authtest.Proof{Method: "POST"}), 401, "invalid_dpop_proof"},
		"htm in lower case":                  {"DPoP", b.token, good(authtest.Proof{Method: "get"}), 401, "invalid_dpop_proof"},
		"htm missing":                        {"DPoP", b.token, good(authtest.Proof{Claims: claims{"htm": nil}}), 401, "invalid_dpop_proof"},
		"htu of another path":                {"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/other"}), 401, "invalid_dpop_proof"},
		"htu with a slash more":              {"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/whoami/"}), 401, "invalid_dpop_proof"},
		"htu with dots":                      {"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/x/../whoami"}), 401, "invalid_dpop_proof"},
		"htu of another host":                {"DPoP", b.token, good(authtest.Proof{URI: "https://evil.example/whoami"}), 401, "invalid_dpop_proof"},
		"htu of the Host header":             {"DPoP", b.token, good(authtest.Proof{URI: "https://example.com/whoami"}), 401, "invalid_dpop_proof"},
		"htu with http":                      {"DPoP", b.token, good(authtest.Proof{URI: "http://api.example/whoami"}), 401, "invalid_dpop_proof"},
		"htu with another port":              {"DPoP", b.token, good(authtest.Proof{URI: "https://api.example:8443/whoami"}), 401, "invalid_dpop_proof"},
		"htu with a user":                    {"DPoP", b.token, good(authtest.Proof{URI: "https://api.example@evil.example/whoami"}), 401, "invalid_dpop_proof"},
		"htu with our host as user":          {"DPoP", b.token, good(authtest.Proof{URI: "https://x@api.example/whoami"}), 401, "invalid_dpop_proof"},
		"htu a path":                         {"DPoP", b.token, good(authtest.Proof{URI: "/whoami"}), 401, "invalid_dpop_proof"},
		"htu in another case of path":        {"DPoP", b.token, good(authtest.Proof{URI: apiURL + "/Whoami"}), 401, "invalid_dpop_proof"},
		"htu missing":                        {"DPoP", b.token, good(authtest.Proof{Claims: claims{"htu": nil}}), 401, "invalid_dpop_proof"},
		"iat too old":                        {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": now - 121}}), 401, "invalid_dpop_proof"},
		"iat too far ahead":                  {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": now + 600}}), 401, "invalid_dpop_proof"},
		"iat missing":                        {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": nil}}), 401, "invalid_dpop_proof"},
		"iat a string":                       {"DPoP", b.token, good(authtest.Proof{Claims: claims{"iat": "now"}}), 401, "invalid_dpop_proof"},
		"jti missing":                        {"DPoP", b.token, good(authtest.Proof{Claims: claims{"jti": nil}}), 401, "invalid_dpop_proof"},
		"jti empty":                          {"DPoP", b.token, good(authtest.Proof{Claims: claims{"jti": ""}}), 401, "invalid_dpop_proof"},
		"jti a number":                       {"DPoP", b.token, good(authtest.Proof{Claims: claims{"jti": 1}}), 401, "invalid_dpop_proof"},
		"jti of 257 bytes":                   {"DPoP", b.token, good(authtest.Proof{Claims: claims{"jti": strings.Repeat("j", 257)}}), 401, "invalid_dpop_proof"},
		"typ JWT":                            {"DPoP", b.token, good(authtest.Proof{Header: claims{"typ": "JWT"}}), 401, "invalid_dpop_proof"},
		"typ missing":                        {"DPoP", b.token, good(authtest.Proof{Header: claims{"typ": nil}}), 401, "invalid_dpop_proof"},
		"alg none":                           {"DPoP", b.token, good(authtest.Proof{Header: claims{"alg": "none"}}), 401, "invalid_dpop_proof"},
		"alg HS256":                          {"DPoP", b.token, good(authtest.Proof{Header: claims{"alg": "HS256"}}), 401, "invalid_dpop_proof"},
		"alg of another curve":               {"DPoP", b.token, good(authtest.Proof{Header: claims{"alg": "ES384"}}), 401, "invalid_dpop_proof"},
		"no jwk":                             {"DPoP", b.token, good(authtest.Proof{Header: claims{"jwk": nil}}), 401, "invalid_dpop_proof"},
		"jwk a string":                       {"DPoP", b.token, good(authtest.Proof{Header: claims{"jwk": "x"}}), 401, "invalid_dpop_proof"},
		"a private jwk":                      {"DPoP", b.token, good(authtest.Proof{Header: claims{"jwk": withMember(t, good(authtest.Proof{})[0], "d")}}), 401, "invalid_dpop_proof"},
		"the same with a harmless member":    {"DPoP", b.token, good(authtest.Proof{Header: claims{"jwk": withMember(t, good(authtest.Proof{})[0], "use")}}), 200, ""},
		"a secret jwk":                       {"DPoP", b.token, good(authtest.Proof{Header: claims{"jwk": claims{"kty": "oct", "k": "AQ"}}}), 401, "invalid_dpop_proof"},
		"crit":                               {"DPoP", b.token, good(authtest.Proof{Header: claims{"crit": []string{"x"}}}), 401, "invalid_dpop_proof"},
		"jku":                                {"DPoP", b.token, good(authtest.Proof{Header: claims{"jku": "https://evil.example"}}), 401, "invalid_dpop_proof"},
		"a proof that is a token":            {"DPoP", b.token, []string{b.token}, 401, "invalid_dpop_proof"},
		"a token that is a proof":            {"DPoP", good(authtest.Proof{})[0], good(authtest.Proof{}), 401, "invalid_token"},
		"a proof of nine kilobytes":          {"DPoP", b.token, good(authtest.Proof{Claims: claims{"x": strings.Repeat("x", 9<<10)}}), 401, "invalid_dpop_proof"},
		"a proof with a broken signature":    {"DPoP", b.token, []string{good(authtest.Proof{})[0] + "AAAA"}, 401, "invalid_dpop_proof"},
		"a proof with padding":               {"DPoP", b.token, []string{good(authtest.Proof{})[0] + "="}, 401, "invalid_dpop_proof"},
		"an expired token with a good proof": {"DPoP", mint(t, b.iss, claims{"cnf": b.holder.Confirmation(), "exp": now - 60}), good(authtest.Proof{}), 401, "invalid_token"},
		"cnf with two kinds":                 {"DPoP", mint(t, b.iss, claims{"cnf": claims{"jkt": b.holder.Confirmation()["jkt"], "x5t#S256": b.holder.Confirmation()["jkt"]}}), good(authtest.Proof{}), 401, "invalid_token"},
		"cnf with an unknown kind beside":    {"DPoP", mint(t, b.iss, claims{"cnf": claims{"jkt": b.holder.Confirmation()["jkt"], "x": "y"}}), good(authtest.Proof{}), 401, "invalid_token"},
		"cnf with a short jkt":               {"DPoP", mint(t, b.iss, claims{"cnf": claims{"jkt": "abc"}}), good(authtest.Proof{}), 401, "invalid_token"},
		"cnf with a padded jkt":              {"DPoP", mint(t, b.iss, claims{"cnf": claims{"jkt": b.holder.Confirmation()["jkt"].(string) + "="}}), good(authtest.Proof{}), 401, "invalid_token"},
	}, func(t *testing.T, tc struct {
		scheme string
		token  string
		proofs []string
		status int
		code   string
	},
	) {
		t.Helper()
		w := b.send("/whoami", tc.scheme+" "+tc.token, tc.proofs...)
		if w.Code != tc.status {
			t.Fatalf("%d, not %d: %s", w.Code, tc.status, w.Body)
		}
		challenge := strings.Join(w.Header().Values("WWW-Authenticate"), " | ")
		if tc.status == 401 || tc.status == 400 {
			if !strings.Contains(challenge, `error="`+tc.code+`"`) || len(w.Header().Values("WWW-Authenticate")) != 2 {
				t.Errorf("the challenge is %s", challenge)
			}
		}
	})
}

// ASVS 10.3.5.
func TestProofPassesOnce(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	proof := b.proof(t, authtest.Proof{})
	var passed atomic.Int32
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			if b.send("/whoami", "DPoP "+b.token, proof).Code == 200 {
				passed.Add(1)
			}
		})
	}
	wg.Wait()
	if passed.Load() != 1 {
		t.Errorf("%d of 32 concurrent uses passed", passed.Load())
	}
	for _, until := range b.seen.ids {
		if left := time.Until(until); left < 55*time.Second || left > 61*time.Second {
			t.Errorf("the proof is remembered for %s", left)
		}
	}
	if w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{})); w.Code != 200 {
		t.Errorf("a new proof: %d", w.Code)
	}
}

func TestSeenStoreDownIs503(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	b.seen.fail = errors.New("down")
	w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{}))
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if e := b.events.take(); len(e) != 1 || e[0].Reason != "seen_unavailable" || !errors.Is(e[0].Err, b.seen.fail) {
		t.Errorf("events %+v", e)
	}
}

func TestRequiredBindingRefusesBearerTokens(t *testing.T) {
	t.Parallel()
	b := newBound(t, func(cfg *auth.Config) { cfg.DPoP.Required = true })
	if w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{})); w.Code != 200 {
		t.Errorf("a bound token: %d", w.Code)
	}
	if w := b.send("/whoami", "Bearer "+mint(t, b.iss, nil)); w.Code != 401 {
		t.Errorf("a bearer token: %d", w.Code)
	}
	w := b.send("/whoami", "")
	if got := w.Header().Values("WWW-Authenticate"); w.Code != 401 || len(got) != 1 || !strings.HasPrefix(got[0], "DPoP algs=") {
		t.Errorf("no token: %d %q", w.Code, got)
	}
}

func TestNonceOfTheServer(t *testing.T) {
	t.Parallel()
	key := make([]byte, 32)
	if _, err := rand.Read(key); err != nil {
		t.Fatal(err)
	}
	b := newBound(t, func(cfg *auth.Config) { cfg.DPoP.NonceKey = key })
	w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{}))
	nonce := w.Header().Get("DPoP-Nonce")
	if w.Code != 401 || nonce == "" || !strings.Contains(strings.Join(w.Header().Values("WWW-Authenticate"), " "), `error="use_dpop_nonce"`) {
		t.Fatalf("%d %v", w.Code, w.Header())
	}
	if len(b.seen.ids) != 0 {
		t.Error("a proof without a nonce was spent")
	}
	if w = b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{Nonce: nonce})); w.Code != 200 {
		t.Errorf("with the nonce: %d", w.Code)
	}
	if w = b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{Nonce: "guess"})); w.Code != 401 {
		t.Errorf("with a guess: %d", w.Code)
	}
}

func TestProofsUnderABasePathAndEveryAlgorithm(t *testing.T) {
	t.Parallel()
	for _, alg := range []string{"ES256", "EdDSA", "RS256", "PS256"} {
		b := newBound(t, func(cfg *auth.Config) { cfg.DPoP.BaseURL = "https://api.example/v1/" })
		b.holder = newHolder(t, alg)
		b.token = mint(t, b.iss, map[string]any{"cnf": b.holder.Confirmation()})
		if w := b.send("/whoami?q=1", "DPoP "+b.token, b.proof(t, authtest.Proof{URI: "https://api.example/v1/whoami"})); w.Code != 200 {
			t.Errorf("%s: %d %v", alg, w.Code, w.Header())
		}
		if w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{})); w.Code != 401 {
			t.Errorf("%s, without the base path: %d", alg, w.Code)
		}
	}
}

func TestSecondRunSpendsNoSecondProof(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	again := false
	b.engine.GET("/again", func(c *gin.Context) {
		again = true
		c.Request.URL.Path = "/whoami"
		b.engine.HandleContext(c)
	})
	w := b.send("/again", "DPoP "+b.token, b.proof(t, authtest.Proof{URI: apiURL + "/again"}))
	if w.Code != 200 || !again || w.Body.String() != "alice" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestGuardAfterABoundTokenChallengesItsScheme(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	b.engine.GET("/admin", auth.RequireScope("admin"), func(c *gin.Context) { c.Status(200) })
	w := b.send("/admin", "DPoP "+b.token, b.proof(t, authtest.Proof{URI: apiURL + "/admin"}))
	got := strings.Join(w.Header().Values("WWW-Authenticate"), " | ")
	if w.Code != 403 || !strings.HasPrefix(got, `Bearer | DPoP algs=`) || !strings.HasSuffix(got, `error="insufficient_scope", scope="admin"`) {
		t.Errorf("%d %s", w.Code, got)
	}
}

func TestVerifyOutsideHTTPRefusesBoundTokens(t *testing.T) {
	t.Parallel()
	iss, holder := newIssuer(t, "ES256"), newHolder(t, "")
	cfg := configFor(iss)
	cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}}
	v := newVerifier(t, cfg)
	if got := verify(v, mint(t, iss, map[string]any{"cnf": holder.Confirmation()})); got != 401 {
		t.Errorf("a bound token: %d", got)
	}
	if got := verify(v, mint(t, iss, nil)); got != 200 {
		t.Errorf("a bearer token: %d", got)
	}
}

func TestPrincipalTellsTheBinding(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	b.engine.GET("/binding", func(c *gin.Context) {
		p, _ := identity.From(c)
		c.String(200, p.Binding.String())
	})
	if w := b.send("/binding", "DPoP "+b.token, b.proof(t, authtest.Proof{URI: apiURL + "/binding"})); w.Body.String() != "dpop" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// withMember returns the key in a proof's header with one member more, so that its
// thumbprint is the holder's still.
func withMember(tb testing.TB, proof, name string) map[string]any {
	tb.Helper()
	first, _, _ := strings.Cut(proof, ".")
	text, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		tb.Fatal(err)
	}
	var header struct {
		JWK map[string]any `json:"jwk"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		tb.Fatal(err)
	}
	header.JWK[name] = "sig"
	return header.JWK
}
