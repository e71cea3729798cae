package reqctx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/reqctx"
)

type (
	key  int
	base struct{}
)

func newContext() *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	return c
}

func TestValuesSurviveAndBaseAnswersLast(t *testing.T) {
	t.Parallel()
	c := newContext()
	common := context.WithValue(t.Context(), base{}, "common")
	reqctx.Join(c, common)
	first := c.Request
	if reqctx.Join(c, common); c.Request != first {
		t.Error("joining twice copied the request again")
	}
	for i := range 30 {
		reqctx.Put(c, key(i), i)
	}
	for i := range 30 {
		if reqctx.Get(c, key(i)) != i {
			t.Fatalf("value %d is lost", i)
		}
	}
	if reqctx.Get(c, base{}) != "common" || reqctx.Get(c, key(99)) != nil {
		t.Error("base must answer its own keys and nothing else")
	}
	derived, cancel := context.WithCancel(c)
	defer cancel()
	if reqctx.Get(derived, key(3)) != 3 {
		t.Error("a context derived from the gin context does not see the value")
	}
}

func TestReadersNeverRaceTheChain(t *testing.T) {
	t.Parallel()
	c := newContext()
	reqctx.Put(c, key(0), 0)
	ctx := c.Request.Context()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 1000 {
				if v := ctx.Value(key(0)); v != 0 {
					t.Errorf("read %v", v)
				}
				_ = ctx.Value(key(3))
			}
		})
	}
	for i := 1; i < 6; i++ {
		reqctx.Put(c, key(i), i)
	}
	wg.Wait()
}

func TestFirstPutCopiesTheRequestAndLaterOnesDoNot(t *testing.T) {
	t.Parallel()
	c := newContext()
	original := c.Request
	reqctx.Put(c, key(1), 1)
	copied := c.Request
	reqctx.Put(c, key(2), 2)
	if original == copied || copied != c.Request {
		t.Error("want exactly one copy of the request")
	}
	if original.Context().Value(key(1)) != nil {
		t.Error("the caller's own request was changed")
	}
}

func TestGetWithoutRequestFindsNothing(t *testing.T) {
	t.Parallel()
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	var none *gin.Context
	for _, ctx := range []context.Context{c, none, t.Context()} {
		if reqctx.Get(ctx, key(1)) != nil {
			t.Error("found a value in an empty context")
		}
	}
}

func TestAContextHandedOutKeepsWhatItSaid(t *testing.T) {
	t.Parallel()
	c := newContext()
	reqctx.Put(c, key(1), "alice")
	kept := c.Request.Context()
	reqctx.Put(c, key(1), "admin")
	if kept.Value(key(1)) != "alice" || c.Request.Context().Value(key(1)) != "admin" {
		t.Errorf("kept says %v, the request %v", kept.Value(key(1)), c.Request.Context().Value(key(1)))
	}
}

// A handler may serve another request in process, with its own request's context:
// what a control noted about the one must not count for the other.
func TestARequestMadeFromAnothersContextIsAnotherOne(t *testing.T) {
	t.Parallel()
	outer := newContext()
	reqctx.Put(outer, key(1), "outer")
	sub := func(header http.Header) *gin.Context {
		c := newContext()
		c.Request = c.Request.WithContext(context.WithValue(outer.Request.Context(), base{}, "wrapped"))
		c.Request.Header = header
		return c
	}
	for name, c := range map[string]*gin.Context{
		"with header fields of its own": sub(http.Header{}), "sharing header fields": sub(outer.Request.Header), "without header fields": sub(nil),
	} {
		if reqctx.Get(c, key(1)) != "outer" {
			t.Errorf("%s: the outer value cannot be read", name)
		}
		if got := reqctx.Own(c, key(1)); got != nil {
			t.Errorf("%s: %v counts as its own", name, got)
		}
		reqctx.Put(c, key(2), name)
		if reqctx.Own(c, key(2)) != name || reqctx.Get(outer, key(2)) != nil {
			t.Errorf("%s: its value went to the outer request", name)
		}
	}
	outer.Request = sub(http.Header{"A": {"b"}}).Request // the pool has handed the gin context out again
	if got := reqctx.Own(outer, key(1)); got != nil {
		t.Errorf("a gin context used again still owns %v", got)
	}
}

func TestOwnSeesThroughContextsInBetween(t *testing.T) {
	t.Parallel()
	c := newContext()
	for i := range 9 {
		reqctx.Put(c, key(i), i)
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), base{}, i))
	}
	for i := range 9 {
		if reqctx.Own(c, key(i)) != i {
			t.Errorf("value %d is not its own any more", i)
		}
	}
}
