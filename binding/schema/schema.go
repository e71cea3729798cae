// Package schema writes the JSON Schema of a target of package binding, so that
// an OpenAPI document can publish how strict it is.
package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/binding/internal/plan"
)

// Of returns the JSON Schema (draft 2020-12, which OpenAPI 3.1 uses) of the JSON
// documents that binding.JSON takes as a T: objects are closed, required members
// are named, null stands only where it is allowed. Read-only members are left
// out, since a client may not send them.
//
// Of the rules in binding tags it writes those that JSON Schema knows: min, max,
// len, gt, gte, lt, lte, oneof, required, and email, uuid, url, uri, ipv4 and ipv6
// as formats; not within alternatives (|), nor for texts that strict:"trim", "nfc"
// or "lower" changes first. A document the schema refuses is refused by the
// binder; other rules and the limits of binding.Options may refuse more. Of the
// options AllowUnknown, AllowNull and RequireAll count. Structs are named after
// their Go types in $defs.
func Of[T any](opts ...binding.Options) (json.RawMessage, error) {
	if err := binding.Check[T](opts...); err != nil {
		return nil, err
	}
	g := &generator{defs: map[string]any{}, names: map[structKey]string{}}
	for _, o := range opts {
		g.unknown = g.unknown || o.AllowUnknown
		g.null = g.null || o.AllowNull
		g.all = g.all || o.RequireAll
	}
	var cache plan.Cache
	p := cache.Of(reflect.TypeFor[T]())
	root := g.nullable(g.node(p.Root, rules{}, false), false)
	if g.depth > deepest {
		return nil, errors.New("schema: a list or map of itself has no schema without a struct in between")
	}
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	if len(g.defs) > 0 {
		root["$defs"] = g.defs
	}
	return json.Marshal(root)
}

type object = map[string]any

type generator struct {
	defs               map[string]any
	names              map[structKey]string
	unknown, null, all bool
	depth              int // of lists and maps in each other
}

// structKey names a struct with or without its rules.
type structKey struct {
	typ  reflect.Type
	bare bool
}

const deepest = 100

// nullable adds null to what a schema takes.
func (g *generator) nullable(s object, null bool) object {
	if !null && !g.null || len(s) == 0 {
		return s
	}
	return object{"anyOf": []any{s, object{"type": "null"}}}
}

// node returns the schema of a value. pointer says that the field is one: a rule
// then allows the zero value behind it.
func (g *generator) node(n *plan.Node, r rules, pointer bool) object {
	s := object{}
	if g.depth > deepest {
		return s
	}
	switch n.Kind {
	case plan.Bool:
		s["type"] = "boolean"
	case plan.String:
		s["type"] = "string"
	case plan.Int, plan.Uint:
		s["type"] = "integer"
		bounds(s, n)
	case plan.Float:
		s["type"] = "number"
	case plan.Bytes:
		s["type"], s["contentEncoding"] = "string", "base64"
	case plan.Text:
		s["type"] = "string"
		if n.Type.PkgPath() == "time" && n.Type.Name() == "Time" {
			s["format"] = "date-time"
		}
	case plan.Slice, plan.Array:
		s["type"] = "array"
		if items := g.element(n, r); len(items) > 0 {
			s["items"] = items
		}
		if n.Kind == plan.Array {
			s["minItems"], s["maxItems"] = n.Len, n.Len
		}
	case plan.Map:
		s["type"] = "object"
		if values := g.element(n, r); len(values) > 0 {
			s["additionalProperties"] = values
		}
	case plan.Struct:
		return object{"$ref": "#/$defs/" + g.structure(n, r.bare(pointer))}
	default:
		return s
	}
	return r.apply(s, n.Kind, pointer)
}

// element returns the schema of what a list or a map holds.
func (g *generator) element(n *plan.Node, r rules) object {
	if g.depth++; g.depth > deepest {
		return nil // and stays above: Of tells
	}
	s := g.nullable(g.node(n.Elem, r.inner(), n.Null), n.Null)
	if g.depth <= deepest {
		g.depth--
	}
	return s
}

// bounds writes the range of an integer type; those of 64 bits are left to the
// binder, since many readers of schemas hold numbers as floats.
func bounds(s object, n *plan.Node) {
	switch {
	case n.Kind == plan.Uint && n.Bits < 64:
		s["minimum"], s["maximum"] = 0, uint64(1)<<n.Bits-1
	case n.Kind == plan.Uint:
		s["minimum"] = 0
	case n.Bits < 64:
		s["minimum"], s["maximum"] = -(int64(1) << (n.Bits - 1)), int64(1)<<(n.Bits-1)-1
	}
}

var notInName = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// name gives a struct its name in $defs.
func (g *generator) name(t reflect.Type) string {
	base := notInName.ReplaceAllString(t.Name(), "_")
	if base == "" {
		base = "object"
	}
	name := base
	for i := 2; ; i++ {
		if _, taken := g.defs[name]; !taken {
			return name
		}
		name = fmt.Sprintf("%s%d", base, i)
	}
}

func (g *generator) structure(n *plan.Node, bare bool) string {
	key := structKey{n.Type, bare}
	if name, ok := g.names[key]; ok {
		return name
	}
	name := g.name(n.Type)
	g.names[key] = name
	properties, required := object{}, []string{}
	s := object{"type": "object", "properties": properties}
	g.defs[name] = s
	need := n.Required
	if g.all {
		need = n.All
	}
	for i := range n.List {
		f := &n.List[i]
		if f.Hidden || f.ReadOnly {
			if g.unknown {
				properties[f.Name] = false // never, even where others are ignored
			}
			continue
		}
		m := memberOf(n.Type, f, bare)
		properties[f.Name] = g.field(m)
		if need.Has(i) || m.needed() {
			required = append(required, f.Name)
		}
	}
	if len(required) > 0 {
		s["required"] = required
	}
	if !g.unknown {
		s["additionalProperties"] = false
	}
	return name
}

// member is a field as the validator sees it.
type member struct {
	*plan.Field
	rules
	typ     reflect.Type
	pointer bool
	absent  bool // with all that an embedded pointer holds, its rules too
}

func memberOf(t reflect.Type, f *plan.Field, bare bool) (m member) {
	m.Field = f
	for i, at := range f.Index {
		sf := plan.Indirect(t).Field(at)
		if t = sf.Type; i < len(f.Index)-1 {
			m.absent = m.absent || t.Kind() == reflect.Pointer
			bare = bare || rulesOf(sf.Tag.Get("binding")).bare(t.Kind() == reflect.Pointer)
		}
	}
	m.typ, m.rules = t, rules{none: bare}
	if !bare {
		m.rules = rulesOf(f.Tag.Get("binding"))
	}
	m.pointer = t.Kind() == reflect.Pointer && !f.Node.Kind.Opaque()
	return m
}

// needed reports whether rules refuse the absence of m.
func (m member) needed() bool {
	k := m.Node.Kind
	if (k == plan.Text || k == plan.Foreign) && !m.pointer && m.typ.Kind() == reflect.Struct && !m.typ.ConvertibleTo(reflect.TypeFor[time.Time]()) {
		return false // no struct lacks what required asks for
	}
	return !m.absent && m.rules.needed(k, m.pointer)
}

func (g *generator) field(m member) object {
	said := m.rules
	if m.Trim || m.NFC || m.Lower {
		said = said.rewritten(m.Node.Kind)
	}
	s := g.node(m.Node, said, m.pointer)
	if m.Quoted {
		s = object{"type": "string", "pattern": `^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`}
	}
	// Null would become a nil or a zero value that the rules refuse.
	if (m.pointer || m.Nullable) && m.needed() {
		return s
	}
	return g.nullable(s, m.Null && !m.Node.Kind.Opaque())
}
