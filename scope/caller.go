package scope

import (
	"context"
	"runtime"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
)

// caller is whose rows a statement may touch, read once.
type caller struct {
	principal *identity.Principal
	tenant    string
	owner     string
	system    *system
	err       error // nobody, or two different ones: every use fails
}

// system is one explicit bypass.
type system struct {
	reason string
	where  string
	// principal is who was authenticated when the bypass was opened: it ends
	// where a context changes to somebody else.
	principal *identity.Principal
}

type (
	callerKey struct{}
	systemKey struct{}
)

func callerOf(p *identity.Principal) caller {
	return caller{principal: p, tenant: p.Tenant, owner: p.ID()}
}

func (c *caller) sameAs(p *identity.Principal) bool {
	return c.principal == p || c.principal != nil && c.principal.Tenant == p.Tenant && c.principal.ID() == p.ID()
}

// readCaller looks at ctx now.
func readCaller(ctx context.Context) caller {
	if ctx = plainContext(ctx); ctx == nil {
		return caller{err: ErrNoPrincipal}
	}
	explicit, _ := ctx.Value(callerKey{}).(*caller)
	return reconcile(ctx, explicit)
}

// reconcile settles who acts when a scope was given and a context is there: they
// must not be two. The scope may be nil.
func reconcile(ctx context.Context, explicit *caller) caller {
	if s := openSystem(ctx, explicit); s != nil {
		return caller{system: s, principal: s.principal}
	}
	p, ok := identity.From(ctx)
	switch {
	case explicit != nil && ok && explicit.err == nil && explicit.system == nil && !explicit.sameAs(p):
		return caller{err: refuse(ErrMismatch, "the context and the scope name two principals")}
	case explicit != nil:
		return *explicit
	case !ok:
		return caller{err: ErrNoPrincipal}
	default:
		return callerOf(p)
	}
}

// openSystem returns ctx's bypass unless the context has meanwhile changed to
// another principal or been narrowed by an explicit scope.
func openSystem(ctx context.Context, explicit *caller) *system {
	s, _ := ctx.Value(systemKey{}).(*system)
	if s == nil || explicit != nil && explicit.system == nil {
		return nil
	}
	if p, _ := identity.From(ctx); p != s.principal {
		return nil
	}
	return s
}

// System returns a context whose statements are not scoped and may contain raw
// SQL on protected tables: for migrations, jobs and reports over everybody's rows.
// Every statement on a protected table is one audit event with the reason. The
// bypass ends where the context is given another principal or a statement has a
// scope of its own. An empty reason panics: it is a mistake in the program.
func System(ctx context.Context, reason string) context.Context {
	if reason == "" {
		panic("scope: System needs a reason")
	}
	if ctx = plainContext(ctx); ctx == nil {
		ctx = context.Background()
	}
	p, _ := identity.From(ctx)
	s := &system{reason: reason, principal: p}
	if _, file, line, ok := runtime.Caller(1); ok {
		s.where = file + ":" + strconv.Itoa(line)
	}
	return context.WithValue(ctx, systemKey{}, s)
}

// plainContext unwraps a gin context: gin uses it again for the next request, so
// nothing that runs later may hold it.
func plainContext(ctx context.Context) context.Context {
	c, ok := ctx.(*gin.Context)
	switch {
	case !ok:
		return ctx
	case c == nil || c.Request == nil:
		return nil
	default:
		return c.Request.Context()
	}
}

var errPooled = refuse(ErrUnsupported, "gorm was handed a gin context, which gin uses again for the next request: hand over c.Request.Context()")

// pooled reports whether a statement's context is a *gin.Context or derived from
// one. After the handler it would name the next request's principal.
func pooled(ctx context.Context) bool {
	c, ok := ctx.Value(gin.ContextKey).(*gin.Context)
	return ok && c != nil
}
