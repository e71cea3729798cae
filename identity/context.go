package identity

import (
	"context"

	"github.com/gin-gonic/gin"
)

type key struct{}

// From returns the principal of ctx. It accepts a request's context, a context
// derived from one, a *gin.Context and its Copy. The second result is false, and
// the principal nil, when nobody has been authenticated.
func From(ctx context.Context) (*Principal, bool) {
	if ctx == nil {
		return nil, false
	}
	if c, ok := ctx.(*gin.Context); ok {
		return fromGin(c)
	}
	if p, ok := ctx.Value(key{}).(*Principal); ok {
		return p, p != nil
	}
	// A context derived from a *gin.Context does not see the request's values
	// unless the engine has ContextWithFallback: ask for the gin context itself.
	if c, ok := ctx.Value(gin.ContextKey).(*gin.Context); ok {
		return fromGin(c)
	}
	return nil, false
}

func fromGin(c *gin.Context) (*Principal, bool) {
	if c == nil || c.Request == nil {
		return nil, false
	}
	p, _ := c.Request.Context().Value(key{}).(*Principal)
	return p, p != nil
}

// With returns a context in which [From] finds p, for jobs, tests and transports
// other than gin. A nil p hides the principal of the parent.
func With(ctx context.Context, p *Principal) context.Context {
	return context.WithValue(ctx, key{}, p)
}

// Set publishes p as the principal of this request, for applications with an
// authentication of their own. Controls registered after it see p; call it
// before the chain goes on, never from another goroutine.
func Set(c *gin.Context, p *Principal) {
	ctx := c.Request.Context()
	// The controls share one context value per request: joining it saves a copy
	// of the request.
	if shared, ok := ctx.(interface {
		Put(c *gin.Context, key, value any) bool
	}); ok && shared.Put(c, key{}, p) {
		return
	}
	c.Request = c.Request.WithContext(With(ctx, p))
}
