package replay_test

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

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/replay"
)

func TestByJudgesAfterTheApplicationsFunction(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, replay.Config{Leeway: -1})
		defer g.Close()
		for _, tc := range []struct {
			takes  time.Duration
			status int
		}{{time.Minute, http.StatusUnauthorized}, {59 * time.Second, http.StatusNoContent}} {
			expires := time.Now().Add(time.Minute)
			r, _ := engine(nil, g.By(func(*gin.Context) (replay.Token, error) {
				time.Sleep(tc.takes)
				return replay.Token{ID: rnd(), NotAfter: expires}, nil
			}))
			if w := post(r); w.Code != tc.status {
				t.Errorf("a function that takes %v of a minute: %d", tc.takes, w.Code)
			}
		}
	})
}

func TestByWithoutAFunctionPanicsAtOnce(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	defer func() {
		if text, _ := recover().(string); !strings.HasPrefix(text, "replay: ") {
			t.Errorf("recovered %q", text)
		}
	}()
	g.By(nil)
}

// SingleUse and Consume name one token alike: issuer, client, kind and id.
func TestATokenIsOneThingForRequestsAndJobs(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	p := principal()
	r, _ := engine(p, g.SingleUse())
	post(r)
	same := replay.Token{Kind: replay.KindToken, Issuer: p.Issuer, Client: p.ClientID, ID: p.TokenID, NotAfter: p.ExpiresAt}
	if err := g.Consume(t.Context(), same); !errors.Is(err, replay.ErrReplayed) {
		t.Errorf("the token of the request: %v", err)
	}
	for name, change := range map[string]func(p *identity.Principal){
		"another issuer": func(p *identity.Principal) { p.Issuer = "https://other.example" },
		"another client": func(p *identity.Principal) { p.ClientID = "bank" },
	} {
		other := principal()
		change(other)
		r, _ := engine(other, g.SingleUse())
		if w := post(r); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
}

// A request that a handler serves in process, with its own request's context, is
// another use.
func TestASubRequestIsAnotherUse(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	r, handled := engine(principal(), g.SingleUse())
	var codes []int
	r.POST("/batch", func(c *gin.Context) {
		sub := c.Request.Clone(c.Request.Context())
		sub.URL.Path = "/pay/1"
		shared := c.Request.WithContext(c.Request.Context()) // its header fields, too
		shared.URL = sub.URL
		for _, req := range []*http.Request{sub, shared} {
			w := httptest.NewRecorder()
			r.ServeHTTP(w, req)
			codes = append(codes, w.Code)
		}
	})
	r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/batch", nil))
	if len(codes) != 2 || codes[0] != http.StatusUnauthorized || codes[1] != http.StatusUnauthorized || handled.Load() != 0 {
		t.Errorf("codes %v, handled %d", codes, handled.Load())
	}
}

func TestADeniedRequestIsDeniedOnItsSecondRunToo(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	p := principal()
	var r *gin.Engine
	runs := 0
	r, handled := engine(p, func(c *gin.Context) {
		runs++
		c.Next()
		if runs == 2 { // the replay, denied
			r.HandleContext(c)
		}
	}, g.SingleUse())
	for range 2 {
		post(r)
	}
	if runs != 3 || handled.Load() != 1 {
		t.Errorf("%d runs, handled %d", runs, handled.Load())
	}
}

// What one guard has let pass says nothing about another, with another store.
func TestEveryGuardOfAChainDecides(t *testing.T) {
	t.Parallel()
	a, b := newGuard(t, replay.Config{}), newGuard(t, replay.Config{})
	p := principal()
	r, _ := engine(p, a.SingleUse(), b.SingleUse())
	if w := post(r); w.Code != http.StatusNoContent {
		t.Fatal(w.Code)
	}
	r, _ = engine(p, b.SingleUse())
	if w := post(r); w.Code != http.StatusUnauthorized {
		t.Errorf("the second guard of the chain was not asked: %d", w.Code)
	}
}

func TestTheLongestLifeIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, replay.Config{MaxLifetime: 10 * time.Minute, Leeway: -1})
		defer g.Close()
		now := time.Now()
		for _, tc := range []struct {
			issued, expires time.Time
			want            error
		}{
			{time.Time{}, now.Add(10 * time.Minute), nil},
			{time.Time{}, now.Add(10*time.Minute + 1), replay.ErrLifetime},
			{now.Add(-5 * time.Minute), now.Add(5 * time.Minute), nil},
			{now.Add(-5*time.Minute - 1), now.Add(5 * time.Minute), replay.ErrLifetime},
		} {
			tok := replay.Token{ID: rnd(), IssuedAt: tc.issued, NotAfter: tc.expires}
			if err := g.Consume(t.Context(), tok); !errors.Is(err, tc.want) {
				t.Errorf("issued %v, expires %v: %v", tc.issued, tc.expires, err)
			}
		}
	})
}

// An issuer whose clock is ahead by no more than the leeway is within its rights.
func TestTheLeewayIsForIssuersClocksToo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(t, replay.Config{MaxLifetime: 10 * time.Minute, Leeway: 20 * time.Second})
		defer g.Close()
		for ahead, want := range map[time.Duration]error{20 * time.Second: nil, 20*time.Second + 1: replay.ErrLifetime} {
			issued := time.Now().Add(ahead)
			tok := replay.Token{ID: rnd(), IssuedAt: issued, NotAfter: issued.Add(10 * time.Minute)}
			if err := g.Consume(t.Context(), tok); !errors.Is(err, want) {
				t.Errorf("ahead by %v: %v", ahead, err)
			}
		}
	})
}

// hurried tells how much time it is given.
type hurried struct {
	replay.Store

	left time.Duration
}

func (s *hurried) Use(ctx context.Context, _ [16]byte, _ time.Time) (bool, error) {
	deadline, _ := ctx.Deadline()
	s.left = time.Until(deadline)
	return true, nil
}

func (*hurried) Close() error { return nil }

func TestAStoreHasTheConfiguredTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for timeout, want := range map[time.Duration]time.Duration{0: 50 * time.Millisecond, time.Millisecond: time.Millisecond, 7 * time.Second: 7 * time.Second} {
			store := &hurried{}
			g := newGuard(t, replay.Config{Store: store, Timeout: timeout})
			if err := g.Consume(t.Context(), token()); err != nil || store.left != want {
				t.Errorf("Timeout %v: the store had %v, %v", timeout, store.left, err)
			}
			_ = g.Close()
		}
	})
}
