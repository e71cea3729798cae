package scope

import (
	"strings"

	"gorm.io/gorm"
)

// rlsMembers adds what row-level security of a table of members needs: the rules of the
// rows it gives rights to read it in the caller's name, so that a member must see that he
// is one; and a new or changed row counts only if the caller may write what it gives
// rights to. That reads this table again: PostgreSQL takes any sub-select in the rule for
// seeing for one that asks itself.
func rlsMembers(db *gorm.DB, p *policy, r *rowRules) error {
	switch {
	case len(p.gives) == 0:
		return nil
	case len(p.parents()) > 0 || p.extra != nil && p.extra.members != nil:
		return refuse(ErrUnsupported, "a table of members that others decide about cannot have a database's rule: "+p.table)
	}
	for _, e := range p.gives {
		m := e.to.extra.members
		w := rlsWriter(db)
		if p.tenant != nil {
			_ = w.equal(p.tenant, p.schema.Table, w.who.tenant) // a setting fits
			w.text(" AND ")
		}
		_ = w.equal(m.subject, p.schema.Table, w.who.owner)
		r.see = "(" + r.see + ") OR " + w.stmt.SQL.String()
		w = rlsWriter(db)
		w.write = true
		w.column(p.schema.Table, m.row.DBName)
		w.text(" IS NULL OR ")
		for _, l := range m.live {
			w.column(p.schema.Table, l.column)
			w.text(" IS NOT NULL OR ")
		}
		if err := w.exists(e, p.schema.Table); err != nil {
			return err
		}
		given := " AND (" + w.stmt.SQL.String() + ")"
		r.left, r.add = r.left+given, r.add+given
	}
	for _, name := range []string{settingTenant, settingOwner} {
		r.see = strings.ReplaceAll(r.see, "(SELECT "+current(name)+")", current(name))
	}
	return nil
}
