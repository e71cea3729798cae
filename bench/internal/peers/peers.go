// Package peers sets up the libraries a user would pick instead, as their own
// documentation does, and pins what a verifier must pin: algorithm, issuer,
// audience, expiry. A peer that checked less would only look faster.
package peers

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	jwtmiddleware "github.com/auth0/go-jwt-middleware/v3"
	"github.com/auth0/go-jwt-middleware/v3/jwks"
	"github.com/auth0/go-jwt-middleware/v3/validator"
	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/bench/internal/issuer"
)

// User is what a handler needs to know of a request.
type User struct{ Subject, Tenant, TokenID string }

// Auth is one way to authenticate requests on gin.
type Auth struct {
	Name    string
	Handler gin.HandlerFunc
	User    func(*gin.Context) User
}

const userKey = "user"

// userOf reads what the handlers below published.
func userOf(c *gin.Context) User { return c.MustGet(userKey).(User) }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func bearer(c *gin.Context) (string, bool) {
	token, ok := strings.CutPrefix(c.Request.Header.Get("Authorization"), "Bearer ")
	return token, ok && token != ""
}

func unauthorized(c *gin.Context) {
	c.Header("WWW-Authenticate", "Bearer")
	c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "unauthorized"})
}

type auth0Claims struct {
	Tenant string `json:"tenant"`
	ID     string `json:"jti"`
}

// Validate has nothing to check beyond the registered claims.
func (*auth0Claims) Validate(context.Context) error { return nil }

// Auth0 is auth0/go-jwt-middleware with its caching provider.
func Auth0(i *issuer.Issuer) Auth {
	at := must(url.Parse(issuer.URL))
	keys := must(url.Parse(i.JWKS))
	provider := must(jwks.NewCachingProvider(jwks.WithIssuerURL(at), jwks.WithCustomJWKSURI(keys)))
	v := must(validator.New(
		validator.WithKeyFunc(provider.KeyFunc),
		validator.WithAlgorithm(validator.RS256),
		validator.WithIssuer(issuer.URL),
		validator.WithAudience(issuer.Audience),
		validator.WithCustomClaims(func() *auth0Claims { return &auth0Claims{} }),
	))
	mw := must(jwtmiddleware.New(jwtmiddleware.WithValidator(v)))
	return Auth{
		Name: "auth0",
		Handler: func(c *gin.Context) {
			passed := false
			mw.CheckJWT(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				passed = true
				c.Request = r
				c.Next()
			})).ServeHTTP(c.Writer, c.Request)
			if !passed {
				c.Abort()
			}
		},
		User: func(c *gin.Context) User {
			claims := must(jwtmiddleware.GetClaims[*validator.ValidatedClaims](c.Request.Context()))
			own := claims.CustomClaims.(*auth0Claims)
			return User{claims.RegisteredClaims.Subject, own.Tenant, own.ID}
		},
	}
}
