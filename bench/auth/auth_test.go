// Package auth_test measures verification of bearer tokens on gin: the same
// tokens, the same key set, the same checks.
package auth_test

import (
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/peers"
	"github.com/ginsec/ginsec/bench/internal/web"
)

// variant is one way to guard an engine.
type variant struct {
	name string
	use  func(testing.TB, *issuer.Issuer) peers.Auth
}

func variants() []variant {
	return []variant{
		{"ginsec/warm", ginsecWarm},
		{"ginsec/cold", ginsecCold},
		{"peer/golang-jwt+keyfunc", func(tb testing.TB, i *issuer.Issuer) peers.Auth { return peers.ByHand(tb.Context(), i) }},
		{"peer/gin-jwt", func(tb testing.TB, i *issuer.Issuer) peers.Auth { return peers.GinJWT(tb.Context(), i) }},
		{"peer/go-oidc", func(tb testing.TB, i *issuer.Issuer) peers.Auth { return peers.OIDC(tb.Context(), i) }},
		{"peer/jwx", func(tb testing.TB, i *issuer.Issuer) peers.Auth { return peers.JWX(tb.Context(), i) }},
		{"peer/auth0", func(_ testing.TB, i *issuer.Issuer) peers.Auth { return peers.Auth0(i) }},
	}
}

func newIssuer(tb testing.TB) *issuer.Issuer {
	tb.Helper()
	i := issuer.New()
	tb.Cleanup(i.Close)
	return i
}

// engine serves one small answer behind the given handlers.
func engine(handlers ...gin.HandlerFunc) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.Use(handlers...)
	r.GET("/", func(c *gin.Context) { c.JSON(http.StatusOK, answer{OK: true}) })
	return r
}

type answer struct {
	OK bool `json:"ok"`
}

// serve runs the benchmark loop over one request with the given Authorization headers.
func serve(b *testing.B, h http.Handler, want int, headers []string) {
	b.Helper()
	req, w := web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
	req.Authorize(headers[0])
	h.ServeHTTP(w, req.Rewind()) // fetches keys, fills caches
	n := 0
	clock := meter.Start(b)
	for b.Loop() {
		w.Reset()
		req.Authorize(headers[n])
		if n++; n == len(headers) {
			n = 0
		}
		h.ServeHTTP(w, req.Rewind())
		if w.Status != want {
			b.Fatalf("status %d", w.Status)
		}
	}
	clock.Stop()
}

// BenchmarkMiddleware is a whole request through gin; bare is gin alone.
func BenchmarkMiddleware(b *testing.B) {
	i := newIssuer(b)
	headers := web.Bearers(i.Token("RS256"), 64)
	b.Run("bare", func(b *testing.B) { serve(b, engine(), http.StatusOK, headers) })
	for _, v := range variants() {
		b.Run(v.name, func(b *testing.B) {
			serve(b, engine(v.use(b, i).Handler), http.StatusOK, headers)
		})
	}
}

// BenchmarkManyTokens holds many valid tokens at once: one hot token flatters
// every cache there is.
func BenchmarkManyTokens(b *testing.B) {
	i := newIssuer(b)
	var headers []string
	for _, token := range i.Fresh(min(8192, i.Presigned())) {
		headers = append(headers, "Bearer "+token)
	}
	b.Run("ginsec/warm", func(b *testing.B) {
		h := engine(ginsecWarm(b, i).Handler)
		req, w := web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
		for _, header := range headers {
			req.Authorize(header)
			h.ServeHTTP(w, req.Rewind())
		}
		serve(b, h, http.StatusOK, headers)
	})
}

// BenchmarkRefuse is what a token that must be refused costs.
func BenchmarkRefuse(b *testing.B) {
	i := newIssuer(b)
	for _, r := range refused(i) {
		if r.token == "" {
			continue
		}
		headers := web.Bearers(r.token, 64)
		for _, v := range variants() {
			if v.name == "ginsec/warm" {
				continue // nothing that is refused is ever cached
			}
			b.Run(r.name+"/"+v.name, func(b *testing.B) {
				h := engine(v.use(b, i).Handler)
				req, w := web.NewRequest(http.MethodGet, "/", nil), web.NewWriter()
				req.Authorize("Bearer " + i.Token("RS256"))
				h.ServeHTTP(w, req.Rewind()) // keys are there before the first refusal
				serve(b, h, http.StatusUnauthorized, headers)
			})
		}
	}
}
