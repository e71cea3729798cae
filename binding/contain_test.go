package binding_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// touchy panics at some texts, as a type does that trusts what it is given.
type touchy string

func (m *touchy) UnmarshalText(text []byte) error {
	switch string(text) {
	case "abort":
		panic(http.ErrAbortHandler)
	case "secret":
		panic("cannot read " + string(text))
	}
	*m = touchy(text)
	return nil
}

// ajar holds nothing behind the pointer whose decoder it promotes.
type ajar struct{ *touchy }

func TestAPanicOfATypeThatDecodesItselfIsContained(t *testing.T) {
	t.Parallel()
	type target struct {
		M touchy `json:"m"`
		A *ajar  `json:"a"`
		N int    `json:"n"`
	}
	type page struct {
		M []touchy `form:"m" header:"-" json:"-"`
	}
	type head struct {
		M touchy `header:"X-M"`
	}
	const internal = `{"type":"about:blank","title":"Internal Server Error","status":500,"code":"internal_error"}`
	for name, tc := range map[string]struct {
		h    gin.HandlerFunc
		r    *http.Request
		want string
	}{
		"JSON":           {func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }, post(`{"m":"secret"}`), internal},
		"a faulty one":   {func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }, post(`{"m":"secret","n":null}`), internal},
		"a nil pointer":  {func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }, post(`{"a":"x"}`), internal},
		"no panic":       {func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }, post(`{"m":"other"}`), "ok"},
		"a patch":        {func(c *gin.Context) { _, _, err := binding.Patch[target](c); answer(c, err) }, post(`{"m":"secret"}`), internal},
		"a query":        {func(c *gin.Context) { _, err := binding.Query[page](c); answer(c, err) }, httptest.NewRequest(http.MethodGet, "/?m=a&m=secret", nil), internal},
		"query no panic": {func(c *gin.Context) { _, err := binding.Query[page](c); answer(c, err) }, httptest.NewRequest(http.MethodGet, "/?m=a&m=b", nil), "ok"},
		"a header": {func(c *gin.Context) { _, err := binding.Header[head](c); answer(c, err) }, func() *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("X-M", "secret")
			return r
		}(), internal},
	} {
		var recorded []string
		w := send(func(c *gin.Context) { tc.h(c); recorded = c.Errors.Errors() }, tc.r)
		if got := w.Body.String(); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if (tc.want == internal) != (len(recorded) == 1) {
			t.Errorf("%s: recorded %q", name, recorded)
		}
	}
	in := target{N: 7}
	var e *binding.Error
	if err := (binding.Options{}).Decode([]byte(`{"n":8,"m":"secret"}`), &in); !errors.As(err, &e) || e.Status != http.StatusInternalServerError || in.N != 7 {
		t.Errorf("Decode: %v %+v", err, in)
	}
}

// pair panics at a null, which decoders of the standard library are given, too.
type pair [2]string

func (p *pair) UnmarshalJSON(text []byte) error {
	parts := strings.Split(strings.Trim(string(text), `"`), "-")
	p[0], p[1] = parts[0], parts[1]
	return nil
}

func TestAPanicAtNullIsContained(t *testing.T) {
	t.Parallel()
	type target struct {
		X pair `json:"x" strict:"nullable"`
	}
	for name, h := range map[string]gin.HandlerFunc{
		"JSON":  func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) },
		"Patch": func(c *gin.Context) { _, _, err := binding.Patch[target](c); answer(c, err) },
	} {
		if w := send(h, post(`{"x":null}`)); w.Code != http.StatusInternalServerError {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		if w := send(h, post(`{"x":"a-b"}`)); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestADefaultAtWhichItsTypePanicsIsAMistakeOfTheProgram(t *testing.T) {
	t.Parallel()
	type bad struct {
		M touchy `form:"m,default=secret"`
	}
	type good struct {
		M touchy `form:"m,default=plain"`
	}
	if err := binding.Check[bad](); err == nil || !strings.Contains(err.Error(), "default") {
		t.Error(err)
	}
	if err := binding.Check[good](); err != nil {
		t.Error(err)
	}
}

type tornBody struct{ io.Reader }

func (tornBody) Read([]byte) (int, error) { panic("torn") }

// Panics that mean something to the server, or are not of a decoder, go on.
func TestOtherPanicsAreNotContained(t *testing.T) {
	t.Parallel()
	type target struct {
		M touchy `json:"m"`
	}
	torn := post("")
	torn.Body = io.NopCloser(tornBody{strings.NewReader("")})
	for want, r := range map[any]*http.Request{http.ErrAbortHandler: post(`{"m":"abort"}`), "torn": torn} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("%v, want %v", got, want)
				}
			}()
			send(func(c *gin.Context) { _, err := binding.JSON[target](c); answer(c, err) }, r)
		}()
	}
	defer func() {
		if got, ok := recover().(error); !ok || !errors.Is(got, http.ErrAbortHandler) {
			t.Errorf("query: %v", got)
		}
	}()
	send(func(c *gin.Context) {
		_, err := binding.Query[struct {
			M touchy `form:"m"`
		}](c)
		answer(c, err)
	}, httptest.NewRequest(http.MethodGet, "/?m=abort", nil))
}
