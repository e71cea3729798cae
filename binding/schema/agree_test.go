package schema_test

import (
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/binding/schema"
)

// agree holds a schema against the binder: no document is refused by the schema
// alone. Those in tight both must refuse.
func agree[T any](t *testing.T, docs, tight string, opts ...binding.Options) {
	t.Helper()
	raw, err := schema.Of[T](opts...)
	if err != nil {
		t.Errorf("%T: %v", *new(T), err)
		return
	}
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		t.Fatal(err)
	}
	binds := binding.Options{}
	if len(opts) > 0 {
		binds = opts[0]
	}
	refused := strings.Fields(tight)
	taken := 0
	for _, doc := range append(strings.Fields(docs), refused...) {
		var v any
		if err := json.Unmarshal([]byte(doc), &v); err != nil {
			t.Fatalf("%s: %v", doc, err)
		}
		bound := binds.Decode([]byte(doc), new(T)) == nil
		fit := fits(t, root, root, v)
		if bound && !fit || slices.Contains(refused, doc) && (bound || fit) {
			t.Errorf("%T %s: the binder says %v, the schema %v\n%s", *new(T), doc, bound, fit, raw)
		}
		if bound {
			taken++
		}
	}
	if taken == 0 {
		t.Errorf("%T: the binder takes none of %s", *new(T), docs)
	}
}

type nested struct {
	N string `json:"n" binding:"required,min=3"`
}

type Base struct {
	N string  `json:"n" binding:"required"`
	P *string `json:"p" binding:"min=2"`
}

func TestTheSchemaIsNeverStricterThanTheValidator(t *testing.T) {
	t.Parallel()
	const texts = `{} {"a":null} {"a":""} {"a":"x"} {"a":"abc"} {"b":"x"} {"a":"x","b":"y"} {"a":null,"b":"x"} {"b":null,"a":"x"}`
	const inners = `{} {"i":{}} {"i":{"n":""}} {"i":{"n":"a"}} {"i":{"n":"abc"}}`
	// Rules that the validator runs at nil too.
	agree[struct {
		A *string `json:"a" binding:"required_with=B"`
		B *string `json:"b"`
	}](t, texts, `{"a":1} {"c":1}`)
	agree[struct {
		A *string `json:"a" binding:"required_without=B"`
		B *string `json:"b"`
	}](t, texts, `{"a":1,"b":"x"}`)
	agree[struct {
		A *string `json:"a" binding:"required_if=B x"`
		B string  `json:"b"`
	}](t, texts, `{"b":null}`)
	agree[struct {
		A *string `json:"a" binding:"excluded_with=B"`
		B string  `json:"b"`
	}](t, texts, `{"b":null}`)
	agree[struct {
		A *string `json:"a" binding:"excluded_if=B x"`
		B string  `json:"b"`
	}](t, texts, `{"b":null}`)
	agree[struct {
		A *string `json:"a" binding:"required"`
		B string  `json:"b"`
	}](t, texts, `{} {"a":null} {"b":"x"}`)
	agree[struct {
		A *string `json:"a" binding:"max=3"`
		B string  `json:"b"`
	}](t, texts, `{} {"a":null} {"a":"abcd"}`)
	agree[struct {
		A *string `json:"a" strict:"nullable" binding:"required"`
	}](t, `{"a":""} {"a":"x"}`, `{} {"a":null}`)
	agree[struct {
		A string `json:"a" strict:"nullable" binding:"required"`
	}](t, `{"a":"x"}`, `{} {"a":null} {"a":""}`)

	// What is behind a nil pointer is not judged, unless a member brings it.
	agree[struct {
		*Base
		X int `json:"x"`
	}](t, `{} {"x":1} {"n":"a","p":"xx"} {"n":"","p":null} {"p":null} {"n":"a"}`, `{"n":"","p":"xx"} {"n":"a","p":"x"}`)
	agree[struct {
		Base
		X int `json:"x"`
	}](t, `{"n":"a","p":"xx"}`, `{} {"x":1} {"n":"a"} {"n":"a","p":null}`)
	agree[struct {
		Base `binding:"-"`
	}](t, `{} {"n":""} {"p":"x"} {"p":null}`, `{"n":1} {"q":1}`)

	// Structs whose rules are off.
	agree[struct {
		I nested `json:"i" binding:"-"`
	}](t, inners, `{"i":{"n":1}} {"i":{"m":1}} {"i":null}`)
	agree[struct {
		I nested `json:"i" binding:"structonly"`
	}](t, inners, `{"i":{"n":1}}`)
	agree[struct {
		I nested `json:"i" binding:"omitempty"`
	}](t, inners, `{"i":{"n":1}}`)
	agree[struct {
		I *nested `json:"i" binding:"structonly"`
	}](t, inners, `{} {"i":null}`)
	agree[struct {
		I *nested `json:"i" binding:"omitempty"`
	}](t, inners, `{"i":{}} {"i":{"n":"a"}}`)
	agree[struct {
		I nested   `json:"i"`
		L []nested `json:"l" binding:"dive,structonly"`
	}](t, `{"i":{"n":"abc"},"l":[{}]} {}`, `{"i":{}} {"i":{"n":"abc"},"l":[{"m":1}]}`)

	agree[struct {
		O struct {
			L []nested `json:"l" binding:"dive"`
		} `json:"o" binding:"-"`
	}](t, `{} {"o":{"l":[{}]}} {"o":{"l":[{"n":"a"}]}}`, `{"o":{"l":[{"m":1}]}} {"o":{"l":[null]}}`)

	// Zero values that are passed over.
	agree[struct {
		N int  `json:"n" binding:"omitempty,required"`
		B bool `json:"b" binding:"omitempty,required"`
	}](t, `{} {"n":0,"b":false} {"n":1,"b":true}`, `{"n":null}`)
	agree[struct {
		N int  `json:"n" binding:"required"`
		B bool `json:"b" binding:"required"`
	}](t, `{"n":1,"b":true}`, `{} {"n":0,"b":true} {"n":1,"b":false}`)
	agree[struct {
		L []int          `json:"l" binding:"omitzero,min=2"`
		M map[string]int `json:"m" binding:"omitzero,min=2"`
	}](t, `{} {"l":[],"m":{}} {"l":[1,2],"m":{"a":1,"b":2}}`, `{"l":[1]} {"m":{"a":1}}`)
	agree[struct {
		L []int `json:"l" binding:"omitempty,min=2"`
	}](t, `{} {"l":[1,2]}`, `{"l":[]} {"l":[1]}`)
	agree[struct {
		A [2]int `json:"a" binding:"min=1"`
	}](t, `{} {"a":[1,2]} {"a":[0,0]}`, `{"a":[1]}`)
	agree[struct {
		B big.Int `json:"b" binding:"required"`
	}](t, `{} {"b":0} {"b":1} {"b":null}`, `{"c":1}`)

	agree[struct {
		T time.Time `json:"t" binding:"required"`
	}](t, `{"t":"2024-01-01T00:00:00Z"}`, `{} {"t":null}`)

	agree[[]int](t, `null [null] [] [1]`, `[""] {}`, binding.Options{AllowNull: true})
	agree[user](t, `null {} {"n":null}`, `[] {"m":1}`, binding.Options{AllowNull: true})
	agree[[]int](t, `[]`, `null [null]`)
}

type user struct {
	N int `json:"n"`
}

// Limits are what the validator takes them for, to the last digit.
func TestLimitsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	type limits struct {
		Max   int64   `json:"max" binding:"max=9007199254740993"`
		Min   uint64  `json:"min" binding:"min=18446744073709551615"`
		One   int64   `json:"one" binding:"oneof=9007199254740993 -3 007 x"`
		Octal int     `json:"octal" binding:"min=010"`
		Hex   string  `json:"hex" binding:"max=0x10"`
		Half  float64 `json:"half" binding:"gt=0.5"`
		Short string  `json:"short" binding:"gt=2,lt=5"`
		None  string  `json:"none" binding:"lt=0"`
		Wide  uint8   `json:"wide" binding:"max=300"`
		Low   int8    `json:"low" binding:"min=-500,max=5"`
	}
	raw, err := schema.Of[limits]()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"max":{"maximum":9007199254740993,"type":"integer"}`,
		`"min":{"minimum":18446744073709551615,"type":"integer"}`,
		`"one":{"enum":[9007199254740993,-3],"type":"integer"}`,
		`"octal":{"minimum":8,"type":"integer"}`,
		`"hex":{"maxLength":16,"type":"string"}`,
		`"half":{"exclusiveMinimum":0.5,"type":"number"}`,
		`"short":{"maxLength":4,"minLength":3,"type":"string"}`,
		`"none":{"type":"string"}`,
		`"wide":{"maximum":255,"minimum":0,"type":"integer"}`,
		`"low":{"maximum":5,"minimum":-128,"type":"integer"}`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("no %s in\n%s", want, raw)
		}
	}
}
