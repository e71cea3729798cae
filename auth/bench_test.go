package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

func BenchmarkVerifyCacheHit(b *testing.B) {
	iss := newIssuer(b, "RS256")
	v := newVerifier(b, configFor(iss))
	token := mint(b, iss, map[string]any{"scope": "read write", "jti": "0123456789"})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMiddleware(b *testing.B) {
	iss := newIssuer(b, "RS256")
	v := newVerifier(b, configFor(iss))
	token := "Bearer " + mint(b, iss, map[string]any{"scope": "read write", "jti": "0123456789"})
	for _, tc := range []struct {
		name     string
		handlers []gin.HandlerFunc
	}{{"bare", nil}, {"hit", []gin.HandlerFunc{v.Middleware()}}} {
		b.Run(tc.name, func(b *testing.B) {
			r := gin.New()
			r.Use(tc.handlers...)
			r.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			req.Header.Set("Authorization", token)
			w := httptest.NewRecorder()
			b.ReportAllocs()
			for b.Loop() {
				r.ServeHTTP(w, req)
			}
		})
	}
}
