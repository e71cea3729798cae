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
}

type rule struct{ name, param string }

// escapes are how the validator writes what ends a rule.
var escapes = strings.NewReplacer("0x2C", ",", "0x7C", "|")

func rulesOf(tag string) (r rules) {
	if tag == "-" {
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
		case "omitempty", "omitzero":
			r.omit = true
		default:
			r.list = append(r.list, rule{name, param})
		}
	}
	return r
}

func (r rules) inner() rules { return rulesOf(r.rest) }

// rewritten leaves out what cannot be said about a text, or the texts of a list,
// before the binder has changed it.
func (r rules) rewritten(k plan.Kind) rules {
	if k == plan.String {
		r.list = nil
	}
	r.rest = ""
	return r
}

// refusesNil reports whether a nil pointer fails.
func (r rules) refusesNil() bool {
	return !r.omit && len(r.list) > 0 && r.list[0].name != "omitnil" && r.list[0].name != "isdefault"
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
		if f, ok := s[key].(float64); ok {
			return f
		}
		return otherwise
	}
	if choices, ok := s["enum"].([]any); ok {
		for _, c := range choices {
			if c == "" || c == float64(0) {
				return false
			}
		}
		return true
	}
	switch k {
	case plan.Int, plan.Uint, plan.Float:
		return number("minimum", 0) > 0 || number("maximum", 0) < 0 || number("exclusiveMinimum", -1) >= 0 || number("exclusiveMaximum", 1) <= 0
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
	if zero := zeroOf(k); r.omit && !pointer && zero != nil && (refusesZero(limits, k) || limits["format"] != nil) {
		// An empty value is not judged at all.
		return object{"anyOf": []any{merge(s, limits), zero}}
	}
	return merge(s, limits)
}

func zeroOf(k plan.Kind) object {
	switch k {
	case plan.String:
		return object{"const": ""}
	case plan.Int, plan.Uint, plan.Float:
		return object{"const": 0}
	default: // an empty list is a value to the validator
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
		limit, ok := v.(float64)
		if old, exists := out[k]; exists && ok {
			before := toFloat(old)
			if strings.HasPrefix(k, "min") && before > limit || strings.HasPrefix(k, "max") && before < limit {
				continue
			}
		}
		out[k] = v
	}
	return out
}

func toFloat(v any) float64 {
	switch n := v.(type) {
	case int:
		return float64(n)
	case int64:
		return float64(n)
	case uint64:
		return float64(n)
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
		n, err := strconv.ParseFloat(r.param, 64)
		if err != nil {
			return
		}
		for _, side := range bound[r.name] {
			limit(s, k, side, n)
		}
	}
}

// required is validator's: not the zero value.
func required(s object, k plan.Kind, pointer bool) {
	if pointer {
		return
	}
	switch k {
	case plan.String:
		s["minLength"] = 1.0
	case plan.Bool:
		s["const"] = true
	case plan.Int, plan.Uint, plan.Float:
		s["not"] = object{"const": 0}
	}
}

func limit(s object, k plan.Kind, side string, n float64) {
	var unit string
	switch k {
	case plan.Int, plan.Uint, plan.Float:
		switch side {
		case "min":
			s["minimum"] = n
		case "max":
			s["maximum"] = n
		case "above":
			s["exclusiveMinimum"] = n
		case "below":
			s["exclusiveMaximum"] = n
		}
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
	switch side {
	case "above":
		side, n = "min", n+1
	case "below":
		side, n = "max", n-1
	}
	if old, ok := s[side+unit].(float64); ok && (side == "min" && old > n || side == "max" && old < n) {
		return
	}
	s[side+unit] = n
}

var word = regexp.MustCompile(`'[^']*'|\S+`)

// choices splits the parameter of oneof as the validator does.
func choices(param string, k plan.Kind) []any {
	var out []any
	for _, w := range word.FindAllString(param, -1) {
		w = strings.ReplaceAll(w, "'", "")
		if k == plan.String {
			out = append(out, w)
		} else if n, err := strconv.ParseFloat(w, 64); err == nil {
			out = append(out, n)
		}
	}
	return out
}
