package identity_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/reqctx"
)

type other struct{}

func TestPrincipalIsFoundThroughEveryKindOfContext(t *testing.T) {
	t.Parallel()
	for _, fallback := range []bool{false, true} {
		engine := gin.New()
		engine.ContextWithFallback = fallback
		seen := 0
		check := func(name string, ctx context.Context) {
			seen++
			if p, ok := identity.From(ctx); !ok || p.Subject != "alice" {
				t.Errorf("fallback %v: %s does not see the principal", fallback, name)
			}
		}
		engine.Use(func(c *gin.Context) { identity.Set(c, &identity.Principal{Subject: "alice"}) })
		engine.GET("/", func(c *gin.Context) {
			derived, cancel := context.WithCancel(c)
			defer cancel()
			check("the gin context", c)
			check("the request's context", c.Request.Context())
			check("a context derived from the gin context", derived)
			check("a value context over the gin context", context.WithValue(c, other{}, 1))
			check("a copy", c.Copy())
			check("a context derived from the request's", context.WithoutCancel(c.Request.Context()))
		})
		engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
		if seen != 6 {
			t.Fatalf("the handler ran %d of 6 checks", seen)
		}
	}
}

func TestNobodyIsFoundWhereNobodyWasAuthenticated(t *testing.T) {
	t.Parallel()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	var typedNil *gin.Context
	hidden := identity.With(identity.With(t.Context(), &identity.Principal{Subject: "a"}), nil)
	for name, ctx := range map[string]context.Context{
		"nil": nil, "an empty context": t.Context(), "a gin context without a request": c,
		"a nil gin context": typedNil, "a context whose principal was hidden": hidden,
	} {
		if p, ok := identity.From(ctx); ok || p != nil {
			t.Errorf("%s: found %v", name, p)
		}
	}
}

func TestSetJoinsTheSharedContextAndTheNewestWins(t *testing.T) {
	t.Parallel()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	reqctx.Put(c, other{}, "first control")
	before := c.Request
	identity.Set(c, &identity.Principal{Subject: "a"})
	if c.Request != before {
		t.Error("a second value copied the request again")
	}
	kept := c.Request.Context()
	for i := range 20 {
		identity.Set(c, &identity.Principal{Subject: fmt.Sprint(i)})
	}
	if p, _ := identity.From(kept); p == nil || p.Subject != "a" {
		t.Errorf("a context handed out before now says %v", p)
	}
	if p, _ := identity.From(c); p == nil || p.Subject != "19" {
		t.Errorf("the newest principal is not the one found: %v", p)
	}
	if reqctx.Get(c, other{}) != "first control" {
		t.Error("an earlier value was lost")
	}
}

func TestIDKeepsIssuersApart(t *testing.T) {
	t.Parallel()
	one := &identity.Principal{Subject: "u"}
	two := &identity.Principal{Subject: "u", Namespace: "n"}
	if one.ID() != "u" || two.ID() != "n:u" {
		t.Errorf("IDs are %q and %q", one.ID(), two.ID())
	}
}

func TestClaimsTravelOnACopy(t *testing.T) {
	t.Parallel()
	p := &identity.Principal{Subject: "u"}
	q := p.WithClaims(`{"sub":"u"}`)
	if p.RawClaims() != "" || q.RawClaims() != `{"sub":"u"}` || q.Subject != "u" {
		t.Error("WithClaims must leave the original alone and keep the rest")
	}
}

func ExampleSet() {
	r := gin.New()
	r.Use(func(c *gin.Context) { // an authentication of the application's own
		identity.Set(c, &identity.Principal{Subject: "alice", Tenant: "acme"})
	})
	r.GET("/", func(c *gin.Context) {
		p, _ := identity.From(c.Request.Context())
		c.String(http.StatusOK, p.ID()+" of "+p.Tenant)
	})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Body)
	// Output: alice of acme
}

// Work that outlives a request keeps the request's context. The gin context
// itself is reused for the next request, and with it another identity.
func ExampleFrom() {
	r := gin.New()
	r.Use(func(c *gin.Context) {
		identity.Set(c, &identity.Principal{Subject: c.GetHeader("X-User")})
	})
	var kept []context.Context
	r.GET("/", func(c *gin.Context) { kept = append(kept, c.Request.Context()) })
	for _, user := range []string{"alice", "bob"} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("X-User", user)
		r.ServeHTTP(httptest.NewRecorder(), req)
	}
	for _, ctx := range kept {
		p, _ := identity.From(ctx)
		fmt.Println(p.Subject)
	}
	// Output:
	// alice
	// bob
}
