package binding_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

func init() { gin.SetMode(gin.ReleaseMode) } //nolint:gochecknoinits // for the output of the examples

func ExampleHandle() {
	type createUser struct {
		Name string   `json:"name" strict:"required" binding:"min=1,max=40"`
		Tags []string `json:"tags" binding:"max=5,dive,max=8"`
	}
	r := gin.New()
	r.POST("/users", binding.Handle(func(c *gin.Context, in createUser) {
		c.String(http.StatusCreated, "hello %s", in.Name)
	}))

	for _, body := range []string{`{"name":"Ann"}`, `{"name":"Ann","role":"admin"}`, `{"tags":[null]}`} {
		req := httptest.NewRequest(http.MethodPost, "/users", strings.NewReader(body))
		req.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 201 hello Ann
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"unknown_field","pointer":"#/role"}]}
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"null_not_allowed","pointer":"#/tags/0","expected":"string"},{"code":"missing_field","pointer":"#/name","expected":"string"}]}
}
