package auth_test

import (
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
