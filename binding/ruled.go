package binding

import (
	"reflect"
	"slices"
	"strings"
	"sync"
)

// ruled says where below a struct the rules are that one document can break
// thousands of times.
type ruled struct {
	// skip tells the validator what not to judge together with the struct itself.
	skip  func(namespace []byte) bool
	plain bool // there is something to judge
	inner []ruledField
	// weight is how many rules the heaviest part has that a few bytes can bring.
	weight int
}

// ruledField is a struct or a list below a struct.
type ruledField struct {
	index  []int
	path   []byte     // from the struct around it, in the words of the source
	rules  string     // of the field itself, before any dive
	nested *ruled     // it is a struct
	list   *ruledList // it is a list or a map
}

// ruledList says what rules the elements of a list or a map have.
type ruledList struct {
	keys, rules string
	elem        *ruled     // elements are structs
	list        *ruledList // elements are lists or maps
}

type ruledKey struct {
	typ reflect.Type
	in  Source
}

// ruledTypes caches what reflection says, like plans.
var ruledTypes sync.Map

func ruledOf(t reflect.Type, in Source) *ruled {
	key := any(t) // for the source that matters most, this allocates nothing
	if in != InBody {
		key = ruledKey{t, in}
	}
	if r, ok := ruledTypes.Load(key); ok {
		return r.(*ruled)
	}
	b := ruledBuilder{in: in, seen: map[reflect.Type]*ruled{}}
	fresh := b.of(t)
	w := weigher{}
	w.of(t, false)
	for _, weight := range w {
		fresh.weight = max(fresh.weight, weight)
	}
	r, _ := ruledTypes.LoadOrStore(key, fresh)
	return r.(*ruled)
}

// weigher holds how many rules a struct has, with all that comes with an empty one.
type weigher map[reflect.Type]int

// heaviest keeps sums of weights from wrapping.
const heaviest = 1 << 20

// of weighs t. Elements of lists and what pointers lead to are parts of their own.
func (w weigher) of(t reflect.Type, dives bool) int {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		if _, ok := w[t]; !ok {
			w[t] = 0 // a list can be a list of itself
			w.of(t.Elem(), false)
		}
	case reflect.Array:
		one := w.of(t.Elem(), dives)
		if dives {
			one++
		}
		return min(one, heaviest) * min(t.Len(), heaviest/max(1, one))
	case reflect.Struct:
		if weight, ok := w[t]; ok || isTime(t) {
			return weight
		}
		w[t] = 0
		weight := 0
		for i := range t.NumField() {
			sf := t.Field(i)
			rules := sf.Tag.Get("binding")
			if rules != "" {
				weight++
			}
			_, _, dives := cutDive(rules)
			weight = min(weight+w.of(sf.Type, dives), heaviest)
		}
		w[t] = weight
		return weight
	}
	return 0
}

type ruledBuilder struct {
	in   Source
	seen map[reflect.Type]*ruled
}

func (b *ruledBuilder) of(t reflect.Type) *ruled {
	if r, ok := b.seen[t]; ok {
		return r
	}
	r := &ruled{}
	b.seen[t] = r
	judged := map[string]bool{}
	b.fields(r, t, ruledField{}, "", judged)
	prefix := len(t.Name())
	if prefix > 0 {
		prefix += len(".")
	}
	r.skip = func(namespace []byte) bool { return !judged[string(namespace[min(prefix, len(namespace)):])] }
	return r
}

// fields lists the fields of t, which at leads to, and of the structs it embeds.
func (b *ruledBuilder) fields(r *ruled, t reflect.Type, at ruledField, goPath string, judged map[string]bool) {
	for i := range t.NumField() {
		sf := t.Field(i)
		rules := sf.Tag.Get("binding")
		if !sf.IsExported() && !sf.Anonymous {
			continue
		}
		f := ruledField{index: append(slices.Clone(at.index), i), path: slices.Clone(at.path), rules: rules}
		if name, own := memberName(sf, b.in); own {
			f.path = appendName(f.path, name)
		}
		elem := base(sf.Type)
		switch k := elem.Kind(); {
		case sf.Anonymous && sf.Type.Kind() == reflect.Struct && rules == "":
			judged[goPath+sf.Name] = true
			b.fields(r, elem, f, goPath+sf.Name+".", judged)
		case !sf.IsExported():
		case k == reflect.Struct && hasRules(elem, map[reflect.Type]bool{}):
			if rules == "" || rules == "required" {
				f.rules, f.nested = "", b.of(elem)
				r.inner = append(r.inner, f)
			}
		case k == reflect.Slice || k == reflect.Array || k == reflect.Map:
			before, after, dives := cutDive(rules)
			if f.rules = before; !local(before) || dives && k == reflect.Array && before != "" {
				continue
			} else if f.list = b.list(elem, after); dives && f.list != nil {
				r.inner = append(r.inner, f)
			} else if !dives && before != "" {
				judged[goPath+sf.Name], r.plain = true, true
			}
		case rules != "" && local(rules):
			judged[goPath+sf.Name], r.plain = true, true
		}
	}
}

// list returns the rules of the elements of t, which are written after the word
// dive, or nil when there are none or some that depend on more than their value.
func (b *ruledBuilder) list(t reflect.Type, rules string) *ruledList {
	l := &ruledList{}
	if inside, ok := strings.CutPrefix(rules, "keys,"); ok {
		l.keys, rules, _ = strings.Cut(inside, "endkeys")
		l.keys, rules = strings.TrimSuffix(l.keys, ","), strings.TrimPrefix(rules, ",")
	}
	var after string
	var dives bool
	l.rules, after, dives = cutDive(rules)
	if !local(l.keys) || !local(l.rules) {
		return nil
	}
	elem := base(t.Elem())
	switch {
	case dives:
		if k := elem.Kind(); k != reflect.Slice && k != reflect.Array && k != reflect.Map || k == reflect.Array && l.rules != "" {
			return nil
		}
		if l.list = b.list(elem, after); l.list == nil {
			return nil
		}
	case elem.Kind() == reflect.Struct && hasRules(elem, map[reflect.Type]bool{}):
		if l.rules != "" && l.rules != "required" {
			return nil
		}
		l.rules, l.elem = "", b.of(elem)
	case l.rules == "" && l.keys == "":
		return nil
	}
	return l
}

// cutDive splits rules at the first dive.
func cutDive(rules string) (before, after string, dives bool) {
	words := strings.Split(rules, ",")
	at := slices.Index(words, "dive")
	if at < 0 {
		return rules, "", false
	}
	return strings.Join(words[:at], ","), strings.Join(words[at+1:], ","), true
}

// local reports whether all rules are the validator's own and look at nothing but
// the value they stand at.
func local(rules string) bool {
	if rules == "" {
		return true
	}
	for rule := range strings.SplitSeq(rules, ",") {
		for one := range strings.SplitSeq(rule, "|") {
			if name, _, _ := strings.Cut(one, "="); !slices.Contains(plainParam, name) && !slices.Contains(localRules, name) {
				return false
			}
		}
	}
	return true
}

// localRules are rules without a parameter that look at their value only.
var localRules = strings.Fields(`required omitempty omitnil omitzero
	alpha alphaspace alphanum alphanumspace alphaunicode alphanumunicode ascii printascii multibyte
	boolean numeric number hexadecimal hexcolor rgb rgba hsl hsla lowercase uppercase
	e164 email url http_url https_url uri urn_rfc2141 datauri hostname hostname_rfc1123 hostname_port fqdn port
	base32 base64 base64url base64rawurl json jwt html html_encoded url_encoded
	uuid uuid3 uuid4 uuid5 uuid_rfc4122 uuid3_rfc4122 uuid4_rfc4122 uuid5_rfc4122 ulid mongodb
	md4 md5 sha256 sha384 sha512 isbn isbn10 isbn13 issn
	ip ipv4 ipv6 cidr cidrv4 cidrv6 mac latitude longitude timezone
	iso3166_1_alpha2 iso3166_1_alpha3 iso3166_1_alpha_numeric iso4217 iso4217_numeric bcp47_language_tag
	bic semver dns_rfc1035_label credit_card luhn_checksum cve cron`)
