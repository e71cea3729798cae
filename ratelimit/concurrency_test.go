package ratelimit_test

import (
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/ratelimit"
)

func TestARequestThatFindsNoSlotConsumesNothing(t *testing.T) {
	t.Parallel()
	l := newLimiter(t, ratelimit.Config{})
	inside, release := make(chan struct{}), make(chan struct{})
	r := gin.New()
	r.Use(l.Use(policy(t, "outer: 10/1h by ip")))
	r.GET("/", l.Concurrency(1, ratelimit.ByIP()), func(*gin.Context) { inside <- struct{}{}; <-release })
	var wg sync.WaitGroup
	wg.Go(func() { get(r, "/") })
	<-inside
	for range 20 {
		w := get(r, "/")
		wantStatus(t, w, http.StatusTooManyRequests)
		if got := w.Header().Get("RateLimit"); got[:11] != `"outer";r=9` {
			t.Fatalf("RateLimit is %q", got)
		}
	}
	close(release)
	wg.Wait()
	res, err := l.Peek(t.Context(), charge(policy(t, "outer: 10/1h by ip"), "192.0.2.1"))
	if err != nil || res.Remaining != 9 {
		t.Errorf("%d left of the outer limit, want 9 (%v)", res.Remaining, err)
	}
}

func TestConcurrencyOnlyReportsWhereTheLimiterDoes(t *testing.T) {
	t.Parallel()
	sink := &events{}
	l := newLimiter(t, ratelimit.Config{ReportOnly: true, Audit: sink})
	r := gin.New()
	inner := gin.New()
	slot := l.Concurrency(1, ratelimit.ByIP())
	inner.GET("/", slot, ok)
	r.GET("/", slot, func(c *gin.Context) { wantStatus(t, get(inner, "/"), http.StatusOK) })
	wantStatus(t, get(r, "/"), http.StatusOK)
	wantStatus(t, get(r, "/"), http.StatusOK)
	if got := sink.summary(); !slices.Contains(got, "report concurrency_exceeded 0") {
		t.Errorf("events are %v", got)
	}
}
