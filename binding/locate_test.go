package binding_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/binding"
)

func TestAStructEmbeddedByOptionAddsNoNameToAPointer(t *testing.T) {
	t.Parallel()
	type titled struct {
		Title string `json:"title" binding:"max=3"`
	}
	type target struct {
		Inner titled `json:",embed"`
		Other titled `json:"other"`
	}
	if err := binding.Check[target](); err != nil { // the decoder is an older one
		if !strings.Contains(err.Error(), "json option embed") {
			t.Error(err)
		}
		answers(t, bindAs[target](), map[string]string{`{"title":"ok"}`: "500, internal_error"})
		return
	}
	answers(t, bindAs[target](), map[string]string{
		`{"title":"long"}`:           "400, rule.max #/title",
		`{"other":{"title":"long"}}`: "400, rule.max #/other/title",
	})
}

// The parameter of unique names a field of the elements, and not one beside the list.
func TestUniqueNamesTheFieldOfTheElements(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string `json:"label"`
	}
	type target struct {
		Name  string            `json:"title"`
		Items []*item           `json:"items" binding:"unique=Name"`
		Map   map[string]string `json:"map" binding:"unique"`
	}
	e := binding.Decode([]byte(`{"items":[{"label":"a"},{"label":"a"}],"map":{"a":"x","b":"x"}}`), new(target))
	if e == nil || len(e.Issues) != 2 || e.Issues[0].Param != "label" || e.Issues[1].Param != "" {
		t.Errorf("%+v", e)
	}
}
