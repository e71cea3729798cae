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

// inBubble runs f with a verifier over o, in simulated time.
func inBubble(t *testing.T, change func(*auth.Config), f func(t *testing.T, o *origin, v *auth.Verifier)) {
	t.Helper()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		cfg := o.config()
		if change != nil {
			change(&cfg)
		}
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close() // every goroutine must end, or the bubble complains
		synctest.Wait()
		f(t, o, v)
	})
}

func (o *origin) expect(t *testing.T, what string, v *auth.Verifier, token string, status int) {
	t.Helper()
	if got := verify(v, token); got != status {
		t.Errorf("%s: %d, not %d (%s since the start, %d fetches)", what, got, status, time.Since(o.times[0]), o.fetches())
	}
}

func TestKeysAreRefreshedInTheBackground(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		if n := o.fetches(); n < 16 || n > 21 {
			t.Errorf("%d fetches in three hours", n)
		}
		for i := 1; i < len(o.times); i++ {
			if gap := o.times[i].Sub(o.times[i-1]); gap < 9*time.Minute || gap > 11*time.Minute {
				t.Errorf("a gap of %s", gap)
			}
		}
		o.expect(t, "after three hours", v, mint(t, o.iss, nil), 200)
	})
}

func TestCacheControlIsHeededWithinBounds(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"max-age=1800": 30 * time.Minute, "public, max-age=5": time.Minute, "max-age=864000": time.Hour, "no-store": time.Minute,
		"max-age=x": 10 * time.Minute, "max-age=-1": 10 * time.Minute, `MAX-AGE="1800"`: 30 * time.Minute, "private": 10 * time.Minute,
	} {
		inBubble(t, func(cfg *auth.Config) {
			o := cfg.JWKS.Client.Transport.(*origin)
			o.set(func(*http.Request) (*http.Response, error) {
				return reply(200, o.iss.JWKS(), "Cache-Control", header), nil
			})
		}, func(t *testing.T, o *origin, _ *auth.Verifier) {
			t.Helper()
			time.Sleep(want * 2)
			synctest.Wait()
			if gap := o.times[1].Sub(o.times[0]); gap < want*9/10 || gap > want*11/10 {
				t.Errorf("%s: a gap of %s", header, gap)
			}
		})
	}
}

// ASVS 16.5.3.
func TestOutageAtTheStartIs503AndRecoversByItself(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{time.Second, 30 * time.Second, 10 * time.Minute} {
		inBubble(t, func(cfg *auth.Config) {
			cfg.JWKS.Client.Transport.(*origin).fail(http.StatusBadGateway)
		}, func(t *testing.T, o *origin, v *auth.Verifier) {
			t.Helper()
			start := time.Now()
			for time.Since(start) < outage {
				token, asked := mint(t, o.iss, nil), time.Now()
				o.expect(t, "during the outage", v, token, 503)
				if wait := time.Since(asked); wait != 0 {
					t.Errorf("a request waited %s although the last fetch had failed", wait)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if n := o.fetches(); outage == 30*time.Second && n > 10 {
				t.Errorf("%d fetches in %s", n, outage)
			}
			o.set(nil)
			back := time.Now()
			for verify(v, mint(t, o.iss, nil)) != 200 {
				time.Sleep(10 * time.Millisecond)
			}
			limit := 30 * time.Second
			if outage == time.Second {
				limit = time.Second
			}
			if took := time.Since(back); took > limit {
				t.Errorf("recovery took %s after %s", took, outage)
			}
		})
	}
}

func TestUnknownKeyCausesOneFetchPerCooldown(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		unknown := mintWith(t, o.iss, map[string]any{"exp": time.Now().Unix() + 7200}, authtest.Token{Header: map[string]any{"kid": "no"}})
		start := time.Now()
		for time.Since(start) < 30*time.Second {
			o.expect(t, "an unknown key", v, unknown, 401)
			time.Sleep(20 * time.Millisecond)
		}
		if n := o.fetches(); n > 1+3 {
			t.Errorf("%d fetches in 30 s", n)
		}
		if o.concurrent != 1 {
			t.Errorf("%d fetches at once", o.concurrent)
		}
	})
}

func TestRotationIsUsableAtOnceWhenQuiet(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		o.expect(t, "the first token of a new key", v, mint(t, o.iss, nil), 200)
		if o.fetches() != 2 || time.Since(start) != 0 {
			t.Errorf("%d fetches, %s", o.fetches(), time.Since(start))
		}
	})
}

func TestRotationUnderAttackIsUsableAfterTheCooldown(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		unknown := mintWith(t, o.iss, nil, authtest.Token{Header: map[string]any{"kid": "no"}})
		o.expect(t, "the attack", v, unknown, 401) // burns the fetch
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		fresh := mint(t, o.iss, nil)
		o.expect(t, "within the cooldown", v, fresh, 401) // noted; nobody asks again
		time.Sleep(10*time.Second + time.Millisecond)
		synctest.Wait()
		if n := o.fetches(); n != 3 {
			t.Errorf("%d fetches: the deferred one is missing", n)
		}
		o.expect(t, "after the cooldown", v, fresh, 200)
		if o.fetches() != 3 {
			t.Error("that took another fetch")
		}
	})
}

// ASVS 16.5.2.
func TestKeysOutliveAnOutageAsLongAsConfiguredAndNoLonger(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) { cfg.JWKS.MaxStale = 2 * time.Hour }, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		remembered := mint(t, o.iss, map[string]any{"exp": time.Now().Unix() + 86400})
		o.expect(t, "before", v, remembered, 200)
		o.fail(http.StatusServiceUnavailable)
		time.Sleep(2*time.Hour + 8*time.Minute)
		o.expect(t, "a new token, stale keys", v, mint(t, o.iss, nil), 200)
		o.expect(t, "a remembered token, stale keys", v, remembered, 200)
		time.Sleep(4 * time.Minute) // 11 min is the longest refresh
		o.expect(t, "a new token, keys too old", v, mint(t, o.iss, nil), 503)
		o.expect(t, "a remembered token, keys too old", v, remembered, 503)
		if v.Ready(context.Background()) == nil {
			t.Error("ready with keys that are too old")
		}
		o.set(nil)
		time.Sleep(31 * time.Second)
		o.expect(t, "after the outage", v, remembered, 200)
	})
}

func TestStaleKeysCanBeForbidden(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) { cfg.JWKS.MaxStale = -1 }, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Hour)
		o.expect(t, "while refreshes succeed", v, mint(t, o.iss, nil), 200)
		o.fail(http.StatusServiceUnavailable)
		time.Sleep(12 * time.Minute)
		o.expect(t, "after one that failed", v, mint(t, o.iss, nil), 503)
	})
}

func TestUselessAnswersKeepTheOldKeys(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `{}`, `null`, `{"keys":[]}`, `{"keys":null}`, `{"error":"x"}`, `<html>`, `{"keys":[{"kty":"oct","k":"AQAB"}]}`, `{"keys":[`} {
		inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
			t.Helper()
			o.set(func(*http.Request) (*http.Response, error) { return reply(200, []byte(body), "ETag", `"evil"`), nil })
			time.Sleep(30 * time.Minute)
			o.expect(t, "after "+body, v, mint(t, o.iss, nil), 200)
			o.set(func(r *http.Request) (*http.Response, error) {
				if r.Header.Get("If-None-Match") != "" {
					t.Errorf("the tag of a useless answer came back: %s", r.Header.Get("If-None-Match"))
				}
				return reply(200, o.iss.JWKS()), nil
			})
			time.Sleep(time.Minute)
			o.expect(t, "after it is well again", v, mint(t, o.iss, nil), 200)
		})
	}
}

func TestNotModifiedRenewsTheKeys(t *testing.T) {
	t.Parallel()
	inBubble(t, func(cfg *auth.Config) {
		o := cfg.JWKS.Client.Transport.(*origin)
		o.set(func(r *http.Request) (*http.Response, error) {
			if r.Header.Get("If-None-Match") == `"v1"` {
				return reply(http.StatusNotModified, nil), nil
			}
			return reply(200, o.iss.JWKS(), "ETag", `"v1"`), nil
		})
	}, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(5 * time.Hour)
		o.expect(t, "after five hours of 304", v, mint(t, o.iss, nil), 200)
		o.fail(http.StatusNotModified) // to a question without a tag it is no answer, here it is one
		o.expect(t, "still", v, mint(t, o.iss, nil), 200)
	})
}

func TestRemovedKeyEndsItsTokensWithTheRefresh(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		old := o.iss.KeyID()
		token := mint(t, o.iss, map[string]any{"exp": time.Now().Unix() + 86400})
		o.expect(t, "before", v, token, 200)
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		o.iss.Remove(old)
		o.expect(t, "before anybody noticed", v, token, 200)
		time.Sleep(11*time.Minute + time.Second)
		o.expect(t, "after the refresh", v, token, 401)
		o.expect(t, "the new key", v, mint(t, o.iss, nil), 200)
	})
}

func TestRemovedKeyEndsItsRememberedTokensAtOnce(t *testing.T) {
	t.Parallel()
	inBubble(t, nil, func(t *testing.T, o *origin, v *auth.Verifier) {
		t.Helper()
		time.Sleep(time.Minute)
		old := o.iss.KeyID()
		token := mint(t, o.iss, nil)
		o.expect(t, "before", v, token, 200)
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		o.iss.Remove(old)
		o.expect(t, "a token of the new key causes the refresh", v, mint(t, o.iss, nil), 200)
		o.expect(t, "the remembered token", v, token, 401)
	})
}
