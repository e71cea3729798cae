package binding

import (
	"fmt"
	"reflect"
	"strings"
)

// options reads what stands behind the name of a parameter: a default, and whether
// it may be absent where everything else is required. A word that is not known is a
// mistake: misspelled, it would leave the parameter without what it says.
func (b *paramBuilder) options(p *param, options, field string) {
	more := false // a word may continue the default of a list
	for word := range strings.SplitSeq(options, ",") {
		value, isDefault := strings.CutPrefix(word, "default=")
		switch {
		case isDefault:
			if p.defaults != nil {
				b.fault(field, "has two defaults")
			}
			p.defaults, more = []string{value}, p.csv
			if p.list {
				p.defaults = strings.Split(value, ";")
			}
		case word == "":
		case word == "omitempty", word == "omitzero":
			p.field.Optional = true
		case word == "parser=encoding.TextUnmarshaler" && byText(p.elem):
		case more:
			p.defaults = append(p.defaults, strings.Split(word, ";")...)
		default:
			b.fault(field, fmt.Sprintf("has an unknown word in its %s tag: %q", tagOf(b.key.in), word))
		}
	}
	if p.file != nil {
		return
	}
	for _, text := range p.defaults {
		if !readable(p, text) { // a mistake of the program
			b.fault(field, "has a default that is no value of its type")
		}
	}
}

// readable reports whether a text is a value of p, and not one that its type panics at.
func readable(p *param, text string) (ok bool) {
	defer func() { ok = recover() == nil && ok }()
	return setText(reflect.New(p.elem).Elem(), p, text, builtin) == ""
}

// byText reports whether values of type t are read from a text by UnmarshalText.
func byText(t reflect.Type) bool {
	own := reflect.PointerTo(t)
	return own.Implements(textType) && !own.Implements(paramUnmarshaler)
}

// collection reads how several values come.
func (b *paramBuilder) collection(p *param, sf reflect.StructField, field string) {
	format, ok := sf.Tag.Lookup("collection_format")
	switch {
	case !ok:
	case !p.list:
		b.fault(field, "has collection_format, but is no list")
	case format == "csv" && p.file == nil:
		p.csv = true
	case format != "" && format != "multi":
		b.fault(field, fmt.Sprintf("has collection_format %q: only multi and csv are known", format))
	}
}
