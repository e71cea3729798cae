package replay_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/replay"
)

// keeping is a store that keeps the context of its last use.
type keeping struct{ ctx context.Context } //nolint:containedctx // that is its purpose

func (k *keeping) Use(ctx context.Context, _ [16]byte, _ time.Time) (bool, error) {
	k.ctx = ctx
	return true, nil
}
func (*keeping) Close() error { return nil }

// A store may still read its context when gin has given the request's to another one.
func TestAStoreNeverGetsTheGinContext(t *testing.T) {
	t.Parallel()
	k := &keeping{}
	g := newGuard(t, replay.Config{Store: k})
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/", nil)
	c.Request = c.Request.WithContext(identity.With(c.Request.Context(), principal()))
	if err := g.Consume(c, token()); err != nil {
		t.Fatal(err)
	}
	c.Set("next", "another request's")
	if k.ctx.Value("next") != nil || k.ctx.Value(gin.ContextKey) != nil {
		t.Error("the store sees what belongs to the next request")
	}
	if p, ok := identity.From(k.ctx); !ok || p.Subject != "alice" {
		t.Error("the store does not see whose request it is")
	}
}

// The audit of routes asks what stands in front of one: nothing is used up by that.
func TestEveryMiddlewareTellsTheAuditOfRoutes(t *testing.T) {
	t.Parallel()
	k := &keeping{}
	g := newGuard(t, replay.Config{Store: k})
	for name, h := range map[string]gin.HandlerFunc{
		"SingleUse": g.SingleUse(), "EveryRequest": g.EveryRequest(),
		"By": g.By(func(*gin.Context) (replay.Token, error) { t.Error("By's function ran"); return token(), nil }),
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		record := probe.Attach(c, http.MethodPost, "/pay/1")
		h(c)
		if found := record.Names(); len(found) != 1 || found[0] != "replay" {
			t.Errorf("%s: %v", name, found)
		}
		if k.ctx != nil || c.IsAborted() {
			t.Errorf("%s: the audit used something up", name)
		}
	}
}

// Only what is the service's fault is one of gin's errors.
func TestOnlyAStoreThatFailsIsAnErrorOfTheRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer *scripted
		want   int
	}{
		"fails":   {&scripted{err: errors.New("down")}, 1},
		"replay":  {&scripted{}, 0},
		"accepts": {&scripted{fresh: true}, 0},
	} {
		g := newGuard(t, replay.Config{Store: tc.answer})
		var errs []*gin.Error
		r, _ := engine(principal(), func(c *gin.Context) {
			c.Next()
			errs = c.Errors
		}, g.SingleUse())
		post(r)
		if len(errs) != tc.want {
			t.Errorf("%s: errors %v", name, errs)
		} else if tc.want == 1 && !errors.Is(errs[0], replay.ErrUnavailable) {
			t.Errorf("%s: %v", name, errs[0])
		}
	}
}
