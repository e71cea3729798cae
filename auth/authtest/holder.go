package authtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"time"
)

// Holder is a client that proves to hold a key (DPoP, RFC 9449). It is safe for
// concurrent use.
type Holder struct {
	key        *signingKey
	public     map[string]any
	thumbprint string
}

// NewHolder makes a client with a key for algorithm, ES256 when empty.
func NewHolder(algorithm string) (*Holder, error) {
	if algorithm == "" {
		algorithm = "ES256"
	}
	key, err := newKey(algorithm, "")
	if err != nil {
		return nil, err
	}
	public := publicJWK(key.private.Public())
	canonical, err := json.Marshal(public) // sorted names, no white space: RFC 7638's form
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return &Holder{key, public, base64.RawURLEncoding.EncodeToString(sum[:])}, nil
}

// Confirmation is the cnf claim of a token bound to this client.
func (h *Holder) Confirmation() map[string]any { return map[string]any{"jkt": h.thumbprint} }

// Proof says how [Holder.Prove] makes a proof. The zero value of every field but
// Method, URI and Token is what a correct client does.
type Proof struct {
	// Method and URI are those of the request, Token the access token it carries.
	Method, URI, Token string
	// Nonce is the server's, if it gave one.
	Nonce string
	// Claims and Header set members of either part; nil removes one.
	Claims, Header map[string]any
}

// Prove makes a proof with a new id.
func (h *Holder) Prove(p Proof) (string, error) {
	ath := sha256.Sum256([]byte(p.Token))
	claims := map[string]any{
		"jti": rand.Text(), "htm": p.Method, "htu": p.URI, "iat": time.Now().Unix(),
		"ath": base64.RawURLEncoding.EncodeToString(ath[:]),
	}
	if p.Nonce != "" {
		claims["nonce"] = p.Nonce
	}
	header := map[string]any{"typ": "dpop+jwt", "alg": h.key.alg, "jwk": h.public}
	change(claims, p.Claims)
	change(header, p.Header)
	rawHeader, err := json.Marshal(header)
	if err != nil {
		return "", fmt.Errorf("authtest: header: %w", err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("authtest: claims: %w", err)
	}
	return seal(h.key.alg, rawHeader, payload, h.key.private)
}

// change sets members of m; nil removes one.
func change(m, by map[string]any) {
	maps.Copy(m, by)
	maps.DeleteFunc(m, func(_ string, value any) bool { return value == nil })
}
