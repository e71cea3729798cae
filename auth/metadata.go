package auth

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

const wellKnown = "/.well-known/oauth-protected-resource"

// Metadata returns the handler of this API's protected-resource metadata
// (RFC 9728): what it is called, and who issues tokens for it. Config.Resource
// must be set, or it panics. Register it where the RFC wants it, outside of
// authentication: /.well-known/oauth-protected-resource, followed by the path of
// Resource if it has one.
func (v *Verifier) Metadata() gin.HandlerFunc {
	if v.cfg.Resource == "" {
		panic("auth: Metadata needs Config.Resource")
	}
	document := map[string]any{
		"resource": v.cfg.Resource, "bearer_methods_supported": []string{"header"},
	}
	servers := make([]string, len(v.cfg.Issuers))
	for i, iss := range v.cfg.Issuers {
		servers[i] = iss.URL
	}
	document["authorization_servers"] = servers
	if d := v.cfg.DPoP; d != nil {
		document["dpop_signing_alg_values_supported"] = d.algorithms()
		document["dpop_bound_access_tokens_required"] = d.Required
	}
	if v.cfg.MTLS {
		document["tls_client_certificate_bound_access_tokens"] = true
	}
	body, err := json.Marshal(document)
	if err != nil {
		panic("auth: Metadata: " + err.Error()) // cannot happen: strings and booleans
	}
	return func(c *gin.Context) { c.Data(http.StatusOK, "application/json", body) }
}

// metadataURL is where the metadata of resource is: the well-known part stands
// between host and path (RFC 9728 section 3.1).
func metadataURL(resource string) string {
	u, err := url.Parse(resource)
	if err != nil {
		return ""
	}
	u.RawPath = wellKnown + strings.TrimSuffix(u.EscapedPath(), "/")
	if u.Path, err = url.PathUnescape(u.RawPath); err != nil {
		return ""
	}
	return u.String()
}
