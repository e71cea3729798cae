package auth

import (
	"slices"

	"github.com/golang-jwt/jwt/v5"
)

// algorithm is one signature algorithm and the keys that fit it.
type algorithm struct {
	name   string
	kty    string
	curve  string // "" for RSA
	method jwt.SigningMethod
}

// algorithms are all that can be configured. The methods are taken when the
// program starts: the library's registry can be changed by any package later.
var algorithms = []*algorithm{
	{"RS256", "RSA", "", jwt.SigningMethodRS256},
	{"RS384", "RSA", "", jwt.SigningMethodRS384},
	{"RS512", "RSA", "", jwt.SigningMethodRS512},
	{"PS256", "RSA", "", jwt.SigningMethodPS256},
	{"PS384", "RSA", "", jwt.SigningMethodPS384},
	{"PS512", "RSA", "", jwt.SigningMethodPS512},
	{"ES256", "EC", "P-256", jwt.SigningMethodES256},
	{"ES384", "EC", "P-384", jwt.SigningMethodES384},
	{"ES512", "EC", "P-521", jwt.SigningMethodES512},
	{"EdDSA", "OKP", "Ed25519", jwt.SigningMethodEdDSA},
	{"Ed25519", "OKP", "Ed25519", jwt.SigningMethodEdDSA}, // RFC 9864: the same under its full name
}

var defaultAlgorithms = []string{"RS256", "PS256", "ES256", "EdDSA", "Ed25519"}

func algorithmNamed(name string) *algorithm {
	i := slices.IndexFunc(algorithms, func(a *algorithm) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	return algorithms[i]
}

// fits reports whether k may verify signatures of a: its type and curve are a's,
// and so is its alg when it has one (RFC 8725 section 3.1).
func (a *algorithm) fits(k *key) bool {
	if k.kty != a.kty || k.curve != a.curve {
		return false
	}
	return k.alg == "" || k.alg == a.name || a.kty == "OKP" // both names of EdDSA are one
}
