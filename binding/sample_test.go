package binding_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
)

func manyOf(one string) []byte {
	return []byte(`{"l":[` + strings.TrimSuffix(times(2000, one+","), ",") + `]}`)
}

// An array is absent for the validator when it is zero, but no element of it is.
func TestArraysThatMayBeAbsentAreNotSampled(t *testing.T) {
	t.Parallel()
	type optional struct {
		Pair [2]string `json:"pair" binding:"omitempty,dive,min=3"`
	}
	type pointed struct {
		Pair *[2]string `json:"pair" binding:"required,dive,max=3"`
	}
	if e := binding.Decode(manyOf(`{"pair":["",""]}`), &struct {
		L []optional `json:"l" binding:"dive"`
	}{}); e != nil {
		t.Error("omitempty:", e)
	}
	if e := binding.Decode(manyOf(`{"pair":["",""]}`), &struct {
		L []pointed `json:"l" binding:"dive"`
	}{}); e != nil {
		t.Error("required:", e)
	}
	if e := binding.Decode(manyOf(`[0,0]`), &struct {
		L [][2]float64 `json:"l" binding:"dive,omitempty,dive,gt=0"`
	}{}); e != nil {
		t.Error("of lists:", e)
	}
}

func TestAnArrayThatAPatchDoesNotBringIsNotSampled(t *testing.T) {
	t.Parallel()
	type target struct {
		Name string        `json:"name" binding:"max=5"`
		V    [1024]float64 `json:"v" binding:"dive,gt=0"`
	}
	answers(t, func(c *gin.Context) { _, _, err := binding.Patch[target](c); answer(c, err) }, map[string]string{`{"name":"x"}`: "ok"})
}

// What the application told the engine about types counts more than their tags.
func TestAnEngineThatKnowsOtherRulesOfATypeIsNotSampled(t *testing.T) {
	t.Parallel()
	type item struct {
		Word  string   `json:"word" binding:"required"`
		Words []string `json:"words" binding:"dive,min=3"`
	}
	type target struct {
		Draft bool   `json:"draft"`
		L     []item `json:"l" binding:"dive"`
	}
	for name, tailor := range map[string]func(*validator.Validate){
		"custom type": func(v *validator.Validate) {
			v.RegisterCustomTypeFunc(func(f reflect.Value) any { return "one text" }, item{})
		},
		"rules of a map": func(v *validator.Validate) {
			v.RegisterStructValidationMapRules(map[string]string{"Word": "max=9", "Words": "max=9"}, item{})
		},
	} {
		v, engine := ginsOwn(t)
		tailor(engine)
		if e := binding.Decode(manyOf(`{"word":"","words":["a"]}`), new(target), binding.Options{Validator: v}); e != nil {
			t.Errorf("%s: %v", name, e)
		}
	}
	type free struct {
		Name string `json:"name" binding:"max=9"`
	}
	type whole struct {
		L []free `json:"l" binding:"dive"`
	}
	v, engine := ginsOwn(t)
	engine.RegisterStructValidation(func(sl validator.StructLevel) {
		if _, ok := sl.Top().Interface().(*whole); !ok {
			sl.ReportError("", "Name", "Name", "required", "")
		}
	}, free{})
	if e := binding.Decode(manyOf(`{}`), new(whole), binding.Options{Validator: v}); e != nil {
		t.Error("rules of structs:", e)
	}
	// gin's engine as it comes is sampled.
	v, _ = ginsOwn(t)
	if e := binding.Decode(manyOf(`{"word":""}`), new(target), binding.Options{Validator: v}); e == nil || !e.Truncated {
		t.Error(e)
	}
}
