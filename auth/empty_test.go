package auth_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/auth"
)

// A claim that is demanded must say something (RFC 9068 section 2.2).
func TestADemandedClaimThatIsEmptyIsNotThere(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t)
	cfg := configFor(iss)
	cfg.Profile, cfg.RequiredClaims = auth.RFC9068, []string{"groups"}
	v := newVerifier(t, cfg)
	for _, tc := range []struct {
		name   string
		change map[string]any
		good   bool
	}{
		{"all there", nil, true},
		{"an empty client_id", map[string]any{"client_id": ""}, false},
		{"an empty jti", map[string]any{"jti": ""}, false},
		{"an empty string demanded by name", map[string]any{"groups": ""}, false},
		{"an empty list demanded by name", map[string]any{"groups": []string{}}, false},
		{"zero demanded by name", map[string]any{"groups": 0}, true},
	} {
		claims := map[string]any{"client_id": "app", "jti": "1", "groups": []string{"a"}}
		for name, value := range tc.change {
			claims[name] = value
		}
		if _, err := v.Verify(t.Context(), mint(t, iss, claims)); (err == nil) != tc.good {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

// Whoever reads a subject or a tenant in a log, a header or a key must be able to
// trust that it is one line.
func TestNamesHoldNoControlCharacters(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.TenantClaim = "org"
	v := newVerifier(t, cfg)
	for name, good := range map[string]bool{
		"acme": true, "acme corp": true, "żółć|🦊": true, "a\u0080b": true, "~": true, strings.Repeat("t", 255): true,
		"": false, "a\x00": false, "a\nb": false, "\r": false, "\tb": false, "a\x1fb": false, "a\x7fb": false, "\x1b[2J": false,
		strings.Repeat("t", 256): false, strings.Repeat("é", 128): false,
	} {
		for _, claim := range []string{"sub", "org"} {
			claims := map[string]any{"sub": "alice", "org": "acme"}
			claims[claim] = name
			if _, err := v.Verify(t.Context(), mint(t, iss, claims)); (err == nil) != good {
				t.Errorf("%s %q: %v", claim, name, err)
			}
		}
	}
}
