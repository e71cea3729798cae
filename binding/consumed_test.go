package binding_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// What something read before is not an empty form: its values would vanish, and
// with them what is unknown among them.
func TestABodyThatWasReadBeforeIsNoEmptyForm(t *testing.T) {
	t.Parallel()
	type target struct {
		Name  string `form:"name"`
		Admin bool   `form:"admin"`
	}
	const urlencoded, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"
	const form, multi = "name=bob&zzz=1", "--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nbob\r\n--x--\r\n"
	bind := func(c *gin.Context) error {
		var in target
		var err error
		if c.ContentType() == urlencoded {
			in, err = binding.Form[target](c)
		} else {
			in, err = binding.Multipart[target](c)
		}
		if err == nil && in.Name != "bob" && c.Request.ContentLength != 0 {
			t.Error("accepted as empty")
		}
		return err
	}
	postForm := func(c *gin.Context) { c.PostForm("_csrf") }
	readAll := func(c *gin.Context) { _, _ = io.ReadAll(c.Request.Body) }
	noBody := func(c *gin.Context) { c.Request.Body = http.NoBody }
	nilBody := func(c *gin.Context) { c.Request.Body = nil }
	putBack := func(c *gin.Context) {
		data, _ := io.ReadAll(c.Request.Body)
		c.Request.Body = io.NopCloser(bytes.NewReader(data))
		c.PostForm("_csrf")
		c.Request.Body = io.NopCloser(bytes.NewReader(data))
	}
	for _, tc := range []struct {
		name, media, body string
		chunked           bool
		before            gin.HandlerFunc
		want              string
	}{
		{"a form value", urlencoded, form, false, postForm, "500, internal_error"},
		{"a form value of a chunked body", urlencoded, form, true, postForm, "500, internal_error"},
		{"all of it", urlencoded, form, false, readAll, "500, internal_error"},
		{"all of a chunked body", urlencoded, form, true, readAll, "400, empty_body "},
		{"a body that was dropped", urlencoded, form, false, noBody, "500, internal_error"},
		{"a body that was removed", urlencoded, form, false, nilBody, "500, internal_error"},
		{"a form value of parts", parts, multi, false, postForm, "500, internal_error"},
		{"a form value of chunked parts", parts, multi, true, postForm, "500, internal_error"},
		{"a form value beside chunked files", parts, strings.Replace(multi, `"name"`, `"f"; filename="x"`, 1), true, postForm, "500, internal_error"},
		{"all of the parts", parts, multi, false, readAll, "500, internal_error"},
		{"all of the chunked parts", parts, multi, true, readAll, "400, malformed_form "},
		{"parts that were dropped", parts, multi, false, noBody, "500, internal_error"},
		{"parts that were removed", parts, multi, false, nilBody, "500, internal_error"},
		{"a form that was put back", urlencoded, "name=bob", false, putBack, "200"},
		{"one with more", urlencoded, form, false, putBack, "400, unknown_parameter zzz"},
		{"parts that were put back", parts, multi, false, putBack, "200"},
		{"an empty form", urlencoded, "", false, nil, "200"},
		{"an empty form that was asked for a value", urlencoded, "", false, postForm, "200"},
		{"an empty chunked form", urlencoded, "", true, nil, "400, empty_body "},
		{"an empty chunked form that was asked for a value", urlencoded, "", true, postForm, "400, empty_body "},
		{"no parts", parts, "", false, nil, "400, malformed_form "},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := serve(t, func(c *gin.Context) {
				if tc.before != nil {
					tc.before(c)
				}
				answer(c, bind(c))
			})
			var body io.Reader = strings.NewReader(tc.body)
			if tc.chunked {
				body = io.MultiReader(body)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, body)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", tc.media)
			if got := verdict(t, server.Client(), r); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// A body that the connection cut off is the client's fault.
func TestAFormThatBreaksOffIsTheClientsFault(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]string{
		"application/x-www-form-urlencoded": "400, body_unreadable",
		"multipart/form-data; boundary=x":   "400, malformed_form ",
	} {
		r := httptest.NewRequest(http.MethodPost, "/", brokenOff{})
		r.ContentLength = 10
		r.Header.Set("Content-Type", media)
		w := send(func(c *gin.Context) {
			var err error
			if strings.HasPrefix(media, "multipart") {
				_, err = binding.Multipart[oneText](c)
			} else {
				_, err = binding.Form[oneText](c)
			}
			answer(c, err)
		}, r)
		if got := faults(t, w); got != want {
			t.Errorf("%s: %s, want %s", media, got, want)
		}
	}
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A document that something read before is no fault of the client's either.
func TestADocumentThatWasReadBeforeIsAMistakeOfTheProgram(t *testing.T) {
	t.Parallel()
	type target struct {
		Name string `json:"name"`
	}
	for kind, h := range map[string]gin.HandlerFunc{
		"JSON":  func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) },
		"Patch": func(c *gin.Context) { _, _, err := binding.Patch[target](c); answer(c, err) },
	} {
		for name, tc := range map[string]struct {
			body   string
			before gin.HandlerFunc
			want   int
		}{
			"read":           {`{"name":"a"}`, func(c *gin.Context) { _, _ = io.ReadAll(c.Request.Body) }, http.StatusInternalServerError},
			"dropped":        {`{"name":"a"}`, func(c *gin.Context) { c.Request.Body = http.NoBody }, http.StatusInternalServerError},
			"never there":    {``, func(*gin.Context) {}, http.StatusBadRequest},
			"nothing in it":  {` `, func(*gin.Context) {}, http.StatusBadRequest},
			"not read":       {`{"name":"a"}`, func(*gin.Context) {}, http.StatusOK},
			"read, put back": {`{"name":"a"}`, func(c *gin.Context) { data, _ := c.GetRawData(); c.Request.Body = io.NopCloser(bytes.NewReader(data)) }, http.StatusOK},
		} {
			w := send(func(c *gin.Context) {
				tc.before(c)
				h(c)
			}, post(tc.body))
			if w.Code != tc.want {
				t.Errorf("%s, %s: %d %s", kind, name, w.Code, w.Body)
			}
		}
	}
}
