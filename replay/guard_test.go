package replay_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/replay"
)

// events is a sink that remembers.
type events struct {
	mu  sync.Mutex
	all []audit.Event
}

func (e *events) Record(_ context.Context, ev audit.Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, ev)
}

func (e *events) last(t *testing.T) audit.Event {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.all) == 0 {
		t.Fatal("no event was recorded")
	}
	return e.all[len(e.all)-1]
}

func newGuard(tb testing.TB, cfg replay.Config) *replay.Guard {
	tb.Helper()
	g, err := replay.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = g.Close() })
	return g
}

// engine is an API behind a guard, with an authentication that believes p.
func engine(p *identity.Principal, guards ...gin.HandlerFunc) (*gin.Engine, *atomic.Int64) {
	var handled atomic.Int64
	r := gin.New()
	r.Use(func(c *gin.Context) {
		if p != nil {
			identity.Set(c, p)
		}
	})
	r.Use(guards...)
	r.POST("/pay/:id", func(c *gin.Context) {
		handled.Add(1)
		c.Status(http.StatusNoContent)
	})
	return r, &handled
}

func post(h http.Handler) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/pay/1", nil))
	return w
}

func principal() *identity.Principal {
	return &identity.Principal{
		Issuer: "https://id.example", Subject: "alice", ClientID: "shop", TokenID: "secret-jti",
		IssuedAt: time.Now().Add(-time.Minute), ExpiresAt: time.Now().Add(time.Hour),
	}
}

const invalidToken = `{"type":"about:blank","title":"Unauthorized","status":401,"code":"invalid_token"}`

func TestOneTimeTokenPassesOnce(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g := newGuard(t, replay.Config{Audit: sink})
	r, handled := engine(principal(), g.SingleUse())
	if w := post(r); w.Code != http.StatusNoContent {
		t.Fatalf("first use: %d", w.Code)
	}
	if e := sink.last(t); e.Verdict != audit.Allow || e.Reason != "fresh" || e.Route != "/pay/:id" || e.Status != 0 {
		t.Errorf("event of the first use: %+v", e)
	}
	w := post(r)
	if w.Code != http.StatusUnauthorized || w.Body.String() != invalidToken ||
		w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("second use: %d %v %s", w.Code, w.Header(), w.Body)
	}
	e := sink.last(t)
	if e.Verdict != audit.Deny || e.Reason != "replayed" || e.Status != http.StatusUnauthorized || e.Subject.String() != audit.SubjectOf("alice").String() {
		t.Errorf("event of the second use: %+v", e)
	}
	if handled.Load() != 1 {
		t.Errorf("the handler ran %d times", handled.Load())
	}
}

func TestConcurrentRequestsWithOneTokenRunTheHandlerOnce(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	for range 200 {
		p := principal()
		p.TokenID = rnd()
		r, handled := engine(p, g.SingleUse())
		var refused atomic.Int64
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if post(r).Code == http.StatusUnauthorized {
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if handled.Load() != 1 || refused.Load() != 15 {
			t.Fatalf("handled %d, refused %d", handled.Load(), refused.Load())
		}
	}
}

// What the guard refuses, it refuses with the same bytes, and never asks a store.
func TestUnusableTokensAreRefusedAlike(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, tc := range map[string]struct {
		change func(p *identity.Principal)
		reason string
	}{
		"no id":                     {func(p *identity.Principal) { p.TokenID = "" }, "no_id"},
		"an id over a kilobyte":     {func(p *identity.Principal) { p.TokenID = strings.Repeat("a", 1025) }, "no_id"},
		"an id of a megabyte":       {func(p *identity.Principal) { p.TokenID = strings.Repeat("a", 1<<20) }, "no_id"},
		"no expiry":                 {func(p *identity.Principal) { p.ExpiresAt = time.Time{} }, "lifetime"},
		"expired beyond the leeway": {func(p *identity.Principal) { p.ExpiresAt = now.Add(-31 * time.Second) }, "lifetime"},
		"expires in 25 hours":       {func(p *identity.Principal) { p.ExpiresAt = now.Add(25 * time.Hour) }, "lifetime"},
		"expires in 8000 years":     {func(p *identity.Principal) { p.ExpiresAt = now.AddDate(7900, 0, 0) }, "lifetime"},
		"lived 25 hours altogether": {func(p *identity.Principal) { p.IssuedAt = now.Add(-24 * time.Hour) }, "lifetime"},
		"issued before the start":   {func(p *identity.Principal) { p.IssuedAt = now.Add(-3 * time.Minute) }, "issued_before"},
		"issued nobody knows when":  {func(p *identity.Principal) { p.IssuedAt = time.Time{} }, "issued_before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sink := &events{}
			store := &scripted{fresh: true}
			g := newGuard(t, replay.Config{Audit: sink, Store: store, RejectIssuedBefore: now.Add(-2 * time.Minute)})
			p := principal()
			tc.change(p)
			r, handled := engine(p, g.SingleUse())
			w := post(r)
			if w.Code != http.StatusUnauthorized || w.Body.String() != invalidToken ||
				w.Header().Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
				t.Errorf("answer: %d %v %s", w.Code, w.Header(), w.Body)
			}
			if e := sink.last(t); e.Reason != tc.reason || e.Verdict != audit.Deny {
				t.Errorf("event: %+v", e)
			}
			if handled.Load() != 0 || store.calls.Load() != 0 {
				t.Errorf("handled %d, store asked %d times", handled.Load(), store.calls.Load())
			}
		})
	}
}

func TestNearMissesPass(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, change := range map[string]func(p *identity.Principal){
		"expired within the leeway":    func(p *identity.Principal) { p.ExpiresAt = now.Add(-25 * time.Second) },
		"lives 24 hours":               func(p *identity.Principal) { p.IssuedAt, p.ExpiresAt = now, now.Add(24*time.Hour) },
		"does not say its age":         func(p *identity.Principal) { p.IssuedAt = time.Time{} },
		"an id of a kilobyte":          func(p *identity.Principal) { p.TokenID = strings.Repeat("a", 1024) },
		"an id of odd characters":      func(p *identity.Principal) { p.TokenID = "\x00\n\xff " },
		"no issuer, client or subject": func(p *identity.Principal) { p.Issuer, p.ClientID, p.Subject = "", "", "" },
	} {
		g := newGuard(t, replay.Config{})
		p := principal()
		change(p)
		r, _ := engine(p, g.SingleUse())
		if w := post(r); w.Code != http.StatusNoContent {
			t.Errorf("%s: %d", name, w.Code)
		}
		if w := post(r); w.Code != http.StatusUnauthorized {
			t.Errorf("%s, again: %d", name, w.Code)
		}
	}
}

func TestNobodyIsRefusedWithABareChallenge(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g := newGuard(t, replay.Config{Audit: sink})
	for _, guard := range []gin.HandlerFunc{g.SingleUse(), g.EveryRequest()} {
		r, handled := engine(nil, guard)
		w := post(r)
		if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != "Bearer" || handled.Load() != 0 {
			t.Errorf("answer: %d %v", w.Code, w.Header())
		}
		if e := sink.last(t); e.Reason != "no_principal" || e.Subject.String() != "" {
			t.Errorf("event: %+v", e)
		}
	}
}

func TestDPoPBoundTokensAreChallengedInTheirScheme(t *testing.T) {
	t.Parallel()
	p := principal()
	p.Binding = identity.DPoP
	r, _ := engine(p, newGuard(t, replay.Config{}).SingleUse())
	post(r)
	if got := post(r).Header().Get("WWW-Authenticate"); got != `DPoP error="invalid_token"` {
		t.Errorf("challenge %q", got)
	}
}

func TestASecondRunOnTheSameRequestChangesNothing(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g := newGuard(t, replay.Config{Audit: sink})
	p := principal()
	r := gin.New()
	r.Use(func(c *gin.Context) { identity.Set(c, p) }, g.EveryRequest(), g.SingleUse())
	r.POST("/pay/:id", g.SingleUse(), func(c *gin.Context) {
		c.Request.URL.Path = "/inner"
		r.HandleContext(c)
	})
	r.POST("/inner", g.By(func(*gin.Context) (replay.Token, error) {
		return replay.Token{Kind: replay.KindNonce, ID: "n", NotAfter: p.ExpiresAt}, nil
	}), func(c *gin.Context) { c.Status(http.StatusNoContent) })
	if w := post(r); w.Code != http.StatusNoContent {
		t.Errorf("a request that ran the chain several times got %d", w.Code)
	}
	if len(sink.all) != 2 { // one for the token, one for the nonce
		t.Errorf("%d events for two uses", len(sink.all))
	}
	if w := post(r); w.Code != http.StatusUnauthorized {
		t.Errorf("the next request with the token got %d", w.Code)
	}
}

func TestByAcceptsAnIDOfTheApplicationsOnce(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g := newGuard(t, replay.Config{Audit: sink})
	hook := g.By(func(c *gin.Context) (replay.Token, error) {
		id := c.Query("id")
		if id == "" {
			return replay.Token{}, errors.New("bad signature")
		}
		return replay.Token{Kind: replay.KindNonce, Issuer: "billing", ID: id, NotAfter: time.Now().Truncate(time.Hour).Add(2 * time.Hour)}, nil
	})
	r := gin.New()
	r.POST("/hook", hook, func(c *gin.Context) { c.Status(http.StatusNoContent) })
	for i, tc := range []struct {
		query  string
		status int
		reason string
	}{
		{"?id=a", 204, "fresh"}, {"?id=a", 401, "replayed"}, {"?id=b", 204, "fresh"}, {"", 401, "refused_by_application"},
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/hook"+tc.query, nil))
		if w.Code != tc.status || sink.last(t).Reason != tc.reason {
			t.Errorf("%d: %d %+v", i, w.Code, sink.last(t))
		}
	}
	if e := sink.last(t); e.Err == nil || e.Err.Error() != "bad signature" {
		t.Errorf("the operator does not see why: %+v", e)
	}
}

func TestConsumeTellsWhy(t *testing.T) {
	t.Parallel()
	exp := time.Now().Add(time.Hour)
	g := newGuard(t, replay.Config{RejectIssuedBefore: time.Now().Add(-time.Hour)})
	tok := replay.Token{Kind: replay.KindToken, Issuer: "i", ID: "1", IssuedAt: time.Now(), NotAfter: exp}
	if err := g.Consume(t.Context(), tok); err != nil {
		t.Fatal(err)
	}
	old, noID, noExp := tok, tok, tok
	old.IssuedAt, noID.ID, noExp.NotAfter = exp.Add(-3*time.Hour), "", time.Time{}
	for _, tc := range []struct {
		tok  replay.Token
		want error
	}{{tok, replay.ErrReplayed}, {old, replay.ErrIssuedBefore}, {noID, replay.ErrNoID}, {noExp, replay.ErrLifetime}} {
		if err := g.Consume(t.Context(), tc.tok); !errors.Is(err, tc.want) {
			t.Errorf("got %v, want %v", err, tc.want)
		}
	}
	_ = g.Close()
	tok.ID = "2"
	if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrUnavailable) {
		t.Errorf("a closed guard says %v", err)
	}
}

// One id under another kind, issuer or client is another thing; one with another
// expiry in the same window is not.
func TestIdsBelongToWhoMadeThem(t *testing.T) {
	t.Parallel()
	g := newGuard(t, replay.Config{})
	base := replay.Token{Kind: replay.KindToken, Issuer: "https://a.example", Client: "shop", ID: "1", NotAfter: time.Now().Add(3 * time.Hour).Truncate(time.Hour)}
	kind, issuer, client, id, later := base, base, base, base, base
	kind.Kind, issuer.Issuer, client.Client, id.ID = replay.KindNonce, "https://b.example", "bank", "2"
	later.NotAfter = base.NotAfter.Add(time.Minute)
	for i, tok := range []replay.Token{base, kind, issuer, client, id} {
		if err := g.Consume(t.Context(), tok); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	for i, tok := range []replay.Token{base, kind, issuer, client, id, later} {
		if err := g.Consume(t.Context(), tok); !errors.Is(err, replay.ErrReplayed) {
			t.Errorf("%d, again: %v", i, err)
		}
	}
}

func TestReportOnlyPassesAndReports(t *testing.T) {
	t.Parallel()
	sink := &events{}
	g := newGuard(t, replay.Config{Audit: sink, ReportOnly: true})
	r, handled := engine(principal(), g.SingleUse())
	post(r)
	if w := post(r); w.Code != http.StatusNoContent || handled.Load() != 2 {
		t.Errorf("the replay got %d", w.Code)
	}
	if e := sink.last(t); e.Verdict != audit.Report || e.Reason != "replayed" || e.Status != 0 {
		t.Errorf("event: %+v", e)
	}
	store := &scripted{err: errors.New("down")}
	failing := newGuard(t, replay.Config{Audit: sink, ReportOnly: true, Store: store})
	r, _ = engine(principal(), failing.SingleUse())
	if w := post(r); w.Code != http.StatusNoContent || sink.last(t).Reason != "store_unavailable" || sink.last(t).Verdict != audit.Report {
		t.Errorf("with the store down: %d %+v", w.Code, sink.last(t))
	}
	if err := failing.Consume(t.Context(), replay.Token{}); err != nil {
		t.Errorf("Consume: %v", err)
	}
}

func TestEveryMistakeOfAConfigIsReported(t *testing.T) {
	t.Parallel()
	_, guardErr := replay.New(replay.Config{Leeway: time.Hour, MaxLifetime: -1, Timeout: -1, OnStoreFailure: 9})
	_, localErr := replay.Local(replay.LocalConfig{Capacity: -1, FalsePositiveRate: 1, MaxBytes: 1, Window: time.Millisecond})
	_, redisErr := replay.Redis(nil, replay.RedisConfig{
		Capacity: -1, FalsePositiveRate: -1, MinReplicas: -1, Prefix: strings.Repeat("p", 129), Timeout: -1, Window: 1500 * time.Millisecond,
	})
	_, bloomErr := replay.RedisBloom(nil, replay.RedisConfig{})
	for _, tc := range []struct {
		err    error
		fields []string
	}{
		{guardErr, []string{"Config.Leeway", "Config.MaxLifetime", "Config.Timeout", "Config.OnStoreFailure"}},
		{localErr, []string{"LocalConfig.Capacity", "LocalConfig.FalsePositiveRate", "LocalConfig.MaxBytes", "LocalConfig.Window"}},
		{redisErr, []string{
			"RedisConfig.client", "RedisConfig.Capacity", "RedisConfig.FalsePositiveRate", "RedisConfig.MinReplicas",
			"RedisConfig.Prefix", "RedisConfig.Timeout", "RedisConfig.Window",
		}},
		{bloomErr, []string{"RedisConfig.client"}},
	} {
		var one *replay.ConfigError
		if !errors.As(tc.err, &one) {
			t.Errorf("no typed error in %v", tc.err)
			continue
		}
		for _, field := range tc.fields {
			if !strings.Contains(tc.err.Error(), field+":") {
				t.Errorf("%q does not name %s", tc.err, field)
			}
		}
	}
}

// scripted is a store that answers what it is told to.
type scripted struct {
	fresh bool
	err   error
	calls atomic.Int64
}

func (s *scripted) Use(context.Context, [16]byte, time.Time) (bool, error) {
	s.calls.Add(1)
	return s.fresh, s.err
}

func (*scripted) Close() error { return nil }
