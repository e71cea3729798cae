package binding

import (
	"encoding"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

var durationType = reflect.TypeFor[time.Duration]()

// filler fills a target from texts and collects what is wrong with them.
type filler struct {
	s         *settings
	in        Source
	plan      *paramPlan
	out       reflect.Value
	seen      plan.Set
	over      plan.Set // lists of which too much came; nil: none
	issues    []Issue
	truncated bool
	repeated  string // the code of a scalar that came twice
}

// filler returns a filler for out, a pointer.
func (s *settings) filler(in Source, out any, multi bool) (*filler, *Error) {
	if s.err != nil {
		return nil, s.broken(s.err)
	}
	v := reflect.ValueOf(out).Elem()
	p := paramsOf(paramKey{v.Type(), in, multi})
	if p.err != nil {
		return nil, s.broken(p.err)
	}
	f := &filler{s: s, in: in, plan: p, out: v, seen: plan.NewSet(len(p.list)), repeated: codeRepeatedField}
	if in == InQuery || in == InForm && !multi {
		f.repeated = codeRepeatedParam
	}
	return f, nil
}

// add lists a fault of the parameter called name.
func (f *filler) add(name, code, expected string) {
	if len(f.issues) >= f.s.MaxIssues {
		f.truncated = true
		return
	}
	f.issues = append(f.issues, Issue{In: f.in, Name: cut(name), Code: code, Expected: expected})
}

// unknown lists a parameter that no field has.
func (f *filler) unknown(name string) {
	if !f.s.AllowUnknown {
		f.add(name, codeUnknownParam, "")
	}
}

// set stores one text.
func (f *filler) set(at int, text string) {
	p := &f.plan.list[at]
	first := f.seen.Add(at)
	if !first && !p.list {
		f.add(p.name, f.repeated, "")
		return
	}
	v := field(f.out, p.index)
	if !p.list {
		f.store(v, p, text)
		return
	}
	separators := 0
	if p.csv {
		separators = strings.Count(text, ",")
	}
	if v.Len()+separators >= f.s.MaxValues {
		f.full(at)
		return
	}
	if !p.csv {
		f.push(v, p, text)
		return
	}
	for item := range strings.SplitSeq(text, ",") {
		if f.in == InHeader {
			item = strings.Trim(item, " \t") // RFC 9110 section 5.6.1
		}
		f.push(v, p, item)
	}
}

// full says once that a list has too many elements, not for each of them.
func (f *filler) full(at int) {
	if f.over == nil {
		f.over = plan.NewSet(len(f.plan.list))
	}
	if f.over.Add(at) {
		f.add(f.plan.list[at].name, codeValues, "")
	}
}

// push appends one text to a list.
func (f *filler) push(v reflect.Value, p *param, text string) {
	item := reflect.New(v.Type().Elem()).Elem()
	if f.store(item, p, text) {
		v.Set(reflect.Append(v, item))
	}
}

func (f *filler) store(v reflect.Value, p *param, text string) bool {
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	code := setText(v, p, text, f.s)
	if code != "" {
		f.add(p.name, code, expected(&plan.Node{Kind: p.kind}))
	}
	return code == ""
}

// field returns the field of v at index, making embedded pointers on the way.
func field(v reflect.Value, index []int) reflect.Value {
	for i, x := range index {
		if i > 0 && v.Kind() == reflect.Pointer {
			if v.IsNil() {
				v.Set(reflect.New(v.Type().Elem()))
			}
			v = v.Elem()
		}
		v = v.Field(x)
	}
	return v
}

// done fills in defaults, lists what is missing, and validates.
func (f *filler) done() *Error {
	for i := range f.plan.list {
		p := &f.plan.list[i]
		if f.seen.Has(i) {
			continue
		}
		switch {
		case p.defaults != nil:
			for _, text := range p.defaults {
				f.set(i, text)
			}
		case p.field.Required || f.s.RequireAll && !p.field.Optional:
			f.add(p.name, codeMissing, "")
		}
	}
	if len(f.issues) > 0 {
		e := f.s.invalid(f.issues...)
		e.Truncated = f.truncated
		return e
	}
	return f.s.validate(f.in, f.out.Addr(), true)
}

// setText stores text in v, which is no pointer, and returns the code of what is
// wrong with it. There is one spelling of each value: no white space, no plus
// sign, no leading zero, no hexadecimal, no "T" for true.
func setText(v reflect.Value, p *param, text string, s *settings) string {
	switch {
	case !utf8.ValidString(text):
		return codeUTF8
	case strings.IndexByte(text, 0) >= 0:
		return codeCharacter
	case len(text) > s.MaxStringLen:
		return codeStringLen
	}
	switch p.kind {
	case plan.String:
		v.SetString(normalText(text, &p.field))
	case plan.Bool:
		if text != "true" && text != "false" {
			return codeType
		}
		v.SetBool(text == "true")
	case plan.Int, plan.Uint, plan.Float:
		if len(text) > s.MaxNumberLen {
			return codeNumberLen
		}
		return setNumber(v, p.kind, text)
	default:
		return setOwn(v, p, text, s)
	}
	return ""
}

func setNumber(v reflect.Value, kind plan.Kind, text string) string {
	if kind != plan.Float && strings.ContainsAny(text, ".eE") || text == "-0" || !isNumber([]byte(text)) {
		return codeType
	}
	switch kind {
	case plan.Int:
		i, err := strconv.ParseInt(text, 10, v.Type().Bits())
		if err != nil {
			return codeRange
		}
		v.SetInt(i)
	case plan.Uint:
		u, err := strconv.ParseUint(text, 10, v.Type().Bits())
		if err != nil {
			return codeRange
		}
		v.SetUint(u)
	default:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil {
			return codeRange
		}
		v.SetFloat(f)
	}
	return ""
}

// setForeign lets the type decode the text itself.
func setForeign(v reflect.Value, p *param, text string) string {
	if v.Type() == timeType && p.layout != nil {
		t, ok := p.layout.parse(text)
		if !ok {
			return codeValue
		}
		v.Set(reflect.ValueOf(t))
		return ""
	}
	var err error
	switch u := v.Addr().Interface().(type) {
	case gb.BindUnmarshaler:
		err = u.UnmarshalParam(text)
	case encoding.TextUnmarshaler:
		err = u.UnmarshalText([]byte(text))
	}
	if err != nil {
		return codeValue
	}
	return ""
}

// headers fills f from header fields. Others than the declared are not judged.
func (f *filler) headers(h http.Header) *Error {
	for i := range f.plan.list {
		for _, text := range h[f.plan.list[i].name] {
			f.set(i, text)
		}
	}
	return f.done()
}
