package scope

import (
	"errors"
	"fmt"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// policyName is the name of the row-level security policy on every table.
const policyName = "ginsec_scope"

// RLS returns the statements that make PostgreSQL itself hold the rules of models
// (with [Guard]: of every protected table when none is given): row-level security
// enabled and forced, and one policy that reads the settings [Tx] makes. Put them
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
		table := quote(db, p.schema.Table)
		rule, err := rlsRule(db, p, p.schema.Table, 0)
		if err != nil {
			return nil, err
		}
		out = append(out,
			"ALTER TABLE "+table+" ENABLE ROW LEVEL SECURITY",
			"ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY",
			"DROP POLICY IF EXISTS "+policyName+" ON "+table,
			"CREATE POLICY "+policyName+" ON "+table+" USING ("+rule+") WITH CHECK ("+rule+")",
		)
	}
	return out, nil
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

// rlsRule is the predicate with settings in place of bind variables. A setting
// that was made in an earlier transaction of the connection is the empty string
// afterwards, hence NULLIF; the sub-select is evaluated once a statement.
func rlsRule(db *gorm.DB, p *policy, table string, depth int) (string, error) {
	if depth > 8 {
		return "", refuse(ErrUnsupported, "ownership through more than eight parents")
	}
	if edges := p.owning(); len(edges) > 0 && p.tenant == nil && p.owner == nil {
		var parts []string
		for _, e := range edges {
			part, err := rlsExists(db, e, table, depth)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, " AND "), nil
	}
	var parts []string
	for _, c := range []struct {
		*column
		setting string
	}{{p.tenant, settingTenant}, {p.owner, settingOwner}} {
		if c.column == nil {
			continue
		}
		cast := ""
		if kind := db.Dialector.DataTypeOf(c.field); !c.text {
			cast = "::" + strings.Fields(kind)[0]
		}
		parts = append(parts, quote(db, clause.Column{Table: table, Name: c.name})+
			" = (SELECT NULLIF(current_setting('"+c.setting+"', true), '')"+cast+")")
	}
	return strings.Join(parts, " AND "), nil
}

func rlsExists(db *gorm.DB, e *edge, table string, depth int) (string, error) {
	alias := fmt.Sprintf("ginsec_p%d", depth+1)
	var b strings.Builder
	b.WriteString("EXISTS (SELECT 1 FROM " + quote(db, clause.Table{Name: e.to.schema.Table, Alias: alias}) + " WHERE ")
	for i, f := range e.child {
		b.WriteString(quote(db, clause.Column{Table: alias, Name: e.parent[i]}) + " = " +
			quote(db, clause.Column{Table: table, Name: f.DBName}) + " AND ")
	}
	rule, err := rlsRule(db, e.to, alias, depth+1)
	if err != nil {
		return "", err
	}
	return b.String() + rule + ")", nil
}
