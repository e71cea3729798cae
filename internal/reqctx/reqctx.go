// Package reqctx holds what the controls learn about one request in one context
// value, so that a whole chain costs one copy of the request.
package reqctx

import (
	"context"
	"sync/atomic"

	"github.com/gin-gonic/gin"
)

// slots is how many values fit before another context value is chained: the
// suite itself puts four.
const slots = 6

// shared is written by the request's own chain and may be read by any goroutine
// that was handed the context: slots are filled once and published by length.
type shared struct {
	context.Context
	base    context.Context //nolint:containedctx // values common to all requests of a suite
	used    atomic.Int32
	entries [slots]struct{ key, value any }
}

// Value returns the newest value put under key, then the base's, then the parent's.
func (s *shared) Value(key any) any {
	for i := s.used.Load() - 1; i >= 0; i-- {
		if s.entries[i].key == key {
			return s.entries[i].value
		}
	}
	if s.base != nil {
		if v := s.base.Value(key); v != nil {
			return v
		}
	}
	return s.Context.Value(key)
}

// Put adds a value and reports whether there was room. Only the goroutine that
// runs the request's chain may call it.
func (s *shared) Put(key, value any) bool {
	n := s.used.Load()
	if n == slots {
		return false
	}
	s.entries[n].key, s.entries[n].value = key, value
	s.used.Store(n + 1)
	return true
}

// Put makes value readable under key through c.Request.Context() for the rest of
// the request. The first call on a request copies it, the next ones do not.
func Put(c *gin.Context, key, value any) {
	if s, ok := c.Request.Context().(*shared); ok && s.Put(key, value) {
		return
	}
	s := &shared{Context: c.Request.Context()}
	s.Put(key, value)
	c.Request = c.Request.WithContext(s)
}

// Join makes the values of base, a context made once for all requests, readable
// through c.Request.Context(), and reports whether they already were.
func Join(c *gin.Context, base context.Context) (joined bool) {
	if s, ok := c.Request.Context().(*shared); ok && s.base == base {
		return true
	}
	c.Request = c.Request.WithContext(&shared{Context: c.Request.Context(), base: base})
	return false
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
