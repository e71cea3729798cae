package auth_test

import (
	"testing"

	"github.com/ginsec/ginsec/auth"
)

// A key set may be replaced while a signature is being checked: what was verified
// with the old keys is not remembered under the new ones.
func TestATokenVerifiedWithReplacedKeysIsNotRemembered(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "EdDSA")
	v, err := auth.New(auth.Config{
		Issuers: []auth.Issuer{{URL: iss.URL(), JWKS: iss.JWKS()}}, Audiences: []string{"api"},
		JWKS: auth.JWKSConfig{InsecureAllowLoopback: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if !auth.RememberedAcrossRenewal(v, iss.URL(), false) {
		t.Error("without a renewal it is forgotten")
	}
	if auth.RememberedAcrossRenewal(v, iss.URL(), true) {
		t.Error("it is remembered under keys that never verified it")
	}
}
