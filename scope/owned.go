package scope

import (
	"context"
	"sync/atomic"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"github.com/ginsec/ginsec/identity"
)

type options struct {
	tenant, owner         string
	tenantOnly, ownerOnly bool
}

func (o options) isZero() bool { return o == options{} }

// complete refuses a model that lacks a column it was expected to have.
func (o options) complete(tenant, owner *column) error {
	switch {
	case tenant == nil && !o.ownerOnly && (owner == nil || o.tenant != "" || o.tenantOnly):
		return refuse(ErrUnprotected, "the model has no tenant column")
	case owner == nil && !o.tenantOnly && (tenant == nil || o.owner != "" || o.ownerOnly):
		return refuse(ErrUnprotected, "the model has no owner column")
	case tenant == nil && !o.ownerOnly:
		return refuse(ErrUnprotected, "the model has no tenant column: say OwnerOnly")
	case owner == nil && !o.tenantOnly:
		return refuse(ErrUnprotected, "the model has no owner column: say TenantOnly")
	}
	return nil
}

// Option says which columns a model has, for [Owned], [Stmt] and [Bind]. With
// [Guard] the model's policy decides, and an option that contradicts it is
// refused.
type Option func(*options)

// TenantOnly is for models without an owner: everybody of the tenant shares them.
func TenantOnly() Option { return func(o *options) { o.tenantOnly = true } }

// OwnerOnly is for models without a tenant.
func OwnerOnly() Option { return func(o *options) { o.ownerOnly = true } }

// Columns names the columns of a model that has neither scope tags nor the
// default names tenant_id and owner_id. An empty name keeps the default.
func Columns(tenant, owner string) Option {
	return func(o *options) { o.tenant, o.owner = tenant, owner }
}

// grant is what Owned, Stmt and Bind leave in a statement: who, and which columns.
type grant struct {
	who    caller
	opts   options
	taken  atomic.Bool // what is below serves a statement
	shield shield
	room   lone
}

// grantKey is the clause a grant waits in until the statement runs. gorm copies
// clauses with a statement, builds only those it knows, and starts new sessions
// without them.
const grantKey = "ginsec:scope"

// Build writes nothing: a grant is no SQL.
func (*grant) Build(clause.Builder) {}

// ModifyStatement makes a grant an option of the generics API.
func (g *grant) ModifyStatement(stmt *gorm.Statement) { g.apply(stmt) }

func newGrant(ctx context.Context, opts []Option) *grant {
	g := &grant{who: readCaller(ctx)}
	for _, set := range opts {
		set(&g.opts)
	}
	return g
}

// Owned returns a scope that confines a statement to the rows of ctx's principal:
// reads, updates and deletes carry the predicate around all other conditions,
// inserts are stamped, and owner and tenant cannot be changed. It reads the
// principal now, not when the statement runs: a scope kept beyond its request
// stays with its principal. ctx may be the *gin.Context. Without a principal the
// statement fails with [ErrNoPrincipal] and sends nothing.
//
// Without [Guard] it protects the statement it is given to and refuses Preload,
// Joins, Table and nested writes; it cannot see statements without it, raw SQL,
// association mode, or where foreign keys point.
func Owned(ctx context.Context, opts ...Option) func(*gorm.DB) *gorm.DB {
	g := newGrant(ctx, opts)
	return func(db *gorm.DB) *gorm.DB {
		db = db.Scopes() // a statement of its own, should somebody call it on a handle all share
		g.apply(db.Statement)
		return db
	}
}

// Stmt is [Owned] for gorm's generics API: gorm.G[T](db).Scopes(scope.Stmt(c)).
func Stmt(ctx context.Context, opts ...Option) func(*gorm.Statement) {
	return newGrant(ctx, opts).apply
}

// Bind is [Owned] as an option of gorm.G[T](db, scope.Bind(c)). It also covers a
// generic query used as a subquery, which gorm builds with an empty context.
func Bind(ctx context.Context, opts ...Option) clause.Expression {
	return newGrant(ctx, opts)
}

// apply attaches g to a statement. It is idempotent: Save runs scopes twice.
func (g *grant) apply(stmt *gorm.Statement) {
	guard := guardOf(stmt.DB)
	switch {
	case g.who.system != nil:
		if openSystem(stmt.Context, nil) == nil {
			stmt.Context = context.WithValue(stmt.Context, systemKey{}, g.who.system)
		}
	case (guard == nil || !guard.cfg.RequireExplicit) && g.implied(stmt.Context):
		// The context says the same to everything the statement starts.
	default:
		if now, _ := stmt.Context.Value(callerKey{}).(*caller); now != &g.who {
			stmt.Context = context.WithValue(stmt.Context, callerKey{}, &g.who)
		}
	}
	if guard != nil {
		stmt.Clauses[grantKey] = clause.Clause{Expression: g}
		return
	}
	who := reconcile(stmt.Context, &g.who)
	if who.system != nil {
		return
	}
	if len(stmt.BuildClauses) > 0 && who.err == nil {
		who.err = shape(stmt, writing(stmt))
	}
	if who.err != nil {
		_ = stmt.AddError(who.err)
		stmt.SQL.Reset()
		_, _ = stmt.WriteString(poison) // gorm drops the error if this is a subquery
	}
	s := newShield(g, who)
	s.opts, s.op = g.opts, writing(stmt)
	s.belongs(stmt)
	s.cover(stmt)
	coverWrites(stmt)
	if stmt.Dest == nil {
		stmt.AddClause(clause.Where{Exprs: []clause.Expression{mark{s}}})
	}
	if selectsChildren(stmt) {
		_ = stmt.AddError(errNested)
	}
}

// mark tells when a scope has been put inside a group, where gorm copies only
// conditions: built in any statement but its own it makes that one fail.
type mark struct{ shield *shield }

// Build writes what is always true in its own statement, and poison elsewhere.
func (m mark) Build(b clause.Builder) {
	if stmt, ok := b.(*gorm.Statement); ok && shieldOf(stmt) == m.shield {
		_, _ = stmt.WriteString("1 = 1")
		return
	}
	_ = b.AddError(refuse(ErrUnsupported, "a scope inside a group of conditions"))
	_, _ = b.WriteString("(" + poison + ")")
}

// selectsChildren reports whether a statement names relations in Select: gorm's
// Delete deletes those first, in statements of their own.
func selectsChildren(stmt *gorm.Statement) bool {
	if len(stmt.Selects) == 0 || stmt.Dest == nil {
		return false
	}
	probe := &gorm.Statement{DB: stmt.DB}
	if probe.Parse(stmt.Dest) != nil {
		return false
	}
	for _, name := range stmt.Selects {
		if name == clause.Associations || probe.Schema.Relationships.Relations[name] != nil {
			return true
		}
	}
	return false
}

// implied reports whether ctx by itself means the same principal and no bypass.
func (g *grant) implied(ctx context.Context) bool {
	p, ok := identity.From(ctx)
	return ok && p == g.who.principal && ctx.Value(systemKey{}) == nil && ctx.Value(callerKey{}) == nil
}

// newShield spends the room in a grant on the first statement it is used for.
func newShield(g *grant, who caller) *shield {
	if g == nil || !g.taken.CompareAndSwap(false, true) {
		now := who // not who itself, which would be on the heap in every case
		return &shield{who: &now}
	}
	g.shield = shield{who: &g.who, room: &g.room}
	if who != g.who {
		now := who
		g.shield.who = &now
	}
	return &g.shield
}

func grantOf(stmt *gorm.Statement) *grant {
	g, _ := stmt.Clauses[grantKey].Expression.(*grant)
	return g
}
