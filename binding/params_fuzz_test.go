package binding_test

import (
	"bytes"
	"errors"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// Whatever a multipart body holds, the answer is one of ours and the file's name
// is no path.
func FuzzMultipart(f *testing.F) {
	body, contentType := multipartOf([]part{
		{"title", "-", "", "t", ""}, {"cover", `..\a.png`, "image/png", "\x89PNG\r\n\x1a\n", ""}, {"page", "a", "text/plain", "x", ""}, {"year", "-", "", "1", ""},
	})
	boundary := strings.TrimPrefix(contentType, "multipart/form-data; boundary=")
	f.Add([]byte(strings.ReplaceAll(body, boundary, "x")), "multipart/form-data; boundary=x")
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=title\r\n\r\na\r\n--x--"), `multipart/form-data; boundary="x"; charset=utf-8`)
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=any; filename*=UTF-8''%2e%2e%2f\r\n\r\na\r\n--x--\r\n"), "multipart/form-data; boundary=x")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		c.Request.Header["Content-Type"] = []string{contentType}
		in, err := binding.Multipart[album](c, binding.Options{MaxFileBytes: 100, MaxUploadBytes: 1000, MaxParts: 5})
		var e *binding.Error
		if err != nil {
			if !errors.As(err, &e) || e.Status != 400 && e.Status != 413 && e.Status != 415 {
				t.Fatalf("%v", err)
			}
			return
		}
		if strings.ContainsAny(in.Any.Name, "/\\\x00") || in.Any.Size() > 100 || in.Title == "" || len(in.Pages) > 2 {
			t.Fatalf("accepted %+v", in)
		}
		if _, params, _ := mime.ParseMediaType(contentType); !bytes.Contains(body, []byte("--"+params["boundary"]+"--")) {
			t.Fatalf("accepted without an end: %+v", in)
		}
	})
}

// A body is taken as JSON only under a media type that says so.
func FuzzMediaType(f *testing.F) {
	for _, seed := range []string{"application/json", "application/json; charset=utf-8", "application/x+json", "text/plain", "application/json,text/plain", "application/json;charset=\"utf-8\""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, contentType string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}"))
		c.Request.Header["Content-Type"] = []string{contentType}
		if _, err := binding.JSON[any](c); err != nil {
			return
		}
		media, _, _ := strings.Cut(contentType, ";")
		media = strings.ToLower(strings.TrimSpace(media))
		if media != "application/json" && (!strings.HasPrefix(media, "application/") || !strings.HasSuffix(media, "+json")) {
			t.Fatalf("took %q as JSON", contentType)
		}
	})
}
