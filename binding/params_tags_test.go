package binding_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// asked returns what a query becomes, or its faults.
func asked[T any](t *testing.T, query string, opts ...binding.Options) string {
	t.Helper()
	w := send(func(c *gin.Context) {
		in, err := binding.Query[T](c, opts...)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%v", in)
	}, httptest.NewRequest(http.MethodGet, "/?"+query, nil))
	if w.Code != http.StatusOK {
		return faults(t, w)
	}
	return w.Body.String()
}

// headed returns what header fields become, or their faults.
func headed[T any](t *testing.T, h http.Header) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = h
	w := send(func(c *gin.Context) {
		in, err := binding.Header[T](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%q", in)
	}, r)
	if w.Code != http.StatusOK {
		return faults(t, w)
	}
	return w.Body.String()
}

func same(t *testing.T, got map[string]string, want map[string]string) {
	t.Helper()
	for what := range want {
		if got[what] != want[what] {
			t.Errorf("%s\n got %s\nwant %s", what, got[what], want[what])
		}
	}
}

type wordy struct {
	Form   string   `form:"a"   strict:"trim,lower"`
	Head   string   `header:"X-A" strict:"lower"`
	Path   string   `uri:"a"    strict:"nfc,optional"`
	List   []string `form:"l"   strict:"trim"`
	Member string   `json:"m"`
}

func TestTextIsBroughtIntoFormFromEverySource(t *testing.T) {
	t.Parallel()
	if err := binding.Check[wordy](); err != nil {
		t.Error(err)
	}
	binding.Handle(func(*gin.Context, wordy) {})
	answers(t, func(c *gin.Context) {
		in, err := binding.JSON[wordy](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%v", in)
	}, map[string]string{`{"m":" X "}`: "{   []  X }"})
	if got := asked[wordy](t, "a=+X+&l=+a&l=b+"); got != "{x   [a b] }" {
		t.Error(got)
	}
	if got := headed[struct {
		Head string `header:"X-A" strict:"lower"`
	}](t, http.Header{"X-A": {"ABC"}}); got != `{"abc"}` {
		t.Error(got)
	}
}

func TestDefaultsStandForWhatIsAbsent(t *testing.T) {
	t.Parallel()
	type target struct {
		N    int      `form:"n,omitempty,default=5"`
		S    string   `form:"s,default=x;y"`
		CSV  []int    `form:"c,default=1,2;3,omitempty" collection_format:"csv"`
		List []string `form:"l,default=a;b"`
		Ptr  *bool    `form:"p,omitzero"`
		None []string `form:"o,omitempty,default=" collection_format:"csv"`
	}
	all := binding.Options{RequireAll: true}
	same(t, map[string]string{
		"nothing":     asked[target](t, "", all),
		"all of it":   asked[target](t, "n=1&s=&c=7&l=z&o=q", all),
		"one of them": asked[target](t, "c=4,5"),
		"a required one": asked[struct {
			A string `form:"a"`
			B string `form:"b,omitempty"`
		}](t, "", all),
	}, map[string]string{
		"nothing":        "{5 x;y [1 2 3] [a b] <nil> []}",
		"all of it":      "{1  [7] [z] <nil> [q]}",
		"one of them":    "{5 x;y [4 5] [a b] <nil> []}",
		"a required one": "400, missing_field a",
	})
}

func TestAFileThatIsRequiredIsMissed(t *testing.T) {
	t.Parallel()
	type byValue struct {
		A binding.File `form:"a" binding:"required"`
	}
	type byTag struct {
		A binding.File `form:"a" strict:"required"`
	}
	type byPointer struct {
		A *binding.File `form:"a" binding:"required"`
	}
	type several struct {
		A []binding.File `form:"a" binding:"required"`
	}
	type free struct {
		A binding.File `form:"a" binding:"omitempty"`
	}
	file := part{"a", "x.txt", "", "v", ""}
	for name, tc := range map[string]struct {
		bind func(*gin.Context) error
		want string
	}{
		"by value":   {func(c *gin.Context) error { _, err := binding.Multipart[byValue](c); return err }, "400, missing_field a"},
		"by tag":     {func(c *gin.Context) error { _, err := binding.Multipart[byTag](c); return err }, "400, missing_field a"},
		"by pointer": {func(c *gin.Context) error { _, err := binding.Multipart[byPointer](c); return err }, "400, rule.required a"},
		"several":    {func(c *gin.Context) error { _, err := binding.Multipart[several](c); return err }, "400, rule.required a"},
		"free":       {func(c *gin.Context) error { _, err := binding.Multipart[free](c); return err }, "200"},
	} {
		for _, given := range []struct {
			parts []part
			want  string
		}{{nil, tc.want}, {[]part{{"a", "", "", "", ""}}, tc.want}, {[]part{file}, "200"}} {
			body, media := multipartOf(given.parts)
			r := post(body)
			r.Header.Set("Content-Type", media)
			w := send(func(c *gin.Context) { answer(c, tc.bind(c)) }, r)
			got := "200"
			if w.Code != http.StatusOK {
				got = faults(t, w)
			}
			if got != given.want {
				t.Errorf("%s, %d parts: %s, want %s", name, len(given.parts), got, given.want)
			}
		}
	}
}

func TestAListWithTooManyElementsIsOneFault(t *testing.T) {
	t.Parallel()
	type target struct {
		CSV  []int    `form:"c" collection_format:"csv"`
		List []string `form:"l"`
		N    int      `form:"n"`
	}
	three := binding.Options{MaxValues: 3}
	same(t, map[string]string{
		"as many as may be":   asked[target](t, "c=1,2,3&l=a&l=b&l=c", three),
		"in two":              asked[target](t, "c=1,2&c=3", three),
		"one more":            asked[target](t, "c=1,2,3,4", three),
		"one more in two":     asked[target](t, "c=1,2,3&c=4", three),
		"too many twice":      asked[target](t, "c=1,2,3,4&c=1,2,3,4&c=5", three),
		"too many one by one": asked[target](t, "l=a&l=b&l=c&l=d&l=e&l=f", three),
		"each of two":         asked[target](t, "l=a&l=b&l=c&l=d&l=e&c=1,2,3,4&c=5&n=x", three),
		"six thousand twice":  asked[target](t, "c=1"+times(5999, ",1")+"&c=1"+times(5999, ",1")),
	}, map[string]string{
		"as many as may be":   "{[1 2 3] [a b c] 0}",
		"in two":              "{[1 2 3] [] 0}",
		"one more":            "400, too_many_values c",
		"one more in two":     "400, too_many_values c",
		"too many twice":      "400, too_many_values c",
		"too many one by one": "400, too_many_values l",
		"each of two":         "400, too_many_values l, too_many_values c, type_mismatch n",
		"six thousand twice":  "400, too_many_values c",
	})
}

func TestWhiteSpaceAroundElementsIsNothingInHeadersOnly(t *testing.T) {
	t.Parallel()
	type heads struct {
		Words   []string `header:"X-W" collection_format:"csv"`
		Numbers []int    `header:"X-N" collection_format:"csv"`
		Lines   []string `header:"X-L"`
	}
	type query struct {
		Words []string `form:"w" collection_format:"csv"`
	}
	same(t, map[string]string{
		"words":          headed[heads](t, http.Header{"X-W": {"a, b ,\tc d\t, e"}}),
		"numbers":        headed[heads](t, http.Header{"X-N": {"1, 2", " 3"}}),
		"other space":    headed[heads](t, http.Header{"X-N": {"1,\u00a02"}}),
		"whole lines":    headed[heads](t, http.Header{"X-L": {"a, b"}}),
		"not in a query": asked[query](t, "w=a,+b"),
	}, map[string]string{
		"words":          `{["a" "b" "c d" "e"] [] []}`,
		"numbers":        `{[] ['\x01' '\x02' '\x03'] []}`,
		"other space":    "400, type_mismatch X-N",
		"whole lines":    `{[] [] ["a, b"]}`,
		"not in a query": "{[a  b]}",
	})
}

func TestTextsAreAsLongAsTheOptionsAllow(t *testing.T) {
	t.Parallel()
	type target struct {
		S    string   `form:"s"`
		List []string `form:"l"`
		N    int      `form:"n"`
	}
	four := binding.Options{MaxStringLen: 4}
	same(t, map[string]string{
		"four":   asked[target](t, "s=abcd&l=abcd&n=1234", four),
		"five":   asked[target](t, "s=abcde&n=12345", four),
		"a list": asked[target](t, "l=a&l=abcde", four),
	}, map[string]string{
		"four":   "{abcd [abcd] 1234}",
		"five":   "400, string_too_long s, string_too_long n",
		"a list": "400, string_too_long l",
	})
}

// The zero value of an id that the route calls by another name is every request's.
func TestAFieldThatTheRouteDoesNotHaveIsAMistakeOfTheProgram(t *testing.T) {
	t.Parallel()
	type wrong struct {
		ID string `uri:"userID"`
	}
	type right struct {
		ID string `uri:"id"`
	}
	type optional struct {
		ID   string `uri:"id"`
		Rest string `uri:"rest" strict:"optional"`
		Page int    `uri:"page,default=3"`
		Sort string `uri:"sort,omitempty"`
		Q    string `form:"q"`
	}
	engine := gin.New()
	var recorded string
	engine.GET("/wrong/:id", func(c *gin.Context) {
		in, err := binding.URI[wrong](c)
		if err == nil {
			t.Errorf("%+v", in)
		}
		recorded = fmt.Sprint(errors.Unwrap(err))
		binding.Abort(c, err)
	})
	engine.GET("/right/:id", func(c *gin.Context) {
		in, err := binding.URI[right](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%v", in)
	})
	all := func(c *gin.Context) {
		in, err := binding.URI[optional](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%v", in)
	}
	engine.GET("/optional/:id", all)
	engine.GET("/rest/:id/*rest", all)
	for path, want := range map[string]string{
		"/wrong/7":    "500, internal_error",
		"/right/7":    "{7}",
		"/optional/7": "{7  3  }",
		"/rest/7/":    "{7 / 3  }",
	} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		got := w.Body.String()
		if w.Code != http.StatusOK {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if !strings.Contains(recorded, `ID is parameter "userID" of the route, but /wrong/:id has none of that name`) {
		t.Error(recorded)
	}
}

func TestAFileComesFromNothingButParts(t *testing.T) {
	t.Parallel()
	type target struct {
		A *binding.File `form:"a"`
	}
	if got := asked[target](t, "a=x"); got != "500, internal_error" {
		t.Error(got)
	}
	if got := asked[target](t, ""); got != "500, internal_error" {
		t.Error(got)
	}
	if err := binding.Check[target](); err != nil {
		t.Error(err)
	}
	if err := binding.Check[struct {
		A *binding.File `header:"X-A"`
	}](); err == nil {
		t.Error("a file in a header")
	}
}
