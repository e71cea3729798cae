package peers

import (
	"context"

	"github.com/MicahParks/keyfunc/v3"
	ginjwt "github.com/appleboy/gin-jwt/v3"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"
	"github.com/lestrrat-go/httprc/v3"
	"github.com/lestrrat-go/jwx/v3/jwk"
	jwxjwt "github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/ginsec/ginsec/bench/internal/issuer"
)

// Claims are what the hand-written chain decodes.
type Claims struct {
	jwt.RegisteredClaims
	Tenant string `json:"tenant"`
	Scope  string `json:"scope"`
}

// Keyfunc is keyfunc over the issuer's key set. It stops with ctx.
func Keyfunc(ctx context.Context, i *issuer.Issuer) keyfunc.Keyfunc {
	return must(keyfunc.NewDefaultCtx(ctx, []string{i.JWKS}))
}

// ParserOptions pin what every golang-jwt chain must pin.
func ParserOptions(alg string) []jwt.ParserOption {
	return []jwt.ParserOption{
		jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(issuer.URL),
		jwt.WithAudience(issuer.Audience), jwt.WithExpirationRequired(),
	}
}

// ByHand is golang-jwt with keyfunc in twenty lines of an application's own.
func ByHand(ctx context.Context, i *issuer.Issuer) Auth {
	keys := Keyfunc(ctx, i)
	parser := jwt.NewParser(ParserOptions("RS256")...)
	return Auth{
		Name: "golang-jwt+keyfunc",
		Handler: func(c *gin.Context) {
			raw, ok := bearer(c)
			if !ok {
				unauthorized(c)
				return
			}
			var claims Claims
			if _, err := parser.ParseWithClaims(raw, &claims, keys.Keyfunc); err != nil {
				unauthorized(c)
				return
			}
			c.Set(userKey, User{claims.Subject, claims.Tenant, claims.ID})
		},
		User: userOf,
	}
}

// GinJWT is appleboy/gin-jwt with keyfunc.
func GinJWT(ctx context.Context, i *issuer.Issuer) Auth {
	keys := Keyfunc(ctx, i)
	mw := must(ginjwt.New(&ginjwt.GinJWTMiddleware{
		Realm: "bench", SigningAlgorithm: "RS256", KeyFunc: keys.Keyfunc,
		ParseOptions: ParserOptions("RS256"), IdentityKey: "sub",
	}))
	text := func(m jwt.MapClaims, name string) string { s, _ := m[name].(string); return s }
	return Auth{
		Name:    "gin-jwt",
		Handler: mw.MiddlewareFunc(),
		User: func(c *gin.Context) User {
			m := ginjwt.ExtractClaims(c)
			return User{text(m, "sub"), text(m, "tenant"), text(m, "jti")}
		},
	}
}

// OIDC is coreos/go-oidc with a remote key set.
func OIDC(ctx context.Context, i *issuer.Issuer) Auth {
	v := oidc.NewVerifier(issuer.URL, oidc.NewRemoteKeySet(ctx, i.JWKS), &oidc.Config{
		ClientID: issuer.Audience, SupportedSigningAlgs: []string{"RS256"},
	})
	return Auth{
		Name: "go-oidc",
		Handler: func(c *gin.Context) {
			raw, ok := bearer(c)
			if !ok {
				unauthorized(c)
				return
			}
			token, err := v.Verify(c.Request.Context(), raw)
			if err != nil {
				unauthorized(c)
				return
			}
			var more struct {
				Tenant string `json:"tenant"`
				ID     string `json:"jti"`
			}
			if err := token.Claims(&more); err != nil {
				unauthorized(c)
				return
			}
			c.Set(userKey, User{token.Subject, more.Tenant, more.ID})
		},
		User: userOf,
	}
}

// JWX is lestrrat-go/jwx with a cached key set.
func JWX(ctx context.Context, i *issuer.Issuer) Auth {
	cache := must(jwk.NewCache(ctx, httprc.NewClient()))
	if err := cache.Register(ctx, i.JWKS); err != nil {
		panic(err)
	}
	set := must(cache.CachedSet(i.JWKS))
	return Auth{
		Name: "jwx",
		Handler: func(c *gin.Context) {
			raw, ok := bearer(c)
			if !ok {
				unauthorized(c)
				return
			}
			token, err := jwxjwt.ParseString(raw, jwxjwt.WithKeySet(set), jwxjwt.WithValidate(true),
				jwxjwt.WithIssuer(issuer.URL), jwxjwt.WithAudience(issuer.Audience), jwxjwt.WithRequiredClaim("exp"))
			if err != nil {
				unauthorized(c)
				return
			}
			var tenant string
			_ = token.Get("tenant", &tenant)
			subject, _ := token.Subject()
			id, _ := token.JwtID()
			c.Set(userKey, User{subject, tenant, id})
		},
		User: userOf,
	}
}
