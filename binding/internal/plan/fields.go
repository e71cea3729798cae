package plan

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

// candidate is a field before it is known whether its name is its own.
type candidate struct {
	Field
	tagged bool
	typ    reflect.Type
}

// fields lists the members of struct t by the decoder's rules: fields of
// embedded structs count as the outer struct's, and of several with one name the
// shallowest wins, then the one whose tag spells the name; else none does.
func (b *builder) fields(n *Node, t reflect.Type) {
	all := b.flatten(t)
	slices.SortStableFunc(all, func(x, y candidate) int {
		return cmp.Or(strings.Compare(x.Name, y.Name), cmp.Compare(len(x.Index), len(y.Index)), yesFirst(x.tagged, y.tagged))
	})
	var kept []candidate
	for len(all) > 0 {
		same := 1
		for same < len(all) && all[same].Name == all[0].Name {
			same++
		}
		if same == 1 || len(all[0].Index) != len(all[1].Index) || all[0].tagged != all[1].tagged {
			kept = append(kept, all[0])
		}
		all = all[same:]
	}
	slices.SortFunc(kept, func(x, y candidate) int { return slices.Compare(x.Index, y.Index) })
	n.List, n.byName = make([]Field, len(kept)), make(map[string]int, len(kept))
	n.Required, n.All = NewSet(len(kept)), NewSet(len(kept))
	for i, c := range kept {
		n.byName[c.Name] = i
		if c.Hidden {
			continue // another source's
		}
		if c.Required {
			n.Required.Add(i)
		}
		if c.Required || !c.Optional && !c.ReadOnly {
			n.All.Add(i)
		}
	}
	for i, c := range kept {
		var null bool
		if c.Hidden {
			c.Node, null = &Node{Type: c.typ}, true // never filled, so never judged
		} else {
			c.Node, null = b.node(c.typ)
		}
		c.Null = c.Null || null
		b.judge(t, &c.Field)
		n.List[i] = c.Field
	}
}

func yesFirst(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	default:
		return 1
	}
}

// judge reports tags that do not fit the type of their field.
func (b *builder) judge(t reflect.Type, f *Field) {
	text := f.Normal() && !f.Hidden // of a hidden one its own source judges
	b.normal = b.normal || text
	name := strings.Join(f.GoPath, ".")
	if text && !textual(f.Node) {
		b.fault(t, name, errors.New("is not text, so strict:\"trim\", \"nfc\" and \"lower\" do not apply"))
	}
	if k := f.Node.Kind; f.Quoted && k != Int && k != Uint && k != Float {
		b.fault(t, name, errors.New("is not a number, so the json option string does not apply"))
	}
	if f.Required && f.ReadOnly {
		b.fault(t, name, errors.New("cannot be required and read-only"))
	}
}

// Normal reports whether the strict tag wants the text of f changed.
func (f *Field) Normal() bool { return f.Trim || f.NFC || f.Lower }

// textual reports whether n is a string or a list of strings.
func textual(n *Node) bool {
	return n.Kind == String || (n.Kind == Slice || n.Kind == Array) && n.Elem.Kind == String
}

type level struct {
	typ    reflect.Type
	index  []int
	path   []string
	fields bool // the type was not flattened before
}

// flatten lists the fields of t and of the structs it embeds, level by level.
func (b *builder) flatten(t reflect.Type) []candidate {
	var out []candidate
	seen := map[reflect.Type]bool{t: true}
	for queue := []level{{t, nil, nil, true}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for i := range at.typ.NumField() {
			sf := at.typ.Field(i)
			c, embeds, ok := b.candidate(at, sf, i)
			if !ok {
				continue
			}
			if !embeds {
				out = append(out, c)
				continue
			}
			inner := Indirect(sf.Type)
			if inner != sf.Type && !sf.IsExported() {
				b.fault(at.typ, sf.Name, errors.New("embeds a pointer to an unexported struct, which nobody can set"))
				continue
			}
			if at.fields {
				queue = append(queue, level{inner, c.Index, c.GoPath, !seen[inner]})
			}
			seen[inner] = true
		}
	}
	return out
}

// Indirect removes one level of pointer.
func Indirect(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func (b *builder) candidate(at level, sf reflect.StructField, i int) (c candidate, embeds, ok bool) {
	tag, hasTag := sf.Tag.Lookup("json")
	if tag == "-" || !sf.IsExported() && !sf.Anonymous {
		return c, false, false
	}
	name, options, _ := strings.Cut(tag, ",")
	c = candidate{Field: Field{Name: cmp.Or(name, sf.Name), Tag: sf.Tag}, tagged: name != "", typ: sf.Type}
	c.Index = append(slices.Clone(at.index), i)
	c.GoPath = append(slices.Clone(at.path), sf.Name)
	c.Hidden = !hasTag
	if strings.ContainsAny(name, "'\"`\\") {
		b.fault(at.typ, sf.Name, errors.New("has a member name with quotes"))
	}
	for option := range strings.SplitSeq(options, ",") {
		word, _, _ := strings.Cut(option, ":")
		if word == "format" {
			b.fault(at.typ, sf.Name, errors.New("has the json option format, which not every version of the decoder knows: give the type an UnmarshalText"))
		}
		switch option {
		case "string":
			c.Quoted = true
		case "omitempty", "omitzero":
			c.Optional = true
		case "embed":
			embeds = true
			if !knowsEmbed {
				b.fault(at.typ, sf.Name, errors.New("has the json option embed, which this toolchain's decoder does not know: embed the struct in Go's way"))
			}
			if Indirect(sf.Type).Kind() != reflect.Struct {
				b.fault(at.typ, sf.Name, errors.New("embeds members of any name: give it a name of its own"))
				return c, false, false
			}
		case "inline", "unknown":
			b.fault(at.typ, sf.Name, fmt.Errorf("has the json option %s, which does nothing here: the decoder's word is embed", option))
		case "case:ignore":
			b.fault(at.typ, sf.Name, errors.New("matches names that differ from its own: remove case:ignore"))
		}
	}
	embeds = embeds || sf.Anonymous && !c.tagged && Indirect(sf.Type).Kind() == reflect.Struct
	if embeds {
		if sf.Tag.Get("strict") != "" {
			b.fault(at.typ, sf.Name, errors.New("has a strict tag, but only its fields are members: tag the fields inside"))
		}
		return c, true, true
	}
	if err := Strict(sf, &c.Field); err != nil {
		b.fault(at.typ, sf.Name, err)
	}
	return c, false, true
}

// knowsEmbed is false where the decoder is an older one, which takes a field with
// the option embed for a member: GOEXPERIMENT=jsonv2 on Go 1.26.
var knowsEmbed = func() bool {
	var probe struct {
		In struct {
			X int `json:"x"`
		} `json:",embed"`
	}
	err := jsonv2.Unmarshal([]byte(`{"x":1}`), &probe)
	return err == nil && probe.In.X == 1
}()

// most is how many characters a text may have by the validator's rules, or 0. Rules
// for the texts of a list stand after dive.
func most(sf reflect.StructField) int {
	rules := sf.Tag.Get("binding")
	if k := Indirect(sf.Type).Kind(); k == reflect.Slice || k == reflect.Array {
		_, rules, _ = strings.Cut(rules, "dive,")
	}
	for rule := range strings.SplitSeq(rules, ",") {
		name, param, _ := strings.Cut(rule, "=")
		if n, err := strconv.Atoi(param); name == "max" && err == nil && n > 0 {
			return n
		}
	}
	return 0
}

// Strict reads our own tag into f.
func Strict(sf reflect.StructField, f *Field) error {
	f.Most = most(sf)
	for word := range strings.SplitSeq(sf.Tag.Get("strict"), ",") {
		switch strings.TrimSpace(word) {
		case "":
		case "required":
			f.Required = true
		case "optional":
			f.Optional = true
		case "readonly":
			f.ReadOnly = true
		case "nullable":
			f.Null, f.Nullable = true, true
		case "trim":
			f.Trim = true
		case "nfc":
			f.NFC = true
		case "lower":
			f.Lower = true
		default:
			return fmt.Errorf("has an unknown word in its strict tag: %q", word)
		}
	}
	return nil
}
