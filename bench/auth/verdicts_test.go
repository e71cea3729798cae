package auth_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/web"
)

type refusal struct{ name, token string }

// refused are tokens that nobody may accept.
func refused(i *issuer.Issuer) []refusal {
	edit := func(name string, value any) string {
		return i.Edited("RS256", func(c jwt.MapClaims) { c[name] = value })
	}
	return []refusal{
		{"missing", ""},
		{"tampered", i.Tampered("RS256")},
		{"expired", edit("exp", time.Now().Add(-time.Hour).Unix())},
		{"wrong-issuer", edit("iss", "https://other.example.com/")},
		{"wrong-audience", edit("aud", []string{"https://other.example.com"})},
	}
}

// unsigned is a token that says its algorithm is none.
func unsigned(i *issuer.Issuer) string {
	parts := strings.Split(i.Token("RS256"), ".")
	parts[0] = base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT","kid":"rsa-2"}`))
	return parts[0] + "." + parts[1] + "."
}

// A comparison of speed is void unless all give the same verdicts.
func TestAllVariantsGiveTheSameVerdicts(t *testing.T) {
	i := newIssuer(t)
	bad := append(refused(i), refusal{"unsigned", unsigned(i)})
	good := i.Token("RS256")
	for _, v := range variants() {
		t.Run(v.name, func(t *testing.T) {
			auth := v.use(t, i)
			r := engine(auth.Handler)
			var got string
			r.GET("/me", func(c *gin.Context) { u := auth.User(c); got = u.Subject + " " + u.Tenant })
			ask := func(token string) int {
				req, w := web.NewRequest(http.MethodGet, "/me", nil), web.NewWriter()
				if token != "" {
					req.Authorize("Bearer " + token)
				}
				r.ServeHTTP(w, req.Rewind())
				return w.Status
			}
			for range 2 { // the second time from whatever was kept
				if status := ask(good); status != 0 && status != http.StatusOK {
					t.Errorf("a good token: status %d", status)
				}
				if want := issuer.Subject + " " + issuer.Tenant; got != want {
					t.Errorf("a good token is %q, want %q", got, want)
				}
				for _, b := range bad {
					if status := ask(b.token); status != http.StatusUnauthorized {
						t.Errorf("%s: status %d", b.name, status)
					}
				}
				got = ""
			}
		})
	}
}
