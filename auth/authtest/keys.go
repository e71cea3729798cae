package authtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// signingKey is one private key and the public document about it.
type signingKey struct {
	kid, alg string
	private  crypto.Signer
	jwk      map[string]any
}

// newKey makes a key that fits alg.
func newKey(alg, kid string) (*signingKey, error) {
	var private crypto.Signer
	var err error
	switch alg {
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		private, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA", "Ed25519":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	default:
		return nil, fmt.Errorf("authtest: no key for algorithm %q", alg)
	}
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	jwk := publicJWK(private.Public())
	jwk["kid"], jwk["alg"], jwk["use"] = kid, alg, "sig"
	return &signingKey{kid: kid, alg: alg, private: private, jwk: jwk}, nil
}

// publicJWK describes a public key (RFC 7518 section 6, RFC 8037).
func publicJWK(key crypto.PublicKey) map[string]any {
	b64 := base64.RawURLEncoding.EncodeToString
	switch k := key.(type) {
	case *rsa.PublicKey:
		var e [4]byte
		binary.BigEndian.PutUint32(e[:], uint32(k.E))
		return map[string]any{"kty": "RSA", "n": b64(k.N.Bytes()), "e": b64(e[1:])}
	case *ecdsa.PublicKey:
		raw, err := k.Bytes() // 0x04, X, Y
		if err != nil {
			return map[string]any{}
		}
		half := len(raw) / 2
		return map[string]any{
			"kty": "EC", "crv": k.Params().Name,
			"x": b64(raw[1 : half+1]), "y": b64(raw[half+1:]),
		}
	case ed25519.PublicKey:
		return map[string]any{"kty": "OKP", "crv": "Ed25519", "x": b64(k)}
	default:
		return map[string]any{}
	}
}

// sign signs text with alg, which must fit key.
func sign(alg, text string, key any) ([]byte, error) {
	if alg == "Ed25519" { // RFC 9864's name for the same signature
		alg = "EdDSA"
	}
	method := jwt.GetSigningMethod(alg)
	if method == nil {
		return nil, fmt.Errorf("authtest: unknown algorithm %q", alg)
	}
	return method.Sign(text, key)
}
