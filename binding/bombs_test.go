package binding_test

import (
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

// ruledTree multiplies: the validator writes the names on the way to a value into
// each rule that fails there.
type ruledTree struct {
	Kids map[string]ruledTree `json:"kids" binding:"dive"`
	List []string             `json:"list" binding:"dive,min=5"`
}

type bombForm struct {
	Text  string `form:"a"`
	Codes []int  `form:"c" collection_format:"csv"`
}

type bombParts struct {
	bombForm
	Files []binding.File `form:"l"`
}

// partOf is one part of a multipart body with the boundary b.
func partOf(head, body string) string { return "--b\r\n" + head + "\r\n" + body + "\r\n" }

const disposition = "Content-Disposition: form-data; name=\"a\"\r\n"

// counted returns n texts made of a format and their number.
func counted(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

func treeOf(depth, leaves int) string {
	var b strings.Builder
	for d := range depth {
		b.WriteString(`{"kids":{"` + times(256, string(rune('a'+d))) + `":`)
	}
	b.WriteString(`{"list":["a"` + times(leaves, `,"a"`) + `]}` + times(depth, `}}`))
	return b.String()
}

// Each of these is a megabyte at most, and cost many of them or many
// milliseconds before it was refused.
//
//nolint:paralleltest // it counts allocated bytes
func TestBombsAreRefusedBeforeTheyAreBuilt(t *testing.T) {
	const (
		asForm  = "application/x-www-form-urlencoded"
		asParts = "multipart/form-data; boundary=b"
	)
	form := func(c *gin.Context) error { _, err := binding.Form[bombForm](c); return err }
	parts := func(c *gin.Context) error { _, err := binding.Multipart[bombParts](c); return err }
	for _, tc := range []struct {
		name, media, body string
		bind              func(*gin.Context) error
		want              string
		times             int // of a megabyte
	}{
		{
			"names of maps in maps", "application/json", treeOf(14, 9900),
			func(c *gin.Context) error { _, err := binding.JSON[ruledTree](c); return err }, "too_many_values", 4,
		},
		{"a list in one parameter", asForm, "c=" + times(mib/2-10, "1,"), form, "too_many_values", 4},
		{"a list of nothing", asForm, "c=" + times(mib-10, ","), form, "too_many_values", 4},
		{"a list of words", asForm, "c=" + times(mib/2-10, "x,"), form, "too_many_values", 4},
		{"a field of a part again and again", asParts, times(20, partOf(disposition+times(8000, "A:b\r\n"), "")) + "--b--", parts, "malformed_form", 1},
		{"many fields of a part", asParts, times(12, partOf(disposition+counted(8000, "A%d:b\r\n"), "")) + "--b--", parts, "malformed_form", 1},
		{"many short heads", asParts, times(90, partOf(disposition+times(17, "A:b\r\n"), "")) + "--b--", parts, "malformed_form", 1},
		{"many parameters of a disposition", asParts, partOf("Content-Disposition: form-data"+counted(70000, ";a%d=b")+"\r\n", "") + "--b--", parts, "malformed_form", 1},
		{"a longish disposition", asParts, partOf("Content-Disposition: form-data; name=\"a\""+counted(400, ";a%d=b")+"\r\n", "") + "--b--", parts, "malformed_form", 1},
		{"a long name of a field", asParts, partOf("Content-Disposition: form-data; name=\""+times(mib-200, "x")+"\"\r\n", "") + "--b--", parts, "malformed_form", 1},
		{"a longish type of a file", asParts, partOf("Content-Disposition: form-data; name=\"l\"; filename=\"x\"\r\nContent-Type: text/plain"+counted(400, ";a%d=b")+"\r\n", "") + "--b--", parts, "malformed_form", 1},
		{"a long preamble", asParts, times(mib/2-200, "x\n") + partOf(disposition, "") + "--b--", parts, "malformed_form", 1},
		{
			"many parameters of a media type", "application/json" + counted(70000, ";a%d=b"), "{}",
			func(c *gin.Context) error { _, err := binding.JSON[any](c); return err }, "unsupported_media_type", 1,
		},
	} {
		c, rewind := benchContext([]byte(tc.body))
		c.Request.Header.Set("Content-Type", tc.media)
		rewind()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := tc.bind(c)
		runtime.ReadMemStats(&after)
		var e *binding.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		code := e.Code
		if len(e.Issues) > 0 {
			code = e.Issues[0].Code
		}
		if code != tc.want || len(e.Issues) > 1 {
			t.Errorf("%s: %.200s", tc.name, e.Error())
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > uint64(tc.times)*mib && !testserver.Race {
			t.Errorf("%s: %d bytes allocated for %d", tc.name, cost, len(tc.body))
		}
	}
}

// The near misses of the above.
func TestHeadsOfPartsThatClientsSendPass(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("%E4%B8%AD", 85) // 255 bytes in UTF-8
	body := "a preamble\r\n" + partOf(disposition+times(15, "A:b\r\n"), times(mib/2, "x")) +
		partOf(`Content-Disposition: form-data; name="l"; filename="x"; filename*=UTF-8''`+name+"\r\nContent-Type: text/plain; charset=utf-8\r\n", "x") +
		partOf("Content-Disposition: form-data; name=\"c\"\r\n", "1") + "--b--"
	c, rewind := benchContext([]byte(body))
	c.Request.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	rewind()
	in, err := binding.Multipart[bombParts](c)
	if err != nil || len(in.Text) != mib/2 || len(in.Files) != 1 {
		t.Errorf("%v %d", err, len(in.Text))
	}
}

func TestNamesOfMapsMayRepeatALittle(t *testing.T) {
	t.Parallel()
	type target map[string]map[string][]int
	// 9000 values below names of 36 bytes in two levels: what statistics look like.
	inner := `"` + times(36, "b") + `":[1` + times(2990, ",1") + `]`
	var got target
	if e := binding.Decode([]byte(`{"`+times(36, "a")+`":{`+inner+`},"`+times(36, "c")+`":{`+inner+`}}`), &got); e != nil {
		t.Error(e)
	}
	// The walk counts as the first look does.
	for leaves, want := range map[string]bool{treeOf(4, 800): true, treeOf(4, 1100): false} {
		p := binding.RunPasses([]byte(leaves), new(ruledTree))
		if p.Clean != want || (p.Walked == nil) != want {
			t.Errorf("clean %v, walked %v", p.Clean, p.Walked)
		}
	}
}

// A rule that fails for the thousandth time is not looked for again.
func TestEveryFaultOfALargeMapIsLocatedAtOnce(t *testing.T) {
	t.Parallel()
	type target struct {
		M map[int]string `json:"m" binding:"dive,min=5"`
	}
	doc := `{"m":{"-1":"a"` + counted(9990, `,"%d":"a"`) + "}}"
	e := binding.Decode([]byte(doc), new(target))
	if e == nil || len(e.Issues) != 32 || !e.Truncated {
		t.Fatalf("%v", e)
	}
	seen := map[string]bool{}
	for _, issue := range e.Issues {
		seen[issue.Pointer] = true
		if !strings.HasPrefix(issue.Pointer, "/m/") || seen["/m/"] {
			t.Errorf("%+v", issue)
		}
	}
	if len(seen) != 32 {
		t.Errorf("%d pointers", len(seen))
	}
}

func TestAHeaderSentTooOftenIsOneFault(t *testing.T) {
	t.Parallel()
	c, _ := benchContext(nil)
	c.Request.Header = http.Header{"X-A": strings.Split(times(10_004, "1,")+"1", ",")}
	_, err := binding.Header[struct {
		A []int `header:"X-A"`
	}](c)
	var e *binding.Error
	if !errors.As(err, &e) || len(e.Issues) != 1 || e.Issues[0].Code != "too_many_values" {
		t.Errorf("%v", err)
	}
}
