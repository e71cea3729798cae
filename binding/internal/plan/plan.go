// Package plan describes Go types as targets of JSON documents. A plan is built
// once per type, from the decoder's own rules for struct tags, and is read-only
// afterwards.
package plan

import (
	"math/bits"
	"reflect"
	"slices"
	"sync"
)

// Kind is what a JSON value must be to fit a target.
type Kind uint8

// The kinds of targets.
const (
	Any     Kind = iota // an empty interface
	Raw                 // JSON that is kept as it is
	Bool                // true or false
	String              // a string
	Int                 // an integer of Bits bits
	Uint                // an integer of Bits bits, not negative
	Float               // a number of Bits bits
	Struct              // an object with the members in Fields
	Map                 // an object with members of kind Elem under any name
	Slice               // an array of Elem
	Array               // an array of exactly Len Elem
	Bytes               // a string in base64
	Text                // a string that the type decodes itself
	Foreign             // any JSON value that the type decodes itself
)

// Node is the plan of one type. Nodes of recursive types form cycles.
type Node struct {
	Kind Kind
	Bits int          // Int, Uint, Float
	Len  int          // Array, and Bytes of a fixed length; else 0
	Type reflect.Type // never a pointer
	Elem *Node        // Map, Slice, Array
	Null bool         // elements may be null
	Keys reflect.Type // Map: a map type to try names on that are more than text; else nil
	// Digits says how Text and Foreign read digits.
	Digits Digits
	Fields
}

// Field is a member of an object.
type Field struct {
	Name     string
	Node     *Node
	Index    []int    // as for reflect.Value.FieldByIndex
	GoPath   []string // the names along Index
	Tag      reflect.StructTag
	Null     bool // null is allowed here
	Nullable bool // it is so by the strict tag
	Quoted   bool // a number inside a string
	Required bool
	Optional bool // stays optional where everything else is required
	ReadOnly bool
	Hidden   bool // has no json tag: no member may set it
	Trim     bool
	NFC      bool
	Lower    bool
	Most     int // how many characters the rules allow the text to have; 0: any number
}

// MaxKey is how long a name of a declared map may be, in bytes. The validator
// writes the names on the way to a value into each failed rule, so a long one
// above a list with rules would be copied for every element.
const MaxKey = 256

// MaxRepeated is how many bytes all names of declared maps may come to, each
// counted once for every value below it, for the same reason: maps within maps
// would multiply what MaxKey allows.
const MaxRepeated = 1 << 20

// Undecoded is the plan of what is inside raw JSON.
func Undecoded() *Node { return undecoded }

var undecoded = &Node{Kind: Raw}

// Opaque reports whether k takes values of every kind and says nothing about them.
func (k Kind) Opaque() bool { return k == Any || k == Raw }

// Fields are the members of an object, with sets of them by position.
type Fields struct {
	List     []Field
	byName   map[string]int
	Required Set // members with strict:"required"
	All      Set // members that are required where everything is
}

// Find returns the position of the member called name, or -1. The hint is the
// position where the name is expected: documents mostly keep the order of the
// declaration.
func (f *Fields) Find(name []byte, hint int) int {
	if hint < len(f.List) && f.List[hint].Name == string(name) {
		return hint
	}
	if i, ok := f.byName[string(name)]; ok {
		return i
	}
	return -1
}

// Reachable reports whether a document can set anything.
func (f *Fields) Reachable() bool {
	return slices.ContainsFunc(f.List, func(one Field) bool { return !one.Hidden && !one.ReadOnly })
}

// Set is a set of positions.
type Set []uint64

// NewSet returns an empty set for positions below n.
func NewSet(n int) Set { return make(Set, (n+63)/64) }

// Add puts i in and reports whether it was not there before.
func (s Set) Add(i int) bool {
	word, bit := i/64, uint64(1)<<(i%64)
	fresh := s[word]&bit == 0
	s[word] |= bit
	return fresh
}

// Has reports whether i is in s.
func (s Set) Has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// Covers reports whether s holds everything that need holds.
func (s Set) Covers(need Set) bool {
	for i, word := range need {
		if word&^s[i] != 0 {
			return false
		}
	}
	return true
}

// Missing calls yield for everything in need that s lacks, in order.
func (s Set) Missing(need Set, yield func(int)) {
	for i, word := range need {
		for rest := word &^ s[i]; rest != 0; rest &= rest - 1 {
			yield(i*64 + bits.TrailingZeros64(rest))
		}
	}
}

// Result is a type's plan, or why it has none.
type Result struct {
	Root *Node
	// Null says that the document may be null: a target that is any JSON.
	Null bool
	// Normal says that some field wants its text normalised.
	Normal bool
	Err    error
}

// Cache keeps plans by type. Its zero value is ready; it is safe for concurrent
// use. What it holds is bounded by the types of the program.
type Cache struct{ plans sync.Map }

// Of returns the plan of t.
func (c *Cache) Of(t reflect.Type) *Result {
	if r, ok := c.plans.Load(t); ok {
		return r.(*Result)
	}
	r, _ := c.plans.LoadOrStore(t, build(t))
	return r.(*Result)
}
