package binding_test

import "testing"

func TestAStructEmbeddedByOptionAddsNoNameToAPointer(t *testing.T) {
	t.Parallel()
	type titled struct {
		Title string `json:"title" binding:"max=3"`
	}
	type target struct {
		Inner titled `json:",embed"`
		Other titled `json:"other"`
	}
	answers(t, bindAs[target](), map[string]string{
		`{"title":"long"}`:           "400, rule.max #/title",
		`{"other":{"title":"long"}}`: "400, rule.max #/other/title",
	})
}
