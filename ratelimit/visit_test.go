package ratelimit_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

// However many requests are under way, each is found again at its second step, and
// values of headers that were written meanwhile stay what they are.
func TestThousandsOfRequestsUnderWayKeepApart(t *testing.T) {
	t.Parallel()
	const requests = 3000
	l := newLimiter(t, ratelimit.Config{})
	p := policy(t, "p: 1000000/1h global")
	step := l.Use(p)
	inside, hold, done := make(chan struct{}), make(chan struct{}), make(chan http.Header)
	r := gin.New()
	r.GET("/", step, func(*gin.Context) {
		inside <- struct{}{}
		<-hold
	}, step, ok)
	for range requests {
		go func() { done <- get(r, "/").Header() }()
	}
	for range requests {
		<-inside
	}
	close(hold)
	seen := map[string]bool{}
	for range requests {
		h := <-done
		h.Add("RateLimit", "a handler's own")
		seen[h["Ratelimit"][0]] = true
	}
	if len(seen) != requests {
		t.Errorf("%d requests were told %d different numbers of units left", requests, len(seen))
	}
	if res, err := l.Peek(t.Context(), charge(p, "")); err != nil || res.Remaining != 1_000_000-requests {
		t.Errorf("%d requests that met the step twice left %d of 1000000 (%v)", requests, res.Remaining, err)
	}
}

// A value belongs to one response: adding to it changes no other one.
func TestAddingToAHeaderChangesNoOtherResponse(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	r := gin.New()
	r.GET("/", l.Use(policy(t, "p: 100/1h by ip")), ok)
	var headers []http.Header
	for range 60 {
		h := get(r, "/").Header()
		h.Add("RateLimit", "added")
		h.Add("RateLimit-Policy", "added")
		headers = append(headers, h)
	}
	for i, h := range headers {
		want := `"p";r=` + strconv.Itoa(99-i) + ";t="
		if got := h["Ratelimit"]; len(got) != 2 || !strings.HasPrefix(got[0], want) || got[1] != "added" {
			t.Errorf("response %d: RateLimit is %q, want %q", i, got, want)
		}
		if got := h["Ratelimit-Policy"]; len(got) != 2 || got[0] != `"p";q=100;w=3600` {
			t.Errorf("response %d: RateLimit-Policy is %q", i, got)
		}
	}
}
