package compat_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	gb "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/binding/compat"
)

type input struct {
	Name  string `json:"name" form:"name" xml:"name" strict:"required" binding:"max=5"`
	Limit int    `json:"limit"`
	Owner string `json:"-"`
}

func request(media, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/?name=url", strings.NewReader(body))
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	return r
}

// do runs bind as a handler and returns the code it fails with, or "ok".
func do(r *http.Request, bind func(*gin.Context) error, before ...gin.HandlerFunc) string {
	engine := gin.New()
	got := "never called"
	engine.Use(before...)
	engine.Any("/", func(c *gin.Context) {
		err := bind(c)
		var e *binding.Error
		switch {
		case err == nil:
			got = "ok"
		case errors.As(err, &e) && len(e.Issues) > 0:
			got = e.Issues[0].Code
		case errors.As(err, &e):
			got = e.Code
		default:
			got = "gin: " + err.Error()
		}
	})
	engine.ServeHTTP(httptest.NewRecorder(), r)
	return got
}

var cases = []struct{ media, body, want string }{
	{"application/json", `{"name":"ann"}`, "ok"},
	{"application/json", `{"name":"ann","role":1}`, "unknown_field"},
	{"application/json", `{"Name":"ann"}`, "unknown_field"},
	{"application/json", `{"name":"ann","name":"bob"}`, "duplicate_field"},
	{"application/json", `{"name":"ann"} x`, "trailing_data"},
	{"application/json", `{}`, "missing_field"},
	{"application/json", `{"name":"far too long"}`, "rule.max"},
	{"application/json", `null`, "null_not_allowed"},
	{"application/json", strings.Repeat(" ", 1<<20+1), "body_too_large"},
	{"text/plain", `{"name":"ann"}`, "unsupported_media_type"},
	{"", `{"name":"ann"}`, "unsupported_media_type"},
}

func TestStrictServesOneCall(t *testing.T) {
	t.Parallel()
	for _, tc := range cases {
		got := do(request(tc.media, tc.body), func(c *gin.Context) error {
			var in input
			return c.ShouldBindWith(&in, compat.Strict(binding.Options{}))
		})
		if got != tc.want {
			t.Errorf("%s %.40s: %s, want %s", tc.media, tc.body, got, tc.want)
		}
	}
}

func TestStrictReadsACachedBodyTwice(t *testing.T) {
	t.Parallel()
	got := do(request("application/json", `{"name":"ann"}`), func(c *gin.Context) error {
		var a, b input
		if err := c.ShouldBindBodyWith(&a, compat.Strict(binding.Options{})); err != nil {
			return err
		}
		err := c.ShouldBindBodyWith(&b, compat.Strict(binding.Options{}))
		if a != b {
			t.Errorf("%+v and %+v", a, b)
		}
		return err
	})
	if got != "ok" {
		t.Error(got)
	}
}

func TestStrictObeysTheDefaultsOfAGroup(t *testing.T) {
	t.Parallel()
	got := do(request("application/json", `{"name":"ann"}`), func(c *gin.Context) error {
		var in input
		return c.ShouldBindWith(&in, compat.Strict(binding.Options{}))
	}, binding.Defaults(binding.Options{MaxBytes: 5}))
	if got != "body_too_large" {
		t.Error(got)
	}
}

// It changes gin's variables, so nothing runs in parallel with it.
//
//nolint:paralleltest // it writes package variables
func TestOverrideMakesGinStrict(t *testing.T) {
	variables := func() []any {
		return []any{gb.JSON, gb.Form, gb.XML, gb.YAML, gb.TOML, gb.Plain, gb.ProtoBuf, gb.MsgPack, gb.BSON, gb.Query, gb.FormPost, gb.FormMultipart, gb.Header, gb.Uri}
	}
	before := variables()
	own := []string{"text/x-mine"}
	restore := compat.Override(binding.Options{MediaTypes: own})
	own[0] = "text/plain"
	if got := do(request("text/x-mine", `{"name":"ann"}`), func(c *gin.Context) error { return c.ShouldBindJSON(new(input)) }); got != "ok" {
		t.Errorf("the options changed afterwards: %s", got)
	}
	for _, tc := range cases {
		for name, bind := range map[string]func(*gin.Context, any) error{
			"ShouldBindJSON": (*gin.Context).ShouldBindJSON,
			"BindJSON":       (*gin.Context).BindJSON,
			"ShouldBind":     (*gin.Context).ShouldBind,
		} {
			got := do(request(tc.media, tc.body), func(c *gin.Context) error { return bind(c, new(input)) })
			if got != tc.want {
				t.Errorf("%s %s %.40s: %s, want %s", name, tc.media, tc.body, got, tc.want)
			}
		}
	}
	for _, media := range []string{"application/xml", "text/xml", "application/x-yaml", "application/toml", "application/x-msgpack", "application/x-protobuf", "application/bson", "text/plain", "image/png", "x"} {
		got := do(request(media, `<input><name>ann</name></input>`), func(c *gin.Context) error { return c.ShouldBind(new(input)) })
		if got != "unsupported_media_type" {
			t.Errorf("%s: %s", media, got)
		}
		got = do(request(media, `x`), func(c *gin.Context) error { return c.ShouldBindBodyWith(new(input), gb.XML) })
		if got != "unsupported_media_type" {
			t.Errorf("cached body, %s: %s", media, got)
		}
	}
	if got := do(request("application/x-www-form-urlencoded", "name=ann"), func(c *gin.Context) error { return c.ShouldBind(new(input)) }); got != "ok" {
		t.Errorf("a form: %s", got)
	}
	for method, want := range map[string]string{http.MethodGet: "ok", http.MethodHead: "ok", http.MethodDelete: "ok", http.MethodPost: "ok"} {
		r := httptest.NewRequest(method, "/?name=url", http.NoBody)
		var in input
		if got := do(r, func(c *gin.Context) error { return c.ShouldBind(&in) }); got != want || in.Name != "url" {
			t.Errorf("%s without a body: %s %+v", method, got, in)
		}
	}
	restore()
	for i, now := range variables() {
		if now != before[i] {
			t.Errorf("variable %d is not restored", i)
		}
	}
}

func ExampleStrict() {
	r := gin.New()
	r.POST("/users", func(c *gin.Context) {
		var in struct {
			Name string `json:"name"`
		}
		if err := c.ShouldBindWith(&in, compat.Strict(binding.Options{})); err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, in.Name)
	})
	req := httptest.NewRequest(http.MethodPost, "/users", strings.NewReader(`{"name":"Ann","admin":true}`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	fmt.Println(w.Body)
	// Output:
	// {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"unknown_field","pointer":"#/admin"}]}
}

func ExampleOverride() {
	// In main, before any server starts.
	restore := compat.Override(binding.Options{})
	defer restore()

	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`{"Name":"Ann"}`))
	c.Request.Header.Set("Content-Type", "application/json")
	var in struct {
		Name string `json:"name"`
	}
	fmt.Println(c.ShouldBindJSON(&in))
	// Output:
	// binding: invalid_payload: unknown_field
}

func TestStrictJudgesAPointerInAnInterface(t *testing.T) {
	t.Parallel()
	got := do(request("application/json", `{"name":"ann","Owner":"x"}`), func(c *gin.Context) error {
		var obj any = &input{}
		return c.ShouldBindWith(&obj, compat.Strict(binding.Options{}))
	})
	if got != "unknown_field" {
		t.Error(got)
	}
}

// What the documentation says does not reach a cached body.
func TestACachedBodyHasNoRequest(t *testing.T) {
	t.Parallel()
	defaults := binding.Defaults(binding.Options{MaxBytes: 5})
	for media, want := range map[string]string{"application/json": "ok", "text/plain": "ok"} {
		r := request(media, `{"name":"ann"}`)
		r.Header.Set("Content-Encoding", "gzip")
		got := do(r, func(c *gin.Context) error {
			return c.ShouldBindBodyWith(new(input), compat.Strict(binding.Options{}))
		}, defaults)
		if got != want {
			t.Errorf("%s: %s", media, got)
		}
	}
	got := do(request("text/plain", `{"name":"ann","name":"ann"}`), func(c *gin.Context) error {
		return c.ShouldBindBodyWith(new(input), compat.Strict(binding.Options{MaxBytes: 50}))
	}, defaults)
	if got != "duplicate_field" {
		t.Error(got)
	}
	got = do(request("text/plain", `{"name":"ann"}`), func(c *gin.Context) error {
		return c.ShouldBindBodyWith(new(input), compat.Strict(binding.Options{MaxBytes: 5}))
	})
	if got != "body_too_large" {
		t.Error(got)
	}
}
