package binding_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

type oneText struct {
	Text string `form:"t"`
}

// What breaks off within the head of a part ends like what is complete, to the
// standard library, and the part vanishes.
func TestAMultipartBodyEndsAtItsClosingDelimiter(t *testing.T) {
	t.Parallel()
	const first = "--x\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\nv\r\n"
	const evil = "--x\r\nContent-Disposition: form-data; name=\"evil\""
	const torn, done = "400, malformed_form ", "200"
	for _, tc := range []struct{ boundary, body, want string }{
		{"x", first + "--x\r\n", torn},
		{"x", first + evil, torn},
		{"x", first + evil + "\r\n", torn},
		{"x", first + evil + "\r\n\r\n", torn},
		{"x", first + evil + "--x--", torn},
		{"x", first + evil + "\r\n--x--", torn},
		{"x", first + evil + "\r\n--x--\r\n", torn},
		{"x", first + evil + "\r\n --x--", torn},
		{"x", first + "--x\r\n--x--", torn},
		{"x", first + "--x", torn},
		{"x", first + "--x-", torn},
		{"x", first, torn},
		{"x", first[:len(first)-2] + "--x--", torn},
		{"x", "--x\r\n", torn},
		{"x", "--x", torn},
		{"x", "x--x--", torn},
		{"x", "", torn},
		{"x", times(200, "y") + "--x--", torn},
		{"x", times(71, "y") + "--x--", torn},
		{"x", times(66, "y") + "--x--", torn},
		{"x", first + "--x--" + times(65, " "), torn},
		{`"a:b"`, strings.ReplaceAll(first, "--x", "--a:b") + "--a:b\r\n--a:b--", torn},
		{`"a:b"`, strings.ReplaceAll(first, "--x", "--a:b") + "--a:b--", torn},
		{`"a:b"`, strings.ReplaceAll(first, "--x", "--a:b") + "--a:b--\r\n", done},
		{"x", first + "--x--\r\n", done},
		{"x", first + "--x--", done},
		{"x", first + "--x-- \t", done},
		{"x", first + "--x-- \t\r\n", done},
		{"x", first + "--x--\r\nan epilogue", done},
		{"x", first + "--x--\r\nan epilogue\r\n--x\r\n", done},
		{"x", "a preamble\r\n" + first + "--x--", done},
		{"x", times(100, "a preamble\r\n") + first + "--x--", done},
		{"x", strings.ReplaceAll(first, "\r\n", "\n") + "--x--", done},
		{"x", strings.ReplaceAll(first, "\r\n", "\n") + "--x--\n", done},
		{"x", "--x--", done},
		{"x", "--x--\r\n", done},
		{"x", "\r\n--x--", done},
		{"x", "a preamble\r\n--x--", done},
		{"x", strings.Replace(first, "v", times(5000, "v"), 1) + "--x--", done},
	} {
		for reader, slowly := range map[string]func(io.Reader) io.Reader{"at once": func(r io.Reader) io.Reader { return r }, "byte by byte": iotest.OneByteReader, "with the end": iotest.DataErrReader} {
			w := send(func(c *gin.Context) {
				in, err := binding.Multipart[oneText](c)
				if err == nil && strings.Contains(tc.body, `"t"`) == (in.Text == "") {
					t.Errorf("%q: %+v", tc.body, in)
				}
				answer(c, err)
			}, func() *http.Request {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", slowly(strings.NewReader(tc.body)))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Content-Type", "multipart/form-data; boundary="+tc.boundary)
				return r
			}())
			got := done
			if w.Code != http.StatusOK {
				got = faults(t, w)
			}
			if got != tc.want {
				t.Errorf("%.300q, read %s: %s, want %s", tc.body, reader, got, tc.want)
			}
		}
	}
}

// Wherever a body breaks off before its closing delimiter, no part of it counts.
func TestNoBeginningOfAMultipartBodyIsAWhole(t *testing.T) {
	t.Parallel()
	part := func(text string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"t\"\r\nX-Other: --x--\r\n\r\n" + text + "\r\n"
	}
	body := "no -- delimiter\r\n" + part("v--x--\n--x--\r\n --x--") + "--x--"
	for end := range len(body) {
		for _, beginning := range []string{body[:end], body[:end] + "\n", body[:end] + "\r\n"} {
			w := send(func(c *gin.Context) {
				_, err := binding.Multipart[oneText](c)
				answer(c, err)
			}, func() *http.Request {
				r := post(beginning)
				r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				return r
			}())
			if w.Code == http.StatusOK {
				t.Errorf("accepted %q", beginning)
			}
		}
	}
	r := post(body)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
	send(func(c *gin.Context) {
		if in, err := binding.Multipart[oneText](c); err != nil || in.Text != "v--x--\n--x--\r\n --x--" {
			t.Errorf("%+v %v", in, err)
		}
	}, r)
}
