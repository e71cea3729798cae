package auth_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// typical is what an access token of a large provider carries.
func typical() map[string]any {
	return map[string]any{
		"jti": rand.Text(), "azp": "web-client", "client_id": "web-client", "scope": "openid profile read:documents write:documents",
		"tenant": "acme", "email": "alice@corp.example", "name": "Alice Example", "roles": []string{"editor", "viewer"},
		"https://corp.example/claims": map[string]any{"department": "engineering", "level": 5, "region": "eu-central"},
	}
}

func BenchmarkVerifyCacheHit(b *testing.B) {
	iss := newIssuer(b, "RS256")
	v := newVerifier(b, configFor(iss))
	token := mint(b, iss, typical())
	b.Logf("the token has %d bytes", len(token))
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(ctx, token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCacheMemory says what a remembered token costs.
func BenchmarkCacheMemory(b *testing.B) {
	const entries = 10_000
	iss := newIssuer(b, "EdDSA")
	tokens := make([]string, entries)
	for i := range tokens {
		tokens[i] = mint(b, iss, typical())
	}
	for b.Loop() {
		v := newVerifier(b, configFor(iss))
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		for _, token := range tokens {
			if _, err := v.Verify(context.Background(), token); err != nil {
				b.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/entries, "B/entry")
		runtime.KeepAlive(v)
	}
}

func BenchmarkMiddleware(b *testing.B) {
	iss := newIssuer(b, "RS256")
	v := newVerifier(b, configFor(iss))
	token := "Bearer " + mint(b, iss, typical())
	bad := "Bearer " + mint(b, iss, map[string]any{"aud": "other"})
	for _, tc := range []struct {
		name     string
		token    string
		handlers []gin.HandlerFunc
	}{
		{"bare", token, nil},
		{"hit", token, []gin.HandlerFunc{v.Middleware()}},
		{"hit and a scope", token, []gin.HandlerFunc{v.Middleware(), auth.RequireScope("read:documents")}},
		{"no token", "", []gin.HandlerFunc{v.Middleware()}},
		{"a bad token", bad, []gin.HandlerFunc{v.Middleware()}},
	} {
		b.Run(tc.name, func(b *testing.B) {
			r := gin.New()
			r.Use(tc.handlers...)
			r.GET("/", func(c *gin.Context) { c.Status(http.StatusNoContent) })
			req := httptest.NewRequest(http.MethodGet, "/", nil)
			if tc.token != "" {
				req.Header.Set("Authorization", tc.token)
			}
			w := httptest.NewRecorder()
			w.Body = nil // or it would grow with every answer
			b.ReportAllocs()
			for b.Loop() {
				r.ServeHTTP(w, req)
			}
		})
	}
}

// BenchmarkCold verifies without remembering, beside golang-jwt with keyfunc as
// their documentation puts them together, and beside the bare signature check.
func BenchmarkCold(b *testing.B) {
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		iss := newIssuer(b, "RS256", "ES256", "EdDSA")
		kid := iss.KeyIDs()[map[string]int{"RS256": 0, "ES256": 1, "EdDSA": 2}[alg]]
		token := mintWith(b, iss, typical(), authtest.Token{KeyID: kid})
		cfg := configFor(iss)
		cfg.Cache.Entries = -1
		v := newVerifier(b, cfg)
		ctx := context.Background()
		b.Run(alg+"/ginsec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(ctx, token); err != nil {
					b.Fatal(err)
				}
			}
		})
		i := strings.LastIndexByte(token, '.')
		signature, err := base64.RawURLEncoding.DecodeString(token[i+1:])
		if err != nil {
			b.Fatal(err)
		}
		keys, err := keyfunc.NewJWKSetJSON(iss.JWKS())
		if err != nil {
			b.Fatal(err)
		}
		key, err := keys.Keyfunc(&jwt.Token{Header: map[string]any{"kid": kid, "alg": alg}})
		if err != nil {
			b.Fatal(err)
		}
		b.Run(alg+"/signature alone", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := jwt.GetSigningMethod(alg).Verify(token[:i], signature, key); err != nil {
					b.Fatal(err)
				}
			}
		})
		peer := peerOf(b, iss, alg)
		b.Run(alg+"/golang-jwt+keyfunc", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := peer(token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// peerOf verifies as a careful user of the two libraries would.
func peerOf(tb testing.TB, iss *authtest.Issuer, alg string) func(token string) error {
	tb.Helper()
	keys, err := keyfunc.NewJWKSetJSON(iss.JWKS())
	if err != nil {
		tb.Fatal(err)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{alg}), jwt.WithIssuer(iss.URL()), jwt.WithAudience("api"),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithStrictDecoding())
	return func(token string) error {
		_, err := parser.ParseWithClaims(token, jwt.MapClaims{}, keys.Keyfunc)
		return err
	}
}

func BenchmarkRefusal(b *testing.B) {
	iss := newIssuer(b, "RS256")
	v := newVerifier(b, configFor(iss))
	peer := peerOf(b, iss, "RS256")
	for name, change := range map[string]map[string]any{
		"issuer":   {"iss": "https://other.example"},
		"audience": {"aud": "other"},
		"expired":  {"exp": time.Now().Add(-time.Hour).Unix(), "iat": time.Now().Add(-2 * time.Hour).Unix()},
	} {
		claims := typical()
		for k, value := range change {
			claims[k] = value
		}
		token := mint(b, iss, claims)
		ctx := context.Background()
		b.Run(name+"/ginsec", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(ctx, token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
		b.Run(name+"/golang-jwt+keyfunc", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if peer(token) == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkClaims(b *testing.B) {
	iss := newIssuer(b, "ES256")
	v := newVerifier(b, configFor(iss))
	p, err := v.Verify(b.Context(), mint(b, iss, typical()))
	if err != nil {
		b.Fatal(err)
	}
	type mine struct {
		Email string   `json:"email"`
		Roles []string `json:"roles"`
	}
	b.Run("auth.Claims", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := auth.Claims[mine](p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var m mine
			if err := json.Unmarshal([]byte(p.RawClaims()), &m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
