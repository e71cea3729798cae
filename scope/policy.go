package scope

import (
	"slices"
	"strings"

	"gorm.io/gorm/schema"
)

// policy says whose the rows of one table are. It is built once and only read
// afterwards.
type policy struct {
	table  string // without schema, as written in the model
	schema *schema.Schema
	public bool

	// tenant and owner are the model's own columns; either may be nil.
	tenant, owner *column
	// via is the belongs-to that decides for a model without columns.
	via *edge
	// ends are what an automatic join table connects: a row belongs to whom
	// every protected end belongs to.
	ends []*edge
	// gives are what rows of a table of members give rights to: only who may write the
	// one may add the other.
	gives []*edge
	// refs are the foreign keys that may only point to visible rows.
	refs []*edge

	// extra is what a policy.Policy adds; nil for the plain rule.
	extra *extra
}

// edge is a foreign key from one table to another.
type edge struct {
	name   string
	child  []*schema.Field
	parent []string // columns of to
	to     *policy
	// kind is the other column of a polymorphic key: only where it holds value is
	// the key one to this table.
	kind  *schema.Field
	value string
}

// protected reports whether rows have an owner at all.
func (p *policy) protected() bool { return p != nil && !p.public }

// decided reports whether the policy can tell whose a row is.
func (p *policy) decided() bool {
	return p.tenant != nil || p.owner != nil || p.via != nil || len(p.ends) > 0
}

// maxDepth is how many parents may stand between a row and its owner.
const maxDepth = 8

// grounded reports whether the way through parents ends at a column.
func (p *policy) grounded() bool {
	for range maxDepth {
		if p.tenant != nil || p.owner != nil || p.via == nil {
			return p.tenant != nil || p.owner != nil || len(p.ends) > 0
		}
		p = p.via.to
	}
	return false
}

const (
	defaultTenant = "tenant_id"
	defaultOwner  = "owner_id"
)

// tag returns the value of a field's scope tag.
func tag(f *schema.Field) string {
	if f.Tag == "" || !strings.Contains(string(f.Tag), "scope:") {
		return ""
	}
	return f.Tag.Get("scope")
}

// columnsOf finds the owner and tenant columns of a model: tags first, then the
// default names, always through gorm's schema, so that embedded and renamed
// columns count.
func columnsOf(s *schema.Schema, o options) (tenant, owner *column) {
	t, u := fieldsOf(s, o)
	return columnOf(t), columnOf(u)
}

func fieldsOf(s *schema.Schema, o options) (tenant, owner *schema.Field) {
	var byTag [2]*schema.Field
	for _, f := range s.Fields {
		switch tag(f) {
		case "tenant":
			byTag[0] = f
		case "owner":
			byTag[1] = f
		}
	}
	return pick(s, byTag[0], o.tenant, defaultTenant, o.ownerOnly), pick(s, byTag[1], o.owner, defaultOwner, o.tenantOnly)
}

func pick(s *schema.Schema, tagged *schema.Field, given, byDefault string, off bool) *schema.Field {
	f := tagged
	switch {
	case off:
		return nil
	case given != "":
		f = fieldNamed(s, given)
	case f == nil:
		f = fieldNamed(s, byDefault)
	}
	if f == nil || f.DBName == "" {
		return nil
	}
	return f
}

func fieldNamed(s *schema.Schema, name string) *schema.Field {
	if f := s.FieldsByDBName[name]; f != nil {
		return f
	}
	return s.FieldsByName[name]
}

// edgeOf turns a belongs-to, or the other side of a has-one or has-many, into an
// edge.
func edgeOf(rel *schema.Relationship, to *policy) *edge {
	e := &edge{name: rel.Name, to: to}
	for _, ref := range rel.References {
		switch {
		case ref.ForeignKey == nil:
			return nil
		case ref.PrimaryValue != "":
			e.kind, e.value = ref.ForeignKey, ref.PrimaryValue
			continue
		case ref.PrimaryKey == nil:
			return nil
		}
		e.child = append(e.child, ref.ForeignKey)
		e.parent = append(e.parent, ref.PrimaryKey.DBName)
	}
	if len(e.child) == 0 {
		return nil
	}
	return e
}

// columns are those that make the key together.
func (e *edge) columns() []*schema.Field {
	if e.kind == nil {
		return e.child
	}
	return append(slices.Clone(e.child), e.kind)
}

// means reports whether a polymorphic key with this kind may be one to the edge's
// table. Collations fold letters and accents, and ignore blanks at the end and
// control characters.
func (e *edge) means(kind any) (bool, error) {
	if e.kind == nil {
		return true, nil
	}
	text, ok := canonical(kind)
	if !ok {
		return false, refuse(ErrUnsupported, "a polymorphic key's kind that is an SQL expression")
	}
	odd := strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	return odd || strings.EqualFold(strings.TrimRight(text, " "), e.value), nil
}

func (e *edge) has(column string) bool {
	for _, f := range e.child {
		if f.DBName == column {
			return true
		}
	}
	return false
}

func (e *edge) equal(o *edge) bool {
	if e.to != o.to || len(e.child) != len(o.child) || e.value != o.value || e.kind != nil && (o.kind == nil || e.kind.DBName != o.kind.DBName) {
		return false
	}
	for i := range e.child {
		if e.child[i].DBName != o.child[i].DBName || e.parent[i] != o.parent[i] {
			return false
		}
	}
	return true
}

func (p *policy) addRef(e *edge) {
	for _, known := range p.refs {
		if known.equal(e) {
			return
		}
	}
	p.refs = append(p.refs, e)
}
