package auth_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
)

func TestMetadataTellsWhatIsConfigured(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	for resource, want := range map[string]string{
		"https://api.example":         "https://api.example/.well-known/oauth-protected-resource",
		"https://api.example/":        "https://api.example/.well-known/oauth-protected-resource",
		"https://api.example/v1/docs": "https://api.example/.well-known/oauth-protected-resource/v1/docs",
		"https://api.example:8443/a":  "https://api.example:8443/.well-known/oauth-protected-resource/a",
		"https://api.example/a%2Fb/":  "https://api.example/.well-known/oauth-protected-resource/a%2Fb",
		"https://api.example/a%2F":    "https://api.example/.well-known/oauth-protected-resource/a%2F",
		"https://api.example/%C3%BC":  "https://api.example/.well-known/oauth-protected-resource/%C3%BC",
	} {
		cfg := configFor(iss)
		cfg.Resource, cfg.MTLS = resource, true
		cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, Required: true, Algorithms: []string{"ES256"}}
		v := newVerifier(t, cfg)
		w := do(newEngine(v.Middleware()))
		if got := w.Header().Get("WWW-Authenticate"); !strings.Contains(got, `resource_metadata="`+want+`"`) {
			t.Errorf("%s: the challenge is %s", resource, got)
		}
		r := gin.New()
		r.GET("/whoami", v.Metadata())
		var document map[string]any
		if err := json.Unmarshal(do(r).Body.Bytes(), &document); err != nil {
			t.Fatal(err)
		}
		if document["resource"] != resource || document["dpop_bound_access_tokens_required"] != true ||
			document["tls_client_certificate_bound_access_tokens"] != true || len(document["authorization_servers"].([]any)) != 1 {
			t.Errorf("%s: %v", resource, document)
		}
	}
}
