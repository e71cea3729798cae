package binding

import (
	"cmp"
	"fmt"
	"net/textproto"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

func appendIndex(path []byte, i int) []byte {
	return strconv.AppendInt(append(slices.Clone(path), '/'), int64(i), 10)
}

func keyText(key reflect.Value) string { return fmt.Sprint(key.Interface()) }

// locate follows a validator's namespace ("Items[3].Meta[a.b].Name") from v and
// returns the pointer of the value in the words of the source, and the struct
// the failed field belongs to. It walks the value, not the text: a map key may
// hold any of the characters the namespace is written with.
func (r *ruler) locate(v reflect.Value, rest string, path []byte) ([]byte, reflect.Type) {
	in := r.in
	var parent reflect.Type
	for rest != "" {
		for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
			v = v.Elem()
		}
		switch v.Kind() {
		case reflect.Struct:
			rest = strings.TrimPrefix(rest, ".")
			end := strings.IndexAny(rest, ".[")
			if end < 0 {
				end = len(rest)
			}
			parent = v.Type()
			sf, ok := parent.FieldByName(rest[:end])
			if !ok {
				return path, parent
			}
			v, rest = v.FieldByIndex(sf.Index), rest[end:]
			if name, own := memberName(sf, in); own {
				path = appendName(path, name)
			}
		case reflect.Slice, reflect.Array:
			end := strings.IndexByte(rest, ']')
			i, err := strconv.Atoi(strings.TrimPrefix(rest[:max(end, 0)], "["))
			if err != nil || i >= v.Len() {
				return path, parent
			}
			path = appendIndex(path, i)
			v, rest = v.Index(i), rest[end+1:]
		case reflect.Map:
			key, text := r.longestKey(v, rest)
			if !key.IsValid() {
				return path, parent
			}
			path = appendName(path, text)
			v, rest = v.MapIndex(key), rest[len(text)+2:]
		default:
			return path, parent
		}
	}
	return path, parent
}

// longestKey finds the key of m that rest, "[key]…", begins with: of all texts up
// to a bracket, the longest that is a key.
func (r *ruler) longestKey(m reflect.Value, rest string) (key reflect.Value, text string) {
	if rest == "" || rest[0] != '[' {
		return key, text
	}
	byText := r.keys(m)
	for end := 1; end < len(rest); end++ {
		if rest[end] != ']' {
			continue
		}
		if k := byText(rest[1:end]); k.IsValid() {
			key, text = k, rest[1:end]
		}
	}
	return key, text
}

// keys returns a search of m for the key that is written as a text. A map whose
// keys are no plain strings is gone through once, not for every fault in it.
func (r *ruler) keys(m reflect.Value) func(string) reflect.Value {
	if t := m.Type().Key(); t.Kind() == reflect.String && t.NumMethod() == 0 {
		return func(text string) reflect.Value {
			key := reflect.ValueOf(text).Convert(t)
			if !m.MapIndex(key).IsValid() {
				return reflect.Value{}
			}
			return key
		}
	}
	index, ok := r.texts[m.Pointer()]
	if !ok {
		index = make(map[string]reflect.Value, m.Len())
		for entry := m.MapRange(); entry.Next(); {
			index[keyText(entry.Key())] = entry.Key()
		}
		if r.texts == nil {
			r.texts = map[uintptr]map[string]reflect.Value{}
		}
		r.texts[m.Pointer()] = index
	}
	return func(text string) reflect.Value { return index[text] }
}

// memberName is the name a field has in a source; fields that are only embedded
// have none.
func memberName(sf reflect.StructField, in Source) (name string, own bool) {
	name, options, _ := strings.Cut(sf.Tag.Get(tagOf(in)), ",")
	if in == InBody && slices.Contains(strings.Split(options, ","), "embed") {
		return "", false
	}
	if name == "" && sf.Anonymous && plan.Indirect(sf.Type).Kind() == reflect.Struct {
		return "", false
	}
	if name == "-" {
		name = ""
	}
	if in == InHeader {
		name = textproto.CanonicalMIMEHeaderKey(name)
	}
	if in == InBody {
		name = cmp.Or(name, memberNameOfHidden(sf))
	}
	return name, true
}

// memberNameOfHidden is the decoder's name for a field whose tag spells none. A
// field without any tag keeps its Go name to itself.
func memberNameOfHidden(sf reflect.StructField) string {
	if tag, ok := sf.Tag.Lookup("json"); ok && tag != "-" {
		return sf.Name
	}
	return ""
}

func tagOf(in Source) string {
	switch in {
	case InPath:
		return "uri"
	case InHeader:
		return "header"
	case InBody:
		return "json"
	default:
		return "form"
	}
}

// Parameters of these rules are Go names of other fields.
var crossField = []string{
	"eqfield", "nefield", "gtfield", "gtefield", "ltfield", "ltefield",
	"eqcsfield", "necsfield", "gtcsfield", "gtecsfield", "ltcsfield", "ltecsfield",
	"fieldcontains", "fieldexcludes", "unique",
	"required_with", "required_with_all", "required_without", "required_without_all",
	"excluded_with", "excluded_with_all", "excluded_without", "excluded_without_all",
}

// Parameters of these rules are plain limits or choices.
var plainParam = []string{
	"min", "max", "len", "eq", "ne", "gt", "gte", "lt", "lte", "eq_ignore_case", "ne_ignore_case",
	"oneof", "oneofci", "noneof", "noneofci", "contains", "containsany", "containsrune", "excludes", "excludesall", "excludesrune",
	"startswith", "endswith", "startsnotwith", "endsnotwith", "datetime", "iso3166_2", "postcode_iso3166_alpha2",
}

// ruleParam is a rule's parameter as a client may see it: the parameters of rules we
// do not know could be Go names and stay here.
func ruleParam(f validator.FieldError, parent reflect.Type, in Source) string {
	switch {
	case slices.Contains(plainParam, f.Tag()):
		return f.Param()
	case parent == nil || !slices.Contains(crossField, f.Tag()):
		return ""
	}
	if f.Tag() == "unique" { // of a list it names a field of the elements
		if t := base(f.Type()); t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
			parent = base(t.Elem())
		}
		if parent.Kind() != reflect.Struct {
			return ""
		}
	}
	var names []string
	for word := range strings.FieldsSeq(f.Param()) {
		sf, ok := parent.FieldByName(word)
		if !ok {
			return ""
		}
		name, _ := memberName(sf, in)
		if name == "" {
			return ""
		}
		names = append(names, name)
	}
	return strings.Join(names, " ")
}
