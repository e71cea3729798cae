package binding_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/binding/compat"
)

// What a caller does to its options later changes nothing.
func TestOptionsAreCopiedWhenTheyAreGiven(t *testing.T) {
	t.Parallel()
	type target struct {
		A int `json:"a"`
	}
	media := []string{"text/x-first"}
	opts := []binding.Options{{MediaTypes: media}}
	handle := binding.Handle(func(c *gin.Context, _ target) { answer(c, nil) }, opts...)
	defaults := binding.Defaults(opts[0])
	strict := compat.Strict(opts[0])
	outer := binding.Defaults(binding.Options{MaxIssues: 3})
	media[0] = "text/x-second"
	opts[0].AllowUnknown = true

	bind := func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }
	old := func(c *gin.Context) { var in target; answer(c, c.ShouldBindWith(&in, strict)) }
	for name, chain := range map[string][]gin.HandlerFunc{
		"Handle":                   {handle},
		"Handle behind Defaults":   {outer, handle},
		"Defaults":                 {defaults, bind},
		"Defaults behind Defaults": {outer, defaults, bind},
		"Strict":                   {old},
		"Strict behind Defaults":   {outer, old},
	} {
		for _, row := range [][3]string{
			{"text/x-first", `{"a":1}`, "200"},
			{"text/x-first", `{"b":1}`, "400, unknown_field #/b"},
			{"text/x-second", `{"a":1}`, "415, unsupported_media_type"},
		} {
			engine := gin.New()
			engine.POST("/", chain...)
			w := httptest.NewRecorder()
			r := post(row[1])
			r.Header.Set("Content-Type", row[0])
			engine.ServeHTTP(w, r)
			got := "200"
			if w.Code != 200 {
				got = faultsOf(t, w.Body.String())
			}
			if got != row[2] {
				t.Errorf("%s, %s %s: %s, want %s", name, row[0], row[1], got, row[2])
			}
		}
	}
}
