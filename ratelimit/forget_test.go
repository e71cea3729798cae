package ratelimit_test

import (
	"testing"
	"testing/synctest"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/ratelimit"
)

func TestAResetDuringAnOutageForgetsWhatThisProcessCounts(t *testing.T) {
	t.Parallel()
	server := testserver.Redis(t)
	l := newLimiter(t, ratelimit.Config{Store: redisStore(t, redisClient(t, server.Addr))})
	p := policy(t, "p: 2/1h by user")
	server.Freeze()
	for range 2 {
		if res, err := l.Take(t.Context(), charge(p, "k")); err != nil || !res.Allowed {
			t.Fatalf("%+v, %v", res, err)
		}
	}
	if res, err := l.Take(t.Context(), charge(p, "k")); err != nil || res.Allowed {
		t.Fatalf("%+v, %v", res, err)
	}
	if err := l.Reset(t.Context(), charge(p, "k")); err == nil {
		t.Error("a reset says that Redis has forgotten the key")
	}
	if res, err := l.Take(t.Context(), charge(p, "k")); err != nil || !res.Allowed {
		t.Errorf("still refused: %+v, %v", res, err)
	}
}

// A request that could not be decided has given back what earlier steps charged it:
// what CountIf says of its answer takes no unit of another.
func TestAFailedStepGivesBackWhatEarlierStepsChargedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(t, ratelimit.Config{})
		outer, broken := policy(t, "outer: 5/1h by ip"), policy(t, "broken: 5/1h by ip")
		outer.CountIf = func(int) bool { return false }
		broken.Cost = func(*gin.Context) int64 { return -1 }
		r := gin.New()
		r.GET("/", l.Use(outer), l.Use(broken), ok)
		take(t, l, outer, "192.0.2.1", 3) // of others, at this very moment
		wantStatus(t, get(r, "/"), 500)
		if res, err := l.Peek(t.Context(), charge(outer, "192.0.2.1")); err != nil || res.Remaining != 2 {
			t.Errorf("%d left, want 2 (%v)", res.Remaining, err)
		}
	})
}
