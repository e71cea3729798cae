package binding_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

type page struct {
	Limit  int      `form:"limit"  binding:"omitempty,min=1,max=100"`
	Offset int      `form:"offset,default=5" binding:"omitempty,min=0,max=10000"`
	Tags   []string `form:"tag"`
	Hidden string
}

func TestAQueryHoldsOnlyDeclaredParametersOnce(t *testing.T) {
	t.Parallel()
	h := func(c *gin.Context) {
		in, err := binding.Query[page](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(200, "%+v", in)
	}
	for query, want := range map[string]string{
		"":                           "{Limit:0 Offset:5 Tags:[] Hidden:}",
		"limit=7&tag=a&tag=b+c":      "{Limit:7 Offset:5 Tags:[a b c] Hidden:}",
		"limit=07":                   "400, type_mismatch limit",
		"limit=1&limit=1":            "400, repeated_parameter limit",
		"Limit=1&Hidden=x":           "400, unknown_parameter Limit, unknown_parameter Hidden",
		"limit=101":                  "400, rule.max limit",
		"limit=99999999999999999999": "400, number_out_of_range limit",
		"limit=%zz":                  "400, malformed_query limit",
		"tag=a;b":                    "400, malformed_query tag",
		"tag=%ff":                    "400, invalid_utf8 tag",
		strings.Repeat("tag=&", 101): "400, too_many_parameters ",
	} {
		w := send(h, httptest.NewRequest(http.MethodGet, "/?"+query, nil))
		got := w.Body.String()
		if w.Code != 200 {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%.40s\n got %s\nwant %s", query, got, want)
		}
	}
}

type upload struct {
	Title string       `form:"title" strict:"required"`
	Image binding.File `form:"image" file:"max=64,types=image/png"`
}

func TestAMultipartBodyBringsFilesOfTheirType(t *testing.T) {
	t.Parallel()
	h := func(c *gin.Context) {
		in, err := binding.Multipart[upload](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(200, "%s %s %d", in.Title, in.Image.Name, in.Image.Size())
	}
	png := "\x89PNG\r\n\x1a\n rest"
	for _, tc := range []struct{ field, name, content, want string }{
		{"image", "../../etc/a.png", png, "t a.png 13"},
		{"image", "a.png", "<html>", "400, file_type_not_allowed image"},
		{"image", "a.png", png + strings.Repeat("x", 64), "413, file_too_large, file_too_large image"},
		{"other", "a.png", png, "400, unknown_parameter other"},
	} {
		var body bytes.Buffer
		mw := multipart.NewWriter(&body)
		_ = mw.WriteField("title", "t")
		p, _ := mw.CreateFormFile(tc.field, tc.name)
		fmt.Fprint(p, tc.content)
		_ = mw.Close()
		r := httptest.NewRequest(http.MethodPost, "/", &body)
		r.Header.Set("Content-Type", mw.FormDataContentType())
		w := send(h, r)
		got := w.Body.String()
		if w.Code != 200 {
			got = faults(t, w)
		}
		if got != tc.want {
			t.Errorf("%s %s\n got %s\nwant %s", tc.field, tc.name, got, tc.want)
		}
	}
}

type address struct {
	City *string `json:"city" binding:"omitempty,min=2"`
}

type userPatch struct {
	Name    string   `json:"name" binding:"required,min=2"`
	Nick    *string  `json:"nick" binding:"omitempty,min=2"`
	Address *address `json:"address"`
}

func TestAPatchTellsAbsentFromNull(t *testing.T) {
	t.Parallel()
	h := func(c *gin.Context) {
		_, fields, err := binding.Patch[userPatch](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(200, "%v %v %v %v", fields.Names(), fields.Parts(), fields.Paths(), fields.Null("/nick"))
	}
	for body, want := range map[string]string{
		`{}`:                                   "[] [] [] false",
		`{"nick":null}`:                        "[Nick] [] [] true",
		`{"address":{"city":"Rome"}}`:          "[] [Address] [Address Address.City] false",
		`{"address":null,"name":"ann"}`:        "[Address Name] [] [Name] false",
		`{"address":{"city":"R"}}`:             "400, rule.min #/address/city",
		`{"name":null}`:                        "400, null_not_allowed #/name",
		`{"name":"x"}`:                         "400, rule.min #/name",
		`{"nick":null,"address":{"zip":null}}`: "400, unknown_field #/address/zip",
	} {
		w := send(h, post(body))
		got := w.Body.String()
		if w.Code != 200 {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}
