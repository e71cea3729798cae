package auth_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec/auth"
)

type jwk = map[string]any

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(n, e *big.Int) jwk { return jwk{"kty": "RSA", "n": b64(n.Bytes()), "e": b64(e.Bytes())} }

func ecJWK(t *testing.T, k *ecdsa.PublicKey) jwk {
	t.Helper()
	raw, err := k.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	half := len(raw) / 2
	return jwk{"kty": "EC", "crv": k.Params().Name, "x": b64(raw[1 : half+1]), "y": b64(raw[half+1:])}
}

// smith signs with keys of every kind; they are made once.
type smith struct {
	rsa2048, rsa1024, rsa3072 *rsa.PrivateKey
	p256, p384                *ecdsa.PrivateKey
	p224                      *ecdsa.PrivateKey
	ed                        ed25519.PrivateKey
}

var newSmith = sync.OnceValue(func() *smith {
	must := func(k *ecdsa.PrivateKey, err error) *ecdsa.PrivateKey {
		if err != nil {
			panic(err)
		}
		return k
	}
	gen := func(bits int) *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return k
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &smith{
		gen(2048), gen(1024), gen(3072),
		must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
		must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)), ed,
	}
})

// with returns a copy of m with changes; nil removes a member.
func with(m jwk, change jwk) jwk {
	out := maps.Clone(m)
	maps.Copy(out, change)
	maps.DeleteFunc(out, func(_ string, v any) bool { return v == nil })
	return out
}

// Each key is served over HTTP and a token is signed with its private half: only
// a key that may verify access tokens lets it pass.
// ASVS 9.1.3.
func TestKeyMaterialAttacks(t *testing.T) {
	t.Parallel()
	s := newSmith()
	rsaKey := rsaJWK(s.rsa2048.N, big.NewInt(65537))
	ecKey, edKey := ecJWK(t, &s.p256.PublicKey), jwk{"kty": "OKP", "crv": "Ed25519", "x": b64(s.ed.Public().(ed25519.PublicKey))}
	kid := jwk{"kid": "k"}
	raw := func(m jwk) string {
		text, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	small := new(big.Int).SetBytes([]byte{2, 3})
	type keyCase struct {
		set    string // one JWK, or a whole document when it begins with "SET "
		alg    string
		key    any
		kid    any
		status int
	}
	one := func(m jwk, alg string, key any, status int) keyCase {
		return keyCase{raw(with(m, kid)), alg, key, "k", status}
	}
	private := jwk{"d": b64(s.rsa2048.D.Bytes()), "p": "AQ", "q": "AQ"}
	cases := map[string]keyCase{
		"RSA":                               one(rsaKey, "RS256", s.rsa2048, 200),
		"RSA for PS256":                     one(rsaKey, "PS256", s.rsa2048, 200),
		"RSA, alg RS256":                    one(with(rsaKey, jwk{"alg": "RS256"}), "RS256", s.rsa2048, 200),
		"RSA, alg RS256, token PS256":       one(with(rsaKey, jwk{"alg": "RS256"}), "PS256", s.rsa2048, 401),
		"RSA, alg RS512, not in the list":   one(with(rsaKey, jwk{"alg": "RS512"}), "RS256", s.rsa2048, 503),
		"RSA, alg RSA-OAEP":                 one(with(rsaKey, jwk{"alg": "RSA-OAEP"}), "RS256", s.rsa2048, 503),
		"RSA, alg none":                     one(with(rsaKey, jwk{"alg": "none"}), "RS256", s.rsa2048, 503),
		"RSA, alg empty":                    one(with(rsaKey, jwk{"alg": ""}), "RS256", s.rsa2048, 503),
		"RSA, alg null":                     {`{"kid":"k","alg":null,` + raw(rsaKey)[1:], "RS256", s.rsa2048, "k", 503},
		"RSA, use sig":                      one(with(rsaKey, jwk{"use": "sig"}), "RS256", s.rsa2048, 200),
		"RSA, use enc":                      one(with(rsaKey, jwk{"use": "enc"}), "RS256", s.rsa2048, 503),
		"RSA, use SIG":                      one(with(rsaKey, jwk{"use": "SIG"}), "RS256", s.rsa2048, 503),
		"RSA, use a number":                 one(with(rsaKey, jwk{"use": 1}), "RS256", s.rsa2048, 503),
		"RSA, key_ops verify":               one(with(rsaKey, jwk{"key_ops": []string{"verify"}}), "RS256", s.rsa2048, 200),
		"RSA, key_ops sign and verify":      one(with(rsaKey, jwk{"key_ops": []string{"sign", "verify"}}), "RS256", s.rsa2048, 200),
		"RSA, key_ops encrypt":              one(with(rsaKey, jwk{"key_ops": []string{"encrypt"}}), "RS256", s.rsa2048, 503),
		"RSA, key_ops empty":                one(with(rsaKey, jwk{"key_ops": []string{}}), "RS256", s.rsa2048, 503),
		"RSA, key_ops a string":             one(with(rsaKey, jwk{"key_ops": "verify"}), "RS256", s.rsa2048, 503),
		"RSA of 1024 bits":                  one(rsaJWK(s.rsa1024.N, big.NewInt(65537)), "RS256", s.rsa1024, 503),
		"RSA of 3072 bits":                  one(rsaJWK(s.rsa3072.N, big.NewInt(65537)), "RS256", s.rsa3072, 200),
		"RSA of 16384 bits":                 one(jwk{"kty": "RSA", "n": b64([]byte(strings.Repeat("\xff", 2048))), "e": "AQAB"}, "RS256", s.rsa2048, 503),
		"RSA with an even modulus":          one(rsaJWK(new(big.Int).Lsh(s.rsa2048.N, 1), big.NewInt(65537)), "RS256", s.rsa2048, 503),
		"RSA with a modulus of zero":        one(jwk{"kty": "RSA", "n": "AA", "e": "AQAB"}, "RS256", s.rsa2048, 503),
		"RSA with exponent 1":               one(rsaJWK(s.rsa2048.N, big.NewInt(1)), "RS256", s.rsa2048, 503),
		"RSA with exponent 2":               one(rsaJWK(s.rsa2048.N, big.NewInt(2)), "RS256", s.rsa2048, 503),
		"RSA with an even exponent":         one(rsaJWK(s.rsa2048.N, big.NewInt(65536)), "RS256", s.rsa2048, 503),
		"RSA with exponent 0":               one(jwk{"kty": "RSA", "n": rsaKey["n"], "e": "AA"}, "RS256", s.rsa2048, 503),
		"RSA with a huge exponent":          one(jwk{"kty": "RSA", "n": rsaKey["n"], "e": b64([]byte(strings.Repeat("\x01", 256)))}, "RS256", s.rsa2048, 503),
		"RSA with an exponent that wraps":   one(jwk{"kty": "RSA", "n": rsaKey["n"], "e": b64(append([]byte{1}, 0, 0, 0, 0, 0, 1, 0, 1))}, "RS256", s.rsa2048, 503),
		"RSA without exponent":              one(with(rsaKey, jwk{"e": nil}), "RS256", s.rsa2048, 503),
		"RSA without modulus":               one(with(rsaKey, jwk{"n": nil}), "RS256", s.rsa2048, 503),
		"RSA with its private parts":        one(with(rsaKey, private), "RS256", s.rsa2048, 200),
		"RSA with a bad certificate":        one(with(rsaKey, jwk{"x5c": []string{"no"}}), "RS256", s.rsa2048, 200),
		"RSA with an http x5u":              one(with(rsaKey, jwk{"x5u": "http://127.0.0.1:1/"}), "RS256", s.rsa2048, 200),
		"RSA, kty in lower case":            one(with(rsaKey, jwk{"kty": "rsa"}), "RS256", s.rsa2048, 503),
		"RSA, kty missing":                  one(with(rsaKey, jwk{"kty": nil}), "RS256", s.rsa2048, 503),
		"RSA called EC":                     one(with(rsaKey, jwk{"kty": "EC"}), "RS256", s.rsa2048, 503),
		"RSA called oct":                    one(with(rsaKey, jwk{"kty": "oct", "k": "AQAB"}), "RS256", s.rsa2048, 503),
		"RSA, a member twice":               {`{"kid":"k","kid":"k",` + raw(rsaKey)[1:], "RS256", s.rsa2048, "k", 503},
		"RSA, members in capitals":          one(jwk{"KTY": "RSA", "N": rsaKey["n"], "E": "AQAB"}, "RS256", s.rsa2048, 503),
		"RSA, kid a number":                 {raw(with(rsaKey, jwk{"kid": 1})), "RS256", s.rsa2048, "1", 503},
		"RSA, kid null":                     {`{"kid":null,` + raw(rsaKey)[1:], "RS256", s.rsa2048, nil, 503},
		"RSA, no kid, token without":        {raw(rsaKey), "RS256", s.rsa2048, nil, 200},
		"RSA, no kid, token with one":       {raw(rsaKey), "RS256", s.rsa2048, "k", 401},
		"RSA, no kid, token with empty":     {raw(rsaKey), "RS256", s.rsa2048, "", 401},
		"RSA, kid of another case":          {raw(with(rsaKey, jwk{"kid": "K"})), "RS256", s.rsa2048, "k", 401},
		"a secret for HS256":                one(jwk{"kty": "oct", "k": b64([]byte("secret")), "alg": "HS256"}, "HS256", []byte("secret"), 401),
		"P-256":                             one(ecKey, "ES256", s.p256, 200),
		"P-256, alg ES256":                  one(with(ecKey, jwk{"alg": "ES256"}), "ES256", s.p256, 200),
		"P-256, alg ES384":                  one(with(ecKey, jwk{"alg": "ES384"}), "ES256", s.p256, 503),
		"P-256, private":                    one(with(ecKey, jwk{"d": "AQAB"}), "ES256", s.p256, 200),
		"P-256 called P-384":                one(with(ecKey, jwk{"crv": "P-384"}), "ES256", s.p256, 503),
		"P-256 called secp256k1":            one(with(ecKey, jwk{"crv": "secp256k1"}), "ES256", s.p256, 503),
		"P-256 off the curve":               one(with(ecKey, jwk{"y": b64([]byte{5})}), "ES256", s.p256, 503),
		"P-256 at infinity":                 one(with(ecKey, jwk{"x": "AA", "y": "AA"}), "ES256", s.p256, 503),
		"P-256 without y":                   one(with(ecKey, jwk{"y": nil}), "ES256", s.p256, 503),
		"P-384 while only ES256 is allowed": one(ecJWK(t, &s.p384.PublicKey), "ES256", s.p256, 503),
		"P-224":                             one(ecJWK(t, &s.p224.PublicKey), "ES256", s.p256, 503),
		"Ed25519":                           one(edKey, "EdDSA", s.ed, 200),
		"Ed25519, alg EdDSA":                one(with(edKey, jwk{"alg": "EdDSA"}), "EdDSA", s.ed, 200),
		"Ed25519, alg Ed25519":              one(with(edKey, jwk{"alg": "Ed25519"}), "EdDSA", s.ed, 200),
		"Ed25519, alg ES256":                one(with(edKey, jwk{"alg": "ES256"}), "EdDSA", s.ed, 503),
		"Ed25519 too short":                 one(with(edKey, jwk{"x": b64([]byte("short"))}), "EdDSA", s.ed, 503),
		"Ed25519 called X25519":             one(with(edKey, jwk{"crv": "X25519"}), "EdDSA", s.ed, 503),
		"Ed25519 called Ed448":              one(with(edKey, jwk{"crv": "Ed448"}), "EdDSA", s.ed, 503),
		"ML-DSA":                            one(jwk{"kty": "AKP", "alg": "ML-DSA-44", "pub": "AQAB"}, "EdDSA", s.ed, 503),

		"a good key among bad ones": {`SET {"keys":[null,1,"x",[],{},{"kty":"oct","k":"AQAB","kid":"k"},{"kid":"k","kid":"k"},{"kty":"RSA","kid":"k","n":"AQAB","e":"AQAB"},` +
			raw(with(ecKey, kid)) + `,{"kty":"EC","crv":"secp256k1","kid":"z"},{"kty":"RSA","kid":"k","x":{"a":1,"a":2}}]}`, "ES256", s.p256, "k", 200},
		"two kinds under one kid":            {`SET {"keys":[` + raw(with(rsaKey, kid)) + `,` + raw(with(ecKey, kid)) + `]}`, "ES256", s.p256, "k", 200},
		"two of a kind under one kid, last":  {`SET {"keys":[` + raw(with(rsaJWK(s.rsa3072.N, big.NewInt(65537)), kid)) + `,` + raw(with(rsaKey, kid)) + `]}`, "RS256", s.rsa2048, "k", 200},
		"two of a kind and no kid in token":  {`SET {"keys":[` + raw(with(rsaJWK(s.rsa3072.N, big.NewInt(65537)), kid)) + `,` + raw(rsaKey) + `]}`, "RS256", s.rsa2048, nil, 401},
		"one of each kind, no kid in token":  {`SET {"keys":[` + raw(with(ecKey, kid)) + `,` + raw(rsaKey) + `]}`, "RS256", s.rsa2048, nil, 200},
		"unknown members around the keys":    {`SET {"x":{"keys":[]},"keys":[` + raw(with(rsaKey, kid)) + `],"y":1,"y":2}`, "RS256", s.rsa2048, "k", 200},
		"an empty set":                       {`SET {"keys":[]}`, "RS256", s.rsa2048, "k", 503},
		"no set at all":                      {`SET {}`, "RS256", s.rsa2048, "k", 503},
		"null":                               {`SET null`, "RS256", s.rsa2048, "k", 503},
		"a list of keys":                     {`SET [` + raw(with(rsaKey, kid)) + `]`, "RS256", s.rsa2048, "k", 503},
		"a single key":                       {`SET ` + raw(with(rsaKey, kid)), "RS256", s.rsa2048, "k", 503},
		"keys in capitals":                   {`SET {"Keys":[` + raw(with(rsaKey, kid)) + `]}`, "RS256", s.rsa2048, "k", 503},
		"keys twice":                         {`SET {"keys":[` + raw(with(rsaKey, kid)) + `],"keys":[]}`, "RS256", s.rsa2048, "k", 503},
		"keys an object":                     {`SET {"keys":{"k":` + raw(with(rsaKey, kid)) + `}}`, "RS256", s.rsa2048, "k", 503},
		"keys null":                          {`SET {"keys":null}`, "RS256", s.rsa2048, "k", 503},
		"an error with status 200":           {`SET {"error":"server_error"}`, "RS256", s.rsa2048, "k", 503},
		"HTML":                               {`SET <html><body>Sign in</body></html>`, "RS256", s.rsa2048, "k", 503},
		"nothing":                            {`SET `, "RS256", s.rsa2048, "k", 503},
		"cut in the middle":                  {`SET {"keys":[` + raw(with(rsaKey, kid)), "RS256", s.rsa2048, "k", 503},
		"text after the set":                 {`SET {"keys":[` + raw(with(rsaKey, kid)) + `]}x`, "RS256", s.rsa2048, "k", 503},
		"bad UTF-8 in another member":        {`SET {"keys":[` + raw(with(rsaKey, kid)) + `],"x":"` + "\xff" + `"}`, "RS256", s.rsa2048, "k", 503},
		"the hundredth key":                  {`SET {"keys":[` + strings.Repeat(`{},`, 99) + raw(with(rsaKey, kid)) + `]}`, "RS256", s.rsa2048, "k", 200},
		"the hundred and first key":          {`SET {"keys":[` + strings.Repeat(`{},`, 100) + raw(with(rsaKey, kid)) + `]}`, "RS256", s.rsa2048, "k", 503},
		"small numbers that look like a key": one(rsaJWK(small, big.NewInt(3)), "RS256", s.rsa2048, 503),
	}
	iss := newIssuer(t, "ES256") // for its name and claims only
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			set, whole := strings.CutPrefix(tc.set, "SET ")
			if !whole {
				set = `{"keys":[` + set + `]}`
			}
			keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, set) }))
			t.Cleanup(keys.Close)
			cfg := configFor(iss)
			cfg.Issuers[0].JWKSURL = keys.URL
			v, err := auth.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = v.Close() })
			_ = v.Ready(t.Context())
			a := &arena{server: httptest.NewServer(newEngine(v.Middleware()))}
			t.Cleanup(a.server.Close)
			token := jwt.NewWithClaims(jwt.GetSigningMethod(tc.alg), jwt.MapClaims(claimsWith(iss, nil)))
			if tc.kid != nil {
				token.Header["kid"] = tc.kid
			}
			text, err := token.SignedString(tc.key)
			if err != nil {
				t.Fatal(err)
			}
			a.bearer(t, text).expect(t, tc.status)
		})
	}
}

// A signature on a curve that is not the algorithm's must not pass, nor may the
// twin of a good one be another token for whoever remembers tokens by their text.
// ASVS 9.1.1.
func TestTwinOfAnECDSASignature(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	token := mint(t, iss, map[string]any{"jti": "one"})
	i := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
	if err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N
	new(big.Int).Sub(order, new(big.Int).SetBytes(signature[32:])).FillBytes(signature[32:])
	twin := token[:i+1] + b64(signature)
	first, err := v.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	second, err := v.Verify(t.Context(), twin)
	if err != nil || first.TokenID != second.TokenID || first == second {
		t.Errorf("the twin is the same token, verified anew: %v, %v", second, err)
	}
}
