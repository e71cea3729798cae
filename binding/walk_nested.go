package binding

import (
	"bytes"
	"errors"
	"hash/maphash"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// enter passes an opening bracket.
func (w *walker) enter() (start int, err error) {
	if _, err := w.dec.ReadToken(); err != nil {
		return 0, err
	}
	if w.depth++; w.depth > w.s.MaxDepth {
		w.quiet = 0
		w.add(Issue{Code: codeDepth})
		return 0, errStop
	}
	return int(w.dec.InputOffset()) - 1, nil
}

// leave passes a closing bracket.
func (w *walker) leave() error {
	w.depth--
	_, err := w.dec.ReadToken()
	return err
}

// hush walks the inside of a value that is an issue as a whole, for the limits'
// and the syntax' sake.
func (w *walker) hush(walk func() error) error {
	w.quiet++
	err := walk()
	w.quiet--
	return err
}

func (w *walker) object(n *plan.Node, kind plan.Kind) error {
	start, err := w.enter()
	if err != nil {
		return err
	}
	switch kind {
	case plan.Struct:
		return w.members(&n.Fields)
	case plan.Map:
		err = w.entries(n.Elem, n.Null, n.Keys)
	case plan.Any:
		err = w.entries(nil, true, nil)
	case plan.Raw:
		err = w.entries(plan.Undecoded(), true, nil)
	case plan.Foreign:
		err = w.entries(plan.Undecoded(), true, nil)
		if err == nil {
			w.own(w.data[start:w.dec.InputOffset()], n)
		}
	default:
		w.mismatch(n)
		err = w.hush(func() error { return w.entries(nil, true, nil) })
	}
	return err
}

func (w *walker) array(n *plan.Node, kind plan.Kind) error {
	start, err := w.enter()
	if err != nil {
		return err
	}
	switch kind {
	case plan.Slice, plan.Array:
		count, err := w.elements(n.Elem, n.Null)
		if err == nil && kind == plan.Array && count != n.Len {
			w.add(Issue{Code: codeLength, Expected: expected(n), Param: strconv.Itoa(n.Len)})
		}
		return err
	case plan.Any:
		_, err = w.elements(nil, true)
	case plan.Raw:
		_, err = w.elements(plan.Undecoded(), true)
	case plan.Foreign:
		if _, err = w.elements(plan.Undecoded(), true); err == nil {
			w.own(w.data[start:w.dec.InputOffset()], n)
		}
	default:
		w.mismatch(n)
		err = w.hush(func() error {
			_, err := w.elements(nil, true)
			return err
		})
	}
	return err
}

func (w *walker) elements(elem *plan.Node, null bool) (count int, err error) {
	at := len(w.path)
	defer func(outer *member) { w.patch = outer }(w.patch)
	w.patch = nil // a merge patch replaces arrays as a whole
	for ; ; count++ {
		switch w.dec.PeekKind() {
		case ']':
			return count, w.leave()
		case 0: // broken, which reading tells
			_, err := w.dec.ReadToken()
			return count, errors.Join(err, errBroken)
		}
		w.path = strconv.AppendInt(append(w.path, '/'), int64(count), 10)
		err := w.value(elem, null, false)
		w.path = w.path[:at]
		if err != nil {
			return count, err
		}
	}
}

// errBroken stands for a tokenizer that reports neither a token nor an error.
var errBroken = errors.New("binding: broken document")

// name passes a member's name, which stays valid until the next token is read.
func (w *walker) name() (name []byte, end bool, err error) {
	if w.dec.PeekKind() == '}' {
		return nil, true, w.leave()
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return nil, false, err
	}
	if len(raw) == 0 || raw[0] != '"' {
		return nil, false, errBroken
	}
	long := len(raw)-2 > w.s.MaxStringLen
	if name = raw[1 : len(raw)-1]; bytes.IndexByte(name, '\\') >= 0 {
		name, err = jsonv2.AppendUnquote(w.nameText[:0], raw)
		w.nameText = name
	}
	if long {
		w.addAt(Issue{Code: codeStringLen}, name)
	}
	return name, false, err
}

// key lets the type of a map's names judge one: it must decode, and to a key of
// its own.
func (w *walker) key(tried reflect.Value, name []byte) {
	if w.truncated {
		return // one more fault changes nothing, and judging costs
	}
	doc, err := jsonv2.AppendQuote(append(w.text[:0], '{'), name)
	if err != nil {
		return
	}
	doc = append(doc, ":true}"...)
	w.text = doc
	before := tried.Elem().Len()
	if err := jsonv2.Unmarshal(w.text, tried.Interface()); err != nil {
		w.addAt(Issue{Code: codeValue}, name)
	} else if tried.Elem().Len() == before && w.quiet == 0 && len(w.issues) == 0 {
		w.addAt(Issue{Code: codeDuplicate}, name)
	}
}

// names remembers the names of one object by a hash with a secret seed: hostile
// names are kept at a fixed size, and a repetition is never overlooked. The slots
// are a hash table of which at most three quarters are in use; 0 is a free one.
type names struct {
	slots []uint64
	used  int
}

// add puts hash in and reports whether it was not there before.
func (n *names) add(hash uint64) bool {
	if hash == 0 {
		hash = 1
	}
	if 4*n.used >= 3*len(n.slots) {
		old := n.slots
		n.slots, n.used = make([]uint64, max(8, 2*len(old))), 0
		for _, h := range old {
			if h != 0 {
				n.add(h)
			}
		}
	}
	mask := uint64(len(n.slots) - 1)
	at := hash & mask
	for ; n.slots[at] != 0; at = (at + 1) & mask {
		if n.slots[at] == hash {
			return false
		}
	}
	n.slots[at] = hash
	n.used++
	return true
}

// once lists a name that seen holds already.
func (w *walker) once(seen *names, name []byte) {
	if w.truncated {
		return // one more fault changes nothing
	}
	if !seen.add(maphash.Bytes(w.seed, name)) {
		w.addAt(Issue{Code: codeDuplicate}, name)
	}
}

// within walks the value of the member called name, which field f takes.
func (w *walker) within(name []byte, f *plan.Field, walk func() error) error {
	at, outer := len(w.path), w.patch
	w.path = appendName(w.path, name)
	if w.patch = nil; w.quiet == 0 {
		w.patch = outer.record(name, f)
	}
	if w.patch != nil {
		kind := w.dec.PeekKind()
		w.patch.null, w.patch.object = kind == 'n', kind == '{'
	}
	err := walk()
	w.path, w.patch = w.path[:at], outer
	return err
}

func (w *walker) entries(elem *plan.Node, null bool, keys reflect.Type) error {
	var seen names
	var tried reflect.Value
	if keys != nil {
		tried = reflect.New(keys)
	}
	for {
		name, end, err := w.name()
		if end || err != nil {
			return err
		}
		if elem != nil && elem.Kind != plan.Raw && bytes.IndexByte(name, 0) >= 0 {
			w.addAt(Issue{Code: codeCharacter}, name)
		}
		declared := elem != nil && elem != plan.Undecoded()
		above := w.above
		switch {
		case !declared:
		case len(name) > plan.MaxKey:
			w.addAt(Issue{Code: codeStringLen}, name)
		default:
			w.above += len(name)
		}
		w.once(&seen, name)
		if keys != nil {
			w.key(tried, name)
		}
		err = w.within(name, nil, func() error { return w.value(elem, null, false) })
		if w.above = above; err != nil {
			return err
		}
	}
}

func (w *walker) members(f *plan.Fields) error {
	seen := plan.NewSet(len(f.List))
	var strangers names
	next := 0
	for {
		name, end, err := w.name()
		if err != nil {
			return err
		}
		if end {
			w.missing(f, seen)
			return nil
		}
		at := f.Find(name, next)
		if at < 0 || f.List[at].Hidden {
			if err := w.stranger(name, &strangers, at >= 0); err != nil {
				return err
			}
			continue
		}
		next = at + 1
		if !seen.Add(at) {
			w.addAt(Issue{Code: codeDuplicate}, name)
		}
		field := &f.List[at]
		err = w.within(name, field, func() error { return w.member(field) })
		if err != nil {
			return err
		}
	}
}

func (w *walker) member(f *plan.Field) error {
	if f.ReadOnly {
		w.add(Issue{Code: codeReadOnly})
		return w.hush(func() error { return w.value(nil, true, false) })
	}
	if w.patch != nil && !f.Nullable && needed(f) && w.dec.PeekKind() == 'n' {
		// In a merge patch null removes, and nothing may lack this member: AllowNull,
		// which is about values, does not change that.
		w.add(Issue{Code: codeNull, Expected: expected(f.Node)})
		return w.hush(func() error { return w.value(nil, true, false) })
	}
	return w.value(f.Node, f.Null, f.Quoted)
}

// needed reports whether a field must not be removed, itself or for what is in it:
// null blanks a struct that is no pointer.
func needed(f *plan.Field) bool {
	for rule := range strings.SplitSeq(f.Tag.Get("binding"), ",") {
		if rule == "required" {
			return true
		}
		if rule == "dive" {
			break // what follows is about elements
		}
	}
	return f.Required || !f.Null && f.Node != nil &&
		slices.ContainsFunc(f.Node.List, func(in plan.Field) bool { return needed(&in) })
}

// stranger walks a member the target does not name. A Go field without a tag is
// never to be set, so its name is refused even where others are ignored.
func (w *walker) stranger(name []byte, seen *names, hidden bool) error {
	if hidden || !w.s.AllowUnknown {
		w.addAt(Issue{Code: codeUnknown}, name)
	}
	w.once(seen, name)
	return w.hush(func() error {
		return w.within(name, nil, func() error { return w.value(nil, true, false) })
	})
}

// missing lists the required members that the current object lacks. In a merge
// patch absence means "leave as it is", but not within arrays, which it replaces.
func (w *walker) missing(f *plan.Fields, seen plan.Set) {
	need := f.Required
	if w.s.RequireAll {
		need = f.All
	}
	if w.patch != nil || w.truncated {
		return
	}
	seen.Missing(need, func(i int) {
		w.addAt(Issue{Code: codeMissing, Expected: expected(f.List[i].Node)}, []byte(f.List[i].Name))
	})
}
