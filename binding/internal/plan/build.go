package plan

import (
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"time"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

var (
	durationType   = reflect.TypeFor[time.Duration]()
	timeType       = reflect.TypeFor[time.Time]()
	numberType     = reflect.TypeFor[json.Number]()
	rawType        = reflect.TypeFor[jsonv2.Value]()
	legacyRawType  = reflect.TypeFor[json.RawMessage]()
	fromType       = reflect.TypeFor[jsonv2.UnmarshalerFrom]()
	unmarshaler    = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshal  = reflect.TypeFor[encoding.TextUnmarshaler]()
	errUnsupported = errors.New("has a type that JSON cannot fill")
	errFraction    = errors.New("has fractions of any size for keys, which a few bytes make large: use text")
)

// Regexp is the type of compiled expressions, and ErrProgram why it is no target.
var (
	Regexp     = reflect.TypeFor[regexp.Regexp]()
	ErrProgram = errors.New("is a program that a client would write, of a few bytes that become megabytes: use a string")
)

// FaultError is a mistake in a target type.
type FaultError struct {
	Type  reflect.Type // the struct, or the type itself
	Field string       // the Go field, or empty
	Err   error
}

// Error names the type, the field and the mistake.
func (f *FaultError) Error() string {
	if f.Field == "" {
		return fmt.Sprintf("%v %v", f.Type, f.Err)
	}
	return fmt.Sprintf("%v.%s %v", f.Type, f.Field, f.Err)
}

// Unwrap returns the mistake.
func (f *FaultError) Unwrap() error { return f.Err }

type builder struct {
	nodes  map[reflect.Type]*Node
	faults []error
	normal bool
}

func build(t reflect.Type) *Result {
	b := &builder{nodes: map[reflect.Type]*Node{}}
	root, _ := b.node(t)
	r := &Result{Root: root, Null: root.Kind.Opaque(), Normal: b.normal}
	if len(b.faults) == 0 {
		b.try()
	}
	r.Err = errors.Join(b.faults...)
	return r
}

// try decodes an empty object into each struct: the decoder tells of mistakes in
// struct tags only when it meets the type.
func (b *builder) try() {
	for t, n := range b.nodes {
		if n.Kind != Struct {
			continue
		}
		if err := jsonv2.Unmarshal([]byte("{}"), reflect.New(t).Interface(), jsonv2.RejectUnknownMembers(true)); err != nil {
			b.fault(t, "", err)
		}
	}
}

func (b *builder) fault(t reflect.Type, field string, err error) {
	b.faults = append(b.faults, &FaultError{t, field, err})
}

// node returns the plan of t, and whether null is one of its values. Types meet
// themselves again in b.nodes, so recursion ends.
func (b *builder) node(t reflect.Type) (n *Node, null bool) {
	for range 8 {
		if t.Kind() != reflect.Pointer {
			break
		}
		t, null = t.Elem(), true
	}
	n, ok := b.nodes[t]
	if !ok {
		n = &Node{Type: t}
		b.nodes[t] = n
		b.fill(n, t)
	}
	return n, null || n.Kind.Opaque()
}

func (b *builder) fill(n *Node, t reflect.Type) {
	switch own := reflect.PointerTo(t); {
	case t == durationType:
		b.fault(t, "", errors.New("has no agreed form in JSON: use a string or a number of seconds"))
	case t == numberType:
		b.fault(t, "", errors.New("is a string to one version of the decoder and a number to another: use raw JSON"))
	case t == rawType || t == legacyRawType:
		n.Kind = Raw
	case t == timeType:
		n.Kind = Text
	case t == Regexp:
		b.fault(t, "", ErrProgram)
	case own.Implements(fromType) || own.Implements(unmarshaler):
		n.Kind, n.Digits = Foreign, DigitsOf(t)
	case own.Implements(textUnmarshal):
		n.Kind, n.Digits = Text, DigitsOf(t)
	default:
		b.plain(n, t)
	}
}

func (b *builder) plain(n *Node, t reflect.Type) {
	switch t.Kind() {
	case reflect.Bool:
		n.Kind = Bool
	case reflect.String:
		n.Kind = String
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.Kind, n.Bits = Int, t.Bits()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		n.Kind, n.Bits = Uint, t.Bits()
	case reflect.Float32, reflect.Float64:
		n.Kind, n.Bits = Float, t.Bits()
	case reflect.Interface:
		if n.Kind = Any; t.NumMethod() > 0 {
			b.fault(t, "", errUnsupported)
		}
	case reflect.Map:
		n.Kind = Map
		n.Elem, n.Null = b.node(t.Elem())
		key := t.Key()
		if d := DigitsOf(key); d == Fraction || d == WithinFraction {
			b.fault(t, "", errFraction)
		}
		if key.Kind() != reflect.String || reflect.PointerTo(key).Implements(textUnmarshal) || reflect.PointerTo(key).Implements(fromType) {
			n.Keys = reflect.MapOf(key, reflect.TypeFor[bool]())
		}
	case reflect.Slice, reflect.Array:
		b.list(n, t)
	case reflect.Struct:
		n.Kind = Struct
		b.fields(n, t)
	default:
		b.fault(t, "", errUnsupported)
	}
}

func (b *builder) list(n *Node, t reflect.Type) {
	n.Kind = Slice
	if t.Kind() == reflect.Array {
		n.Kind, n.Len = Array, t.Len()
	}
	if elem := t.Elem(); elem.Kind() == reflect.Uint8 && elem.PkgPath() == "" {
		n.Kind = Bytes
		return
	}
	n.Elem, n.Null = b.node(t.Elem())
}
