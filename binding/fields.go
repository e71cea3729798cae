package binding

import (
	"iter"
	"strings"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// Fields says which members a merge patch had. The zero value is an empty patch.
type Fields struct{ root *member }

// member is a member of an object in a patch.
type member struct {
	name    string
	goPath  []string // Go names from the object around it; nil below a map
	null    bool
	object  bool // it came as an object, of which a merge patch sends a part
	whole   bool // decodes itself, so its rules are judged as a whole
	members []*member
}

// record adds the member called name to the object in m, if there is a patch to
// record.
func (m *member) record(name []byte, f *plan.Field) *member {
	if m == nil {
		return nil
	}
	inner := &member{name: string(name)}
	if f != nil {
		inner.goPath = f.GoPath
		inner.whole = f.Node.Kind == plan.Foreign || f.Node.Kind == plan.Text
	}
	m.members = append(m.members, inner)
	return inner
}

var unescape = strings.NewReplacer("~1", "/", "~0", "~")

func (f Fields) find(pointer string) *member {
	at := f.root
	if at == nil || pointer == "" || pointer[0] != '/' {
		return nil
	}
	for name := range strings.SplitSeq(pointer[1:], "/") {
		name = unescape.Replace(name)
		var next *member
		for _, m := range at.members {
			if m.name == name {
				next = m
			}
		}
		if next == nil {
			return nil
		}
		at = next
	}
	return at
}

// Has reports whether the member at an RFC 6901 pointer ("/address/city") was in
// the patch, null or not. What is inside an array has no pointer here.
func (f Fields) Has(pointer string) bool { return f.find(pointer) != nil }

// Null reports whether the member at pointer was in the patch as null: it is to
// be removed.
func (f Fields) Null(pointer string) bool {
	m := f.find(pointer)
	return m != nil && m.null
}

// Empty reports whether the patch changes nothing: it is an object without members.
// Any other document, such as a list for a target that is one, replaces the whole.
func (f Fields) Empty() bool {
	return f.root == nil || f.root.object && len(f.root.members) == 0
}

// Pointers yields the pointers of all members in the order of the patch, objects
// before what is in them.
func (f Fields) Pointers() iter.Seq[string] {
	return func(yield func(string) bool) {
		if f.root != nil {
			f.root.pointers("", yield)
		}
	}
}

func (m *member) pointers(prefix string, yield func(string) bool) bool {
	for _, inner := range m.members {
		pointer := prefix + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(inner.name)
		if !yield(pointer) || !inner.pointers(pointer, yield) {
			return false
		}
	}
	return true
}

// Names returns the Go names of the top-level fields that came whole, for GORM: as a
// plain value, as a list or as null. What came as an object is not among them, since
// a merge patch holds only some of its members, and to write the field would blank
// the others: [Fields.Parts] has those.
//
//	if names := fields.Names(); len(names) > 0 {
//		db.Model(&user).Select(names).Updates(in)
//	}
//
// The question comes first because with an empty list Updates writes every field
// that is not zero.
func (f Fields) Names() []string { return f.names(false) }

// Parts returns the Go names of the top-level fields that came as objects: a patch
// changes only the members of them that it holds. Merge those into what is stored,
// as [Fields.Has] and [Fields.Null] tell them.
func (f Fields) Parts() []string { return f.names(true) }

func (f Fields) names(objects bool) []string {
	if f.root == nil {
		return nil
	}
	var out []string
	for _, m := range f.root.members {
		if n := len(m.goPath); n > 0 && m.object == objects {
			out = append(out, m.goPath[n-1])
		}
	}
	return out
}

// Paths returns the Go paths ("Address.City") of the fields that were present
// with a value, as validator.StructPartial takes them.
func (f Fields) Paths() []string {
	var out []string
	if f.root != nil {
		f.root.paths("", &out)
	}
	return out
}

func (m *member) paths(prefix string, out *[]string) {
	for _, inner := range m.members {
		if inner.null || inner.goPath == nil {
			continue
		}
		path := prefix + strings.Join(inner.goPath, ".")
		*out = append(*out, path)
		inner.paths(path+".", out)
	}
}

// wholes lists the Go paths of present members that decode themselves.
func (m *member) wholes(prefix string, out *[]string) {
	for _, inner := range m.members {
		if inner.null || inner.goPath == nil {
			continue
		}
		path := prefix + strings.Join(inner.goPath, ".") + "."
		if inner.whole {
			*out = append(*out, path)
		}
		inner.wholes(path, out)
	}
}
