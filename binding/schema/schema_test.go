package schema_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/binding/schema"
)

type order struct {
	ID      string         `json:"id" strict:"required" binding:"min=2,max=5"`
	State   string         `json:"state" binding:"omitempty,oneof=open closed"`
	Kind    string         `json:"kind" binding:"oneof=a b"`
	Count   int8           `json:"count" binding:"gte=1,lt=10"`
	Share   float64        `json:"share" binding:"gt=-1,lte=1"`
	Size    uint16         `json:"size" binding:"omitempty,min=3"`
	Tags    []string       `json:"tags" binding:"max=2,dive,min=1"`
	Lines   []line         `json:"lines" binding:"dive"`
	Named   map[string]int `json:"named" binding:"max=2,dive,min=1"`
	Note    *string        `json:"note"`
	Must    *string        `json:"must" binding:"required"`
	Maybe   string         `json:"maybe" strict:"nullable"`
	Next    *order         `json:"next"`
	Pair    [2]bool        `json:"pair"`
	Any     any            `json:"any"`
	Yes     bool           `json:"yes" binding:"required"`
	Nonzero int            `json:"nonzero" binding:"required"`
	Fixed   string         `json:"fixed" strict:"readonly"`
	Quoted  int            `json:"quoted,string"`
}

type line struct {
	SKU string `json:"sku" strict:"required"`
}

const good = `{"id":"abc","state":"open","kind":"a","count":1,"share":0.5,"size":0,"tags":["x"],"lines":[{"sku":""}],"named":{"k":1},
"note":null,"must":"","maybe":null,"next":null,"pair":[true,false],"any":{"x":[null]},"yes":true,"nonzero":-1,"quoted":"7"}`

// fits is a JSON Schema validator for the words the package writes.
func fits(t *testing.T, root, s map[string]any, v any) bool {
	t.Helper()
	for word, arg := range s {
		if !holds(t, root, s, word, arg, v) {
			return false
		}
	}
	return true
}

func holds(t *testing.T, root, s map[string]any, word string, arg, v any) bool {
	t.Helper()
	number, isNumber := v.(float64)
	text, isText := v.(string)
	list, isList := v.([]any)
	object, isObject := v.(map[string]any)
	limit, _ := arg.(float64)
	switch word {
	case "$schema", "$defs", "format", "contentEncoding", "properties":
		if props, ok := arg.(map[string]any); ok && word == "properties" {
			for name, inner := range object {
				sub, known := props[name]
				if deny, ok := sub.(bool); ok && !deny {
					return false
				} else if schema, ok := sub.(map[string]any); known && ok && !fits(t, root, schema, inner) {
					return false
				}
			}
		}
		return true
	case "$ref":
		name := strings.TrimPrefix(arg.(string), "#/$defs/")
		return fits(t, root, root["$defs"].(map[string]any)[name].(map[string]any), v)
	case "type":
		return map[string]bool{
			"null": v == nil, "string": isText, "array": isList, "object": isObject, "number": isNumber,
			"integer": isNumber && number == math.Trunc(number), "boolean": v == true || v == false,
		}[arg.(string)]
	case "anyOf":
		return slices.ContainsFunc(arg.([]any), func(one any) bool { return fits(t, root, one.(map[string]any), v) })
	case "not":
		return !fits(t, root, arg.(map[string]any), v)
	case "const":
		return v == arg
	case "enum":
		return slices.Contains(arg.([]any), v)
	case "pattern":
		return !isText || regexp.MustCompile(arg.(string)).MatchString(text)
	case "minimum":
		return !isNumber || number >= limit
	case "maximum":
		return !isNumber || number <= limit
	case "exclusiveMinimum":
		return !isNumber || number > limit
	case "exclusiveMaximum":
		return !isNumber || number < limit
	case "minLength":
		return !isText || utf8.RuneCountInString(text) >= int(limit)
	case "maxLength":
		return !isText || utf8.RuneCountInString(text) <= int(limit)
	case "minItems":
		return !isList || len(list) >= int(limit)
	case "maxItems":
		return !isList || len(list) <= int(limit)
	case "minProperties":
		return !isObject || len(object) >= int(limit)
	case "maxProperties":
		return !isObject || len(object) <= int(limit)
	case "items":
		return !slices.ContainsFunc(list, func(one any) bool { return !fits(t, root, arg.(map[string]any), one) })
	case "required":
		return !isObject || !slices.ContainsFunc(arg.([]any), func(name any) bool { _, ok := object[name.(string)]; return !ok })
	case "additionalProperties":
		props, _ := s["properties"].(map[string]any)
		for name, inner := range object {
			if _, known := props[name]; known {
				continue
			}
			if sub, ok := arg.(map[string]any); !ok || !fits(t, root, sub, inner) {
				return false
			}
		}
		return true
	default:
		t.Fatalf("unknown word %q", word)
		return false
	}
}

// The schema and the binder must say the same of every document.
func TestTheSchemaSaysWhatTheBinderDoes(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]binding.Options{
		"strict": {}, "unknown": {AllowUnknown: true}, "null": {AllowNull: true}, "all": {RequireAll: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := schema.Of[order](opts)
			if err != nil {
				t.Fatal(err)
			}
			var root map[string]any
			if err := json.Unmarshal(raw, &root); err != nil {
				t.Fatal(err)
			}
			rng := rand.New(rand.NewPCG(3, 4))
			taken := 0
			for range 4_000 {
				var doc any
				if err := json.Unmarshal([]byte(good), &doc); err != nil {
					t.Fatal(err)
				}
				if rng.IntN(5) > 0 {
					spoil(rng, doc.(map[string]any))
				}
				data, _ := json.Marshal(doc)
				binds := opts.Decode(data, new(order))
				if opts.AllowNull && strings.Contains(string(data), "null") && binds != nil {
					// Null becomes the zero value, which rules may refuse: the schema
					// does not tell.
					var e *binding.Error
					if errors.As(binds, &e) && strings.HasPrefix(e.Issues[0].Code, "rule.") {
						continue
					}
				}
				if schemaOK := fits(t, root, root, doc); schemaOK != (binds == nil) {
					t.Fatalf("%s\nschema %v, binder: %v\n%s", data, schemaOK, binds, raw)
				}
				if binds == nil {
					taken++
				}
			}
			if taken < 200 || taken > 3_800 {
				t.Errorf("%d of 4000 taken: the mutations are off", taken)
			}
		})
	}
}

var values = []string{
	`null`, `true`, `false`, `0`, `1`, `-1`, `3`, `9`, `10`, `128`, `65536`, `0.5`, `-1.5`, `""`, `"a"`, `"ab"`, `"open"`, `"abcdef"`, `"7"`,
	`[]`, `["x"]`, `[""]`, `["x","y","z"]`, `[true,true]`, `[null]`, `{}`, `{"k":0}`, `{"k":1}`, `{"sku":1}`, `[{"sku":"x","y":1}]`, `[{}]`, `{"a":1,"b":2,"c":3}`, good,
}

func spoil(rng *rand.Rand, doc map[string]any) {
	names := make([]string, 0, len(doc))
	for name := range doc {
		names = append(names, name)
	}
	slices.Sort(names)
	name := names[rng.IntN(len(names))]
	switch rng.IntN(8) {
	case 0:
		delete(doc, name)
		return
	case 1:
		name = []string{"role", "fixed", "ID", ""}[rng.IntN(4)]
	}
	var v any
	_ = json.Unmarshal([]byte(values[rng.IntN(len(values))]), &v)
	if inner, ok := v.(map[string]any); ok && len(inner) > 5 && rng.IntN(2) == 0 {
		spoil(rng, inner)
	}
	doc[name] = v
}

// What the binder takes, the schema takes.
func TestTheSchemaRefusesNothingThatTheBinderTakes(t *testing.T) {
	t.Parallel()
	type target struct {
		Either string   `json:"either" binding:"oneof=a b|len=0"`
		Length string   `json:"length" binding:"min=3|max=0"`
		Escape string   `json:"escape" binding:"oneof=a0x2Cb a0x7Cb"`
		Trim   string   `json:"trim" strict:"trim" binding:"required,max=2"`
		Lower  string   `json:"lower" strict:"lower" binding:"omitempty,oneof=a b"`
		NFC    string   `json:"nfc" strict:"nfc" binding:"max=1"`
		List   []string `json:"list" strict:"lower,trim" binding:"max=2,dive,oneof=a b"`
	}
	raw, err := schema.Of[target]()
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]bool{
		`{"escape":"a,b","trim":"a"}`:                               true,
		`{"escape":"a|b","trim":" ab ","either":"","length":"abc"}`: true,
		`{"escape":"a|b","trim":"a","lower":"A","nfc":"e\u0301"}`:   true,
		`{"escape":"a|b","trim":"a","list":[" A ","b"]}`:            true,
		`{"escape":"a|b","trim":"a","list":["a","b","a"]}`:          false,
		`{"escape":"a|b"}`: false,
		`{"trim":"a"}`:     false,
	} {
		var v any
		if err := json.Unmarshal([]byte(doc), &v); err != nil {
			t.Fatal(err)
		}
		err := binding.Options{}.Decode([]byte(doc), new(target))
		if got := fits(t, s, s, v); got != want || (err == nil) != want {
			t.Errorf("%s: the schema says %v, the binder %v", doc, got, err)
		}
	}
}

func TestABadTypeHasNoSchema(t *testing.T) {
	t.Parallel()
	if _, err := schema.Of[struct {
		D time.Duration `json:"d"`
	}](); err == nil {
		t.Error("no error")
	}
}

type tree []tree

func TestAListOfItselfHasNoSchema(t *testing.T) {
	t.Parallel()
	if s, err := schema.Of[tree](); err == nil {
		t.Errorf("%s", s)
	}
	if s, err := schema.Of[struct {
		T map[string]tree `json:"t"`
		N int             `json:"n"`
	}](); err == nil {
		t.Errorf("%s", s)
	}
}

func ExampleOf() {
	type createUser struct {
		Name string  `json:"name" strict:"required" binding:"min=1,max=40"`
		Nick *string `json:"nick"`
	}
	s, err := schema.Of[createUser]()
	fmt.Println(string(s), err)
	// Output:
	// {"$defs":{"createUser":{"additionalProperties":false,"properties":{"name":{"maxLength":40,"minLength":1,"type":"string"},"nick":{"anyOf":[{"type":"string"},{"type":"null"}]}},"required":["name"],"type":"object"}},"$ref":"#/$defs/createUser","$schema":"https://json-schema.org/draft/2020-12/schema"} <nil>
}
