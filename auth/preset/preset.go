// Package preset knows what the access tokens of common providers look like: how
// their issuer is spelled, which claim names the audience, the scopes and the
// tenant, and what tells an access token from an ID token. Each function returns
// a configuration for auth.New to complete and check:
//
//	cfg := preset.Auth0("acme.eu.auth0.com", "https://api.example")
//	cfg.Audit = sink
//	v, err := auth.New(cfg)
//
// A blank argument makes a configuration that auth.New refuses.
package preset

import (
	"strings"

	"github.com/ginsec/ginsec/auth"
)

func config(issuer string, audiences []string) auth.Config {
	return auth.Config{Issuers: []auth.Issuer{{URL: issuer}}, Audiences: audiences}
}

// join spells a URL of non-blank parts; a blank one gives "", which is no issuer.
func join(parts ...string) string {
	for _, p := range parts {
		if strings.TrimSpace(p) == "" {
			return ""
		}
	}
	return strings.Join(parts, "")
}

// Auth0 is a tenant of Auth0, by its domain or custom domain without a scheme.
// Its issuer ends in a slash. Scopes are those of scope and, with RBAC, of
// permissions. Principal.Tenant stays empty; with organizations set TenantClaim
// to "org_id".
func Auth0(domain string, audiences ...string) auth.Config {
	cfg := config(join("https://", domain, "/"), audiences)
	cfg.Algorithms = []string{"RS256", "PS256"}
	cfg.ScopeClaims = []string{"scope", "permissions"}
	return cfg
}

// Keycloak is a realm of a Keycloak server, by the server's base URL. Its access
// tokens name an API in aud only when an audience mapper puts it there. ID and
// refresh tokens are told apart by the claim typ.
func Keycloak(base, realm string, audiences ...string) auth.Config {
	cfg := config(join(strings.TrimSuffix(base, "/"), "/realms/", realm), audiences)
	cfg.ScopeClaims = []string{"scope"}
	cfg.RequiredValues = map[string][]string{"typ": {"Bearer", "DPoP"}}
	return cfg
}

// Entra is one tenant of Microsoft Entra ID, by its id, whose tokens are of
// version 2.0. An audience is the application id of the API. The tenant becomes
// Principal.Tenant; app roles stay in the claim roles. Tokens for "common" or
// "organizations" come from as many issuers as there are tenants: list those
// tenants as issuers instead.
func Entra(tenantID string, audiences ...string) auth.Config {
	switch tenantID {
	case "common", "organizations", "consumers":
		tenantID = ""
	}
	cfg := config(join("https://login.microsoftonline.com/", tenantID, "/v2.0"), audiences)
	cfg.Algorithms = []string{"RS256"}
	cfg.ScopeClaims = []string{"scp"}
	cfg.TenantClaim = "tid"
	cfg.RequiredValues = map[string][]string{"ver": {"2.0"}}
	return cfg
}

// Cognito is a user pool of Amazon Cognito. Its access tokens have no aud: they
// are accepted by client_id, so the clientIDs are the applications whose tokens
// are good. ID tokens are told apart by token_use.
func Cognito(region, userPool string, clientIDs ...string) auth.Config {
	cfg := config(join("https://cognito-idp.", region, ".amazonaws.com/", userPool), clientIDs)
	cfg.Algorithms = []string{"RS256"}
	cfg.AudienceClaim = "client_id"
	cfg.ScopeClaims = []string{"scope"}
	cfg.RequiredValues = map[string][]string{"token_use": {"access"}}
	return cfg
}

// Google is Google's ID tokens for these client ids: its access tokens are opaque
// and cannot be verified here. With TenantClaim "hd" only accounts of a Workspace
// domain are accepted and the domain becomes the tenant.
func Google(clientIDs ...string) auth.Config {
	cfg := config("https://accounts.google.com", clientIDs)
	cfg.Algorithms = []string{"RS256"}
	cfg.Types = []string{"JWT"}
	return cfg
}

// Okta is a custom authorization server of an Okta organisation, by the
// organisation's domain without a scheme and the server's id, "default" for the
// first. Tokens of the organisation's own server are not for APIs to verify.
func Okta(domain, server string, audiences ...string) auth.Config {
	cfg := config(join("https://", domain, "/oauth2/", server), audiences)
	cfg.Algorithms = []string{"RS256"}
	cfg.ScopeClaims = []string{"scp"}
	cfg.ClientClaims = []string{"cid"}
	cfg.RequiredClaims = []string{"cid"} // ID tokens have none
	return cfg
}
