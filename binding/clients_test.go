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

// The heads of parts as they were recorded from clients.
func TestWhatClientsSendAsPartsArrives(t *testing.T) {
	t.Parallel()
	type target struct {
		Title  string         `form:"title"`
		Umlaut string         `form:"ü"`
		Spaced string         `form:"a b"`
		Files  []binding.File `form:"f"`
	}
	const disposition = "Content-Disposition: form-data; "
	const title = disposition + `name="title"`
	written, boundary := goParts(t)
	for client, tc := range map[string]struct {
		boundary string
		heads    []string
		raw      string
		want     string
	}{
		"curl": {
			boundary: "------------------------d74496d66958873e",
			heads:    []string{title, disposition + `name="f"; filename="a.txt"` + "\r\nContent-Type: text/plain"},
			want:     `"v" "" "" a.txt`,
		},
		"curl, the file first": {
			boundary: "------------------------d74496d66958873e",
			heads:    []string{disposition + `name="f"; filename="a.txt"` + "\r\nContent-Type: text/plain", title, disposition + `name="f"; filename="b.txt"`},
			want:     `"v" "" "" a.txt b.txt`,
		},
		"curl, quotes in percent": {
			boundary: "x", heads: []string{disposition + `name="f"; filename="ä %22q%22 b;c.txt"`, title}, want: `"v" "" "" ä %22q%22 b;c.txt`,
		},
		"curl, quotes escaped": {
			boundary: "x", heads: []string{title, disposition + `name="f"; filename="ä \"q\" b;c.txt"`}, want: `"v" "" "" ä "q" b;c.txt`,
		},
		"curl, a type of the text": {
			boundary: "x", heads: []string{title + "\r\nContent-Type: text/plain; charset=utf-8"}, want: `"v" "" "" `,
		},
		"browsers": {
			boundary: "----WebKitFormBoundary7MA4YWxkTrZu0gW",
			heads: []string{
				disposition + `name="f"; filename="ä %22q%22 b;c%0D%0A.txt"` + "\r\nContent-Type: text/plain", title, disposition + `name="ü"`, disposition + `name="a b"`,
				disposition + `name="f"; filename="blob"` + "\r\nContent-Type: application/octet-stream",
			},
			want: `"v" "v" "v" ä %22q%22 b;c%0D%0A.txt blob`,
		},
		"of .NET, without quotes": {
			boundary: `"5dbdd4c5-b1b6-4f8f-b1a4-9e1c9a6e3f0e"`,
			heads:    []string{"Content-Type: text/plain; charset=utf-8\r\n" + disposition + "name=title", disposition + "name=f; filename=a.txt; filename*=utf-8''a.txt"},
			want:     `"v" "" "" a.txt`,
		},
		"with the extended name only": {
			boundary: "x", heads: []string{disposition + `name="f"; filename*=utf-8''%C3%A4.txt`}, want: `"" "" "" ä.txt`,
		},
		"Go": {boundary: boundary, raw: written, want: `"v" "v" "" a.txt "q" ä.txt`},
	} {
		body := tc.raw
		if delimiter := "--" + strings.Trim(tc.boundary, `"`); body == "" {
			for _, head := range tc.heads {
				body += delimiter + "\r\n" + head + "\r\n\r\nv\r\n"
			}
			body += delimiter + "--\r\n"
		}
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary="+tc.boundary)
		w := send(func(c *gin.Context) {
			in, err := binding.Multipart[target](c)
			if err != nil {
				binding.Abort(c, err)
				return
			}
			var names []string
			for i := range in.Files {
				names = append(names, in.Files[i].Name)
			}
			c.String(http.StatusOK, "%q %q %q %s", in.Title, in.Umlaut, in.Spaced, strings.Join(names, " "))
		}, r)
		if got := w.Body.String(); got != tc.want {
			t.Errorf("%s: %s, want %s", client, got, tc.want)
		}
	}
}

// goParts returns what the standard library writes.
func goParts(t *testing.T) (body, boundary string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, file := range []string{"a.txt", `"q" ä.txt`} {
		part, err := w.CreateFormFile("f", file)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(part, "v")
	}
	for _, name := range []string{"title", "ü"} {
		if err := w.WriteField(name, "v"); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.Boundary()
}

// A body that is announced too large is refused before any of it is read.
func TestAMultipartBodyAnnouncedTooLargeIsNotRead(t *testing.T) {
	t.Parallel()
	for length, want := range map[int64]bool{1000: true, 1001: false} {
		body := &watched{r: strings.NewReader("--x--")}
		r := httptest.NewRequest(http.MethodPost, "/", body)
		r.ContentLength = length
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		w := send(func(c *gin.Context) {
			_, err := binding.Multipart[oneText](c, binding.Options{MaxUploadBytes: 1000})
			answer(c, err)
		}, r)
		if (w.Code == http.StatusOK) != want || body.read != want {
			t.Errorf("%d: %d, read %v", length, w.Code, body.read)
		}
	}
}

type watched struct {
	r    *strings.Reader
	read bool
}

func (c *watched) Read(p []byte) (int, error) {
	c.read = true
	return c.r.Read(p)
}
