package revoke_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/auth/revoke"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/testserver"
)

// api is a real server behind a verifier that asks list on every use of a token.
func api(t *testing.T, list *revoke.List) (ask func() *http.Response, whose *identity.Principal) {
	t.Helper()
	iss, err := authtest.New(authtest.Config{Algorithms: []string{"ES256"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = iss.Close() })
	v, err := auth.New(auth.Config{
		Issuers: []auth.Issuer{{URL: iss.URL(), JWKS: iss.JWKS()}}, Audiences: []string{"api"},
		JWKS: auth.JWKSConfig{InsecureAllowLoopback: true}, Revoked: list.Revoked,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	claims := iss.Claims("alice", "api")
	claims["jti"] = "one"
	token, err := iss.Mint(claims)
	if err != nil {
		t.Fatal(err)
	}
	gin.SetMode(gin.TestMode)
	r := gin.New()
	r.GET("/", v.Middleware(), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	ask = func() *http.Response {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := server.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp
	}
	whose = &identity.Principal{Issuer: iss.URL(), Subject: "alice", TokenID: "one", ExpiresAt: time.Now().Add(5 * time.Minute)}
	return ask, whose
}

// expect waits for a status, because a connection that broke takes a moment to
// come back; every answer on the way must be the refusal.
func expect(t *testing.T, ask func() *http.Response, what string, status int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; {
		resp := ask()
		if resp.StatusCode == status {
			if status == http.StatusServiceUnavailable && resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s: no Retry-After", what)
			}
			return
		}
		if resp.StatusCode != http.StatusServiceUnavailable || time.Now().After(deadline) {
			t.Fatalf("%s: %d, not %d", what, resp.StatusCode, status)
		}
	}
}

// ASVS 16.5.2, 16.5.3.
func TestSlowOrDeadRedisIs503WithinTheTimeoutAndRecovers(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	list, err := revoke.Redis(newClient(t, server.Addr), revoke.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ask, whose := api(t, list)
	expect(t, ask, "all is well", http.StatusNoContent)

	for what, change := range map[string][2]func(){
		"hanging": {server.Freeze, server.Thaw}, "dead": {server.Kill, server.Restart},
	} {
		change[0]()
		start := time.Now()
		for range 5 { // the documented 50 ms each; the rest is for a busy machine
			if resp := ask(); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("%s: %d", what, resp.StatusCode)
			}
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: five answers took %s", what, took)
		}
		if err := list.Token(t.Context(), whose); err == nil {
			t.Errorf("%s: revoking says it worked", what)
		}
		if err := list.Subject(t.Context(), whose.Issuer, "alice", time.Now()); err == nil {
			t.Errorf("%s: revoking a subject says it worked", what)
		}
		change[1]()
		switch what {
		case "dead": // and empty: nothing of what failed may count
			expect(t, ask, "after it came back", http.StatusNoContent)
		default: // what timed out may or may not have been done
			for deadline := time.Now().Add(20 * time.Second); ask().StatusCode == http.StatusServiceUnavailable; {
				if time.Now().After(deadline) {
					t.Fatalf("%s: never recovered", what)
				}
			}
			server.Do("FLUSHALL")
		}
	}
	for deadline := time.Now().Add(20 * time.Second); list.Token(t.Context(), whose) != nil; {
		if time.Now().After(deadline) {
			t.Fatal("nothing can be revoked any more")
		}
	}
	expect(t, ask, "revoked", http.StatusUnauthorized)
}

// What revokes a subject outlives every token it is about, and no longer.
func TestSubjectIsRememberedAsLongAsItsTokensCanLive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := revoke.Memory(revoke.Config{MaxEntries: 1, MaxTokenAge: time.Hour, Leeway: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		last := principal("alice", "a1", start.Add(-time.Microsecond)) // accepted for an hour and the leeway
		if err := l.Subject(t.Context(), last.Issuer, "alice", start); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour + time.Minute - time.Second)
		if err := l.Subject(t.Context(), last.Issuer, "bob", time.Now()); !errors.Is(err, revoke.ErrFull) {
			t.Errorf("alice was forgotten for bob: %v", err)
		}
		if revoked, err := l.Revoked(t.Context(), last); err != nil || !revoked {
			t.Errorf("her last token passes: %v, %v", revoked, err)
		}
		time.Sleep(2 * time.Second)
		if err := l.Subject(t.Context(), last.Issuer, "bob", time.Now()); err != nil {
			t.Errorf("after her last token is too old: %v", err)
		}
	})
}

func TestSubjectIsRememberedInRedisAsLongAsItsTokensCanLive(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	client := newClient(t, server.Addr)
	l, err := revoke.Redis(client, revoke.Config{MaxTokenAge: 2 * time.Hour, Leeway: time.Minute, Timeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		before time.Time
		want   time.Duration
	}{
		"now":       {time.Now(), 2*time.Hour + time.Minute},
		"yesterday": {time.Now().Add(-24 * time.Hour), 2*time.Hour + time.Minute},
		"tomorrow":  {time.Now().Add(24 * time.Hour), 26*time.Hour + time.Minute},
	} {
		server.Do("FLUSHALL")
		if err := l.Subject(t.Context(), "https://id.example", "alice", tc.before); err != nil {
			t.Fatal(err)
		}
		keys, err := client.Do(context.Background(), client.B().Keys().Pattern("*").Build()).AsStrSlice()
		if err != nil || len(keys) != 1 {
			t.Fatal(keys, err)
		}
		ms, err := client.Do(context.Background(), client.B().Pttl().Key(keys[0]).Build()).AsInt64()
		if left := time.Duration(ms) * time.Millisecond; err != nil || left > tc.want || left < tc.want-time.Minute {
			t.Errorf("%s: forgotten in %s, not %s (%v)", name, left, tc.want, err)
		}
	}
}
