package binding_test

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
)

func init() { gin.SetMode(gin.ReleaseMode) } //nolint:gochecknoinits // for the output of the examples

// try sends one request to a handler and prints the answer.
func try(h gin.HandlerFunc, method, target, body string) {
	r := gin.New()
	r.Handle(method, "/docs/:id", h)
	r.Handle(method, "/", h)
	req := httptest.NewRequest(method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	fmt.Println(strings.TrimSpace(fmt.Sprint(w.Code, " ", w.Body)))
}

func ExampleHandle() {
	type createUser struct {
		Name string   `json:"name" strict:"required" binding:"min=1,max=40"`
		Tags []string `json:"tags" binding:"max=5,dive,max=8"`
	}
	h := binding.Handle(func(c *gin.Context, in createUser) {
		c.String(http.StatusCreated, "hello %s", in.Name)
	})
	try(h, http.MethodPost, "/", `{"name":"Ann"}`)
	try(h, http.MethodPost, "/", `{"name":"Ann","role":"admin"}`)
	try(h, http.MethodPost, "/", `{"tags":[null]}`)
	// Output:
	// 201 hello Ann
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"unknown_field","pointer":"#/role"}]}
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"null_not_allowed","pointer":"#/tags/0","expected":"string"},{"code":"missing_field","pointer":"#/name","expected":"string"}]}
}

func ExampleJSON() {
	type rename struct {
		Name string `json:"name" strict:"required" binding:"max=40"`
	}
	try(func(c *gin.Context) {
		in, err := binding.JSON[rename](c, binding.Options{MaxBytes: 1 << 10})
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, in.Name)
	}, http.MethodPut, "/docs/1", `{"name":"Ann"}`)
	// Output:
	// 200 Ann
}

// What gin's own binding takes: a member under another spelling, twice, next to
// one that nobody declared, as any media type, with anything behind it.
func ExampleJSON_incorrect() {
	type rename struct {
		Name string `json:"name" binding:"max=40"`
	}
	loose := func(c *gin.Context) {
		var in rename
		if err := c.ShouldBindJSON(&in); err != nil {
			c.Status(http.StatusBadRequest)
			return
		}
		c.String(http.StatusOK, in.Name)
	}
	strict := func(c *gin.Context) {
		in, err := binding.JSON[rename](c)
		if err != nil {
			var e *binding.Error
			errors.As(err, &e)
			c.String(e.Status, "%s", e.Issues[0].Code)
			return
		}
		c.String(http.StatusOK, in.Name)
	}
	for _, body := range []string{`{"NAME":"x"}`, `{"name":"x","name":"y"}`, `{"name":"x","admin":true}`, `{"name":"x"} and more`, `{"name":null}`} {
		try(loose, http.MethodPost, "/", body)
		try(strict, http.MethodPost, "/", body)
	}
	// Output:
	// 200 x
	// 400 unknown_field
	// 200 y
	// 400 duplicate_field
	// 200 x
	// 400 unknown_field
	// 200 x
	// 400 trailing_data
	// 200
	// 400 null_not_allowed
}

func ExampleQuery() {
	type page struct {
		Limit int      `form:"limit,default=20" binding:"min=1,max=100"`
		Tags  []string `form:"tag"`
	}
	h := func(c *gin.Context) {
		in, err := binding.Query[page](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%d %v", in.Limit, in.Tags)
	}
	try(h, http.MethodGet, "/?tag=a&tag=b", "")
	try(h, http.MethodGet, "/?limit=5&limit=500&sort=name", "")
	// Output:
	// 200 20 [a b]
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"repeated_parameter","parameter":"limit"},{"code":"unknown_parameter","parameter":"sort"}]}
}

func ExampleURI() {
	type doc struct {
		ID uint64 `uri:"id" strict:"required" binding:"min=1"`
	}
	h := func(c *gin.Context) {
		in, err := binding.URI[doc](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%d", in.ID)
	}
	try(h, http.MethodGet, "/docs/7", "")
	try(h, http.MethodGet, "/docs/007", "")
	// Output:
	// 200 7
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"type_mismatch","parameter":"id","expected":"integer"}]}
}

func ExampleHeader() {
	type meta struct {
		Version int `header:"X-Version" strict:"required"`
	}
	try(func(c *gin.Context) {
		_, err := binding.Header[meta](c)
		binding.Abort(c, err)
	}, http.MethodGet, "/", "")
	// Output:
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"missing_field","header":"X-Version"}]}
}

func ExampleForm() {
	type login struct {
		User string `form:"user" strict:"required,trim" binding:"max=40"`
	}
	r := gin.New()
	r.POST("/login", func(c *gin.Context) {
		in, err := binding.Form[login](c) // the URL's query is never mixed in
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, in.User)
	})
	req := httptest.NewRequest(http.MethodPost, "/login?user=root", strings.NewReader("user=+ann+"))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 ann
}

func ExampleMultipart() {
	type upload struct {
		Title  string       `form:"title" strict:"required" binding:"max=40"`
		Avatar binding.File `form:"avatar" strict:"required" file:"max=1048576,types=image/png image/jpeg"`
	}
	h := func(c *gin.Context) {
		in, err := binding.Multipart[upload](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%s %s %d", in.Avatar.Name, in.Avatar.MediaType, in.Avatar.Size())
	}
	for _, content := range []string{"\x89PNG\r\n\x1a\n...", "<script>"} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("title", "me")
		part, _ := form.CreateFormFile("avatar", "../../me.png")
		_, _ = part.Write([]byte(content))
		_ = form.Close()

		r := gin.New()
		r.POST("/", h)
		req := httptest.NewRequest(http.MethodPost, "/", &body)
		req.Header.Set("Content-Type", form.FormDataContentType())
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Println(w.Code, w.Body)
	}
	// Output:
	// 200 me.png image/png 11
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"file_type_not_allowed","parameter":"avatar"}]}
}

func ExamplePatch() {
	type userPatch struct {
		Name *string `json:"name" binding:"omitempty,min=1"`
		Bio  *string `json:"bio"`
	}
	try(func(c *gin.Context) {
		in, fields, err := binding.Patch[userPatch](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		// With GORM, if there are any names (and see Fields.Parts):
		// db.Model(&user).Select(fields.Names()).Updates(in).
		c.String(http.StatusOK, "%v; name sent: %v; bio removed: %v; %v", fields.Names(), fields.Has("/name"), fields.Null("/bio"), in.Bio == nil)
	}, http.MethodPatch, "/", `{"bio":null}`)
	// Output:
	// 200 [Bio]; name sent: false; bio removed: true; true
}

// To write a whole column of which the patch has a part would blank the rest of it.
func ExampleFields_Parts() {
	type userPatch struct {
		Name    string `json:"name"`
		Address struct {
			City string `json:"city"`
			Zip  string `json:"zip"`
		} `json:"address"`
	}
	try(func(c *gin.Context) {
		in, fields, err := binding.Patch[userPatch](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		stored := userPatch{Name: "Ann"}
		stored.Address.City, stored.Address.Zip = "Bonn", "53111"
		if fields.Has("/name") {
			stored.Name = in.Name
		}
		if fields.Has("/address/city") {
			stored.Address.City = in.Address.City
		}
		if fields.Has("/address/zip") {
			stored.Address.Zip = in.Address.Zip
		}
		c.String(http.StatusOK, "%v %v %v", fields.Names(), fields.Parts(), stored)
	}, http.MethodPatch, "/", `{"name":"Eve","address":{"city":"Rome"}}`)
	// Output:
	// 200 [Name] [Address] {Eve {Rome 53111}}
}

// A pointer alone cannot tell "remove my bio" from "leave it".
func ExamplePatch_incorrect() {
	type userPatch struct {
		Bio *string `json:"bio"`
	}
	for _, body := range []string{`{"bio":null}`, `{}`} {
		try(func(c *gin.Context) {
			in, _ := binding.JSON[userPatch](c)
			c.String(http.StatusOK, "%v", in.Bio == nil)
		}, http.MethodPatch, "/", body)
	}
	// Output:
	// 200 true
	// 200 true
}

func ExampleDefaults() {
	r := gin.New()
	r.Use(binding.Defaults(binding.Options{MaxBytes: 64 << 10}))
	imports := r.Group("/imports", binding.Defaults(binding.Options{MaxBytes: 8 << 20, MaxValues: 200_000}))
	imports.POST("", binding.Handle(func(c *gin.Context, in []struct {
		Name string `json:"name" strict:"required"`
	},
	) {
		c.String(http.StatusOK, "%d", len(in))
	}))
	req := httptest.NewRequest(http.MethodPost, "/imports", strings.NewReader("["+strings.Repeat(`{"name":"x"},`, 9999)+`{"name":"x"}]`))
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	fmt.Println(w.Code, w.Body)
	// Output:
	// 200 10000
}

func ExampleAbort() {
	messages := map[string]string{"missing_field": "manca", "rule.max": "troppo lungo"}
	type input struct {
		Name string `json:"name" strict:"required"`
	}
	try(func(c *gin.Context) {
		_, err := binding.JSON[input](c, binding.Options{
			Detail: func(_ *gin.Context, i binding.Issue) string { return messages[i.Code] },
		})
		binding.Abort(c, err)
	}, http.MethodPost, "/", `{}`)
	// Output:
	// 400 {"type":"about:blank","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"missing_field","pointer":"#/name","expected":"string","detail":"manca"}]}
}

func ExampleCheck() {
	type account struct {
		ID      uint64        `json:"id" gorm:"primaryKey"`
		Balance int64         // every client could set it
		Timeout time.Duration `json:"timeout"`
	}
	err := binding.Check[account]()
	lines := strings.Split(err.Error(), "\n")
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Println(line)
	}
	// Output:
	// binding_test.account.Balance has no tag of a source: name it, or exclude it with json:"-"
	// binding_test.account.ID makes this a database model: bind into a type of its own and copy what a client may set, or set Options.AllowModels
	// time.Duration has no agreed form in JSON: use a string or a number of seconds
}

func ExampleOptions_Decode() {
	type event struct {
		Kind string `json:"kind" strict:"required" binding:"oneof=created deleted"`
	}
	in := event{}
	err := binding.Options{}.Decode([]byte(`{"kind":"moved"}`), &in) // a message of a queue
	var rules validator.ValidationErrors
	fmt.Println(err, errors.As(err, &rules))
	// Output:
	// binding: invalid_payload: rule.oneof true
}
