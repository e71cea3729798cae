package binding

import (
	"errors"
	"fmt"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"sync"

	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// param is a field that a query, form, path or header fills.
type param struct {
	name     string
	goName   string // for mistakes of the program
	index    []int
	kind     plan.Kind
	elem     reflect.Type // what one text becomes, pointers removed
	list     bool
	csv      bool
	file     *fileRule // set for files of a multipart body
	defaults []string  // one, or several of a list; nil: none
	layout   *layout   // of a time
	field    plan.Field
}

// paramPlan lists the parameters of a type from one source.
type paramPlan struct {
	list []param
	err  error
}

func (p *paramPlan) find(name string) int {
	return slices.IndexFunc(p.list, func(q param) bool { return q.name == name })
}

type paramKey struct {
	typ reflect.Type
	in  Source
	// multi says that files may come.
	multi bool
}

// paramPlans caches what reflection says, like plans.
var paramPlans sync.Map

func paramsOf(key paramKey) *paramPlan {
	if p, ok := paramPlans.Load(key); ok {
		return p.(*paramPlan)
	}
	b := paramBuilder{key: key, plan: &paramPlan{}}
	if key.typ.Kind() != reflect.Struct {
		b.fault("", "is not a struct, so it names no parameters")
	} else {
		b.fields(key.typ, nil, nil)
	}
	b.plan.err = errors.Join(b.errs...)
	p, _ := paramPlans.LoadOrStore(key, b.plan)
	return p.(*paramPlan)
}

type paramBuilder struct {
	key  paramKey
	plan *paramPlan
	errs []error
	// path holds the embedded types around the current field.
	path []reflect.Type
}

func (b *paramBuilder) fault(field, reason string) {
	b.errs = append(b.errs, &TypeError{Type: b.key.typ, Field: field, Reason: reason})
}

// fields lists the tagged fields of t and of the structs it embeds. A field
// without the source's tag cannot be set from there.
func (b *paramBuilder) fields(t reflect.Type, index []int, goPath []string) {
	for i := range t.NumField() {
		sf := t.Field(i)
		tag, ok := sf.Tag.Lookup(tagOf(b.key.in))
		at, names := append(slices.Clone(index), i), append(slices.Clone(goPath), sf.Name)
		if inner := plan.Indirect(sf.Type); sf.Anonymous && tag == "" && inner.Kind() == reflect.Struct {
			b.embedded(sf, inner, at, names)
			continue
		}
		if name, _, _ := strings.Cut(tag, ","); ok && name != "" && name != "-" {
			b.param(sf, tag, at, names)
		}
	}
}

func (b *paramBuilder) embedded(sf reflect.StructField, inner reflect.Type, at []int, names []string) {
	if slices.Contains(b.path, inner) || len(b.path) > 8 {
		return // a type that embeds itself adds no names
	}
	if sf.Tag.Get("strict") != "" {
		b.fault(strings.Join(names, "."), "has a strict tag, but only its fields are parameters: tag the fields inside")
	}
	if sf.Type.Kind() == reflect.Pointer && !sf.IsExported() {
		return // nothing can be stored there
	}
	b.path = append(b.path, inner)
	b.fields(inner, at, names)
	b.path = b.path[:len(b.path)-1]
}

func (b *paramBuilder) param(sf reflect.StructField, tag string, at []int, names []string) {
	field := strings.Join(names, ".")
	if !sf.IsExported() {
		b.fault(field, "is tagged but not exported")
		return
	}
	name, options, _ := strings.Cut(tag, ",")
	p := param{name: name, goName: field, index: at, elem: plan.Indirect(sf.Type)}
	if b.key.in == InHeader {
		p.name = textproto.CanonicalMIMEHeaderKey(name)
		if slices.Contains(takenHeaders, p.name) {
			b.fault(field, fmt.Sprintf("is the header field %s, which the server takes out: read it from the request", p.name))
		}
	}
	if b.plan.find(p.name) >= 0 {
		b.fault(field, "has a name that another field has")
		return
	}
	p.field.Null = sf.Type.Kind() == reflect.Pointer
	if err := plan.Strict(sf, &p.field); err != nil {
		b.fault(field, err.Error())
	}
	if p.field.ReadOnly {
		b.fault(field, "is read-only and settable: remove one of the tags")
	}
	if p.elem == fileType || p.elem.Kind() == reflect.Slice && plan.Indirect(p.elem.Elem()) == fileType {
		b.file(sf, p, field, options)
		return
	}
	if !b.typed(&p, field) {
		return
	}
	if p.field.Normal() && p.kind != plan.String {
		b.fault(field, notText)
	}
	b.collection(&p, sf, field)
	b.layout(&p, sf, field)
	b.options(&p, options, field)
	b.plan.list = append(b.plan.list, p)
}

// takenHeaders are not in http.Request.Header.
var takenHeaders = []string{"Host", "Transfer-Encoding", "Trailer"}

const notText = `is not text, so strict:"trim", "nfc" and "lower" do not apply`

// typed finds out what the texts of p become.
func (b *paramBuilder) typed(p *param, field string) (ok bool) {
	if p.kind, ok = scalar(p.elem); ok {
		return true
	}
	if p.elem.Kind() != reflect.Slice || p.field.Null {
		b.fault(field, "has a type no parameter can be")
		return false
	}
	p.list, p.elem = true, plan.Indirect(p.elem.Elem())
	if p.kind, ok = scalar(p.elem); !ok {
		b.fault(field, "is a list of something no parameter can be")
	}
	return ok
}

func (b *paramBuilder) file(sf reflect.StructField, p param, field, options string) {
	rule, err := fileRuleOf(sf.Tag.Get("file"))
	if err != nil {
		b.fault(field, err.Error())
		return
	}
	if !b.key.multi {
		b.fault(field, "is a file, which only a multipart body brings")
		return
	}
	p.list = p.elem.Kind() == reflect.Slice
	if p.list && p.field.Null {
		b.fault(field, "has a type no parameter can be")
		return
	}
	p.file = rule
	if p.field.Normal() {
		b.fault(field, notText)
	}
	b.collection(&p, sf, field)
	b.options(&p, options, field)
	if p.defaults != nil {
		b.fault(field, "is a file, which has no default")
	}
	// The validator passes over required before a struct, which a File is.
	if rule, _, _ := strings.Cut(sf.Tag.Get("binding"), ","); rule == "required" && sf.Type == fileType {
		p.field.Required = true
	}
	b.plan.list = append(b.plan.list, p)
}

var paramUnmarshaler = reflect.TypeFor[gb.BindUnmarshaler]()

// scalar says what one text becomes as a t.
func scalar(t reflect.Type) (plan.Kind, bool) {
	if own := reflect.PointerTo(t); own.Implements(paramUnmarshaler) {
		return plan.Foreign, true
	} else if own.Implements(textType) {
		return plan.Text, true
	}
	switch t.Kind() {
	case reflect.String:
		return plan.String, true
	case reflect.Bool:
		return plan.Bool, true
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return plan.Int, t != durationType
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return plan.Uint, true
	case reflect.Float32, reflect.Float64:
		return plan.Float, true
	default:
		return 0, false
	}
}
