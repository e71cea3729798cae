package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

// startIssuer and verifierOf keep the examples short.
func startIssuer() *authtest.Issuer {
	iss, err := authtest.New(authtest.Config{Algorithms: []string{"ES256"}})
	if err != nil {
		panic(err)
	}
	return iss
}

func verifierOf(cfg auth.Config) *auth.Verifier {
	v, err := auth.New(cfg)
	if err != nil {
		panic(err)
	}
	return v
}

func tokenFor(iss *authtest.Issuer, change map[string]any) string {
	token, err := iss.Mint(claimsWith(iss, change))
	if err != nil {
		panic(err)
	}
	return token
}

// answerOf is the status and, of a refusal, the challenge.
func answerOf(w *httptest.ResponseRecorder) string {
	return strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Header().Get("WWW-Authenticate")))
}

func ExampleNew() {
	iss := startIssuer() // in production: https://id.example
	defer iss.Close()
	v, err := auth.New(auth.Config{
		Issuers:   []auth.Issuer{{URL: iss.URL()}},
		Audiences: []string{"api"},
		JWKS:      auth.JWKSConfig{InsecureAllowLoopback: true}, // only for this example's issuer
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer v.Close()

	r := gin.New()
	r.Use(v.Middleware())
	r.GET("/", func(c *gin.Context) {
		p, _ := identity.From(c.Request.Context())
		c.String(http.StatusOK, "hello "+p.Subject)
	})
	fmt.Println(get(r, "/", "Bearer "+tokenFor(iss, nil)).Body)
	fmt.Println(get(r, "/").Code)
	// Output:
	// hello alice
	// 401
}

// A wrong configuration is told as a whole, and typed.
func ExampleNew_incorrect() {
	_, err := auth.New(auth.Config{
		Issuers:    []auth.Issuer{{URL: "http://id.example"}}, // keys over plain HTTP
		Algorithms: []string{"HS256"},                         // a secret that every verifier shares
	})
	fmt.Println(err)
	var first *auth.ConfigError
	fmt.Println(errors.As(err, &first), first.Field)
	// Output:
	// auth: Issuers[0].URL must be https
	// auth: Audiences is required
	// auth: Algorithms[0] is not an asymmetric signature algorithm known here
	// true Issuers[0].URL
}

func ExampleVerifier_Verify() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	p, err := v.Verify(context.Background(), tokenFor(iss, nil))
	fmt.Println(p.ID(), err)
	_, err = v.Verify(context.Background(), "not a token")
	var refusal *auth.Error
	if errors.As(err, &refusal) {
		fmt.Println(refusal.Status, refusal.Code, refusal.Reason)
	}
	// Output:
	// alice <nil>
	// 401 invalid_token malformed_token
}

func ExampleClaims() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	p, err := v.Verify(context.Background(), tokenFor(iss, map[string]any{"employee": int64(9007199254740993), "Employee": 1}))
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := auth.Claims[struct {
		Employee int64 `json:"employee"`
	}](p)
	fmt.Println(claims.Employee, err)
	// Output: 9007199254740993 <nil>
}

func ExampleRequireScope() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := gin.New()
	r.Use(v.Middleware())
	r.DELETE("/documents/:id", auth.RequireScope("documents:delete"), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	for _, scope := range []string{"documents:delete", "documents:read"} {
		req := httptest.NewRequest(http.MethodDelete, "/documents/7", nil)
		req.Header.Set("Authorization", "Bearer "+tokenFor(iss, map[string]any{"scope": scope}))
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Println(answerOf(w))
	}
	// Output:
	// 204
	// 403 Bearer error="insufficient_scope", scope="documents:delete"
}

// A guard without a verifier in front of it is closed, not open.
func ExampleRequireScope_incorrect() {
	r := gin.New()
	r.GET("/", auth.RequireScope("read"), func(c *gin.Context) { c.Status(http.StatusOK) }) // v.Middleware() is missing
	fmt.Println(get(r, "/").Code)
	// Output: 401
}

func ExampleRequireAnyScope() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := gin.New()
	r.GET("/", v.Middleware(), auth.RequireAnyScope("read", "admin"), func(c *gin.Context) { c.Status(http.StatusOK) })
	fmt.Println(get(r, "/", "Bearer "+tokenFor(iss, map[string]any{"scope": "admin"})).Code)
	// Output: 200
}

func ExampleRequire() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := gin.New()
	staff := auth.Require(func(p *identity.Principal) error {
		c, err := auth.Claims[struct {
			Staff bool `json:"staff"`
		}](p)
		if err == nil && !c.Staff {
			err = errors.New("not staff")
		}
		return err
	})
	r.GET("/", v.Middleware(), staff, func(c *gin.Context) { c.Status(http.StatusOK) })
	fmt.Println(get(r, "/", "Bearer "+tokenFor(iss, map[string]any{"staff": true})).Code)
	fmt.Println(get(r, "/", "Bearer "+tokenFor(iss, nil)).Code)
	// Output:
	// 200
	// 403
}

func ExampleStepUp() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := gin.New()
	r.GET("/transfer", v.Middleware(), auth.StepUp(5*time.Minute, "urn:example:mfa"), func(c *gin.Context) { c.Status(http.StatusOK) })
	for _, acr := range []string{"urn:example:mfa", "urn:example:password"} {
		w := get(r, "/transfer", "Bearer "+tokenFor(iss, map[string]any{"acr": acr, "auth_time": time.Now().Unix()}))
		fmt.Println(answerOf(w))
	}
	// Output:
	// 200
	// 401 Bearer error="insufficient_user_authentication", acr_values="urn:example:mfa", max_age="300"
}

func ExampleOptional() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := newEngine(v.Middleware(auth.Optional()))
	fmt.Println(do(r).Body)
	fmt.Println(do(r, "Bearer "+tokenFor(iss, nil)).Body)
	fmt.Println(do(r, "Bearer forged").Code)
	// Output:
	// nobody
	// alice
	// 401
}

func ExampleAudience() {
	iss := startIssuer()
	defer iss.Close()
	v := verifierOf(configFor(iss))
	defer v.Close()
	r := newEngine(v.Middleware(auth.Audience("admin")))
	fmt.Println(do(r, "Bearer "+tokenFor(iss, nil)).Code)
	fmt.Println(do(r, "Bearer "+tokenFor(iss, map[string]any{"aud": []string{"api", "admin"}})).Code)
	// Output:
	// 401
	// 200
}

func ExampleVerifier_Metadata() {
	iss := startIssuer()
	defer iss.Close()
	cfg := configFor(iss)
	cfg.Issuers[0].URL = "https://id.example"
	cfg.Issuers[0].JWKS = iss.JWKS()
	cfg.Resource = "https://api.example"
	v := verifierOf(cfg)
	defer v.Close()
	r := gin.New()
	r.GET("/.well-known/oauth-protected-resource", v.Metadata())
	fmt.Println(get(r, "/.well-known/oauth-protected-resource").Body)
	r.GET("/", v.Middleware())
	fmt.Println(get(r, "/").Header().Get("WWW-Authenticate"))
	// Output:
	// {"authorization_servers":["https://id.example"],"bearer_methods_supported":["header"],"resource":"https://api.example"}
	// Bearer resource_metadata="https://api.example/.well-known/oauth-protected-resource"
}

// counter turns events into counters, here for the reasons of refusals.
type counter map[string]int

func (c counter) Record(_ context.Context, e audit.Event) {
	c[e.Control+" "+e.Verdict.String()+" "+e.Reason]++
}

func ExampleReason() {
	iss := startIssuer()
	defer iss.Close()
	counts := counter{}
	cfg := configFor(iss)
	cfg.Audit = counts
	v := verifierOf(cfg)
	defer v.Close()
	r := newEngine(v.Middleware())
	do(r, "Bearer "+tokenFor(iss, map[string]any{"aud": "other"}))
	do(r, "Bearer "+tokenFor(iss, nil))
	do(r)
	fmt.Println(counts)
	// Output: map[auth allow ok:1 auth deny audience:1 auth deny no_token:1]
}
