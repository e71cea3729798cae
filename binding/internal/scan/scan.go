// Package scan decides in one cheap look whether a document keeps every limit
// and every rule that the decoder does not know. It judges no syntax: the
// decoder that reads the document next does, and up to the first byte that the
// decoder would refuse both see the same structure. Whatever looks unusual is
// doubted, and a doubted document is walked through with a real tokenizer.
package scan

import (
	"bytes"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// Limits are what a document may need.
type Limits struct {
	Depth, Values, NumberLen, StringLen int
	Unknown, Null, RequireAll, Exact    bool
}

type scanner struct {
	data    []byte
	pos     int
	depth   int
	values  int
	numbers int
	strings int
	above   int // bytes of the names of declared maps on the way to the current value
	left    int // of plan.MaxRepeated
	unknown bool
	null    bool
	all     bool
	exact   bool
}

// Clean reports whether data, if it is valid JSON, holds nothing that l or p
// forbid. Invalid JSON may be called clean.
func Clean(data []byte, p *plan.Result, l *Limits) bool {
	s := scanner{
		data: data, depth: l.Depth, values: l.Values, numbers: l.NumberLen, strings: l.StringLen,
		left:    plan.MaxRepeated,
		unknown: l.Unknown, null: l.Null, all: l.RequireAll, exact: l.Exact,
	}
	return s.value(p.Root, p.Null, false) && s.peek() == 0 && s.pos == len(data)
}

// peek returns the next byte that is not white space, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		s.pos++
	}
	return 0
}

// value passes one value. A nil node takes any.
func (s *scanner) value(n *plan.Node, null, quoted bool) bool {
	s.left -= s.above
	if s.values--; s.values < 0 || s.left < 0 {
		return false
	}
	kind := plan.Any
	if n != nil {
		kind = n.Kind
	}
	switch c := s.peek(); c {
	case '"':
		switch kind {
		case plan.Any, plan.Raw:
			return s.text(true) >= 0
		case plan.String, plan.Bytes:
			return s.text(false) >= 0
		}
		start := s.pos + 1
		end := s.text(false)
		if kind == plan.Text || kind == plan.Foreign {
			return end >= 0 && (n.Digits == plan.Plain || s.digits(n, s.data[start:end]))
		}
		return quoted && end >= 0 && end-start <= s.numbers
	case '{', '[':
		if n != nil && n.Digits != plan.Plain {
			return false // what it reads there, the walk measures
		}
		if c == '{' {
			return s.object(n, kind)
		}
		return s.array(n, kind)
	case 'n':
		s.pos += len("null")
		return (null || s.null) && s.pos <= len(s.data)
	case 't':
		s.pos += len("true")
		return (kind == plan.Bool || loose(kind)) && s.pos <= len(s.data)
	case 'f':
		s.pos += len("false")
		return (kind == plan.Bool || loose(kind)) && s.pos <= len(s.data)
	default:
		switch kind {
		case plan.Any, plan.Raw, plan.Int, plan.Uint, plan.Float, plan.Foreign:
			start := s.pos
			return !quoted && s.number(loose(kind)) && (n == nil || n.Digits == plan.Plain || s.digits(n, s.data[start:s.pos]))
		}
		return false
	}
}

// digits reports whether a type that reads digits itself may read text, as it is
// written.
func (s *scanner) digits(n *plan.Node, text []byte) bool {
	return bytes.IndexByte(text, '\\') < 0 && !n.Digits.TooLong(text, s.numbers)
}

// loose reports whether a target takes values of every kind.
func loose(k plan.Kind) bool { return k.Opaque() || k == plan.Foreign }

// exactDigits is how many digits a number may have to be surely exact as a
// float64.
const exactDigits = 15

func (s *scanner) number(anyKind bool) bool {
	start := s.pos
	for s.pos < len(s.data) {
		c := s.data[s.pos]
		if (c < '0' || c > '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E' {
			break
		}
		s.pos++
	}
	n := s.pos - start
	return n > 0 && n <= s.numbers && (!anyKind || !s.exact || n <= exactDigits)
}

// text passes a string and returns where its closing quote is, or -1. U+0000 is
// let through only where no text was declared.
func (s *scanner) text(nulls bool) int {
	start := s.pos + 1
	data := s.data // of its own, which the compiler keeps in registers
	for i := start; i < len(data); i++ {
		switch data[i] {
		case '"':
			s.pos = i + 1
			if i-start > s.strings {
				return -1
			}
			return i
		case '\\':
			if !nulls && bytes.HasPrefix(data[i+1:], nul) {
				return -1
			}
			i++ // the escaped character never ends the string
		}
	}
	return -1
}

var nul = []byte("u0000")

func (s *scanner) array(n *plan.Node, kind plan.Kind) bool {
	var elem *plan.Node
	null, limit := true, -1
	switch kind {
	case plan.Slice, plan.Array:
		elem, null = n.Elem, n.Null
		if kind == plan.Array {
			limit = n.Len
		}
	case plan.Any, plan.Raw, plan.Foreign:
	default:
		return false
	}
	if s.depth--; s.depth < 0 {
		return false
	}
	s.pos++
	count := 0
	for c := s.peek(); c != ']'; count++ {
		if count > 0 {
			if c != ',' {
				return false
			}
			s.pos++
		}
		if !s.value(elem, null, false) {
			return false
		}
		c = s.peek()
	}
	s.pos++
	s.depth++
	return limit < 0 || count == limit
}

func (s *scanner) object(n *plan.Node, kind plan.Kind) bool {
	if s.depth--; s.depth < 0 {
		return false
	}
	s.pos++
	var ok bool
	switch kind {
	case plan.Struct:
		ok = s.members(&n.Fields)
	case plan.Map:
		ok = s.entries(n.Elem, n.Null)
	case plan.Any, plan.Raw, plan.Foreign:
		ok = s.entries(nil, true)
	}
	s.depth++
	return ok
}

// name passes a member's name and colon.
func (s *scanner) name(first, nulls bool) ([]byte, bool) {
	if !first {
		if s.peek() != ',' {
			return nil, false
		}
		s.pos++
	}
	if s.peek() != '"' {
		return nil, false
	}
	start := s.pos + 1
	end := s.text(nulls)
	if end < 0 || s.peek() != ':' {
		return nil, false
	}
	s.pos++
	return s.data[start:end], true
}

func (s *scanner) entries(elem *plan.Node, null bool) bool {
	for first := true; s.peek() != '}'; first = false {
		name, ok := s.name(first, elem == nil)
		if !ok || elem != nil && len(name) > plan.MaxKey {
			return false
		}
		above := s.above
		if elem != nil {
			s.above += len(name)
		}
		if !s.value(elem, null, false) {
			return false
		}
		s.above = above
	}
	s.pos++
	return true
}

func (s *scanner) members(f *plan.Fields) bool {
	var few [1]uint64
	seen := plan.Set(few[:])
	if len(f.List) > 64 {
		seen = plan.NewSet(len(f.List))
	}
	next := 0
	for first := true; s.peek() != '}'; first = false {
		name, ok := s.name(first, false)
		if !ok {
			return false
		}
		at := f.Find(name, next)
		if at < 0 {
			// An escaped spelling of a known name lands here too.
			if !s.unknown || bytes.IndexByte(name, '\\') >= 0 || !s.value(nil, true, false) {
				return false
			}
			continue
		}
		next = at + 1
		field := &f.List[at]
		if field.Hidden || field.ReadOnly || !seen.Add(at) || !s.value(field.Node, field.Null, field.Quoted) {
			return false
		}
	}
	s.pos++
	if s.all {
		return seen.Covers(f.All)
	}
	return seen.Covers(f.Required)
}
