package auth_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth/authtest"
)

// An issuer that puts another key under the same id has withdrawn the old one: a
// remembered verdict of the old key must not outlive it.
func TestAKeyReplacedUnderItsIDEndsItsRememberedTokens(t *testing.T) {
	t.Parallel()
	iss, heir := newIssuer(t), newIssuer(t)
	if iss.KeyID() != heir.KeyID() {
		t.Fatalf("key ids %q and %q differ", iss.KeyID(), heir.KeyID())
	}
	var replaced atomic.Bool
	iss.Serve(func(w http.ResponseWriter, _ *http.Request) {
		keys := iss.JWKS()
		if replaced.Load() {
			keys = heir.JWKS()
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(keys)
	})
	cfg := configFor(iss)
	cfg.Issuers[0].JWKSURL = iss.JWKSURL()
	cfg.JWKS.Cooldown = time.Millisecond
	v := newVerifier(t, cfg)
	old := mint(t, iss, nil)
	for range 2 { // verified, then remembered
		if _, err := v.Verify(t.Context(), old); err != nil {
			t.Fatal(err)
		}
	}
	replaced.Store(true)
	fresh := mintWith(t, heir, map[string]any{"iss": iss.URL()}, authtest.Token{})
	stranger := mintWith(t, iss, nil, authtest.Token{Header: map[string]any{"kid": "unknown"}})
	for deadline := time.Now().Add(10 * time.Second); ; {
		_, _ = v.Verify(t.Context(), stranger) // asks for the newer set
		if _, err := v.Verify(t.Context(), fresh); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the new key is never used")
		}
	}
	if _, err := v.Verify(t.Context(), old); err == nil {
		t.Error("a token of the replaced key is still accepted")
	}
}
