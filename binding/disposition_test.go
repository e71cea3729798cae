package binding_test

import (
	"mime"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// What a filter in front reads as one field must not be another one here, nor a
// file where it saw a text.
func TestDispositionsMeanTheSameToEveryReader(t *testing.T) {
	t.Parallel()
	type target struct {
		Title string         `form:"title"`
		Role  string         `form:"role"`
		Files []binding.File `form:"f"`
	}
	var got target
	server := serve(t, func(c *gin.Context) {
		in, err := binding.Multipart[target](c)
		got = in
		answer(c, err)
	})
	const refused = "400, malformed_form "
	for params, want := range map[string]string{
		`name=title; name*=UTF-8''role`:                      refused,
		`name*=UTF-8''role; name=title`:                      refused,
		`name=title; NAME*=UTF-8''role`:                      refused,
		`name*=UTF-8''role`:                                  refused,
		`name*0=ro; name*1=le`:                               refused,
		`name*0*=UTF-8''ro; name*1=le`:                       refused,
		`name=title; name*0=ro; name*1=le`:                   refused,
		"name=title ;\tname*=UTF-8''role":                    refused,
		`name=title; x="\";"; name*=UTF-8''role`:             refused,
		`name=title; x="\\"; name*=UTF-8''role`:              refused,
		`name=title; x="a\b"; name*=UTF-8''role`:             refused,
		`name=title; filename*=utf-16''x`:                    refused,
		`name=title; filename*=iso-8859-1''x`:                refused,
		`name=title; filename*=''x`:                          refused,
		`name=title; filename*=x`:                            refused,
		`name=title; filename*=UTF-8'x`:                      refused,
		`name=title; filename*=UTF-8''%zz`:                   refused,
		`name=title; filename*=UTF-8''%e2%8`:                 refused,
		`name=title; filename*="UTF-8''x"`:                   refused,
		`name=title; filename*0=a; filename*1=b`:             refused,
		`name=title; filename*0*=UTF-8''a; filename*1=b`:     refused,
		`name=title; filename*=utf-16''x; filename=x`:        refused,
		`name=f; filename=x; filename*=utf-16''x`:            refused,
		`name=f; filename=x; filename*0=x`:                   refused,
		"name=title;\u00a0filename=x":                        refused,
		"\u2003name=title":                                   refused,
		"name=\u00e9":                                        refused,
		`name=title; x="\"; filename=y; z=\""`:               refused,
		`filename=x; name=f`:                                 refused,
		`x=1; name=title`:                                    refused,
		"name=f; filename=\"\u00e9\u00a0.png\"":              "200",
		`name=f; filename*0*=UTF-8''a`:                       refused,
		`name=f; filename="x"; filename*=UTF-8''a%zz`:        refused,
		`name=f; filename="x"; x=1; filename*=UTF-8''a%20b `: "200",
		`name=f; filename="name*=UTF-8''role"`:               "200",
		`name=f; filename="; name*=UTF-8''role; x="`:         "200",
		`name=f; filename="a\"; name*=UTF-8''role; x=\""`:    "200",
		`name=f; filename="a*b.png"`:                         "200",
		`name=f; filename*=UTF-8''%E4%B8%AD.png`:             "200",
		`name=f; filename*=utf-8'en'a.png`:                   "200",
		`name=f; filename="x.png"; filename*=UTF-8''y.png`:   "200",
		`name=f; filename*=UTF-8''y.png; filename="x.png"`:   "200",
		`name=title; x="name*=UTF-8''role"`:                  "200",
		`name="title"; myname*=UTF-8''x`:                     "200",
		`name=title;`:                                        "200",
	} {
		got = target{}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL,
			strings.NewReader("--b\r\nContent-Disposition: form-data; "+params+"\r\n\r\nv\r\n--b--\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		if had := verdict(t, server.Client(), r); had != want {
			t.Errorf("%s: %s, want %s", params, had, want)
		} else if want == "200" && (got.Role != "" || (got.Title == "v") == (len(got.Files) == 1)) {
			t.Errorf("%s: %+v", params, got)
		}
	}
}

// A space before the colon hides a field of the head from some readers only.
func TestHeadsWithASpaceInANameAreRefused(t *testing.T) {
	t.Parallel()
	type target struct {
		Title string `form:"title"`
		Role  string `form:"role"`
	}
	server := serve(t, func(c *gin.Context) { _, err := binding.Multipart[target](c); answer(c, err) })
	for head, want := range map[string]string{
		"Content-Disposition: form-data; name=title\r\nContent-Disposition : form-data; name=role": "400, malformed_form ",
		"Content-Disposition: form-data; name=title\r\nContent-Type : text/html":                   "400, malformed_form ",
		"Content-Disposition: form-data; name=title\r\nX-Other:  a b":                              "200",
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader("--b\r\n"+head+"\r\n\r\nv\r\n--b--\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		if had := verdict(t, server.Client(), r); had != want {
			t.Errorf("%q: %s, want %s", head, had, want)
		}
	}
}

func TestMediaTypesMeanTheSameToEveryReader(t *testing.T) {
	t.Parallel()
	type target struct {
		Title string `form:"title" json:"title"`
	}
	parts := serve(t, func(c *gin.Context) { _, err := binding.Multipart[target](c); answer(c, err) })
	json := serve(t, bindAs[target]())
	const refused = "415, unsupported_media_type"
	body := "--b\r\nContent-Disposition: form-data; name=title\r\n\r\nv\r\n--b--\r\n"
	for _, tc := range []struct{ url, media, body, want string }{
		{parts.URL, "multipart/form-data; boundary=b", body, "200"},
		{parts.URL, "multipart/form-data; boundary=a; boundary*=UTF-8''b", body, refused},
		{parts.URL, "multipart/form-data; boundary*=UTF-8''b", body, refused},
		{parts.URL, "multipart/form-data; boundary*0=b", body, refused},
		{json.URL, "application/json; charset=utf-16; charset*=UTF-8''utf-8", `{}`, refused},
		{json.URL, "application/json; charset*=UTF-8''utf-8", `{}`, refused},
		{json.URL, `application/json; profile="charset*=x"`, `{}`, "200"},
		{json.URL, `application/json; profile="a*b"; charset=utf-8`, `{}`, "200"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, tc.url, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tc.media)
		if got := verdict(t, http.DefaultClient, r); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.media, got, tc.want)
		}
	}
}

// Every parameter that the standard library finds in a disposition that passes
// was seen by its own name, and not put together of others.
func FuzzDisposition(f *testing.F) {
	for _, seed := range []string{
		`form-data; name=a; filename="x;\"y"; filename*=UTF-8''%e2%82%ac`, `form-data; name*=UTF-8''a`, `form-data;name="a\b" ; name*0=x;`,
		"form-data; name = a", "form-dAtA;\fnAme=0", "form-data; name=a;\u00a0name*=UTF-8''b", "form-data; x=\"a\\", `form-data; x="\\"; name*=UTF-8''b; y=""`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		media, params, err := mime.ParseMediaType(field)
		if err != nil || media != "form-data" || binding.Ambiguous(field) {
			return
		}
		names := binding.NamesOf(field)
		for _, name := range []string{"name", "filename"} {
			_, found := params[name]
			if written := slices.Contains(names, name) || name == "filename" && slices.Contains(names, "filename*"); found != written {
				t.Errorf("%q: %s found %v, written %v", field, name, found, written)
			}
		}
	})
}
