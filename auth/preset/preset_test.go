package preset_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/auth/preset"
	"github.com/ginsec/ginsec/identity"
)

type claims = map[string]any

// Every provider's documented access token passes; its other tokens, and those of
// a neighbour, do not.
func TestDocumentedTokensPassAndTheirNeighboursDoNot(t *testing.T) {
	t.Parallel()
	iss, err := authtest.New(authtest.Config{Algorithms: []string{"RS256"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = iss.Close() })
	for _, tc := range []struct {
		name  string
		cfg   auth.Config
		typ   any
		token claims
		want  identity.Principal
		wrong map[string]claims
	}{
		{
			name: "Auth0", cfg: preset.Auth0("acme.eu.auth0.com", "https://api.example"), typ: "JWT",
			token: claims{
				"iss": "https://acme.eu.auth0.com/", "sub": "auth0|5f7c", "azp": "my_client_id", "scope": "openid read:docs",
				"aud": []string{"https://api.example", "https://acme.eu.auth0.com/userinfo"}, "permissions": []string{"write:docs"}, "gty": "password",
			},
			want: identity.Principal{Subject: "auth0|5f7c", ClientID: "my_client_id", Scopes: []string{"openid", "read:docs", "write:docs"}},
			wrong: map[string]claims{
				"the issuer without its slash": {"iss": "https://acme.eu.auth0.com"},
				"an ID token":                  {"aud": "my_client_id"},
			},
		},
		{
			name: "Keycloak", cfg: preset.Keycloak("https://sso.example", "acme", "docs-api"), typ: "JWT",
			token: claims{
				"iss": "https://sso.example/realms/acme", "sub": "f6e1", "aud": []string{"docs-api", "account"}, "typ": "Bearer", "azp": "web",
				"session_state": "x", "acr": "1", "scope": "openid email", "realm_access": claims{"roles": []string{"offline_access"}}, "jti": "onrtac:1",
			},
			want: identity.Principal{Subject: "f6e1", ClientID: "web", TokenID: "onrtac:1", Scopes: []string{"openid", "email"}},
			wrong: map[string]claims{
				"an ID token": {"typ": "ID"}, "a refresh token": {"typ": "Refresh"}, "another realm": {"iss": "https://sso.example/realms/other"},
				"no typ at all": {"typ": nil},
			},
		},
		{
			name: "Entra", cfg: preset.Entra("72f988bf-86f1-41af-91ab-2d7cd011db47", "6e74172b-be56-4843-9ff4-e66a39bb12e3"), typ: "JWT",
			token: claims{
				"iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0", "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
				"sub": "HKZpfaHyWadeOouYlitjrI", "azp": "91b3", "azpacr": "0", "scp": "access_as_user", "oid": "690222be", "ver": "2.0",
				"tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "uti": "fqiB",
			},
			want: identity.Principal{Subject: "HKZpfaHyWadeOouYlitjrI", ClientID: "91b3", Tenant: "72f988bf-86f1-41af-91ab-2d7cd011db47", Scopes: []string{"access_as_user"}},
			wrong: map[string]claims{
				"a token of version 1": {"iss": "https://sts.windows.net/72f988bf-86f1-41af-91ab-2d7cd011db47/", "ver": "1.0"},
				"a lying version":      {"ver": "1.0"}, "without a tenant": {"tid": nil},
			},
		},
		{
			name: "Cognito", cfg: preset.Cognito("eu-central-1", "eu-central-1_abc", "7lhl"), typ: nil,
			token: claims{
				"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc", "sub": "aaaa-bbbb", "client_id": "7lhl", "token_use": "access",
				"scope": "docs/read", "username": "jane", "jti": "j", "version": 2, "origin_jti": "o",
			},
			want: identity.Principal{Subject: "aaaa-bbbb", ClientID: "7lhl", TokenID: "j", Scopes: []string{"docs/read"}},
			wrong: map[string]claims{
				"an ID token": {"token_use": "id", "aud": "7lhl", "client_id": nil}, "another client": {"client_id": "other"},
				"an audience instead of a client": {"client_id": nil, "aud": "7lhl"},
			},
		},
		{
			name: "Google", cfg: preset.Google("1234.apps.googleusercontent.com"), typ: "JWT",
			token: claims{
				"iss": "https://accounts.google.com", "azp": "1234.apps.googleusercontent.com", "aud": "1234.apps.googleusercontent.com",
				"sub": "10769150350006150715113082367", "email": "jane@corp.example", "email_verified": true, "hd": "corp.example",
			},
			want: identity.Principal{Subject: "10769150350006150715113082367", ClientID: "1234.apps.googleusercontent.com"},
			wrong: map[string]claims{
				"another client's token": {"aud": "666.apps.googleusercontent.com"}, "the issuer without a scheme": {"iss": "accounts.google.com"},
			},
		},
		{
			name: "Okta", cfg: preset.Okta("acme.okta.com", "default", "api://default"), typ: nil,
			token: claims{
				"ver": 1, "jti": "AT.0mP4", "iss": "https://acme.okta.com/oauth2/default", "aud": "api://default", "cid": "nmdP1f", "uid": "00uq",
				"scp": []string{"openid", "docs"}, "sub": "jane@corp.example",
			},
			want: identity.Principal{Subject: "jane@corp.example", ClientID: "nmdP1f", TokenID: "AT.0mP4", Scopes: []string{"openid", "docs"}},
			wrong: map[string]claims{
				"an ID token": {"aud": "nmdP1f", "cid": nil}, "the organisation's own server": {"iss": "https://acme.okta.com"},
			},
		},
	} {
		tc.cfg.Issuers[0].JWKS = iss.JWKS()
		v, err := auth.New(tc.cfg)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		verify := func(change claims) (*identity.Principal, error) {
			now := time.Now().Unix()
			token := claims{"iat": now, "nbf": now, "exp": now + 300}
			maps.Copy(token, tc.token)
			maps.Copy(token, change)
			maps.DeleteFunc(token, func(_ string, value any) bool { return value == nil })
			text, err := iss.MintWith(token, authtest.Token{Header: claims{"typ": tc.typ}})
			if err != nil {
				t.Fatal(err)
			}
			return v.Verify(t.Context(), text)
		}
		p, err := verify(nil)
		if err != nil {
			t.Errorf("%s: the documented token: %v", tc.name, err)
			continue
		}
		if p.Subject != tc.want.Subject || p.ClientID != tc.want.ClientID || p.Tenant != tc.want.Tenant || p.TokenID != tc.want.TokenID ||
			!slices.Equal(slices.Sorted(slices.Values(p.Scopes)), slices.Sorted(slices.Values(tc.want.Scopes))) {
			t.Errorf("%s: principal is %+v", tc.name, p)
		}
		for name, change := range tc.wrong {
			if _, err := verify(change); err == nil {
				t.Errorf("%s: %s passes", tc.name, name)
			}
		}
		_ = v.Close()
	}
}

func TestBlankArgumentsAreRefused(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]auth.Config{
		"Auth0": preset.Auth0("", "a"), "Keycloak": preset.Keycloak("https://sso.example", " ", "a"), "Entra": preset.Entra("common", "a"),
		"Cognito": preset.Cognito("", "pool", "a"), "Google": preset.Google(), "Okta": preset.Okta("acme.okta.com", "", "a"),
	} {
		var mistake *auth.ConfigError
		if _, err := auth.New(cfg); !errors.As(err, &mistake) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleAuth0() {
	cfg := preset.Auth0("acme.eu.auth0.com", "https://api.example")
	fmt.Println(cfg.Issuers[0].URL, cfg.Audiences)
	// Output: https://acme.eu.auth0.com/ [https://api.example]
}

func ExampleCognito() {
	iss, err := authtest.New(authtest.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer iss.Close()
	cfg := preset.Cognito("eu-central-1", "eu-central-1_abc", "my-app")
	cfg.Issuers[0].JWKS = iss.JWKS() // in production the keys are discovered
	v, err := auth.New(cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()
	now := time.Now().Unix()
	token, err := iss.Mint(map[string]any{
		"iss": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_abc", "sub": "jane",
		"client_id": "my-app", "token_use": "access", "iat": now, "exp": now + 300,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	p, err := v.Verify(context.Background(), token)
	fmt.Println(p.Subject, err)
	// Output: jane <nil>
}
