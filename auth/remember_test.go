package auth_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

func TestRememberedTokensEndWhenTheyWouldAnyway(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg    func(*auth.Config)
		change func(now int64) map[string]any
		good   time.Duration // still accepted after this
		bad    time.Duration // and refused after this
	}{
		"they expire": {
			func(c *auth.Config) { c.Cache.TTL = time.Hour },
			func(now int64) map[string]any { return map[string]any{"exp": now + 60} }, 89 * time.Second, 90 * time.Second,
		},
		"they expire, no leeway": {
			func(c *auth.Config) { c.Cache.TTL, c.Leeway = time.Hour, -1 },
			func(now int64) map[string]any { return map[string]any{"exp": now + 60} }, 59 * time.Second, 60 * time.Second,
		},
		"they get too old": {
			func(c *auth.Config) { c.Cache.TTL, c.MaxTokenAge = time.Hour, 5*time.Minute },
			func(now int64) map[string]any { return map[string]any{"exp": now + 86400} }, 5*time.Minute + 29*time.Second, 5*time.Minute + 30*time.Second,
		},
	} {
		inBubble(t, tc.cfg, func(t *testing.T, o *origin, v *auth.Verifier) {
			t.Helper()
			token, start := mint(t, o.iss, tc.change(time.Now().Unix())), time.Now()
			o.expect(t, name+": at first", v, token, 200)
			time.Sleep(time.Until(start.Add(tc.good)))
			o.expect(t, name+": at the edge", v, token, 200)
			time.Sleep(time.Until(start.Add(tc.bad)))
			o.expect(t, name+": beyond it", v, token, 401)
		})
	}
}

// A clock that is set back makes a remembered token one that is not valid yet. A
// bubble's clock runs ahead of the real one, to which the same verifier returns.
func TestRememberedTokensAreNotValidBeforeTheyWouldBeAnyway(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.Issuers[0].JWKS = iss.JWKS()
	v := newVerifier(t, cfg) // it fetches nothing, so both clocks may use it
	var token string
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(200 * 365 * 24 * time.Hour)
		token = mint(t, iss, map[string]any{"exp": time.Now().Add(time.Hour).Unix()})
		for range 2 { // verified, then remembered
			if got := verify(v, token); got != 200 {
				t.Errorf("while it is valid: %d", got)
			}
		}
	})
	if got := verify(v, token); got != 401 {
		t.Errorf("two centuries before: %d", got)
	}
}

func TestRefreshWithTheSameKeysForgetsNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) { cfg.Cache.TTL = time.Hour }, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		token := mint(t, o.iss, map[string]any{"exp": time.Now().Unix() + 86400})
		first, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(45 * time.Minute)
		if again, err := v.Verify(t.Context(), token); err != nil || again != first || o.fetches() < 4 {
			t.Errorf("verified anew after %d fetches: %v", o.fetches(), err)
		}
		time.Sleep(20 * time.Minute)
		if again, err := v.Verify(t.Context(), token); err != nil || again == first {
			t.Errorf("remembered beyond the TTL: %v", err)
		}
	})
}

func TestNoncesRollOver(t *testing.T) {
	t.Parallel()
	iss, holder := newIssuer(t, "ES256"), newHolder(t, "")
	synctest.Test(t, func(t *testing.T) {
		cfg := configFor(iss)
		cfg.Issuers[0].JWKS = iss.JWKS()
		cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, NonceKey: make([]byte, 32)}
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		b := &bound{iss: iss, holder: holder, engine: newEngine(v.Middleware())}
		ask := func(nonce string) (status int, next string) {
			b.token = mint(t, iss, map[string]any{"cnf": holder.Confirmation()})
			w := b.send("/whoami", "DPoP "+b.token, b.proof(t, authtest.Proof{Nonce: nonce}))
			return w.Code, w.Header().Get("DPoP-Nonce")
		}
		status, nonce := ask("")
		if status != http.StatusUnauthorized || nonce == "" {
			t.Fatalf("%d %q", status, nonce)
		}
		if status, next := ask(nonce); status != 200 || next != "" {
			t.Errorf("the current nonce: %d %q", status, next)
		}
		time.Sleep(5 * time.Minute)
		status, next := ask(nonce)
		if status != 200 || next == "" || next == nonce {
			t.Errorf("the one before: %d %q", status, next)
		}
		if status, _ := ask(next); status != 200 {
			t.Errorf("the next one: %d", status)
		}
		time.Sleep(5 * time.Minute)
		if status, _ := ask(nonce); status != http.StatusUnauthorized {
			t.Errorf("one long gone: %d", status)
		}
	})
}

func TestReadyWaitsForTheFirstFetchOnly(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		o.set(func(*http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return reply(200, o.iss.JWKS()), nil
		})
		v, err := auth.New(o.config())
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		start := time.Now()
		if err := v.Ready(context.Background()); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if err := v.Ready(context.Background()); err != nil || time.Since(start) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(start))
		}
	})
}
