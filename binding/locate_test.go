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
