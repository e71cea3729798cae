package ginsectest_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/ginsectest"
)

// spy stands for the test that a finding fails.
type spy struct {
	testing.TB
	found []string
}

func (s *spy) Helper() {}

func (s *spy) Errorf(format string, args ...any) {
	s.found = append(s.found, fmt.Sprintf(format, args...))
}

func suite(tb testing.TB) *ginsec.Suite {
	tb.Helper()
	s, err := ginsec.New(ginsec.Config{
		Auth:   auth.Config{Issuers: []auth.Issuer{{URL: "https://127.0.0.1:1"}}, Audiences: []string{"api"}},
		Public: []string{"GET /healthz"},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

// engine has a route of every kind; forgotten is registered before the suite.
func engine(tb testing.TB) *gin.Engine {
	tb.Helper()
	r := gin.New()
	never := func(c *gin.Context) { tb.Errorf("the handler of %s ran", c.FullPath()) }
	r.GET("/forgotten", never)
	r.Use(gin.Recovery(), func(c *gin.Context) { c.Next() })
	r.Use(suite(tb).Middleware())
	r.GET("/healthz", never)
	r.POST("/login/:kind", ginsec.Limit("5/1m by ip"), never)
	pay := r.Group("/payments", func(*gin.Context) { panic("needs more than an empty request") }, ginsec.Once())
	pay.POST("", never)
	pay.GET("/*rest", never)
	return r
}

func TestEveryRouteIsListedWithItsControlsAndNoHandlerRuns(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"GET /forgotten":      "",
		"GET /healthz":        "ginsec ratelimit public",
		"POST /login/:kind":   "ginsec ratelimit auth ratelimit",
		"POST /payments":      "ginsec ratelimit auth replay",
		"GET /payments/*rest": "ginsec ratelimit auth replay",
	}
	routes := ginsectest.Audit(t, engine(t))
	if len(routes) != len(want) {
		t.Errorf("%d routes, want %d", len(routes), len(want))
	}
	for _, r := range routes {
		name := r.Method + " " + r.Path
		if got := strings.Join(r.Controls, " "); got != want[name] {
			t.Errorf("%s: got %q, want %q", name, got, want[name])
		}
	}
	if !slices.IsSortedFunc(routes, func(a, b ginsectest.Route) int { return strings.Compare(a.Path, b.Path) }) {
		t.Error("not ordered by path")
	}
}

func TestAnUnguardedRouteAndAStaleExceptionFailTheTest(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		except []string
		want   []string
	}{
		{"a forgotten route", nil, []string{"GET /forgotten is not guarded"}},
		{"an exception", []string{"GET /forgotten"}, nil},
		{"an exception for no route", []string{"GET /forgotten", "GET /gone"}, []string{"GET /gone is excepted"}},
		{"an exception with another method", []string{"POST /forgotten"}, []string{"GET /forgotten is not guarded", "POST /forgotten is excepted"}},
	} {
		s := &spy{TB: t}
		ginsectest.RequireGuarded(s, engine(t), tc.except...)
		if len(s.found) != len(tc.want) {
			t.Errorf("%s: got %q", tc.name, s.found)
			continue
		}
		for i, want := range tc.want {
			if !strings.Contains(s.found[i], want) {
				t.Errorf("%s: got %q, want %q", tc.name, s.found[i], want)
			}
		}
	}
}

func TestWhatLetsNobodyPassAndWhatDoesNot(t *testing.T) {
	t.Parallel()
	s := suite(t)
	open := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	for _, tc := range []struct {
		name  string
		build func(r *gin.Engine)
		want  string
	}{
		{"a token that is optional", func(r *gin.Engine) { r.GET("/a", s.Auth.Middleware(auth.Optional()), open) }, "GET /a is not guarded"},
		{"a handler for what has no route, beside a guarded group", func(r *gin.Engine) {
			r.Group("/api", s.Middleware()).GET("/a", open)
			r.NoRoute(open)
		}, "* NoRoute is not guarded"},
		{"a guard behind the handler", func(r *gin.Engine) { r.GET("/a", open, s.Middleware()) }, "GET /a is not guarded"},
		{"a handler for what has no route, behind the suite", func(r *gin.Engine) {
			r.Use(s.Middleware())
			r.NoRoute(open)
		}, ""},
	} {
		r := gin.New()
		tc.build(r)
		spied := &spy{TB: t}
		ginsectest.RequireGuarded(spied, r)
		if got := strings.Join(spied.found, "; "); (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%s: got %q", tc.name, got)
		}
	}
}

func TestDoSendsTokenAndBody(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Header.Get("Authorization"), " ", r.Header.Get("Content-Type"))
	})
	if got := ginsectest.Do(h, http.MethodPost, "/", "t", "{}").Body.String(); got != "Bearer t application/json" {
		t.Errorf("got %q", got)
	}
	if got := ginsectest.Do(h, http.MethodGet, "/", "", "").Body.String(); got != " " {
		t.Errorf("got %q", got)
	}
}
