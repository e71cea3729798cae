package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

func TestAppendedScopesStayWithTheirRequest(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	token := mint(t, iss, map[string]any{"scope": "a b c"})
	for range 2 { // verified, then remembered
		p, err := v.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Scopes) != 3 || cap(p.Scopes) != 3 {
			t.Errorf("%d scopes in room for %d", len(p.Scopes), cap(p.Scopes))
		}
	}
}

func TestOptionalSubRequestInheritsNobody(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	inner := newEngine(v.Middleware(auth.Optional()))
	outer := gin.New()
	outer.GET("/whoami", v.Middleware(), func(c *gin.Context) {
		inner.ServeHTTP(c.Writer, httptest.NewRequestWithContext(c.Request.Context(), http.MethodGet, "/whoami", nil))
	})
	if w := do(outer, "Bearer "+mint(t, iss, nil)); w.Code != 200 || w.Body.String() != "nobody" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

type panicking struct{}

func (panicking) Record(context.Context, audit.Event) { panic("a bad sink") }

func TestPanickingSinkDoesNotEndTheProcess(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		cfg := o.config()
		cfg.Audit = panicking{}
		o.fail(http.StatusBadGateway)
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		_ = v.Close()
	})
}

func TestEmptyNonceKeyAndRestlessRefreshAreMistakes(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*auth.Config){
		"DPoP.NonceKey": func(c *auth.Config) {
			c.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}, NonceKey: []byte{}}
		},
		"TenantClaim":   func(c *auth.Config) { c.TenantClaim = " org " },
		"AudienceClaim": func(c *auth.Config) { c.AudienceClaim = " " },
		"Cache.Entries": func(c *auth.Config) { c.Cache.Entries = 1 << 25 },
		"JWKS.Refresh":  func(c *auth.Config) { c.JWKS.Refresh = time.Second - 1 },
		"JWKS.Cooldown": func(c *auth.Config) { c.JWKS.Cooldown = time.Millisecond - 1 },
	} {
		cfg := configFor(newIssuer(t, "ES256"))
		change(&cfg)
		v, err := auth.New(cfg)
		var fault *auth.ConfigError
		if !errors.As(err, &fault) || fault.Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if v != nil {
			_ = v.Close()
		}
	}
}

// What is wrong with another field is not blamed on the keys.
func TestGoodStaticKeysAreNotBlamedForOtherMistakes(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	for field, change := range map[string]func(*auth.Config){
		"Algorithms[0]": func(c *auth.Config) { c.Algorithms = []string{"ES257"} },
		"JWKS.MaxKeys":  func(c *auth.Config) { c.JWKS.MaxKeys = -1 },
		"Audiences":     func(c *auth.Config) { c.Audiences = nil },
	} {
		cfg := configFor(iss)
		cfg.Issuers[0].JWKS = iss.JWKS()
		change(&cfg)
		_, err := auth.New(cfg)
		var fault *auth.ConfigError
		if !errors.As(err, &fault) || fault.Field != field || strings.Contains(err.Error(), "Issuers[0].JWKS") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestLoginInTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	v := newVerifier(t, configFor(iss))
	for ahead, good := range map[time.Duration]bool{time.Hour: false, 20 * time.Second: true} {
		_, err := v.Verify(t.Context(), mint(t, iss, map[string]any{"auth_time": time.Now().Add(ahead).Unix()}))
		if (err == nil) != good {
			t.Errorf("%v ahead: %v", ahead, err)
		}
	}
}

func TestKeyPublishedDuringAFetchIsFetchedAfterTheCooldown(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		o.set(func(*http.Request) (*http.Response, error) {
			body := o.iss.JWKS()
			time.Sleep(time.Second)
			return reply(http.StatusOK, body), nil
		})
		v := newVerifier(t, o.config())
		defer v.Close()
		time.Sleep(11 * time.Second)
		go verify(v, mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "unknown"}}))
		time.Sleep(500 * time.Millisecond)
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		token := mint(t, o.iss, nil)
		if got := verify(v, token); got != 401 {
			t.Errorf("the fetch under way: %d", got)
		}
		time.Sleep(12 * time.Second)
		if got := o.fetches(); got != 3 {
			t.Errorf("%d fetches", got)
		}
		if got := verify(v, token); got != 200 {
			t.Errorf("after the cooldown: %d", got)
		}
	})
}

// The scheme whose challenge tells the error is the one the client used, also when
// another middleware than the one that judged the token refuses it.
func TestASecondMiddlewareRefusesInTheSchemeThatWasUsed(t *testing.T) {
	t.Parallel()
	b := newBound(t, nil)
	v := newVerifier(t, func() auth.Config {
		cfg := configFor(b.iss)
		cfg.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}}
		return cfg
	}())
	b.server, b.engine = nil, newEngine(v.Middleware(), v.Middleware(auth.Audience("another")))
	for name, tc := range map[string]struct {
		authorization string
		proofs        []string
		fault         int // which challenge tells it
	}{
		"a bound token":   {"DPoP " + b.token, []string{b.proof(t, authtest.Proof{})}, 1},
		"an ordinary one": {"Bearer " + mint(t, b.iss, nil), nil, 0},
	} {
		w := b.send("/whoami", tc.authorization, tc.proofs...)
		got := w.Header().Values("WWW-Authenticate")
		if w.Code != 401 || len(got) != 2 {
			t.Fatalf("%s: %d, challenges %q", name, w.Code, got)
		}
		for i, challenge := range got {
			if strings.Contains(challenge, `error="invalid_token"`) != (i == tc.fault) {
				t.Errorf("%s: challenge %d is %q", name, i, challenge)
			}
		}
	}
}
