package binding_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/ginsec/ginsec/binding"
)

type guarded struct {
	Name  string `json:"name" binding:"max=3"`
	Fixed string `json:"fixed" strict:"readonly"`
	Owner string
}

// decode returns the code of the first fault, or "ok".
func decode(doc string, out any) string {
	err := binding.Options{}.Decode([]byte(doc), out)
	var e *binding.Error
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &e):
		return err.Error()
	case len(e.Issues) > 0:
		return e.Issues[0].Code
	default:
		return e.Code
	}
}

func TestAPointerInAnInterfaceIsJudgedByWhatItPointsTo(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"name":"ann"}`:  "ok",
		`{"fixed":"x"}`:   "read_only_field",
		`{"Owner":"x"}`:   "unknown_field",
		`{"name":"long"}`: "rule.max",
		`null`:            "null_not_allowed",
	} {
		in := &guarded{Fixed: "before"}
		var obj any = in
		outer := &obj
		for name, out := range map[string]any{"an interface": &obj, "behind a pointer": &outer} {
			if got := decode(doc, out); got != want {
				t.Errorf("%s, %s: %s, want %s", name, doc, got, want)
			}
		}
		if in.Fixed != "before" || in.Owner != "" || want == "ok" != (in.Name == "ann") {
			t.Errorf("%s: %+v", doc, in)
		}
	}
	var none any
	if got := decode(`{"a":1}`, &none); got != "ok" || none == nil {
		t.Errorf("%s: %v", got, none)
	}
	none = guarded{}
	if got := decode(`{"fixed":"x"}`, &none); got != "internal_error" {
		t.Errorf("a value in an interface: %s", got)
	}
	var self any
	self = &self
	if got := decode(`{"a":1}`, self); got != "internal_error" {
		t.Errorf("an interface that holds itself: %s", got)
	}
}

func TestAForeignTypeInAnInterfaceWithinATargetIsRefused(t *testing.T) {
	t.Parallel()
	type target struct {
		Any  any            `json:"any"`
		Map  map[string]any `json:"map"`
		Next *target        `json:"next"`
	}
	for name, tc := range map[string]struct {
		in   *target
		want string
	}{
		"a field":  {&target{Any: &guarded{}}, "internal_error"},
		"an entry": {&target{Map: map[string]any{"x": &guarded{}}}, "internal_error"},
		"deeper":   {&target{Next: &target{Any: &guarded{}}}, "internal_error"},
		"a value":  {&target{Any: guarded{}}, "internal_error"},
		"in JSON":  {&target{Any: map[string]any{"x": guarded{}}}, "internal_error"},
		"JSON":     {&target{Any: map[string]any{"x": "y"}, Map: map[string]any{"x": []any{1}, "y": nil}}, "ok"},
	} {
		if got := decode(`{"any":{"Fixed":"x","fixed":"x"}}`, tc.in); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

func TestDecodingWritesOverNoListThatOthersShare(t *testing.T) {
	t.Parallel()
	type inner struct {
		Words []string `json:"words"`
	}
	type target struct {
		Inner inner           `json:"inner"`
		Bytes []byte          `json:"bytes"`
		Raw   json.RawMessage `json:"raw"`
		Keep  []int           `json:"keep"`
		Rule  string          `json:"rule" binding:"max=1"`
	}
	words := []string{"a", "b", "c"}
	model := target{Inner: inner{words[:1]}, Bytes: []byte("abc"), Raw: json.RawMessage(`"abc"`), Keep: []int{1}}
	for _, rule := range []string{"x", "long"} {
		in := model
		err := binding.Options{}.Decode([]byte(`{"inner":{"words":["x","y"]},"bytes":"eHl6","raw":"xyz","rule":"`+rule+`"}`), &in)
		if (err == nil) != (rule == "x") {
			t.Fatal(err)
		}
		if err == nil && (in.Inner.Words[1] != "y" || string(in.Bytes) != "xyz" || in.Keep[0] != 1) {
			t.Errorf("%+v", in)
		}
		if fmt.Sprint(words) != "[a b c]" || string(model.Bytes) != "abc" || string(model.Raw) != `"abc"` || err != nil && string(in.Bytes) != "abc" {
			t.Errorf("%s: %v, %+v, %+v", rule, words, model, in)
		}
	}
	list := words
	if got := decode(`["x"]`, &list); got != "ok" || list[0] != "x" || words[0] != "a" {
		t.Errorf("%s: %v, %v", got, list, words)
	}
}
