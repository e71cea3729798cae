package auth_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

func TestHangingEndpointCostsKnownKeysNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		o.hang()
		time.Sleep(11 * time.Minute) // a refresh hangs or has failed
		start := time.Now()
		o.expect(t, "a known key", v, mint(t, o.iss, nil), 200)
		if took := time.Since(start); took != 0 {
			t.Errorf("it waited %s", took)
		}
		unknown := mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}})
		start = time.Now()
		o.expect(t, "an unknown key", v, unknown, 503)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("it waited %s", took)
		}
	})
}

func TestColdStartWaitsTwoSecondsAtMost(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) { cfg.JWKS.Client.Transport.(*origin).hang() }, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		start := time.Now()
		o.expect(t, "cold", v, mint(t, o.iss, nil), 503)
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("it waited %s", took)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := v.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Ready: %v", err)
		}
	})
}

func TestFirstRequestsWaitForTheFirstKeys(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		o.set(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return reply(200, o.iss.JWKS()), nil
		})
		v, err := auth.New(o.config())
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() { o.expect(t, "cold", v, mint(t, o.iss, nil), 200) })
		}
		wg.Wait()
		if o.fetches() != 1 {
			t.Errorf("%d fetches", o.fetches())
		}
	})
}

func TestClientThatHangsUpChangesNothing(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		o.set(func(r *http.Request) (*http.Response, error) {
			select {
			case <-time.After(time.Second):
				return reply(200, o.iss.JWKS()), nil
			case <-r.Context().Done():
				return nil, r.Context().Err()
			}
		})
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		fresh := mint(t, o.iss, nil)
		for range 50 {
			ctx, hangUp := context.WithTimeout(context.Background(), 10*time.Millisecond)
			if _, err := v.Verify(ctx, fresh); statusOf(err) != 503 || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("hung up: %v", err)
			}
			hangUp()
		}
		o.expect(t, "a patient client", v, fresh, 200)
		if o.fetches() != 2 {
			t.Errorf("%d fetches", o.fetches())
		}
	})
}

// Clients that hang up while a dependency is slow must not ring the operator's
// bell; those who stay and get no answer must.
func TestClientThatHangsUpRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	events, slow := &sink{}, false
	inBubble(t, func(cfg *auth.Config) {
		cfg.Audit = events
		cfg.Revoked = func(ctx context.Context, _ *identity.Principal) (bool, error) {
			if !slow {
				return false, nil
			}
			select {
			case <-ctx.Done():
				return false, ctx.Err()
			case <-time.After(time.Second):
				return false, downError{}
			}
		}
	}, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		o.hang()
		known, unknown := mint(t, o.iss, nil), mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}})
		slow = true
		var failures int
		r := gin.New()
		r.GET("/whoami", func(c *gin.Context) { c.Next(); failures = len(c.Errors) }, v.Middleware())
		for reason, token := range map[string]string{"keys_unavailable": unknown, "revocation_unavailable": known} {
			for client, wait := range map[string]time.Duration{"hangs up": 10 * time.Millisecond, "is cut off by the server": 10 * time.Millisecond, "stays": time.Minute} {
				ctx, hangUp := context.WithTimeout(context.Background(), wait)
				want, verdict, reported := reason, audit.Error, 1
				if client == "hangs up" {
					want, verdict, reported = "canceled", audit.Deny, 0
					ctx, hangUp = context.WithCancel(context.Background())
					time.AfterFunc(wait, hangUp)
				}
				req := httptest.NewRequestWithContext(ctx, http.MethodGet, "/whoami", nil)
				req.Header.Set("Authorization", "Bearer "+token)
				w := httptest.NewRecorder()
				r.ServeHTTP(w, req)
				_, err := v.Verify(ctx, token)
				hangUp()
				if w.Code != 503 || statusOf(err) != 503 || failures != reported {
					t.Errorf("%s, client %s: %d, %v, %d errors", reason, client, w.Code, err, failures)
				}
				told := slices.DeleteFunc(events.take(), func(e audit.Event) bool { return e.Reason == "key_fetch" })
				for _, e := range told {
					if e.Reason != want || e.Verdict != verdict {
						t.Errorf("%s, client %s: %+v", reason, client, e)
					}
				}
				if len(told) != 2 {
					t.Errorf("%s, client %s: %d events", reason, client, len(told))
				}
			}
		}
	})
}

func TestWaitersAreBounded(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		o.hang()
		unknown := mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}})
		var wg sync.WaitGroup
		for range 512 {
			wg.Go(func() { o.expect(t, "a waiter", v, unknown, 503) })
		}
		synctest.Wait()
		start := time.Now()
		o.expect(t, "one too many", v, unknown, 503)
		if took := time.Since(start); took != 0 {
			t.Errorf("it waited %s", took)
		}
		o.expect(t, "a known key", v, mint(t, o.iss, nil), 200)
		wg.Wait()
	})
}

func TestTokensWithoutAKeyIDAndBadSignaturesCauseNoFetch(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		second, err := o.iss.Rotate()
		if err != nil {
			t.Fatal(err)
		}
		forged := mintWith(t, o.iss, nil, authtest.Token{KeyID: second, Header: map[string]any{"kid": "key-1"}})
		nameless := mintWith(t, o.iss, nil, authtest.Token{KeyID: second, Header: map[string]any{"kid": nil}})
		for range 100 {
			o.expect(t, "a bad signature", v, forged, 401)
			o.expect(t, "no key id", v, nameless, 401)
		}
		if o.fetches() != 1 {
			t.Errorf("%d fetches", o.fetches())
		}
	})
}

func TestPanicInAClientIsAFailureLikeOthers(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		o.set(func(*http.Request) (*http.Response, error) { panic("a bug of somebody else's") })
		time.Sleep(11 * time.Minute)
		o.expect(t, "a known key", v, mint(t, o.iss, nil), 200)
		o.expect(t, "an unknown key", v, mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}}), 503)
		o.set(nil)
		time.Sleep(31 * time.Second)
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		o.expect(t, "after it is well again", v, mint(t, o.iss, nil), 200)
	})
}

func TestClosedVerifierKeepsItsKeysAndFetchesNoMore(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		if err := v.Close(); err != nil {
			t.Errorf("closed twice: %v", err)
		}
		o.expect(t, "a known key", v, mint(t, o.iss, nil), 200)
		o.expect(t, "an unknown key", v, mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}}), 503)
		time.Sleep(24 * time.Hour)
		if o.fetches() != 1 {
			t.Errorf("%d fetches", o.fetches())
		}
		o.expect(t, "a day later", v, mint(t, o.iss, nil), 503)
	})
}

func TestCloseEndsAFetchUnderWay(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) { cfg.JWKS.Client.Transport.(*origin).hang() }, func(t *testing.T, _ *origin, v *auth.Verifier) {
		t.Helper()
		start := time.Now()
		if err := v.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		if v.Ready(context.Background()) == nil {
			t.Error("ready")
		}
	})
}

func TestDeadIssuerCostsTheOthersNothing(t *testing.T) {
	t.Parallel()
	alive, dead := &origin{iss: newIssuer(t, "ES256")}, newIssuer(t, "ES256")
	synctest.Test(t, func(t *testing.T) {
		cfg := alive.config()
		cfg.Issuers[0].Namespace = "alive"
		cfg.Issuers = append(cfg.Issuers, auth.Issuer{URL: dead.URL(), JWKSURL: dead.JWKSURL() + "?dead", Namespace: "dead"})
		alive.set(func(r *http.Request) (*http.Response, error) {
			if r.URL.RawQuery == "dead" {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return reply(200, alive.iss.JWKS()), nil
		})
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		synctest.Wait()
		start := time.Now()
		alive.expect(t, "the living", v, mint(t, alive.iss, nil), 200)
		if took := time.Since(start); took != 0 {
			t.Errorf("it waited %s", took)
		}
		alive.expect(t, "the dead", v, mint(t, dead, nil), 503)
		if v.Ready(context.Background()) == nil {
			t.Error("ready without the dead one's keys")
		}
	})
}

func TestFailedNewLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) { // a goroutine left over would fail the bubble
		cfg := o.config()
		cfg.Issuers = append(cfg.Issuers, auth.Issuer{URL: "https://static.example", JWKS: []byte(`{"keys":[]}`), Namespace: "s"})
		cfg.Issuers[0].Namespace = "o"
		if _, err := auth.New(cfg); err == nil {
			t.Fatal("made a verifier of a static set without keys")
		}
		synctest.Wait()
		if o.fetches() != 0 {
			t.Error("it fetched")
		}
	})
}
