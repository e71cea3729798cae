package binding_test

import (
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

func TestEveryBodyHasADeadlineThatEndsWithIt(t *testing.T) {
	t.Parallel()
	type target struct {
		A string `form:"a" json:"a"`
	}
	const parts, form = "multipart/form-data; boundary=b", "application/x-www-form-urlencoded"
	one := func(name string) string {
		return partOf("Content-Disposition: form-data; name=\""+name+"\"\r\n", times(5000, "x")) + "--b--"
	}
	small := binding.Options{MaxBytes: 100, MaxUploadBytes: 100}
	for name, tc := range map[string]struct {
		bind        func(*gin.Context, ...binding.Options) error
		media, body string
		opts        binding.Options
		ends        bool
	}{
		"JSON":            {bindJSON[target], "application/json", `{}`, binding.Options{}, true},
		"large JSON":      {bindJSON[target], "application/json", times(200, " "), small, false},
		"text":            {bindJSON[target], "text/plain", `{}`, binding.Options{}, false},
		"patch":           {bindPatch[target], "application/json", `{}`, binding.Options{}, true},
		"form":            {bindForm[target], form, `a=1`, binding.Options{}, true},
		"large form":      {bindForm[target], form, times(200, "a"), small, false},
		"parts":           {bindParts[target], parts, one("a"), binding.Options{}, true},
		"unknown parts":   {bindParts[target], parts, one("b"), binding.Options{}, true},
		"large parts":     {bindParts[target], parts, one("a"), small, false},
		"parts in a form": {bindParts[target], form, one("a"), binding.Options{}, false},
	} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		c, _ := gin.CreateTestContext(w)
		c.Request = post(tc.body)
		c.Request.Header.Set("Content-Type", tc.media)
		c.Request.ContentLength = -1
		_ = tc.bind(c, tc.opts)
		if len(w.set) == 0 || w.set[0].IsZero() || len(w.set) > 2 || (len(w.set) == 2) != tc.ends || tc.ends && !w.set[1].IsZero() {
			t.Errorf("%s: deadlines %v", name, w.set)
		}
	}
}

func bindJSON[T any](c *gin.Context, o ...binding.Options) error {
	_, err := binding.JSON[T](c, o...)
	return err
}

func bindForm[T any](c *gin.Context, o ...binding.Options) error {
	_, err := binding.Form[T](c, o...)
	return err
}

func bindParts[T any](c *gin.Context, o ...binding.Options) error {
	_, err := binding.Multipart[T](c, o...)
	return err
}

func bindPatch[T any](c *gin.Context, o ...binding.Options) error {
	_, _, err := binding.Patch[T](c, o...)
	return err
}
