package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// newLive is an API over real HTTP whose key set has come over real HTTP too, with
// times short enough to wait for.
func newLive(t *testing.T, change func(*auth.Config)) (*arena, *auth.Verifier) {
	t.Helper()
	a, v := liveOf(t, newIssuer(t, "ES256"), change)
	for ctx := t.Context(); v.Ready(ctx) != nil; { // a busy machine may need another try
		if a.iss.Counts().Discovery > 50 {
			t.Fatal("the keys did not arrive")
		}
		<-time.After(pace)
	}
	return a, v
}

// pace is the time between two questions while a test waits for a condition.
const pace = 5 * time.Millisecond

// liveOf is newLive for an issuer that may not be well.
func liveOf(t *testing.T, iss *authtest.Issuer, change func(*auth.Config)) (*arena, *auth.Verifier) {
	t.Helper()
	a := &arena{iss: iss, events: &sink{}}
	cfg := configFor(iss)
	cfg.JWKS.Cooldown, cfg.JWKS.Wait = time.Millisecond, 10*time.Second
	cfg.Audit = a.events
	if change != nil {
		change(&cfg)
	}
	v, err := auth.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	_ = v.Ready(t.Context())
	a.server = httptest.NewServer(newEngine(v.Middleware()))
	t.Cleanup(a.server.Close)
	return a, v
}

// until asks until the answer has this status, through answers of the others.
func (a *arena) until(t *testing.T, what, token string, status int, others ...int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		got := a.bearer(t, token)
		if got.status == status {
			got.expect(t, status)
			return
		}
		allowed := false
		for _, other := range others {
			allowed = allowed || got.status == other
		}
		if !allowed || time.Now().After(deadline) {
			t.Fatalf("%s: %d, not %d", what, got.status, status)
		}
		<-time.After(pace)
	}
}

// while asks as long as more says, and wants this status every time.
func (a *arena) while(t *testing.T, token string, status int, more func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); more(); {
		if a.bearer(t, token).expect(t, status); t.Failed() {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("it never came")
		}
		<-time.After(pace)
	}
}

// early returns a token that is answered with status now, and with another one soon.
// On a busy machine it may come too late, and is then made anew, with more time.
func (a *arena) early(t *testing.T, status int, make func(time.Duration) string) string {
	t.Helper()
	for span := 300 * time.Millisecond; ; span *= 2 {
		token := make(span)
		if a.bearer(t, token).status == status {
			return token
		}
		if span > 10*time.Second {
			t.Fatalf("never %d", status)
		}
	}
}

func (a *arena) rotate(t *testing.T) (token string) {
	t.Helper()
	if _, err := a.iss.Rotate(); err != nil {
		t.Fatal(err)
	}
	return mint(t, a.iss, nil)
}

func (a *arena) unknown(t *testing.T) string {
	t.Helper()
	return mintWith(t, a.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}})
}

// request is one for whoami, for [overHTTP].
func request(token string) *http.Request {
	req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	return req
}
