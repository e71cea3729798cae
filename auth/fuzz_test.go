package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// FuzzAuthorizationHeader: whatever the header holds, the answer is 200, 400 or
// 401, and 200 only for the good token after the scheme and spaces.
func FuzzAuthorizationHeader(f *testing.F) {
	iss := newIssuer(f, "EdDSA")
	r := newEngine(newVerifier(f, configFor(iss)).Middleware())
	good := mint(f, iss, map[string]any{"exp": time.Now().Unix() + 86400})
	for _, seed := range []string{
		"Bearer TOKEN", "bearer  TOKEN", "Bearer", "Bearer\tTOKEN", "Basic x", "TOKEN", "Bearer TOKEN TOKEN", "Bearer TOKEN,", "Bearer a=b",
		"DPoP TOKEN", "Bearer TOKEN=", "", " ", "Bearer \x00", "Bearer \xff", "BearerTOKEN", "Bearer=TOKEN", "Bearer TOKEN\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		header = strings.ReplaceAll(header, "TOKEN", good)
		w := do(r, header)
		scheme, rest, _ := strings.Cut(header, " ")
		want := strings.EqualFold(scheme, "Bearer") && strings.TrimLeft(rest, " ") == good
		switch {
		case (w.Code == 200) != want:
			t.Fatalf("%q: %d", header, w.Code)
		case w.Code != 200 && w.Code != 400 && w.Code != 401:
			t.Fatalf("%q: %d", header, w.Code)
		case w.Code != 200 && w.Header().Get("WWW-Authenticate") == "":
			t.Fatalf("%q: no challenge", header)
		}
	})
}

// FuzzToken: what is accepted is accepted by golang-jwt too, and nothing but the
// tokens that were minted is.
func FuzzToken(f *testing.F) {
	iss := newIssuer(f, "EdDSA")
	v := newVerifier(f, configFor(iss))
	good := mint(f, iss, map[string]any{"exp": time.Now().Unix() + 86400})
	peer := peerOf(f, iss, "EdDSA")
	for _, seed := range []string{
		good, "", ".", "..", "a.b.c", good + ".", good[1:], good + "=", strings.ToUpper(good), "eyJhbGciOiJub25lIn0.e30.",
		"e30.e30.AAAA", "bnVsbA.bnVsbA.AAAA", "W10.W10.AAAA", "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		p, err := v.Verify(t.Context(), token)
		if err == nil && (token != good || peer(token) != nil || p.Subject != "alice") {
			t.Fatalf("accepted %q", token)
		}
		var refusal *auth.Error
		if err != nil && (p != nil || !errors.As(err, &refusal) || refusal.Status != 401) {
			t.Fatalf("%q: %v, %v", token, p, err)
		}
	})
}

// FuzzClaims signs any payload: what is accepted means the same to the standard
// library's decoder, which reads it in quite another way.
func FuzzClaims(f *testing.F) {
	iss := newIssuer(f, "EdDSA")
	cfg := configFor(iss)
	cfg.Cache.Entries, cfg.MaxTokenAge = -1, -1
	v := newVerifier(f, cfg)
	ordinary, err := json.Marshal(claimsWith(iss, map[string]any{"exp": 4e9, "iat": 1, "scope": "a b", "nbf": 1.5, "jti": "x"}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(ordinary)
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"iss":1}`, `{"iss":"ISS","aud":["api"],"sub":"a","exp":1e11,"iat":0}`, `{"iss":"ISS","iss":"x"}`,
		`{"iss":"ISS","aud":"api","sub":"\u0061","exp":99999999999,"iat":0,"cnf":null}`, `{"iss":"ISS","aud":"api","sub":"a","exp":4e9,"iat":0,"scp":["x",1]}`,
	} {
		f.Add([]byte(strings.ReplaceAll(seed, "ISS", iss.URL())))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		token, err := iss.MintWith(nil, authtest.Token{Payload: append([]byte{}, payload...)})
		if err != nil {
			t.Fatal(err)
		}
		p, err := v.Verify(t.Context(), token)
		if err != nil {
			return
		}
		var m map[string]any
		if err := json.Unmarshal(payload, &m); err != nil {
			t.Fatalf("accepted what is no JSON: %q", payload)
		}
		exp, isNumber := m["exp"].(float64)
		if m["iss"] != p.Issuer || m["sub"] != p.Subject || !isNumber || exp < float64(time.Now().Unix())-31 {
			t.Fatalf("%q became %+v", payload, p)
		}
		if _, isBound := m["cnf"]; isBound {
			t.Fatalf("accepted a bound token: %q", payload)
		}
		if audience, isString := m["aud"].(string); isString && audience != "api" {
			t.Fatalf("accepted the audience %q", audience)
		}
		if got, err := auth.Claims[map[string]any](p); err != nil || got["sub"] != p.Subject {
			t.Fatalf("claims of %q: %v, %v", payload, got, err)
		}
	})
}

// FuzzJWKS: a key set of any form makes a verifier or a typed error, and only a
// set with the issuer's own key in it lets its token pass.
func FuzzJWKS(f *testing.F) {
	iss := newIssuer(f, "EdDSA")
	token := mint(f, iss, map[string]any{"exp": time.Now().Unix() + 86400})
	var own struct {
		Keys []struct {
			X string `json:"x"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(iss.JWKS(), &own); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(iss.JWKS()))
	for _, seed := range []string{
		``, `{}`, `{"keys":[]}`, `{"keys":[{}]}`, `{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"oct","k":"AA"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`, `{"keys":[null,[],1]}`, `[]`,
		`{"keys":[{"kty":"RSA","n":"` + strings.Repeat("_", 342) + `","e":"AQAB","key_ops":["verify"],"use":"sig"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		v, err := auth.New(auth.Config{
			Issuers: []auth.Issuer{{URL: iss.URL(), JWKS: raw}}, Audiences: []string{"api"},
			JWKS: auth.JWKSConfig{InsecureAllowLoopback: true},
		})
		if raw == nil {
			if err == nil {
				_ = v.Close()
			}
			return
		}
		var mistake *auth.ConfigError
		if err != nil {
			if !errors.As(err, &mistake) {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		defer v.Close()
		if !json.Valid(raw) {
			t.Fatalf("accepted what is no JSON: %q", raw)
		}
		if _, err := v.Verify(t.Context(), token); err != nil {
			return
		}
		var document any
		if err := json.Unmarshal(raw, &document); err != nil {
			t.Fatal(err)
		}
		if plain, err := json.Marshal(document); err != nil || !strings.Contains(string(plain), own.Keys[0].X) {
			t.Fatalf("%q verified a token", raw)
		}
	})
}

// FuzzProof: of all that may stand in the DPoP header only the good proof passes,
// and it passes once.
func FuzzProof(f *testing.F) {
	iss, holder := newIssuer(f, "EdDSA"), newHolder(f, "EdDSA")
	store := &seen{}
	cfg := configFor(iss)
	cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: store}
	r := newEngine(newVerifier(f, cfg).Middleware())
	token := mint(f, iss, map[string]any{"cnf": holder.Confirmation(), "exp": time.Now().Unix() + 86400})
	good := prove(f, holder, authtest.Proof{Method: http.MethodGet, URI: apiURL + "/whoami", Token: token})
	jwk := `{"kty":"OKP","crv":"Ed25519","x":"AA"}`
	for _, seed := range []string{
		good, "", ".", "..", good + "=", good + "A", strings.ToLower(good), token,
		b64([]byte(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":`+jwk+`}`)) + ".e30.AAAA",
		b64([]byte(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":null}`)) + ".e30.AAAA", b64([]byte(`{"typ":"dpop+jwt","alg":"none","jwk":{}}`)) + ".e30.",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, proof string) {
		req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
		req.Header["Authorization"], req.Header["Dpop"] = []string{"DPoP " + token}, []string{proof}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		switch {
		case w.Code == 200 && proof != good:
			t.Fatalf("accepted %q", proof)
		case w.Code != 200 && w.Code != 401:
			t.Fatalf("%q: %d", proof, w.Code)
		}
	})
}

// FuzzProofClaims signs any payload as a proof: what passes says what the request
// is, by the standard library's reading too.
func FuzzProofClaims(f *testing.F) {
	iss := newIssuer(f, "EdDSA")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	key := `{"crv":"Ed25519","kty":"OKP","x":"` + b64(public) + `"}`
	thumbprint := sha256.Sum256([]byte(key))
	cfg := configFor(iss)
	cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, Window: 5 * time.Minute}
	r := newEngine(newVerifier(f, cfg).Middleware())
	token := mint(f, iss, map[string]any{"cnf": map[string]any{"jkt": b64(thumbprint[:])}, "exp": time.Now().Unix() + 86400})
	hash := sha256.Sum256([]byte(token))
	good, err := json.Marshal(map[string]any{"jti": "1", "htm": "GET", "htu": apiURL + "/whoami", "ath": b64(hash[:]), "iat": time.Now().Unix()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, seed := range []string{`{}`, `null`, `[]`, `{"jti":1}`, `{"htu":"https://api.example/whoami","htm":"GET"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := b64([]byte(`{"typ":"dpop+jwt","alg":"EdDSA","jwk":`+key+`}`)) + "." + b64(payload)
		req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
		req.Header["Authorization"] = []string{"DPoP " + token}
		req.Header["Dpop"] = []string{text + "." + b64(ed25519.Sign(private, []byte(text)))}
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code != 200 && w.Code != 401 {
			t.Fatalf("%q: %d", payload, w.Code)
		}
		if w.Code != 200 {
			return
		}
		var m map[string]any
		if err := json.Unmarshal(payload, &m); err != nil {
			t.Fatalf("accepted what is no JSON: %q", payload)
		}
		jti, _ := m["jti"].(string)
		if m["htm"] != "GET" || m["ath"] != b64(hash[:]) || jti == "" {
			t.Fatalf("accepted %q", payload)
		}
	})
}
