package auth

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"slices"

	"github.com/MicahParks/jwkset"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

// key is one usable public key of a set.
type key struct {
	kid, kty, curve, alg string
	hasKid               bool
	private              bool // the document holds the private half too
	jwk                  jwkset.JWK
	public               crypto.PublicKey // what verifies
}

// jwk is what counts of a JSON Web Key. Certificates are left alone: a key is
// trusted because of where it was fetched, and a bad x5c must not spoil it.
type jwk struct {
	Kty    string    `json:"kty"`
	Use    *string   `json:"use"`
	KeyOps *[]string `json:"key_ops"`
	Alg    *string   `json:"alg"`
	Kid    *string   `json:"kid"`
	Crv    string    `json:"crv"`
	X      string    `json:"x"`
	Y      string    `json:"y"`
	N      string    `json:"n"`
	E      string    `json:"e"`

	// That they are there is what counts.
	D jsonv2.Value `json:"d"`
	P jsonv2.Value `json:"p"`
}

var (
	errNoKeys    = errors.New("auth: the key set has no usable key")
	errNotKeySet = errors.New("auth: the answer is not a key set")
	errKey       = errors.New("auth: unusable key")

	errPrivateKey = errors.New("auth: the key set holds a private key: whoever reads it can mint tokens")
)

// parseKeys returns the usable keys of a key set (RFC 7517 section 5). A key that
// cannot be used never spoils the others; a set without any is an error.
func parseKeys(raw []byte, allowed []*algorithm, maxKeys int) ([]*key, error) {
	set := keySet{text: string(raw), limit: maxKeys}
	if err := jsonv2.Unmarshal(raw, &set, jsonv2.AllowDuplicateNames(true)); err != nil || !set.found {
		return nil, errNotKeySet
	}
	var keys []*key
	for _, text := range set.keys {
		if k, err := parseKey(text, allowed); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

// keySet is the outer object. Duplicate names are allowed while it is walked,
// or one bad key would make all of it unreadable; keys are then read strictly.
type keySet struct {
	text  string
	limit int
	found bool
	keys  []string
}

// UnmarshalJSONFrom finds the one member "keys".
func (s *keySet) UnmarshalJSONFrom(dec *jsonv2.Decoder) error {
	reason, err := members(dec, s.text, func(name, value string) Reason {
		if name != "keys" {
			return ""
		}
		if s.found || value[0] != '[' {
			return reasonMalformed
		}
		s.found = true
		return s.elements(value)
	})
	if err == nil && reason != "" {
		return errStop
	}
	return err
}

func (s *keySet) elements(value string) Reason {
	dec := jsonv2.NewDecoder([]byte(value), jsonv2.AllowDuplicateNames(true))
	if _, err := dec.ReadToken(); err != nil {
		return reasonMalformed
	}
	for len(s.keys) < s.limit && dec.PeekKind() != ']' {
		raw, err := dec.ReadValue()
		if err != nil {
			return reasonMalformed
		}
		s.keys = append(s.keys, string(raw))
	}
	return ""
}

func parseKey(text string, allowed []*algorithm) (*key, error) {
	var j jwk
	if text[0] != '{' || jsonv2.Unmarshal([]byte(text), &j) != nil || hasNull(text) {
		return nil, errKey
	}
	if j.Use != nil && *j.Use != "sig" || j.KeyOps != nil && !slices.Contains(*j.KeyOps, "verify") {
		return nil, errKey
	}
	k := &key{kty: j.Kty, curve: j.Crv, private: j.D != nil || j.P != nil}
	if j.Kid != nil {
		k.kid, k.hasKid = *j.Kid, true
	}
	if j.Alg != nil {
		k.alg = *j.Alg
		if k.alg == "" {
			return nil, errKey
		}
	}
	if j.Kty == "RSA" {
		k.curve = ""
	}
	if !slices.ContainsFunc(allowed, func(a *algorithm) bool { return a.fits(k) }) ||
		k.kty == "OKP" && k.alg != "" && k.alg != "EdDSA" && k.alg != "Ed25519" {
		return nil, errKey
	}
	return k, k.load(&j)
}

// hasNull reports whether a member that counts is null, which the decoder takes
// for absent: a kid of null is not "no kid".
func hasNull(text string) bool {
	n := nullable{text: text}
	return jsonv2.Unmarshal([]byte(text), &n) != nil
}

type nullable struct{ text string }

// UnmarshalJSONFrom fails at the first null among the members that count.
func (n *nullable) UnmarshalJSONFrom(dec *jsonv2.Decoder) error {
	reason, err := members(dec, n.text, func(name, value string) Reason {
		if value == "null" && slices.Contains([]string{"kty", "use", "key_ops", "alg", "kid", "crv", "x", "y", "n", "e"}, name) {
			return reasonMalformed
		}
		return ""
	})
	if err == nil && reason != "" {
		return errStop
	}
	return err
}

// load makes the key itself, through the key library, and judges its strength.
func (k *key) load(j *jwk) error {
	if e, err := base64.RawURLEncoding.DecodeString(j.E); j.Kty == "RSA" && (err != nil || len(e) == 0 || len(e) > 4) {
		return errKey // the library would cut a longer exponent
	}
	made, err := jwkset.NewJWKFromMarshal(jwkset.JWKMarshal{
		KTY: jwkset.KTY(j.Kty), CRV: jwkset.CRV(j.Crv), X: j.X, Y: j.Y, N: j.N, E: j.E,
	}, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return errKey
	}
	switch public := made.Key().(type) {
	case *rsa.PublicKey:
		bits := public.N.BitLen()
		if bits < 2048 || bits > 8192 || public.N.Bit(0) == 0 || public.E < 3 || public.E&1 == 0 || public.E >= 1<<31-1 {
			return errKey
		}
	case *ecdsa.PublicKey, ed25519.PublicKey:
	default:
		return errKey
	}
	k.jwk = made
	return nil
}
