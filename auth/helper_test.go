package auth_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	m.Run()
}

// newIssuer starts an issuer that ends with the test.
func newIssuer(tb testing.TB, algorithms ...string) *authtest.Issuer {
	tb.Helper()
	iss, err := authtest.New(authtest.Config{Algorithms: algorithms})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = iss.Close() })
	return iss
}

func configFor(iss *authtest.Issuer) auth.Config {
	return auth.Config{
		Issuers: []auth.Issuer{{URL: iss.URL()}}, Audiences: []string{"api"},
		JWKS: auth.JWKSConfig{InsecureAllowLoopback: true},
	}
}

// newVerifier makes a verifier that has its keys and ends with the test.
func newVerifier(tb testing.TB, cfg auth.Config) *auth.Verifier {
	tb.Helper()
	v, err := auth.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = v.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := v.Ready(ctx); err != nil {
		tb.Fatalf("the keys did not arrive: %v", err)
	}
	return v
}

// claimsWith returns ordinary claims with changes; nil removes one.
func claimsWith(iss *authtest.Issuer, change map[string]any) map[string]any {
	claims := iss.Claims("alice", "api")
	maps.Copy(claims, change)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

func mint(tb testing.TB, iss *authtest.Issuer, change map[string]any) string {
	tb.Helper()
	return mintWith(tb, iss, change, authtest.Token{})
}

func mintWith(tb testing.TB, iss *authtest.Issuer, change map[string]any, t authtest.Token) string {
	tb.Helper()
	token, err := iss.MintWith(claimsWith(iss, change), t)
	if err != nil {
		tb.Fatal(err)
	}
	return token
}

// sink keeps events.
type sink struct {
	mu     sync.Mutex
	events []audit.Event
}

func (s *sink) Record(_ context.Context, e audit.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// take returns what was recorded since the last call.
func (s *sink) take() []audit.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	events := s.events
	s.events = nil
	return events
}

// newEngine serves whoami behind handlers.
func newEngine(handlers ...gin.HandlerFunc) *gin.Engine {
	r := gin.New()
	r.Use(handlers...)
	r.Any("/whoami", func(c *gin.Context) {
		p, ok := identity.From(c)
		if !ok {
			c.String(http.StatusOK, "nobody")
			return
		}
		c.String(http.StatusOK, p.ID())
	})
	return r
}

// do sends a request with these Authorization headers.
func do(r http.Handler, authorization ...string) *httptest.ResponseRecorder {
	return get(r, "/whoami", authorization...)
}

func tokenOf(kid string) authtest.Token { return authtest.Token{KeyID: kid} }

// bomb is 300 MiB of white space, compressed.
var bomb = sync.OnceValue(func() []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	for range 300 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	return b.Bytes()
})

// get sends a GET for path.
func get(r http.Handler, path string, authorization ...string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	for _, value := range authorization {
		req.Header.Add("Authorization", value)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	return w
}

// overHTTP sends req, made for a server in process, to the server at base.
func overHTTP(t *testing.T, client *http.Client, base string, req *http.Request) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	out, err := http.NewRequestWithContext(t.Context(), req.Method, base+req.URL.RequestURI(), req.Body)
	if err != nil {
		t.Error(err)
		return w
	}
	out.Host, out.Header = req.Host, req.Header
	resp, err := client.Do(out)
	if err != nil {
		t.Error(err)
		return w
	}
	defer resp.Body.Close()
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, resp.Body); err != nil {
		t.Error(err)
	}
	return w
}
