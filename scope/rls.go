package scope

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
)

// policyName is the name of the row-level security policy on every table.
const policyName = "ginsec_scope"

// RLS returns the statements that make PostgreSQL itself hold the rules of models
// (with [Guard]: of every protected table when none is given): row-level security
// enabled and forced, and one policy for each command that reads the settings [Tx] makes. Put them
// into a migration. They bind every role that is neither superuser nor has
// BYPASSRLS; see [Check]. Statements outside [Tx] see no row.
func RLS(db *gorm.DB, models ...any) ([]string, error) {
	if db.Name() != "postgres" {
		return nil, refuse(ErrUnsupported, "row-level security needs PostgreSQL")
	}
	pols, err := policiesOf(db, models)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, p := range pols {
		rules, err := rlsRules(db, p)
		if err != nil {
			return nil, err
		}
		out = append(out, rlsStatements(quote(db, p.schema.Table), rules)...)
	}
	return out, nil
}

// rowRules are the conditions of one table: on what is seen, on what is changed, on what
// an update leaves behind, and on new rows.
type rowRules struct{ see, change, left, add string }

func rlsRules(db *gorm.DB, p *policy) (r rowRules, err error) {
	if r.see, err = rlsRule(db, p, false); err != nil {
		return r, err
	}
	if r.change, err = rlsRule(db, p, true); err != nil {
		return r, err
	}
	r.left, r.add = r.change, rlsNew(db, p, r.change)
	return r, rlsMembers(db, p, &r)
}

func rlsStatements(table string, r rowRules) []string {
	create := func(name, command, rule string) []string {
		return []string{
			"DROP POLICY IF EXISTS " + policyName + name + " ON " + table,
			"CREATE POLICY " + policyName + name + " ON " + table + " FOR " + command + rule,
		}
	}
	return slices.Concat(
		[]string{"ALTER TABLE " + table + " ENABLE ROW LEVEL SECURITY", "ALTER TABLE " + table + " FORCE ROW LEVEL SECURITY"},
		create("_select", "SELECT", " USING ("+r.see+")"),
		create("_insert", "INSERT", " WITH CHECK ("+r.add+")"),
		create("_update", "UPDATE", " USING ("+r.change+") WITH CHECK ("+r.left+")"),
		create("_delete", "DELETE", " USING ("+r.change+")"),
	)
}

// setting compares with what Tx has set, not with a value. In a connection that has
// seen an earlier transaction it is the empty string, hence NULLIF; the sub-select
// is evaluated once a statement.
func (w *writer) setting(c *column, table, name string) {
	w.column(table, c.name)
	w.text(" = (SELECT " + current(name) + ")")
	if !c.text {
		w.text("::" + strings.Fields(w.stmt.DataTypeOf(c.field))[0])
	}
}

func current(name string) string { return "NULLIF(current_setting('" + name + "', true), '')" }

// rlsRule is the predicate with settings in place of bind variables.
func rlsRule(db *gorm.DB, p *policy, write bool) (string, error) {
	if e := p.extra; e != nil && (e.Tenants != nil || e.Read != nil || e.Write != nil) {
		return "", refuse(ErrUnsupported, "a policy with functions cannot be a database's rule: "+p.table)
	}
	w := rlsWriter(db)
	w.write = write
	if err := w.predicate(p, p.schema.Table); err != nil {
		return "", err
	}
	return w.stmt.SQL.String(), nil
}

func rlsWriter(db *gorm.DB) *writer {
	stmt := &gorm.Statement{DB: db.Session(&gorm.Session{NewDB: true}), Context: context.Background()}
	return &writer{stmt: stmt, who: &caller{tenant: settingTenant, owner: settingOwner}, rls: true}
}

// rlsNew is the rule for new rows: they are the caller's own, even where others'
// rows may be changed.
func rlsNew(db *gorm.DB, p *policy, change string) string {
	if p.extra == nil || p.tenant == nil && p.owner == nil {
		return change
	}
	own := *p
	own.extra = nil
	rule, err := rlsRule(db, &own, true)
	if err != nil {
		return "false"
	}
	return rule
}

func quote(db *gorm.DB, name any) string { return (&gorm.Statement{DB: db}).Quote(name) }

// policiesOf returns the policies of models from the guard, or from the models
// alone.
func policiesOf(db *gorm.DB, models []any) ([]*policy, error) {
	g := guardOf(db)
	if g != nil && len(models) == 0 {
		return g.protectedTables(), nil
	}
	if len(models) == 0 {
		return nil, errors.New("scope: no models")
	}
	var pols []*policy
	var faults []error
	for _, m := range models {
		s, err := parse(db, m)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		p := &policy{table: lastPart(s.Table), schema: s}
		p.tenant, p.owner = columnsOf(s, options{})
		if g != nil && g.lookup(s.Table).protected() {
			p = g.lookup(s.Table)
		}
		if !p.decided() {
			faults = append(faults, fmt.Errorf("%s: %w", s.Name, ErrUnprotected))
			continue
		}
		pols = append(pols, p)
	}
	return pols, errors.Join(faults...)
}
