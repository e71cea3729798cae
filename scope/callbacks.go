package scope

import (
	"context"
	"database/sql"
	"errors"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// install registers the callbacks. Those "before *" refuse what needs no look at
// values, so that not even a transaction is begun; those right before gorm's own
// see what hooks have made of the statement.
func (g *guard) install(db *gorm.DB) error {
	cb := db.Callback()
	return errors.Join(
		cb.Query().Before("*").Register("ginsec:query", g.query),
		cb.Row().Before("*").Register("ginsec:row", g.query),
		cb.Query().After("*").Register("ginsec:queried", g.done),
		cb.Row().After("*").Register("ginsec:refused_row", g.refusedRow),
		cb.Raw().Before("*").Register("ginsec:raw", g.raw),
		cb.Create().Before("*").Register("ginsec:admit_create", g.admit),
		cb.Create().Before("gorm:create").Register("ginsec:create", g.create),
		cb.Create().Before("gorm:save_after_associations").Register("ginsec:created", g.created),
		cb.Create().After("*").Register("ginsec:done_create", g.done),
		cb.Update().Before("*").Register("ginsec:admit_update", g.admit),
		cb.Update().Before("gorm:update").Register("ginsec:update", g.update),
		cb.Update().Before("gorm:save_after_associations").Register("ginsec:updated", g.updated),
		cb.Update().After("*").Register("ginsec:done_update", g.done),
		cb.Delete().Before("*").Register("ginsec:admit_delete", g.admit),
		cb.Delete().Before("gorm:delete").Register("ginsec:delete", g.delete),
		cb.Delete().After("*").Register("ginsec:done_delete", g.done),
	)
}

// poison makes the database reject whatever a refused subquery is spliced into:
// gorm drops a subquery's error and would write nothing in its place, and
// "id NOT IN ()" is true.
const poison = "SELECT ginsec_scope_refused()"

// fail ends a statement.
func (g *guard) fail(db *gorm.DB, op operation, err error) {
	stmt := db.Statement
	if err != nil {
		_ = db.AddError(err)
		g.report(stmt, op, err)
	}
	if s := shieldOf(stmt); s != nil {
		s.reported = true
	}
	stmt.SQL.Reset()
	stmt.Vars = nil
	_, _ = stmt.WriteString(poison)
}

func (g *guard) query(db *gorm.DB) {
	switch {
	case db.Error != nil:
		g.fail(db, reading, nil)
	case db.Statement.SQL.Len() > 0:
		g.raw(db)
	default:
		g.protect(db, reading)
	}
}

// refusedRow gives Row something to return: it has no error but in the row itself,
// and gorm would return nil.
func (g *guard) refusedRow(db *gorm.DB) {
	g.done(db)
	if many, ok := db.Get("rows"); db.Error == nil || !ok || many != false {
		return
	}
	if _, ok := db.Statement.Dest.(*sql.Row); !ok {
		ctx := ended{Context: db.Statement.Context, err: db.Error}
		db.Statement.Dest = unprepared(db.Statement.ConnPool).QueryRowContext(ctx, poison)
	}
}

// unprepared returns what is below gorm's prepared statements: those have a Row for
// a failure that panics in Scan.
func unprepared(pool gorm.ConnPool) gorm.ConnPool {
	switch p := pool.(type) {
	case *gorm.PreparedStmtDB:
		return p.ConnPool
	case *gorm.PreparedStmtTX:
		return p.Tx
	default:
		return pool
	}
}

// ended is a context that is over before it began: database/sql returns its error
// without asking for a connection.
type ended struct {
	context.Context //nolint:containedctx // it is a context
	err             error
}

// Err returns why the query was refused.
func (e ended) Err() error { return e.err }

// Done is closed.
func (ended) Done() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// raw judges SQL text.
func (g *guard) raw(db *gorm.DB) {
	stmt := db.Statement
	if db.Error != nil {
		return
	}
	text := stmt.SQL.String()
	if !g.names(text) {
		return
	}
	if who := readCaller(stmt.Context); who.system != nil {
		g.bypassed(stmt, "raw SQL", who.system)
		return
	}
	if g.cfg.AllowRaw != nil && g.cfg.AllowRaw(stmt.Context, text) {
		g.rawAllowed(stmt)
		return
	}
	g.fail(db, reading, ErrRaw)
}

// admit refuses early, before a transaction or a hook.
func (g *guard) admit(db *gorm.DB) {
	if db.Error != nil || db.Statement.SQL.Len() > 0 {
		return
	}
	t, err := g.target(db.Statement)
	if err == nil && t.pol.protected() {
		_, err = g.callerFor(db.Statement, t.pol)
	}
	if err != nil {
		g.fail(db, writing(db.Statement), err)
	}
}

func (g *guard) update(db *gorm.DB) { g.write(db, updating) }
func (g *guard) delete(db *gorm.DB) { g.write(db, deleting) }
func (g *guard) create(db *gorm.DB) { g.write(db, creating) }

func (g *guard) write(db *gorm.DB, op operation) {
	if db.Error != nil {
		return
	}
	if db.Statement.SQL.Len() > 0 {
		g.raw(db)
		return
	}
	g.protect(db, op)
}

// protect puts the predicate into one statement, or refuses it.
func (g *guard) protect(db *gorm.DB, op operation) {
	if err := g.shield(db.Statement, op); err != nil {
		g.fail(db, op, err)
	}
}

func (g *guard) shield(stmt *gorm.Statement, op operation) error {
	t, err := g.target(stmt)
	if err != nil {
		return err
	}
	if !t.pol.protected() {
		return g.shieldPublic(stmt, op)
	}
	who, err := g.callerFor(stmt, t.pol)
	if err != nil {
		return err
	}
	if who.system != nil {
		uncover(stmt)
		unhook(stmt)
		g.bypassed(stmt, op.String(), who.system)
		return nil
	}
	if err := g.fragments(stmt, op); err != nil {
		return err
	}
	s := newShield(grantOf(stmt), who)
	s.guard, s.pol, s.table, s.op = g, t.pol, t.alias, op
	s.cover(stmt)
	switch op {
	case creating:
		s.stampDest(stmt)
		coverInsert(stmt, buildInsert)
	case updating, deleting: // a soft delete is an update
		hook(stmt, "UPDATE", buildUpdate)
	case reading:
	}
	if err := shape(stmt, op); err != nil {
		return err
	}
	return g.joins(stmt, s.who)
}

// shieldPublic looks after what a public or derived table is joined with.
func (g *guard) shieldPublic(stmt *gorm.Statement, op operation) error {
	uncover(stmt)
	unhook(stmt)
	if readCaller(stmt.Context).system != nil {
		return nil
	}
	if err := g.fragments(stmt, op); err != nil {
		return err
	}
	switch op {
	case creating:
		coverInsert(stmt, publicInsert)
	case updating, deleting:
		hook(stmt, "UPDATE", publicUpdate)
	case reading:
	}
	return g.joins(stmt, nil)
}

// callerFor reads who may use the protected table a statement is about.
func (g *guard) callerFor(stmt *gorm.Statement, pol *policy) (caller, error) {
	who, err := g.identify(stmt, pol)
	if granted := grantOf(stmt); err == nil && who.system == nil && granted != nil && !granted.opts.isZero() {
		err = pol.agrees(granted.opts)
	}
	return who, err
}

// identify reads who may use a protected table, be it joined only.
func (g *guard) identify(stmt *gorm.Statement, pol *policy) (caller, error) {
	if pooled(stmt.Context) {
		return caller{}, errPooled
	}
	granted := grantOf(stmt)
	explicit, _ := stmt.Context.Value(callerKey{}).(*caller)
	if explicit == nil && granted != nil && granted.who.system == nil {
		explicit = &granted.who
	}
	who := reconcile(stmt.Context, explicit)
	if who.err != nil || who.system != nil {
		return who, who.err
	}
	if g.cfg.RequireExplicit && granted == nil && stmt.Context.Value(callerKey{}) == nil {
		return who, refuse(ErrUnprotected, "no explicit scope on "+pol.table)
	}
	return who, nil
}

// agrees refuses options that contradict the policy.
func (p *policy) agrees(o options) error {
	differs := func(c *column, name string) bool {
		return name != "" && (c == nil || c.name != name && c.field.Name != name)
	}
	if o.tenantOnly && p.owner != nil || o.ownerOnly && p.tenant != nil || differs(p.tenant, o.tenant) || differs(p.owner, o.owner) {
		return refuse(ErrUnsupported, "the option contradicts the model's policy in Guard")
	}
	return nil
}

// joins groups and confines what is joined. Without a caller it is identified when
// something protected is among it.
func (g *guard) joins(stmt *gorm.Statement, who *caller) error {
	for i := range stmt.Joins {
		j := &stmt.Joins[i]
		if j.On == nil || len(j.On.Exprs) == 0 {
			continue
		}
		if _, done := j.On.Exprs[0].(group); !done {
			j.On = &clause.Where{Exprs: []clause.Expression{group{j.On.Exprs}}}
		}
	}
	c, ok := stmt.Clauses["FROM"]
	from, isFrom := c.Expression.(clause.From)
	if !ok || !isFrom || len(from.Joins) == 0 {
		return nil
	}
	joins := slices.Clone(from.Joins)
	for i, j := range joins {
		if j.Expression != nil || len(j.Using) > 0 {
			continue
		}
		pol := g.tables[strings.ToLower(lastPart(j.Table.Name))]
		if !pol.protected() {
			continue
		}
		if who == nil {
			now, err := g.identify(stmt, pol)
			if err != nil {
				return err
			}
			who = &now
		}
		if len(j.ON.Exprs) == 1 {
			if done, ok := j.ON.Exprs[0].(condition); ok { // from an earlier use of the handle
				j.ON.Exprs = done.rest
			}
		}
		alias := j.Table.Name
		if j.Table.Alias != "" {
			alias = j.Table.Alias
		}
		joins[i].ON = clause.Where{Exprs: []clause.Expression{condition{who: who, pol: pol, table: alias, rest: j.ON.Exprs}}}
	}
	from.Joins = joins
	c.Expression = from
	stmt.Clauses["FROM"] = c
	return nil
}

// group writes conditions in parentheses, whatever they are.
type group struct{ exprs []clause.Expression }

// Build writes the group.
func (g group) Build(b clause.Builder) {
	_ = b.WriteByte('(')
	clause.Where{Exprs: slices.Clone(g.exprs)}.Build(b)
	_ = b.WriteByte(')')
}

// created refuses an upsert that met a row which is not the caller's: the
// predicate made the database skip it.
func (g *guard) created(db *gorm.DB) {
	stmt := db.Statement
	s := shieldOf(stmt)
	if db.Error != nil || db.DryRun || s == nil || !s.upsert {
		return
	}
	if err := s.upserted(stmt); err != nil {
		s.refuse(stmt, err)
	}
}

// updated corrects what MySQL reports for an update that met rows and changed
// none, so that it neither looks like a foreign row nor makes Save insert.
func (g *guard) updated(db *gorm.DB) {
	if db.Error == nil && db.RowsAffected == 0 {
		db.RowsAffected = matched(db)
	}
}

// writing tells what a statement does from the clauses it is built of.
func writing(stmt *gorm.Statement) operation {
	if len(stmt.BuildClauses) > 0 {
		switch stmt.BuildClauses[0] {
		case "INSERT":
			return creating
		case "UPDATE":
			return updating
		case "DELETE":
			return deleting
		}
	}
	return reading
}

// typeName names an unknown expression for operators.
func typeName(v any) string { return reflect.TypeOf(v).String() }
