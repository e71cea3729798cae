package authtest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// Token says how [Issuer.MintWith] makes a token. The zero value is what
// [Issuer.Mint] does.
type Token struct {
	// KeyID chooses the signing key, also one that was removed; the current one by
	// default. A kid in Header does not choose: it only writes.
	KeyID string
	// Algorithm is written and used; the key's by default.
	Algorithm string
	// Header sets members of the JOSE header; nil removes one.
	Header map[string]any
	// RawHeader and Payload are signed instead of the header and the claims when
	// they are not nil, byte by byte.
	RawHeader, Payload []byte
}

// Claims returns the claims of an ordinary access token for audience, valid for
// five minutes, for tests to change and mint.
func (i *Issuer) Claims(subject, audience string) map[string]any {
	now := time.Now()
	return map[string]any{
		"iss": i.url, "sub": subject, "aud": audience,
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
}

// Mint signs exactly the claims given with the current key: nothing is added, so
// a test can leave out what it likes.
func (i *Issuer) Mint(claims map[string]any) (string, error) {
	return i.MintWith(claims, Token{})
}

// MintWith signs claims as t says.
func (i *Issuer) MintWith(claims map[string]any, t Token) (string, error) {
	i.mu.Lock()
	key := i.current
	if t.KeyID != "" {
		key = i.secret[t.KeyID]
	}
	i.mu.Unlock()
	if key == nil {
		return "", fmt.Errorf("authtest: no key %q", t.KeyID)
	}
	alg := t.Algorithm
	if alg == "" {
		alg = key.alg
	}
	header := map[string]any{"alg": alg, "kid": key.kid, "typ": "at+jwt"}
	change(header, t.Header)
	rawHeader, payload := t.RawHeader, t.Payload
	var err error
	if rawHeader == nil {
		if rawHeader, err = json.Marshal(header); err != nil {
			return "", fmt.Errorf("authtest: header: %w", err)
		}
	}
	if payload == nil {
		if payload, err = json.Marshal(claims); err != nil {
			return "", fmt.Errorf("authtest: claims: %w", err)
		}
	}
	return seal(alg, rawHeader, payload, key.private)
}

// seal signs a header and a payload into a token.
func seal(alg string, header, payload []byte, key any) (string, error) {
	b64 := base64.RawURLEncoding.EncodeToString
	text := b64(header) + "." + b64(payload)
	signature, err := sign(alg, text, key)
	if err != nil {
		return "", err
	}
	return text + "." + b64(signature), nil
}
