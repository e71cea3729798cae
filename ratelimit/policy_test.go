package ratelimit_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

func TestCostAndPlan(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 10/1h by ip")
	p.Cost = func(c *gin.Context) int64 {
		return map[string]int64{"": 1, "3": 3, "0": 0, "11": 11, "-1": -1}[c.Query("cost")]
	}
	p.Plan = func(c *gin.Context) (int64, time.Duration) {
		if c.Query("plan") == "gold" {
			return 100, time.Hour
		}
		return 10, time.Hour
	}
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	wantStatus(t, get(r, "/?cost=0"), http.StatusOK)
	for range 3 {
		wantStatus(t, get(r, "/?cost=3"), http.StatusOK)
	}
	wantStatus(t, get(r, "/?cost=3"), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/"), http.StatusOK)
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	wantStatus(t, get(r, "/?cost=0"), http.StatusOK)
	w := get(r, "/?cost=11")
	wantStatus(t, w, http.StatusTooManyRequests)
	if w.Header().Get("Retry-After") != "" {
		t.Error("a cost above the limit is told to come back")
	}
	w = get(r, "/?plan=gold")
	wantStatus(t, w, http.StatusOK)
	if got := w.Header().Get("RateLimit-Policy"); got != `"p";q=100;w=3600` {
		t.Errorf("RateLimit-Policy is %q", got)
	}
	w = get(r, "/?cost=-1")
	wantStatus(t, w, http.StatusInternalServerError)
	if strings.Contains(w.Body.String(), "cost") {
		t.Errorf("the body tells what went wrong inside: %s", w.Body)
	}
}

func TestAPlanThatCrossesTheExactLimitKeepsItsLog(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	limit := int64(100)
	p := policy(t, "p: 100/1h by ip")
	p.Plan = func(*gin.Context) (int64, time.Duration) { return limit, time.Hour }
	r := gin.New()
	r.GET("/", l.Use(p), ok)
	if n := passes(r, 150, "/"); n != 100 {
		t.Fatalf("%d passed, want 100", n)
	}
	limit = 200
	if n := passes(r, 150, "/"); n != 100 {
		t.Fatalf("%d more passed after a raise to 200, want 100", n)
	}
	limit = 50
	w := get(r, "/")
	wantStatus(t, w, http.StatusTooManyRequests)
	if got := w.Header().Get("RateLimit"); !strings.HasPrefix(got, `"p";r=0;t=`) {
		t.Errorf("RateLimit is %q", got)
	}
}

func TestSkipHiddenAndReportOnly(t *testing.T) {
	t.Parallel()
	sink := &events{}
	l := newLimiter(t, ratelimit.Config{Audit: sink})
	skipped := policy(t, "skipped: 1/1h by ip")
	skipped.Skip = func(c *gin.Context) bool { return c.Query("skip") != "" }
	hidden := policy(t, "hidden: 3/1h by ip")
	hidden.Hidden = true
	reported := policy(t, "reported: 1/1h by ip")
	reported.ReportOnly = true
	r := gin.New()
	r.GET("/", l.Use(skipped, hidden, reported), ok)
	w := get(r, "/")
	wantStatus(t, w, http.StatusOK)
	if got := w.Header().Get("RateLimit-Policy"); got != `"skipped";q=1;w=3600, "reported";q=1;w=3600` {
		t.Errorf("RateLimit-Policy is %q", got)
	}
	wantStatus(t, get(r, "/"), http.StatusTooManyRequests)
	w = get(r, "/?skip=1")
	wantStatus(t, w, http.StatusOK)
	if got := w.Header().Get("RateLimit-Policy"); got != `"reported";q=1;w=3600` {
		t.Errorf("RateLimit-Policy is %q", got)
	}
	wantStatus(t, get(r, "/?skip=1"), http.StatusOK)
	w = get(r, "/?skip=1") // the hidden one
	wantStatus(t, w, http.StatusTooManyRequests)
	if all := fmt.Sprint(w.Header(), w.Body); strings.Contains(all, "hidden") {
		t.Errorf("the hidden policy shows: %s", all)
	}
	want := []string{"allow ok 0", "deny quota_exceeded 429", "report quota_exceeded 0", "report quota_exceeded 0", "deny quota_exceeded 429"}
	if got := sink.summary(); strings.Join(got, ",") != strings.Join(want, ",") {
		t.Errorf("events are %v, want %v", got, want)
	}
}

func TestOnlyFailuresCount(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "login: 5/1h by ip")
	p.CountIf = ratelimit.Failures
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
	gate := make(chan struct{})
	r.GET("/", l.Use(p), func(c *gin.Context) {
		switch c.Query("as") {
		case "good":
			c.Status(http.StatusOK)
		case "panic":
			panic("boom")
		case "slow":
			<-gate
			c.Status(http.StatusUnauthorized)
		default:
			c.Status(http.StatusUnauthorized)
		}
	})
	if n := passes(r, 50, "/?as=good"); n != 50 {
		t.Errorf("%d of 50 successes passed", n)
	}
	wantStatus(t, get(r, "/?as=panic"), http.StatusInternalServerError) // stays charged
	// Sent at the same time, wrong guesses cannot exceed the limit either.
	var wg sync.WaitGroup
	codes := make(chan int, 40)
	for range 40 {
		wg.Go(func() { codes <- get(r, "/?as=slow").Code })
	}
	for range 36 { // those over the limit are answered while the others still run
		if code := <-codes; code != http.StatusTooManyRequests {
			t.Errorf("got %d before any guess was answered", code)
		}
	}
	close(gate)
	wg.Wait()
	for range 4 {
		if code := <-codes; code != http.StatusUnauthorized {
			t.Errorf("got %d for a guess below the limit", code)
		}
	}
	wantStatus(t, get(r, "/?as=good"), http.StatusTooManyRequests)
}

func TestALockoutOutlastsTheWindowAndHoldsForCorrectCredentials(t *testing.T) {
	t.Parallel()
	for name, countIf := range map[string]func(int) bool{"failures": ratelimit.Failures, "everything": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := newLimiter(t, ratelimit.Config{})
				p := policy(t, "login: 3/1m by ip")
				p.CountIf, p.Lockout = countIf, time.Hour
				r := gin.New()
				r.GET("/", l.Use(p), func(c *gin.Context) {
					if c.Query("as") != "good" {
						c.Status(http.StatusUnauthorized)
					}
				})
				if n := passes(r, 5, "/"); n != 3 {
					t.Errorf("%d guesses, want 3", n)
				}
				w := get(r, "/?as=good")
				wantStatus(t, w, http.StatusTooManyRequests)
				if !strings.Contains(w.Body.String(), `"code":"locked_out"`) || !strings.Contains(w.Body.String(), "abnormal-usage-detected") {
					t.Errorf("the body does not say locked out: %s", w.Body)
				}
				if got := w.Header().Get("Retry-After"); got != "3600" {
					t.Errorf("Retry-After is %s, want 3600", got)
				}
				time.Sleep(2 * time.Minute) // the window is over, the lockout is not
				wantStatus(t, get(r, "/?as=good"), http.StatusTooManyRequests)
				wantStatus(t, get(r, "/?as=good", from("192.0.2.2:1")), http.StatusOK)
				time.Sleep(58 * time.Minute)
				wantStatus(t, get(r, "/?as=good"), http.StatusOK)
				if n := passes(r, 5, "/"); n < 2 {
					t.Errorf("%d guesses after the lockout, want a new limit", n)
				}
				if err := l.Reset(t.Context(), charge(p, "192.0.2.1")); err != nil {
					t.Fatal(err)
				}
				wantStatus(t, get(r, "/?as=good"), http.StatusOK)
			})
		})
	}
}

// ASVS 2.4.1, 6.3.1: guessing is bounded, from one address and from many.
func TestTheSensitivePresetBoundsGuessingFromOneAddressAndFromMany(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	account := ratelimit.By(func(c *gin.Context) (string, bool) { return c.Query("user"), c.Query("user") != "" })
	r.GET("/login", l.Sensitive("login", account), func(c *gin.Context) {
		if c.Query("pw") != "right" {
			c.Status(http.StatusUnauthorized)
		}
	})
	if n := passes(r, 40, "/login?user=alice"); n != 10 {
		t.Errorf("one address guessed %d times, want 10", n)
	}
	guesses := 0
	for i := range 40 {
		guesses += passes(r, 1, "/login?user=bob", from(fmt.Sprintf("198.51.100.%d:1", i)))
	}
	if guesses != 10 {
		t.Errorf("many addresses guessed %d times at one account, want 10", guesses)
	}
	w := get(r, "/login?user=carol&pw=right", from("203.0.113.1:1"))
	wantStatus(t, w, http.StatusOK)
	if strings.Contains(w.Header().Get("RateLimit"), "account") {
		t.Error("the headers tell how often an account is tried")
	}
}

func TestConcurrencySlotsAreFreed(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.Use(gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, _ any) { c.AbortWithStatus(http.StatusInternalServerError) }))
	inside, release := make(chan struct{}), make(chan struct{})
	slots := l.Concurrency(2, ratelimit.ByIP())
	r.GET("/", slots, slots, func(c *gin.Context) {
		switch c.Query("as") {
		case "panic":
			panic("boom")
		case "slow":
			inside <- struct{}{}
			<-release
		case "again":
			c.Request.URL.RawQuery = ""
			r.HandleContext(c)
		}
	})
	for range 5 {
		wantStatus(t, get(r, "/?as=panic"), http.StatusInternalServerError)
		wantStatus(t, get(r, "/?as=again"), http.StatusOK)
	}
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { wantStatus(t, get(r, "/?as=slow"), http.StatusOK) })
		<-inside
	}
	w := get(r, "/")
	wantStatus(t, w, http.StatusTooManyRequests)
	if !strings.Contains(w.Body.String(), "concurrency_exceeded") || w.Header().Get("Retry-After") == "" {
		t.Errorf("the refusal is %v %s", w.Header(), w.Body)
	}
	wantStatus(t, get(r, "/", from("192.0.2.2:1")), http.StatusOK)
	close(release)
	wg.Wait()
	wantStatus(t, get(r, "/"), http.StatusOK)
}

func TestMistakesAreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	_, err := ratelimit.New(ratelimit.Config{
		Timeout: -1, OnStoreFailure: "maybe", TrustedProxies: []netip.Prefix{{}},
	})
	for _, field := range []string{"Config.Timeout", "Config.OnStoreFailure", "Config.TrustedProxies"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
	_, err = ratelimit.Redis(nil, ratelimit.RedisConfig{Prefix: "{x}", LocalMaxKeys: -1})
	for _, field := range []string{"client", "RedisConfig.Prefix", "RedisConfig.LocalMaxKeys"} {
		if err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
	if _, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: -1}); err == nil {
		t.Error("a negative MaxKeys is accepted")
	}
	l := newLimiter(t, ratelimit.Config{})
	for name, policies := range map[string][]ratelimit.Policy{
		"none":            {},
		"no key":          {{Limit: 1, Window: time.Minute}},
		"zero limit":      {{Window: time.Minute, Key: ratelimit.ByIP()}},
		"huge limit":      {{Limit: 1 << 32, Window: time.Minute, Key: ratelimit.ByIP()}},
		"no window":       {{Limit: 1, Key: ratelimit.ByIP()}},
		"short window":    {{Limit: 1, Window: time.Millisecond - 1, Key: ratelimit.ByIP()}},
		"bad name":        {{Name: "a\"b", Limit: 1, Window: time.Minute, Key: ratelimit.ByIP()}},
		"nil function":    {{Limit: 1, Window: time.Minute, Key: ratelimit.By(nil)}},
		"bad header":      {{Limit: 1, Window: time.Minute, Key: ratelimit.ByAPIKey("a b")}},
		"bad failure":     {{Limit: 1, Window: time.Minute, Key: ratelimit.ByIP(), OnStoreFailure: "x"}},
		"duplicate names": {policy(t, "p: 1/1m by ip"), policy(t, "p: 2/1m by user")},
		"too many parts":  {{Limit: 1, Window: time.Minute, Key: ratelimit.ByIP().And(ratelimit.ByUser(), ratelimit.ByRoute(), ratelimit.Global(), ratelimit.ByTenant())}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: accepted", name)
				}
			}()
			l.Use(policies...)
		}()
	}
}

func TestParsePolicyIsStrict(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]string{
		"5/1m by ip":                        "5-1m-ip",
		" 5/1m  by  ip ":                    "5-1m-ip",
		"login: 5/1m by ip":                 "login",
		"login:5/1m by ip":                  "login",
		"600/1h30m by user":                 "600-1h30m-user",
		"1000/1h by tenant":                 "1000-1h-tenant",
		"20/1m by user-or-ip":               "20-1m-user-or-ip",
		"9/500ms by user+route":             "9-500ms-user-route",
		"60/1m by header X-Api-Key":         "60-1m-header-x-api-key",
		"60/1m by header x-api-key + route": "60-1m-header-x-api-key-route",
		"4294967295/8784h global":           "4294967295-8784h-global",
	} {
		p, err := ratelimit.ParsePolicy(rule)
		if err != nil || p.Name != want {
			t.Errorf("%q: %q, %v; want %q", rule, p.Name, err, want)
		}
	}
	for _, rule := range []string{
		"", " ", ":", "a:", "5", "5/1m", "5/1m by", "5/1m ip", "5/1m by nobody", "0/1m by ip", "-5/1m by ip", "+5/1m by ip", "05/1m by ip",
		"5.5/1m by ip", "4294967296/1m by ip", "99999999999999999999/1m by ip", "5/0s by ip", "5/-1m by ip", "5/1.5m by ip", "5/1us by ip",
		"5/8785h by ip", "5/m by ip", "5/1 by ip", "5/1m by ip by user", "5/1m by ip user", "5/1m by ip+", "5/1m by +ip", "5/1m by global",
		"5/1m global ip", "5/1m by header", "5/1m by header a b", "5/1m by header ä", "a b: 5/1m by ip", "a\": 5/1m by ip", "a: b: 5/1m by ip",
		"5/1m BY ip", "5/1m by IP", "5 / 1m by ip", "5/1m by ip+ip+ip+ip+ip", "5/1m by ip\x00", strings.Repeat("x", 300),
	} {
		p, err := ratelimit.ParsePolicy(rule)
		var typed *ratelimit.Error
		if !errors.As(err, &typed) {
			t.Errorf("%q: accepted as %+v, or not typed: %v", rule, p, err)
		}
	}
}

func TestAStreamedAnswerGetsNoLateHeaders(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 2/1h by ip")
	p.CountIf = ratelimit.Failures
	r := gin.New()
	r.GET("/", l.Use(p), func(c *gin.Context) {
		c.Status(http.StatusOK)
		c.Writer.WriteHeaderNow()
		c.Writer.Flush()
	})
	srv := httptest.NewServer(r)
	defer srv.Close()
	for range 5 {
		resp, err := http.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || resp.Header.Get("RateLimit") == "" || len(resp.Trailer) > 0 {
			t.Errorf("got %d %v", resp.StatusCode, resp.Header)
		}
	}
}

func TestCheckReportsWhatUseWouldPanicFor(t *testing.T) {
	t.Parallel()
	good := ratelimit.PerMinute(5, ratelimit.ByIP())
	other := ratelimit.PerMinute(6, ratelimit.ByIP())
	for _, tc := range []struct {
		name     string
		policies []ratelimit.Policy
		want     string // part of the error, "" for none
	}{
		{"one that is right", []ratelimit.Policy{good}, ""},
		{"two that differ", []ratelimit.Policy{good, other}, ""},
		{"the same twice", []ratelimit.Policy{good, good}, "Policy.Name"},
		{"one without anything", []ratelimit.Policy{good, {}}, "policy 2"},
		{"nine", slices.Repeat([]ratelimit.Policy{good}, 9), "more than 8"},
	} {
		err := tc.policies[0].Check(tc.policies[1:]...)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v", tc.name, err)
		}
		var typed *ratelimit.Error
		if err != nil && !errors.As(err, &typed) {
			t.Errorf("%s: %v holds no typed error", tc.name, err)
		}
	}
}
