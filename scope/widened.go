package scope

import (
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	rules "github.com/ginsec/ginsec/scope/policy"
)

// extra is a policy beyond the plain rule.
type extra struct {
	rules.Policy
	members *members
	// confirm are what the caller must be allowed to write besides; see confirming.
	confirm []*edge
}

// widen reads a policy.Policy into p.
func (p *policy) widen(db *gorm.DB, r rules.Policy) error {
	p.tenant, p.owner = columnsOf(p.schema, options{tenant: r.Tenant, owner: r.Owner})
	for _, c := range []struct {
		given string
		found *column
	}{{r.Tenant, p.tenant}, {r.Owner, p.owner}} {
		if c.given != "" && c.found == nil {
			return fmt.Errorf("%s has no column %s", p.schema.Name, c.given)
		}
	}
	if !r.TenantWide && r.Members == nil && !r.MembersWrite && !r.Global && r.Tenants == nil && r.Read == nil && r.Write == nil {
		return nil
	}
	switch {
	case p.tenant == nil && p.owner == nil:
		return fmt.Errorf("%s has neither a tenant nor an owner column to widen", p.schema.Name)
	case r.TenantWide && p.tenant == nil, r.Tenants != nil && p.tenant == nil:
		return fmt.Errorf("%s has no tenant column", p.schema.Name)
	case r.MembersWrite && r.Members == nil:
		return fmt.Errorf("%s: MembersWrite needs Members", p.schema.Name)
	}
	p.extra = &extra{Policy: r}
	if r.Members == nil {
		return nil
	}
	m, err := membersOf(db, p.schema, r.Members)
	p.extra.members = m
	return err
}

// writesOthers reports whether a caller may change rows whose owner is somebody
// else.
func (p *policy) writesOthers() bool {
	return p.extra != nil && (p.extra.TenantWide || p.extra.MembersWrite || p.extra.Write != nil)
}

// widened writes the rule of a policy.Policy:
//
//	tenant AND (owner OR member OR rule), for reading OR global
func (w *writer) widened(p *policy, table string) error {
	global := p.extra.Global && !w.write
	if global {
		w.text("(")
	}
	if err := w.tenants(p, table); err != nil {
		return err
	}
	if err := w.owners(p, table); err != nil {
		return err
	}
	for _, e := range p.extra.confirm {
		w.text(" AND ")
		if err := w.exists(e, table); err != nil {
			return err
		}
	}
	if global {
		c := p.tenant
		if c == nil {
			c = p.owner
		}
		w.text(" OR ")
		w.column(table, c.name)
		w.text(" IS NULL)")
	}
	return nil
}

// tenants writes the tenant's part.
func (w *writer) tenants(p *policy, table string) error {
	if p.tenant == nil {
		return nil
	}
	if w.write || p.extra.Tenants == nil {
		return w.equal(p.tenant, table, w.who.tenant)
	}
	own := w.who.tenant
	if own == "" {
		return ErrNoPrincipal
	}
	w.text("(")
	for i, t := range unique(append([]string{own}, p.extra.Tenants(w.stmt.Context, w.who.principal)...)) {
		if i > 0 {
			w.text(" OR ")
		}
		if err := w.equal(p.tenant, table, t); err != nil {
			return err
		}
	}
	w.text(")")
	return nil
}

func unique(names []string) []string {
	var out []string
	for _, n := range names {
		if n != "" && !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

// owners writes the owner's part, with " AND " before it if there is one.
func (w *writer) owners(p *policy, table string) error {
	e := p.extra
	if e.TenantWide || p.owner == nil && e.members == nil && w.rule(e) == nil {
		return nil
	}
	if p.tenant != nil {
		w.text(" AND ")
	}
	rule := clause.Expression(nil)
	if r := w.rule(e); r != nil {
		rule = r(w.stmt.Context, w.who.principal, table)
	}
	w.text("(")
	if err := w.ownersOnly(p, table); err != nil {
		return err
	}
	if rule != nil {
		w.text(" OR (")
		rule.Build(w.stmt)
		w.text(")")
	}
	w.text(")")
	return nil
}

func (w *writer) rule(e *extra) rules.Rule {
	if w.write {
		return e.Write
	}
	return e.Read
}

// ownersOnly writes "mine, or one I am a member of". For reading it is a UNION of
// ids, which databases answer from two indexes; a write may not select from the
// table it changes on MySQL, and touches few rows, so it is an OR.
func (w *writer) ownersOnly(p *policy, table string) error {
	m := p.extra.members
	if m == nil || w.write && !p.extra.MembersWrite {
		if p.owner == nil {
			w.text("1 = 0")
			return nil
		}
		return w.equal(p.owner, table, w.who.owner)
	}
	if w.write || w.rls { // a rule of the database may not select from its own table
		return w.memberWrites(p, m, table)
	}
	w.depth++
	self, link := "ginsec_s"+strconv.Itoa(w.depth), "ginsec_m"+strconv.Itoa(w.depth)
	w.column(table, m.key)
	w.text(" IN (")
	if p.owner != nil {
		w.text("SELECT ")
		w.column(self, m.key)
		w.text(" FROM ")
		w.stmt.QuoteTo(&w.stmt.SQL, clause.Table{Name: p.schema.Table, Alias: self})
		w.text(" WHERE ")
		if err := w.mine(p, self); err != nil {
			return err
		}
		w.text(" UNION ")
	}
	w.text("SELECT ")
	w.column(link, m.row.DBName)
	if err := w.membership(m, link); err != nil {
		return err
	}
	w.text(")")
	return nil
}

// mine writes the plain rule; of several tenants, which stand outside, the owner's part.
func (w *writer) mine(p *policy, table string) error {
	if p.extra.Tenants != nil {
		return w.equal(p.owner, table, w.who.owner)
	}
	return w.columns(p, table)
}

func (w *writer) memberWrites(p *policy, m *members, table string) error {
	if p.owner != nil {
		if err := w.equal(p.owner, table, w.who.owner); err != nil {
			return err
		}
		w.text(" OR ")
	}
	link := w.alias("ginsec_m", table)
	w.text("EXISTS (SELECT 1")
	if err := w.membership(m, link); err != nil {
		return err
	}
	w.text(" AND ")
	w.column(table, m.key)
	w.text(" = ")
	w.column(link, m.row.DBName)
	w.text(")")
	return nil
}
