package binding_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
)

// Only documents have pointers, whose escapes would be no parameter's name.
func TestNamesOutsideOfDocumentsAreNotEscaped(t *testing.T) {
	t.Parallel()
	type page struct {
		A string   `form:"a/b~c" binding:"max=1"`
		L []string `form:"d/e" binding:"dive,max=1"`
	}
	w := send(func(c *gin.Context) { _, err := binding.Query[page](c); answer(c, err) }, httptest.NewRequest(http.MethodGet, "/?a/b~c=xx&d/e=x&d/e=xx", nil))
	if got := faults(t, w); got != "400, rule.max a/b~c, rule.max d/e/1" {
		t.Error(got)
	}
	type doc struct {
		A string `json:"a/b~c" binding:"max=1"`
	}
	w = send(func(c *gin.Context) { _, err := binding.JSON[doc](c); answer(c, err) }, post(`{"a/b~c":"xx"}`))
	if got := faults(t, w); got != "400, rule.max #/a~1b~0c" {
		t.Error(got)
	}
}

func TestAMediaTypeOfASuffixAloneIsNone(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]int{"application/+json": 415, "application/x+json": 200, "application/+json; charset=utf-8": 415, "application/v+json": 200} {
		r := post(`{}`)
		r.Header.Set("Content-Type", media)
		if w := send(func(c *gin.Context) { _, err := binding.JSON[any](c); answer(c, err) }, r); w.Code != want {
			t.Errorf("%s: %d", media, w.Code)
		}
	}
}

// A custom rule that is not ready is a mistake the check lists.
func TestCheckListsARuleThatIsNotReady(t *testing.T) {
	t.Parallel()
	v, engine := ginsOwn(t)
	_ = engine.RegisterValidation("known", func(validator.FieldLevel) bool { panic("the database is not open") })
	if err := binding.Check[struct {
		A string `json:"a" binding:"known"`
	}](binding.Options{Validator: v}); err == nil || !strings.Contains(err.Error(), "has a rule the validator cannot apply: binding: the validator panicked: the database is not open") {
		t.Error(err)
	}
}
