package binding

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Parameters of these rules are pairs of a field and a value for it.
var pairRules = []string{"required_if", "required_unless", "excluded_if", "excluded_unless", "skip_unless"}

var pairWords = regexp.MustCompile(`'[^']*'|\S+`)

// panics complains of rules at which the validator panics only for some values, which
// a client may choose and no sample need meet.
func (l *linter) panics(t reflect.Type, sf reflect.StructField) {
	at, rules := base(sf.Type), sf.Tag.Get("binding")
	for range deepest {
		before, after, dives := cutDive(rules)
		for rule := range strings.SplitSeq(before, ",") {
			name, param, _ := strings.Cut(rule, "=")
			switch {
			case name == "unique" && !distinct(at, param):
				l.add(t, sf.Name, "has a rule the validator cannot apply: unique over values that cannot always be compared")
			case slices.Contains(pairRules, name):
				l.pairs(t, sf, param)
			}
		}
		if k := at.Kind(); !dives || k != reflect.Slice && k != reflect.Array && k != reflect.Map {
			return
		}
		if _, behind, ok := strings.Cut(after, "endkeys"); ok && strings.HasPrefix(after, "keys,") {
			after = strings.TrimPrefix(behind, ",")
		}
		at, rules = base(at.Elem()), after
	}
}

func (l *linter) pairs(t reflect.Type, sf reflect.StructField, param string) {
	words := pairWords.FindAllString(param, -1)
	for i := 0; i+1 < len(words); i += 2 {
		if other, ok := t.FieldByName(words[i]); ok && !fits(base(other.Type), strings.ReplaceAll(words[i+1], "'", "")) {
			l.add(t, sf.Name, fmt.Sprintf("has a rule the validator cannot apply: it compares %s, as a client may send it, with %q", words[i], words[i+1]))
		}
	}
}

// fits reports whether the validator can read text for whatever a t holds: lists and
// maps are compared by their length.
func fits(t reflect.Type, text string) bool {
	var err error
	switch t.Kind() {
	case reflect.Interface: // JSON brings numbers and lists
		if _, err = strconv.ParseInt(text, 0, 64); err == nil {
			_, err = strconv.ParseFloat(text, 64)
		}
	case reflect.Slice, reflect.Map:
		if text != "nil" {
			_, err = strconv.ParseInt(text, 0, 64)
		}
	case reflect.Array, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(text, 0, 64)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(text, 0, 64)
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(text, 64)
	}
	return err == nil
}

// distinct reports whether the elements of t, or their fields of a name, can always
// be compared.
func distinct(t reflect.Type, field string) bool {
	if k := t.Kind(); k != reflect.Slice && k != reflect.Array && k != reflect.Map {
		return true
	}
	elem := base(t.Elem())
	if field != "" && elem.Kind() == reflect.Struct {
		sf, ok := elem.FieldByName(field)
		return !ok || hashable(base(sf.Type))
	}
	return hashable(elem)
}

func hashable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface:
		return false
	case reflect.Array:
		return hashable(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !hashable(t.Field(i).Type) {
				return false
			}
		}
	}
	return t.Comparable()
}
