package scope

import (
	"slices"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// operation is what a statement does.
type operation uint8

const (
	reading operation = iota
	updating
	deleting
	creating
)

func (o operation) String() string {
	return [...]string{"read", "update", "delete", "create"}[o]
}

// shield is one statement's protection. It is kept in the WHERE clause outside
// the conditions, where neither Or, nor groups, nor soft delete, nor a later
// scope reaches it, and acts when the SQL is built.
type shield struct {
	guard *guard // nil with Owned alone
	who   *caller
	pol   *policy // nil with Owned alone: found when the SQL is built
	opts  options
	table string // the name or alias the statement knows the table by
	op    operation
	// upsert is set when an insert may update rows, partial when the developer
	// said which.
	upsert, partial bool
	reported        bool            // the decision's event is out
	bound           int32           // with Owned alone: values of the statement this is a subquery of
	stmt            *gorm.Statement // with Owned alone: whose this shield is
	// room is where Owned alone keeps the policy it finds.
	room *lone
}

// lone is the policy of one statement with Owned alone, in one piece.
type lone struct {
	pol           policy
	tenant, owner column
}

// policy fills in what a model and the options say.
func (l *lone) policy(stmt *gorm.Statement, o options) (*policy, error) {
	l.pol = policy{table: stmt.Table, schema: stmt.Schema}
	tenant, owner := fieldsOf(stmt.Schema, o)
	if tenant != nil {
		l.tenant.set(tenant)
		l.pol.tenant = &l.tenant
	}
	if owner != nil {
		l.owner.set(owner)
		l.pol.owner = &l.owner
	}
	return &l.pol, o.complete(l.pol.tenant, l.pol.owner)
}

// Build is never called: the clause's builder does the work.
func (s *shield) Build(clause.Builder) {}

// cover puts s into the statement's WHERE clause.
func (s *shield) cover(stmt *gorm.Statement) {
	c := stmt.Clauses["WHERE"]
	c.Name = "WHERE"
	c.AfterNameExpression = s
	c.Builder = buildWhere
	stmt.Clauses["WHERE"] = c
	reserve(stmt, 8, 256)
}

func shieldOf(stmt *gorm.Statement) *shield {
	s, _ := stmt.Clauses["WHERE"].AfterNameExpression.(*shield)
	return s
}

// uncover removes a shield an earlier use of a shared handle left behind.
func uncover(stmt *gorm.Statement) {
	c, ok := stmt.Clauses["WHERE"]
	if !ok {
		return
	}
	if _, ours := c.AfterNameExpression.(*shield); !ours {
		return
	}
	c.AfterNameExpression, c.Builder = nil, nil
	if c.Expression == nil {
		delete(stmt.Clauses, "WHERE")
		return
	}
	stmt.Clauses["WHERE"] = c
}

// buildWhere writes WHERE <predicate> AND (<everything else>).
func buildWhere(c clause.Clause, b clause.Builder) {
	s, ok := c.AfterNameExpression.(*shield)
	stmt, isStmt := b.(*gorm.Statement)
	if !ok || !isStmt {
		_ = b.AddError(refuse(ErrUnsupported, "an unknown statement builder"))
		return
	}
	s = s.mine(stmt)
	if err := s.ready(stmt); err != nil {
		s.refuse(stmt, err)
		return
	}
	where, isWhere := c.Expression.(clause.Where)
	where.Exprs = movable(where.Exprs)
	if c.Expression != nil && !isWhere {
		s.refuse(stmt, refuse(ErrUnsupported, "a WHERE clause of unknown form"))
		return
	}
	if s.op != reading && !stmt.AllowGlobalUpdate && unconditional(stmt, where.Exprs) {
		s.refuse(stmt, gorm.ErrMissingWhereClause)
		return
	}
	if err := s.framed(stmt); err != nil {
		s.refuse(stmt, err)
		return
	}
	_, _ = stmt.WriteString("WHERE ")
	condition{who: s.who, pol: s.pol, table: s.table, write: s.op != reading, rest: where.Exprs}.Build(stmt)
}

// movable returns conditions without marks, as a copy where gorm would put them
// into another order in place: a shared handle's conditions are not ours.
func movable(exprs []clause.Expression) []clause.Expression {
	if len(exprs) == 0 {
		return exprs
	}
	_, or := exprs[0].(clause.OrConditions)
	isMark := func(e clause.Expression) bool { _, ok := e.(mark); return ok }
	if !or && !slices.ContainsFunc(exprs, isMark) {
		return exprs
	}
	return slices.DeleteFunc(slices.Clone(exprs), isMark)
}

// reserve makes room in a statement at once, where appending piece by piece would
// allocate over and over.
func reserve(stmt *gorm.Statement, vars, text int) {
	if free := cap(stmt.Vars) - len(stmt.Vars); free < vars {
		stmt.Vars = slices.Grow(stmt.Vars, vars)
	}
	if free := stmt.SQL.Cap() - stmt.SQL.Len(); free < text {
		stmt.SQL.Grow(text)
	}
}

// refuse fails a statement while its SQL is built, and spoils the SQL: of a subquery
// gorm drops the error.
func (s *shield) refuse(stmt *gorm.Statement, err error) {
	_ = stmt.AddError(err)
	if s.op == reading {
		_, _ = stmt.WriteString(" WHERE (" + poison + ")")
	}
	if s.guard != nil && !s.reported {
		s.reported = true
		s.guard.report(stmt, s.op, err)
	}
}

// unconditional reports whether the developer wrote no condition at all: gorm
// counts its own soft-delete condition and would count ours.
func unconditional(stmt *gorm.Statement, exprs []clause.Expression) bool {
	n := len(exprs)
	if _, soft := stmt.Clauses["soft_delete_enabled"]; soft {
		n--
	}
	return n <= 0
}

// mine returns the shield of this very statement: with Owned alone a handle that is
// used again, perhaps at once by several goroutines, copies the clauses, and what is
// found out for one statement must not serve another.
func (s *shield) mine(stmt *gorm.Statement) *shield {
	if s.guard != nil || s.stmt == stmt {
		return s
	}
	c := *s
	c.pol, c.room = nil, nil
	c.belongs(stmt)
	w := stmt.Clauses["WHERE"]
	w.AfterNameExpression = &c
	stmt.Clauses["WHERE"] = w
	return &c
}

// belongs notes whose shield s is. The values of a statement it is a subquery of come
// before its own.
func (s *shield) belongs(stmt *gorm.Statement) {
	s.stmt, s.bound = stmt, int32(len(stmt.Vars))
}

// ready fills in what Owned alone could not know when it ran: gorm executes
// scopes before it has parsed the model.
func (s *shield) ready(stmt *gorm.Statement) error {
	if s.who.err != nil {
		return s.who.err
	}
	if s.guard != nil {
		return nil
	}
	if len(stmt.BuildClauses) > 0 {
		s.op = writing(stmt)
	}
	switch {
	case stmt.Schema == nil:
		return refuse(ErrUnprotected, "a table without a model")
	case fromOf(stmt):
		return refuse(ErrUnsupported, "a FROM clause needs scope.Guard")
	case len(stmt.Preloads) > 0 || len(stmt.Joins) > 0 || stmt.TableExpr != nil:
		return refuse(ErrUnsupported, "Preload, Joins and Table need scope.Guard")
	}
	if s.pol != nil && s.pol.schema == stmt.Schema {
		return nil
	}
	if s.room == nil {
		s.room = &lone{}
	}
	pol, err := s.room.policy(stmt, s.opts)
	if err != nil {
		return err
	}
	s.pol, s.table = pol, stmt.Table
	return nil
}

// fromOf reports whether a FROM clause names tables of its own.
func fromOf(stmt *gorm.Statement) bool {
	e := stmt.Clauses["FROM"].Expression
	f, ok := e.(clause.From)
	return e != nil && !ok || len(f.Tables)+len(f.Joins) > 0
}
