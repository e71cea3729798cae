package scope

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/schema"

	"github.com/ginsec/ginsec/audit"
	rules "github.com/ginsec/ginsec/scope/policy"
)

// GuardConfig configures [Guard].
type GuardConfig struct {
	_ [0]func()
	// Protect lists a value of every model whose rows have an owner, as &Model{}.
	// A model has a tenant or an owner column (tags scope:"tenant" and
	// scope:"owner", else tenant_id and owner_id), or a belongs-to tagged
	// scope:"via" whose target is protected. For members, shared and global rows
	// list a policy.Policy (of the sub-package) in its place. Automatic many-to-many tables
	// between listed models are covered by themselves. Required.
	Protect []any
	// Public lists a value of every model that everybody may read and write. A
	// model in neither list is refused.
	Public []any
	// RequireExplicit refuses statements on protected tables that have no scope
	// of their own; by default they are confined to the context's principal.
	RequireExplicit bool
	// MySQLUpsert allows upserts (OnConflict with updates, Save of slices and of
	// unknown keys) on MySQL and MariaDB, which have no WHERE for them: assignments
	// become conditional, and a second query tells whether a row was somebody
	// else's. By default they are refused. Other databases do not need it.
	MySQLUpsert bool
	// AllowRaw, when set, is asked for every SQL text that names a protected
	// table, and lets it run by returning true. Such SQL is not scoped in any
	// way; every use is an audit event.
	AllowRaw func(ctx context.Context, sql string) bool
	// Audit receives one event per refusal and per use of [System] or AllowRaw,
	// and allowed statements as far as the sink wants them. Nil means none.
	Audit audit.Sink
}

// guard is the plugin. Everything in it is written by Initialize and only read
// afterwards.
type guard struct {
	cfg    GuardConfig
	tables map[string]*policy // by lower-case name without schema
	lex    dialect
}

// pluginName is the name under which gorm keeps the plugin.
const pluginName = "ginsec:scope"

// Guard returns a gorm plugin, for db.Use, that protects every statement of the
// connection, with or without [Owned] in it: predicates follow the context's
// principal into joins, preloads, associations and nested writes; what cannot be
// confined is refused. Call db.Use before the first query, once per gorm.Open. It
// fails, with every fault at once, when a model cannot be protected.
func Guard(cfg GuardConfig) gorm.Plugin { return &guard{cfg: cfg} }

// Name implements gorm.Plugin.
func (g *guard) Name() string { return pluginName }

// Initialize implements gorm.Plugin.
func (g *guard) Initialize(db *gorm.DB) error {
	if !hookable(db) {
		return errDialect
	}
	g.lex = dialectOf(db.Name())
	g.tables = map[string]*policy{}
	if err := g.register(db); err != nil {
		return err
	}
	return g.install(db)
}

func guardOf(db *gorm.DB) *guard {
	g, _ := db.Plugins[pluginName].(*guard)
	return g
}

func (g *guard) register(db *gorm.DB) error {
	var faults []error
	if len(g.cfg.Protect) == 0 {
		faults = append(faults, errors.New("scope: GuardConfig.Protect is empty"))
	}
	add := func(field string, models []any, public bool) {
		for i, model := range models {
			if err := g.addModel(db, model, public); err != nil {
				faults = append(faults, fmt.Errorf("scope: GuardConfig.%s[%d]: %w", field, i, err))
			}
		}
	}
	add("Protect", g.cfg.Protect, false)
	add("Public", g.cfg.Public, true)
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	return g.connect()
}

func (g *guard) addModel(db *gorm.DB, model any, public bool) error {
	var rule *rules.Policy
	switch m := model.(type) {
	case rules.Policy:
		rule, model = &m, m.Model
	case *rules.Policy:
		if m != nil {
			rule, model = m, m.Model
		}
	}
	s, err := parse(db, model)
	if err != nil {
		return err
	}
	p := &policy{schema: s, public: public}
	if err := g.add(p); err != nil {
		return err
	}
	switch {
	case rule == nil:
		return nil
	case public:
		return errors.New("a public model has no policy")
	default:
		return p.widen(db, *rule)
	}
}

func parse(db *gorm.DB, model any) (*schema.Schema, error) {
	if model == nil || reflect.TypeOf(model).Kind() != reflect.Pointer {
		return nil, fmt.Errorf("%T is not a pointer to a model", model)
	}
	stmt := &gorm.Statement{DB: db}
	if err := stmt.Parse(model); err != nil {
		return nil, err
	}
	return stmt.Schema, nil
}

func lastPart(table string) string {
	return table[strings.LastIndexByte(table, '.')+1:]
}

func (g *guard) add(p *policy) error {
	p.table = lastPart(p.schema.Table)
	key := strings.ToLower(p.table)
	if known := g.tables[key]; known != nil {
		return fmt.Errorf("table %s is listed twice", p.table)
	}
	if !p.public {
		p.tenant, p.owner = columnsOf(p.schema, options{})
	}
	g.tables[key] = p
	return nil
}

// connect ties the policies together: parents, foreign keys, join tables.
func (g *guard) connect() error {
	var faults []error
	listed := make([]*policy, 0, len(g.tables))
	for _, p := range g.tables {
		listed = append(listed, p)
	}
	for _, p := range listed {
		// Not the map Relations: it holds other models' relations too, and of two
		// embedded ones with the same name only one.
		r := &p.schema.Relationships
		for _, rel := range slices.Concat(r.BelongsTo, r.HasOne, r.HasMany, r.Many2Many) {
			if err := g.relate(p, rel); err != nil {
				faults = append(faults, err)
			}
		}
	}
	for _, p := range listed {
		g.relateMembers(p)
	}
	for _, p := range listed {
		faults = append(faults, g.faults(p)...)
		if p.protected() {
			p.schema.QueryClauses = append(p.schema.QueryClauses, joined{g: g, pol: p})
		}
	}
	return errors.Join(faults...)
}

func (g *guard) relate(p *policy, rel *schema.Relationship) error {
	other := g.tables[strings.ToLower(lastPart(rel.FieldSchema.Table))]
	switch rel.Type {
	case schema.BelongsTo:
		via := rel.Field != nil && tag(rel.Field) == "via"
		if via && !other.protected() {
			return fmt.Errorf("scope: %s.%s is tagged via, but its target is not protected", p.schema.Name, rel.Name)
		}
		if !other.protected() || p.public {
			return nil
		}
		if e := edgeOf(rel, other); e != nil && via {
			p.via = e
			if p.tenant != nil || p.owner != nil {
				p.addRef(e)
			}
		} else if e != nil {
			p.addRef(e)
		}
	case schema.HasOne, schema.HasMany:
		if p.protected() && other.protected() {
			if e := edgeOf(rel, p); e != nil {
				other.addRef(e)
			}
		}
	case schema.Many2Many:
		return g.relateJoinTable(p, other, rel)
	}
	return nil
}

// relateMembers lets only who may write a row of p make members of it.
func (g *guard) relateMembers(p *policy) {
	if p.extra == nil || p.extra.members == nil {
		return
	}
	m := p.extra.members
	table := g.tables[strings.ToLower(lastPart(m.schema.Table))]
	if !table.protected() {
		return
	}
	field := table.schema.LookUpField(m.row.DBName)
	if field == nil {
		field = m.row
	}
	table.gives = append(table.gives, &edge{name: "Members", child: []*schema.Field{field}, parent: []string{m.key}, to: p})
}

// relateJoinTable covers the table gorm makes for a many-to-many relation.
func (g *guard) relateJoinTable(p, other *policy, rel *schema.Relationship) error {
	if rel.JoinTable == nil || !p.protected() && !other.protected() {
		return nil
	}
	key := strings.ToLower(lastPart(rel.JoinTable.Table))
	join := g.tables[key]
	if join == nil {
		join = &policy{table: lastPart(rel.JoinTable.Table), schema: rel.JoinTable}
		join.tenant, join.owner = columnsOf(rel.JoinTable, options{})
		g.tables[key] = join
	}
	own, far := &edge{name: rel.Name, to: p}, &edge{name: rel.Name, to: other}
	for _, ref := range rel.References {
		switch {
		case ref.PrimaryKey == nil:
			return fmt.Errorf("scope: %s.%s: a polymorphic many-to-many cannot be protected", p.schema.Name, rel.Name)
		case ref.OwnPrimaryKey:
			own.child, own.parent = append(own.child, ref.ForeignKey), append(own.parent, ref.PrimaryKey.DBName)
		default:
			far.child, far.parent = append(far.child, ref.ForeignKey), append(far.parent, ref.PrimaryKey.DBName)
		}
	}
	for _, e := range []*edge{own, far} {
		if !e.to.protected() {
			continue
		}
		if join.tenant != nil || join.owner != nil {
			join.addRef(e)
		} else {
			join.addEnd(e)
		}
	}
	return nil
}

func (p *policy) addEnd(e *edge) {
	for _, known := range p.ends {
		if known.equal(e) {
			return
		}
	}
	p.ends = append(p.ends, e)
}

// faults lists why a listed model cannot be protected.
func (g *guard) faults(p *policy) []error {
	var faults []error
	if p.public {
		return nil
	}
	if !p.decided() {
		faults = append(faults, fmt.Errorf("scope: %s has neither a tenant nor an owner column nor a belongs-to tagged via: %w", p.schema.Name, ErrUnprotected))
	}
	if p.decided() && !p.grounded() {
		faults = append(faults, fmt.Errorf("scope: %s is owned through parents that never reach a tenant or an owner column: %w", p.schema.Name, ErrUnprotected))
	}
	for _, c := range []*column{p.tenant, p.owner} {
		if c != nil && (!c.field.Creatable || !c.field.Readable) {
			faults = append(faults, fmt.Errorf("scope: %s.%s must be creatable and readable", p.schema.Name, c.field.Name))
		}
	}
	return faults
}

// joined gives gorm's association joins their predicate. gorm applies it to the
// ON of every join on the model, with a statement that has neither a context nor
// a schema.
type joined struct {
	g   *guard
	pol *policy
}

// Name, Build and MergeClause make it a clause; only ModifyStatement acts.
func (joined) Name() string               { return "" }
func (joined) Build(clause.Builder)       {}
func (joined) MergeClause(*clause.Clause) {}
func (j joined) ModifyStatement(st *gorm.Statement) {
	if st.Context != nil || st.Schema != nil {
		return // a statement of its own: the callbacks look after it
	}
	who, err := j.g.identify(st.Statement, j.pol)
	switch {
	case who.system != nil:
		return
	case err != nil: // gorm drops it if this is a subquery
		_ = st.AddError(err)
		st.AddClause(clause.Where{Exprs: []clause.Expression{clause.Expr{SQL: "(" + poison + ")"}}})
		return
	}
	st.AddClause(clause.Where{Exprs: []clause.Expression{condition{who: &who, pol: j.pol, table: st.Table}}})
}

// protectedTables returns the protected policies in a stable order.
func (g *guard) protectedTables() []*policy {
	var names []string
	for name, p := range g.tables {
		if p.protected() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	pols := make([]*policy, len(names))
	for i, name := range names {
		pols[i] = g.tables[name]
	}
	return pols
}
