package auth_test

import (
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/peers"
	"github.com/ginsec/ginsec/identity"
)

// ginsecVerifier is auth as its documentation sets it up, with or without the
// cache of verified tokens.
func ginsecVerifier(tb testing.TB, i *issuer.Issuer, warm bool) *auth.Verifier {
	tb.Helper()
	cfg := auth.Config{
		Issuers:     []auth.Issuer{{URL: issuer.URL, JWKSURL: i.JWKS}},
		Audiences:   []string{issuer.Audience},
		TenantClaim: "tenant",
		JWKS:        auth.JWKSConfig{InsecureAllowLoopback: true},
	}
	if !warm {
		cfg.Cache.Entries = -1
	}
	v, err := auth.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = v.Close() })
	if err := v.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return v
}

func ginsecAuth(tb testing.TB, i *issuer.Issuer, warm bool) peers.Auth {
	tb.Helper()
	return peers.Auth{
		Name:    "ginsec",
		Handler: ginsecVerifier(tb, i, warm).Middleware(),
		User: func(c *gin.Context) peers.User {
			p, _ := identity.From(c)
			return peers.User{Subject: p.Subject, Tenant: p.Tenant, TokenID: p.TokenID}
		},
	}
}

func ginsecWarm(tb testing.TB, i *issuer.Issuer) peers.Auth {
	tb.Helper()
	return ginsecAuth(tb, i, true)
}

func ginsecCold(tb testing.TB, i *issuer.Issuer) peers.Auth {
	tb.Helper()
	return ginsecAuth(tb, i, false)
}
