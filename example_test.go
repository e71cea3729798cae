package ginsec_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/ginsectest"
)

// demo starts an issuer and a suite that trusts it. A real service gives New its
// identity provider's URL instead, or calls ginsec.Default.
func demo() (s *ginsec.Suite, token func(id string) string, stop func()) {
	iss, err := authtest.New(authtest.Config{})
	if err != nil {
		panic(err)
	}
	s, err = ginsec.New(ginsec.Config{
		Auth: auth.Config{
			Issuers:   []auth.Issuer{{URL: iss.URL()}},
			Audiences: []string{"api"},
			JWKS:      auth.JWKSConfig{InsecureAllowLoopback: true},
		},
		Public: []string{"POST /login"},
	})
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for s.Ready(ctx) != nil && ctx.Err() == nil {
		<-time.After(5 * time.Millisecond)
	}
	token = func(id string) string {
		now := time.Now().Unix()
		text, err := iss.Mint(map[string]any{"iss": iss.URL(), "aud": "api", "sub": "alice", "jti": id, "iat": now, "exp": now + 60})
		if err != nil {
			panic(err)
		}
		return text
	}
	return s, token, func() { _ = s.Close(); _ = iss.Close() }
}

func ExampleNew() {
	suite, token, stop := demo()
	defer stop()

	r := gin.New()
	r.Use(suite.Middleware())
	r.GET("/documents", func(c *gin.Context) { c.Status(http.StatusOK) })

	fmt.Println(ginsectest.Do(r, http.MethodGet, "/documents", "", "").Code)
	fmt.Println(ginsectest.Do(r, http.MethodGet, "/documents", token("1"), "").Code)
	// Output:
	// 401
	// 200
}

// A guard must be mounted before the routes it guards: gin gives a route the
// middlewares known when it is registered. ginsectest.RequireGuarded finds this.
func ExampleNew_incorrect() {
	suite, _, stop := demo()
	defer stop()

	r := gin.New()
	r.GET("/documents", func(c *gin.Context) { c.Status(http.StatusOK) })
	r.Use(suite.Middleware()) // too late

	fmt.Println(ginsectest.Do(r, http.MethodGet, "/documents", "", "").Code)
	// Output: 200
}

func ExampleLimit() {
	suite, _, stop := demo()
	defer stop()

	r := gin.New()
	r.Use(suite.Middleware())
	r.POST("/login", ginsec.Limit("login: 2/1m by ip"), func(c *gin.Context) { c.Status(http.StatusOK) })

	for range 3 {
		fmt.Println(ginsectest.Do(r, http.MethodPost, "/login", "", "").Code)
	}
	// Output:
	// 200
	// 200
	// 429
}

func ExampleOnce() {
	suite, token, stop := demo()
	defer stop()

	r := gin.New()
	r.Use(suite.Middleware())
	r.Group("/payments", ginsec.Once()).POST("", func(c *gin.Context) { c.Status(http.StatusOK) })

	once := token("payment-1")
	for range 2 {
		fmt.Println(ginsectest.Do(r, http.MethodPost, "/payments", once, "").Code)
	}
	// Output:
	// 200
	// 401
}

func ExampleFromEnv() {
	_, err := ginsec.FromEnv()
	fmt.Println(err)
	// Output:
	// GINSEC_ISSUER is not set
	// GINSEC_AUDIENCE is not set
}
