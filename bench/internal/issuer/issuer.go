// Package issuer signs the tokens of all comparisons and publishes their keys on
// loopback. Every variant verifies the same bytes with the same key set.
package issuer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What tokens say and verifiers demand.
const (
	URL      = "https://id.example.com/"
	Audience = "https://api.example.com"
	Subject  = "user_2f7c8ec7c33c6c004bbafe82"
	Tenant   = "tenant_41"
)

// Issuer has four keys: two for RSA, one for ECDSA, one for Ed25519. Tokens are
// signed with the second RSA key, so that a linear search has something to do.
type Issuer struct {
	// JWKS is where the key set is published.
	JWKS string

	keys   map[string]key // by algorithm
	spare  *rsa.PrivateKey
	server *httptest.Server
	fresh  []string
	serial int
}

type key struct {
	id     string
	method jwt.SigningMethod
	signer crypto.Signer
}

// New starts an issuer on loopback. Keys and pre-signed tokens come from the
// file that the environment variable GINSEC_BENCH_FIXTURE names, if any.
func New() *Issuer {
	i := fromFixture()
	if i == nil {
		i = generate()
	}
	set := i.keySet()
	i.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(set)
	}))
	i.JWKS = i.server.URL + "/jwks.json"
	return i
}

// Close stops the server.
func (i *Issuer) Close() { i.server.Close() }

func generate() *Issuer {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	spare, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	return assemble(spare, r, e, ed)
}

func assemble(spare, r *rsa.PrivateKey, e *ecdsa.PrivateKey, ed ed25519.PrivateKey) *Issuer {
	return &Issuer{spare: spare, keys: map[string]key{
		"RS256": {"rsa-2", jwt.SigningMethodRS256, r},
		"ES256": {"ec-1", jwt.SigningMethodES256, e},
		"EdDSA": {"ed-1", jwt.SigningMethodEdDSA, ed},
	}}
}

// Public returns the key that verifies alg's tokens.
func (i *Issuer) Public(alg string) crypto.PublicKey { return i.keys[alg].signer.Public() }

// Claims returns the claims of a valid token; jti is unique.
func (i *Issuer) Claims() jwt.MapClaims {
	now := time.Now()
	i.serial++
	return jwt.MapClaims{
		"iss": URL, "aud": []string{Audience}, "sub": Subject, "tenant": Tenant,
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(2 * time.Hour).Unix(),
		"jti":       "jti-" + strconv.FormatInt(now.UnixNano(), 36) + "-" + strconv.Itoa(i.serial),
		"client_id": "spa_9f1c2d7b", "scope": "openid profile documents:read documents:write",
		"name": "Alice Example", "email": "alice@example.com", "email_verified": true, "locale": "en-GB",
	}
}

// Sign returns a token of alg with the given claims.
func (i *Issuer) Sign(alg string, claims jwt.MapClaims) string {
	k := i.keys[alg]
	t := jwt.NewWithClaims(k.method, claims)
	t.Header["kid"] = k.id
	text, err := t.SignedString(k.signer)
	if err != nil {
		panic(err)
	}
	return text
}

// Token returns a valid token of alg.
func (i *Issuer) Token(alg string) string { return i.Sign(alg, i.Claims()) }

// Edited returns a token of alg whose claims were changed by edit.
func (i *Issuer) Edited(alg string, edit func(jwt.MapClaims)) string {
	claims := i.Claims()
	edit(claims)
	return i.Sign(alg, claims)
}

// Tampered returns a token whose signature does not fit any more.
func (i *Issuer) Tampered(alg string) string {
	b := []byte(i.Token(alg))
	at := len(b) - 40
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}

// Fresh returns n RS256 tokens that differ, pre-signed if the fixture has that many.
func (i *Issuer) Fresh(n int) []string {
	for len(i.fresh) < n {
		i.fresh = append(i.fresh, i.Token("RS256"))
	}
	return i.fresh[:n]
}

// Presigned is how many fresh tokens there are without signing any now; 512 when
// there is no fixture.
func (i *Issuer) Presigned() int { return max(len(i.fresh), 512) }

func (i *Issuer) keySet() []byte {
	text := base64.RawURLEncoding.EncodeToString
	rsaKey := func(id string, k *rsa.PublicKey) map[string]string {
		return map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id,
			"n": text(k.N.Bytes()), "e": text(big.NewInt(int64(k.E)).Bytes()),
		}
	}
	e := i.Public("ES256").(*ecdsa.PublicKey)
	point, err := e.Bytes() // 4, then x and y of 32 bytes each
	if err != nil {
		panic(err)
	}
	set, err := json.Marshal(map[string]any{"keys": []map[string]string{
		rsaKey("rsa-1", &i.spare.PublicKey),
		rsaKey("rsa-2", i.Public("RS256").(*rsa.PublicKey)),
		{"kty": "EC", "use": "sig", "alg": "ES256", "kid": "ec-1", "crv": "P-256", "x": text(point[1:33]), "y": text(point[33:])},
		{"kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": "ed-1", "crv": "Ed25519", "x": text(i.Public("EdDSA").(ed25519.PublicKey))},
	}})
	if err != nil {
		panic(err)
	}
	return set
}
