// Package reqctx holds what the controls learn about one request in one context
// value, so that a whole chain costs one copy of the request.
package reqctx

import (
	"context"
	"net/http"
	"reflect"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// slots is how many values fit before another context value is chained: the
// controls of a suite put four, and every byte here is paid by every request.
const slots = 4

// shared is written by the chain of the one request it was made for, and may be
// read by any goroutine that was handed the context: slots are filled once and
// published by length.
type shared struct {
	context.Context
	base    context.Context //nolint:containedctx // values common to all requests of a suite
	gin     *gin.Context
	header  http.Header
	used    atomic.Int32
	entries [slots]struct{ key, value any }
}

type nearestKey struct{}

// Value returns the value put under key, or the base's, or the parent's.
func (s *shared) Value(key any) any {
	if key == (nearestKey{}) {
		return s
	}
	if v, ok := s.own(key); ok {
		return v
	}
	if s.base != nil {
		if v := s.base.Value(key); v != nil {
			return v
		}
	}
	return s.Context.Value(key)
}

func (s *shared) own(key any) (any, bool) {
	for i := range s.used.Load() {
		if s.entries[i].key == key {
			return s.entries[i].value, true
		}
	}
	return nil, false
}

// belongs reports whether s was made for the request c stands for. A request that
// a handler makes out of its own context, to serve it in process, is another one:
// it has a gin context of its own, and header fields of its own, which also tell a
// gin context that was used again.
func (s *shared) belongs(c *gin.Context) bool {
	return s.gin == c && reflect.ValueOf(s.header).Pointer() == reflect.ValueOf(c.Request.Header).Pointer()
}

// Put adds a value and reports whether it could: not for another request, not
// when there is no room, and not when the key has a value already, which others
// may have seen. Only the goroutine that runs the request's chain may call it.
func (s *shared) Put(c *gin.Context, key, value any) bool {
	n := s.used.Load()
	if n == slots || !s.belongs(c) {
		return false
	}
	if _, taken := s.own(key); taken {
		return false
	}
	s.entries[n].key, s.entries[n].value = key, value
	s.used.Store(n + 1)
	return true
}

func newShared(c *gin.Context, base context.Context) *shared {
	s := &shared{Context: c.Request.Context(), base: base, gin: c, header: c.Request.Header}
	c.Request = c.Request.WithContext(s)
	return s
}

// Put makes value readable under key through c.Request.Context() for the rest of
// the request. The first call on a request copies it, the next ones do not.
// Contexts handed out before keep what they had under key.
func Put(c *gin.Context, key, value any) {
	if s, ok := c.Request.Context().(*shared); ok && s.Put(c, key, value) {
		return
	}
	newShared(c, nil).Put(c, key, value)
}

// Join makes the values of base, a context made once for all requests, readable
// through c.Request.Context().
func Join(c *gin.Context, base context.Context) {
	if s, ok := c.Request.Context().(*shared); !ok || s.base != base || !s.belongs(c) {
		newShared(c, base)
	}
}

// Own returns the value this very request has put under key, or nil. Unlike
// [Get] it does not see what belongs to a request whose context this one was made
// from.
func Own(c *gin.Context, key any) any {
	for s := nearest(c.Request.Context()); s != nil; s = nearest(s.Context) {
		if !s.belongs(c) {
			continue
		}
		if v, ok := s.own(key); ok {
			return v
		}
	}
	return nil
}

func nearest(ctx context.Context) *shared {
	if s, ok := ctx.(*shared); ok {
		return s
	}
	s, _ := ctx.Value(nearestKey{}).(*shared)
	return s
}

// Get returns the value under key, or nil. It accepts what identity.From accepts.
func Get(ctx context.Context, key any) any {
	if c, ok := ctx.(*gin.Context); ok {
		if c == nil || c.Request == nil {
			return nil
		}
		return c.Request.Context().Value(key)
	}
	if v := ctx.Value(key); v != nil {
		return v
	}
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok && c != nil && c.Request != nil {
		return c.Request.Context().Value(key)
	}
	return nil
}
