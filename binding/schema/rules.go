package schema

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// rules are those of a binding tag up to its first dive, and what comes after it.
type rules struct {
	list []rule
	rest string
	omit bool // zero values are not judged
	none bool // nothing is judged, neither here nor below
	// empty says that an empty list counts as a zero value.
	empty bool
}

type rule struct{ name, param string }

// escapes are how the validator writes what ends a rule.
var escapes = strings.NewReplacer("0x2C", ",", "0x7C", "|")

func rulesOf(tag string) (r rules) {
	if tag == "-" {
		r.none = true
		return r
	}
	for tag != "" {
		var word string
		word, tag, _ = strings.Cut(tag, ",")
		name, param, _ := strings.Cut(word, "=")
		if strings.Contains(word, "|") {
			name, param = word, "" // alternatives, which no limit of their own can say
		}
		param = escapes.Replace(param)
		switch name {
		case "":
		case "dive":
			r.rest = tag
			if keys, after, ok := strings.Cut(tag, "endkeys"); ok && strings.HasPrefix(keys, "keys") {
				r.rest = strings.TrimPrefix(after, ",")
			}
			return r
		case "structonly", "nostructlevel":
			r.none = true
			r.list = append(r.list, rule{name, ""})
		case "omitempty", "omitzero":
			r.omit, r.empty = true, r.empty || name == "omitzero"
		default:
			r.list = append(r.list, rule{name, param})
		}
	}
	return r
}

func (r rules) inner() rules {
	if r.none {
		return rules{none: true}
	}
	return rulesOf(r.rest)
}

// bare reports whether a struct may break the rules in it.
func (r rules) bare(pointer bool) bool { return r.none || r.omit && !pointer }

// rewritten leaves out what cannot be said about a text, or the texts of a list,
// before the binder has changed it.
func (r rules) rewritten(k plan.Kind) rules {
	if k == plan.String {
		r.list = nil
	}
	r.rest = ""
	return r
}

// refusesNil reports whether a nil pointer fails: the validator runs most of its own
// rules at none. Of others, and of those that look at other fields, it may run some.
func (r rules) refusesNil() bool {
	if r.omit || len(r.list) == 0 {
		return false
	}
	first := r.list[0].name
	return first == "required" || first == "oneof" || first == "structonly" || bound[first] != nil || formats[first] != ""
}

// needed reports whether absence fails: the rules refuse the zero value.
func (r rules) needed(k plan.Kind, pointer bool) bool {
	if r.omit {
		return false
	}
	if pointer {
		return r.refusesNil()
	}
	s := object{}
	for _, one := range r.list {
		if one.name == "required" && k != plan.Struct && k != plan.Array {
			return true
		}
		one.write(s, k, true)
	}
	return refusesZero(s, k)
}

func refusesZero(s object, k plan.Kind) bool {
	number := func(key string, otherwise float64) float64 {
		if f := toFloat(s[key]); !math.IsNaN(f) {
			return f
		}
		return otherwise
	}
	if choices, ok := s["enum"].([]any); ok {
		for _, c := range choices {
			if c == "" || toFloat(c) == 0 {
				return false
			}
		}
		return true
	}
	switch k {
	case plan.Int, plan.Uint, plan.Float:
		return s["not"] != nil || number("minimum", 0) > 0 || number("maximum", 0) < 0 || number("exclusiveMinimum", -1) >= 0 || number("exclusiveMaximum", 1) <= 0
	case plan.Bool:
		return s["const"] == true
	case plan.Array:
		return false // the zero value has all elements
	default:
		return number("minLength", 0) > 0 || number("minItems", 0) > 0 || number("minProperties", 0) > 0
	}
}

// apply adds the rules to the schema of a value of kind k.
func (r rules) apply(s object, k plan.Kind, pointer bool) object {
	limits := object{}
	for _, one := range r.list {
		one.write(limits, k, pointer)
	}
	if len(limits) == 0 {
		return s
	}
	if zero := zeroOf(k, r.empty); r.omit && !pointer && zero != nil && (refusesZero(limits, k) || limits["format"] != nil) {
		// An empty value is not judged at all.
		return object{"anyOf": []any{merge(s, limits), zero}}
	}
	return merge(s, limits)
}

// zeroOf is the schema of what omitempty, or omitzero, passes over.
func zeroOf(k plan.Kind, empty bool) object {
	switch {
	case k == plan.String:
		return object{"const": ""}
	case k == plan.Bool:
		return object{"const": false}
	case k == plan.Int, k == plan.Uint, k == plan.Float:
		return object{"const": 0}
	case k == plan.Slice && empty:
		return object{"type": "array", "maxItems": 0}
	case k == plan.Map && empty:
		return object{"type": "object", "maxProperties": 0}
	default: // an empty list is a value to omitempty
		return nil
	}
}

// merge keeps the tighter of two bounds.
func merge(a, b object) object {
	out := object{}
	for k, v := range a {
		out[k] = v
	}
	for k, v := range b {
		limit, before := toFloat(v), toFloat(out[k])
		if strings.HasPrefix(k, "min") && before > limit || strings.HasPrefix(k, "max") && before < limit {
			continue
		}
		out[k] = v
	}
	return out
}

// toFloat is the size of a number, or NaN.
func toFloat(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case uint64:
		return float64(n)
	case float64:
		return n
	default:
		return math.NaN()
	}
}

var bound = map[string][]string{
	"min": {"min"}, "gte": {"min"}, "max": {"max"}, "lte": {"max"}, "len": {"min", "max"}, "gt": {"above"}, "lt": {"below"},
}

var formats = map[string]string{"email": "email", "uuid": "uuid", "uuid4": "uuid", "url": "uri", "uri": "uri-reference", "ipv4": "ipv4", "ipv6": "ipv6"}

// write adds one rule to s, where JSON Schema can say it.
func (r rule) write(s object, k plan.Kind, pointer bool) {
	switch {
	case r.name == "required":
		required(s, k, pointer)
	case r.name == "oneof" && (k == plan.String || k == plan.Int || k == plan.Uint):
		s["enum"] = choices(r.param, k)
	case formats[r.name] != "" && k == plan.String:
		s["format"] = formats[r.name]
	default:
		for _, side := range bound[r.name] {
			if n := parameter(r.param, k); n != nil {
				limit(s, k, side, n)
			}
		}
	}
}

// parameter reads a limit as the validator does, which for integers and lengths takes
// 010 for 8, and keeps every digit.
func parameter(text string, k plan.Kind) any {
	var n any
	var err error
	switch k {
	case plan.Float:
		n, err = strconv.ParseFloat(text, 64)
	case plan.Uint:
		n, err = strconv.ParseUint(text, 0, 64)
	default:
		n, err = strconv.ParseInt(text, 0, 64)
	}
	if err != nil {
		return nil
	}
	return n
}

// required is validator's: not the zero value.
func required(s object, k plan.Kind, pointer bool) {
	if pointer {
		return
	}
	switch k {
	case plan.String:
		s["minLength"] = 1
	case plan.Bool:
		s["const"] = true
	case plan.Int, plan.Uint, plan.Float:
		s["not"] = object{"const": 0}
	}
}

func limit(s object, k plan.Kind, side string, n any) {
	var unit string
	switch k {
	case plan.Int, plan.Uint, plan.Float:
		s[map[string]string{"min": "minimum", "max": "maximum", "above": "exclusiveMinimum", "below": "exclusiveMaximum"}[side]] = n
		return
	case plan.String:
		unit = "Length"
	case plan.Slice, plan.Array:
		unit = "Items"
	case plan.Map:
		unit = "Properties"
	default:
		return
	}
	length, _ := n.(int64)
	switch {
	case length < 0, length == 0 && side == "below", length == math.MaxInt64:
		return // no length is there, or every one
	case side == "above":
		side, length = "min", length+1
	case side == "below":
		side, length = "max", length-1
	}
	if old := toFloat(s[side+unit]); side == "min" && old > float64(length) || side == "max" && old < float64(length) {
		return
	}
	s[side+unit] = length
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

// choices splits the parameter of oneof as the validator does.
func choices(param string, k plan.Kind) []any {
	var out []any
	for _, w := range word.FindAllString(param, -1) {
		w = strings.ReplaceAll(w, "'", "")
		switch n := parameter(w, k).(type) {
		case int64:
			if k == plan.Int && strconv.FormatInt(n, 10) == w { // it compares texts
				out = append(out, n)
			}
		case uint64:
			if strconv.FormatUint(n, 10) == w {
				out = append(out, n)
			}
		}
		if k == plan.String {
			out = append(out, w)
		}
	}
	return out
}
