package binding

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strconv"
	"sync"

	"github.com/go-playground/validator/v10"
)

const (
	// few is how many structs and elements may all break their rules without cost
	// that matters.
	few = 64
	// short is how many bytes of a document hold few parts: each takes about three.
	short = 4 * few
	// light is how many rules a part may have for them to be few as well.
	light = 16
	// stride is how many of the others stand for one that is tried.
	stride = 16
	// dense is how many failures among those tried are too many: about as many times
	// stride are to be expected.
	dense = 32
)

// census tries parts of a target one by one. The validator cannot be stopped: it
// makes an error of about half a kilobyte of each rule that fails, and an empty
// object can fail dozens. So a large target is sampled first, and only when few
// rules fail is it judged as a whole. A failed rule that looks at nothing but its
// value fails in the whole as well, so no sample refuses what the validator would
// not.
type census struct {
	r      *ruler
	sample bool
	wait   int // how many to pass over
	failed int // in a sample
	path   []byte
}

// flooded reports whether v, a struct or a pointer to one, broke so many rules
// that the listed ones are all anyone will know.
func (r *ruler) flooded(v reflect.Value, path []byte) bool {
	if r.engine == nil || r.size == 0 {
		return false
	}
	v = reflect.Indirect(v)
	t := ruledOf(v.Type(), r.in)
	if len(t.inner) == 0 || r.size <= short && r.size*t.weight <= short*light {
		return false
	}
	trial, _ := trials.Get().(*ruler) // r itself is on the stack, and stays there
	*trial = *r
	flooded := trial.overflows(v, t, path)
	if flooded {
		r.issues, r.causes, r.truncated = trial.issues, trial.causes, trial.truncated
	}
	*trial = ruler{}
	trials.Put(trial)
	return flooded
}

var trials = sync.Pool{New: func() any { return new(ruler) }}

func (r *ruler) overflows(v reflect.Value, t *ruled, path []byte) (flooded bool) {
	defer func() {
		if recover() != nil { // a rule for structs that looks for the whole target may panic at a part
			flooded = false
		}
	}()
	//nolint:gosec // the runtime's generator is seeded from the system; clients see nothing of it
	c := census{r: r, sample: true, wait: few + rand.IntN(stride)}
	if c.structure(v, t, r.part == nil) {
		return false
	}
	if tailored(r.engine) || r.engine.Struct(&struct {
		A bool `binding:"required"`
	}{}) == nil {
		return false // the application gave the engine other rules, or another tag to read
	}
	c = census{r: r, path: append([]byte(nil), path...)}
	return !c.structure(v, t, r.part == nil) // MaxIssues may be large enough for the whole
}

// due reports whether the next part is to be tried.
func (c *census) due() bool {
	if c.wait > 0 {
		c.wait--
		return false
	}
	if c.sample {
		c.wait = rand.IntN(2*stride - 1) //nolint:gosec // as above
	}
	return true
}

// structure tries v, and what is below it. It returns false when enough is known,
// like all that follow. Of a patch only what is within lists is complete.
func (c *census) structure(v reflect.Value, t *ruled, whole bool) bool {
	if whole && t.plain && v.CanInterface() && c.due() {
		target := v
		if v.CanAddr() {
			target = v.Addr()
		}
		if !c.found(v, c.r.engine.StructFiltered(target.Interface(), t.skip)) {
			return false
		}
	}
	at := len(c.path)
	defer func() { c.path = c.path[:at] }()
	for i := range t.inner {
		f := &t.inner[i]
		inner, ok := plainly(v.FieldByIndex(f.index))
		if !ok || !whole && inner.Kind() == reflect.Array {
			continue
		}
		if !c.sample {
			c.path = append(c.path[:at], f.path...)
		}
		if f.nested != nil {
			if !c.structure(inner, f.nested, whole) {
				return false
			}
			continue
		}
		if inner.Len() == 0 {
			continue
		}
		if !c.list(inner, f.rules, f.list) {
			return false
		}
	}
	return true
}

// list tries v by its own rules and, where it keeps them, its elements: the
// validator goes no further than the first fault either.
func (c *census) list(v reflect.Value, rules string, l *ruledList) bool {
	if n := max(1, v.Len()); c.sample && n <= c.wait && l.flat() {
		c.wait -= n
		return true
	}
	if rules != "" && v.CanInterface() {
		if err := c.r.engine.Var(v.Interface(), rules); err != nil {
			return !c.due() || c.found(reflect.Value{}, err)
		}
	}
	return c.elements(v, l)
}

// flat reports whether no lists are within the elements.
func (l *ruledList) flat() bool { return l.list == nil && (l.elem == nil || len(l.elem.inner) == 0) }

// plainly removes pointers.
func plainly(v reflect.Value) (reflect.Value, bool) {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return v, false
		}
		v = v.Elem()
	}
	return v, true
}

func (c *census) elements(v reflect.Value, l *ruledList) bool {
	at := len(c.path)
	defer func() { c.path = c.path[:at] }()
	if v.Kind() == reflect.Map {
		// Copies of the entries would cost more than the trial.
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		for entry := v.MapRange(); entry.Next(); {
			key.SetIterKey(entry)
			value.SetIterValue(entry)
			if !c.sample {
				c.path = appendName(c.path[:at], keyText(key))
			}
			if !c.value(key, l.keys) || !c.element(value, l) {
				return false
			}
		}
		return true
	}
	for i := range v.Len() {
		if !c.sample {
			c.path = strconv.AppendInt(append(c.path[:at], '/'), int64(i), 10)
		}
		if !c.element(v.Index(i), l) {
			return false
		}
	}
	return true
}

func (c *census) element(v reflect.Value, l *ruledList) bool {
	if l.elem == nil && l.list == nil {
		return c.value(v, l.rules)
	}
	v, ok := plainly(v)
	switch {
	case !ok:
		return true
	case l.elem != nil:
		return c.structure(v, l.elem, true)
	default:
		return c.list(v, l.rules, l.list)
	}
}

// value tries one value of no structure.
func (c *census) value(v reflect.Value, rules string) bool {
	if rules == "" || !c.due() {
		return true
	}
	if _, ok := plainly(v); !ok || !v.CanInterface() {
		return true
	}
	if v.Kind() == reflect.Interface {
		// To the validator what an interface holds is there, even if it is zero.
		held := reflect.New(v.Type())
		held.Elem().Set(v)
		v = held
	}
	return c.found(reflect.Value{}, c.r.engine.Var(v.Interface(), rules))
}

// found counts what err says of v, or of a value without structure.
func (c *census) found(v reflect.Value, err error) bool {
	if err == nil {
		return true
	}
	var failed validator.ValidationErrors
	if !errors.As(err, &failed) {
		return true
	}
	if !c.sample {
		c.r.causes = append(c.r.causes, err)
	}
	for _, f := range failed {
		switch {
		case !local(f.Tag()): // a rule of the type's own may look further than at v
		case c.sample:
			c.failed++
		case v.IsValid():
			c.r.add(c.r.issue(v, c.path, f))
		default:
			c.r.add(c.r.placed(c.path, f, nil))
		}
	}
	return c.failed < dense && !c.r.truncated
}

// tailored reports whether engine judges types otherwise than their tags say, or may do
// so: it does not tell, and what cannot be seen is not sampled.
func tailored(engine *validator.Validate) bool {
	e := reflect.ValueOf(engine).Elem()
	for _, name := range []string{"customFuncs", "rules", "structLevelFuncs"} {
		if f := e.FieldByName(name); f.Kind() != reflect.Map || f.Len() > 0 {
			return true
		}
	}
	return false
}
