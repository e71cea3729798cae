package binding_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

func TestTooManyParametersStandAlone(t *testing.T) {
	t.Parallel()
	type target struct {
		ID   int      `form:"id" strict:"required"`
		Tags []string `form:"tag"`
	}
	w := send(func(c *gin.Context) {
		_, err := binding.Query[target](c)
		binding.Abort(c, err)
	}, httptest.NewRequest(http.MethodGet, "/?"+times(101, "tag=a&")+"id=1", nil))
	if got := faults(t, w); got != "400, too_many_parameters " {
		t.Error(got)
	}
}

// Rules fail after everything was decoded.
func TestARefusedValueIsNotHandedOut(t *testing.T) {
	t.Parallel()
	send(func(c *gin.Context) {
		if in, err := binding.JSON[user](c); err == nil || in.Name != "" || in.Age != 0 {
			t.Errorf("%+v, %v", in, err)
		}
	}, post(`{"age":7,"name":"far too long a name"}`))
	type page struct {
		Limit int    `form:"limit" binding:"max=9"`
		Word  string `form:"word"`
	}
	send(func(c *gin.Context) {
		if in, err := binding.Query[page](c); err == nil || in != (page{}) {
			t.Errorf("%+v, %v", in, err)
		}
	}, httptest.NewRequest(http.MethodGet, "/?word=x&limit=10", nil))
	in := user{Name: "before"}
	if got := decode(`{"age":7,"name":"far too long a name"}`, &in); got != "rule.max" || in.Name != "before" || in.Age != 0 {
		t.Errorf("%s: %+v", got, in)
	}
}

func TestASwitchThatAnOuterLevelTurnedOnStaysOn(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.Use(binding.Defaults(binding.Options{RequireAll: true, ExactNumbers: true}))
	engine.Group("/", binding.Defaults(binding.Options{MaxDepth: 5})).POST("/", bindAs[map[string]ruledAny](binding.Options{MaxValues: 50}))
	for body, want := range map[string]string{
		`{"x":{"n":1}}`:                      "400, missing_field #/x/a",
		`{"x":{"n":1,"a":9007199254740993}}`: "400, number_out_of_range #/x/a",
	} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, post(body))
		if got := faults(t, w); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
}

type ruledAny struct {
	N int `json:"n"`
	A any `json:"a"`
}

func TestTextForATypeThatDecodesItselfHoldsNoNUL(t *testing.T) {
	t.Parallel()
	type target struct {
		L legacy `json:"l"`
	}
	answers(t, bindAs[target](), map[string]string{
		`{"l":"a\u0000"}`: "400, forbidden_character #/l",
		`{"l":"a"}`:       `{"l":{"Name":"a"}}`,
	})
}

// unknownLength hides how long a body is.
func unknownLength(t *testing.T, url, media, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, io.MultiReader(strings.NewReader(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	return r
}

func TestWhatFollowsTheLastBoundaryCounts(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		_, err := binding.Multipart[album](c, binding.Options{MaxUploadBytes: 64 << 10})
		answer(c, err)
	})
	body, media := multipartOf([]part{{"title", "-", "", "t", ""}})
	for tail, want := range map[int]string{0: "200", 60 << 10: "200", 64 << 10: "413, body_too_large"} {
		if got := verdict(t, server.Client(), unknownLength(t, server.URL, media, body+times(tail, "x"))); got != want {
			t.Errorf("a tail of %d: %s, want %s", tail, got, want)
		}
	}
}

// Even when the handler answers in its own way.
func TestTheServerItselfLearnsThatABodyIsTooLarge(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		if _, err := binding.JSON[any](c, binding.Options{MaxBytes: 10}); err != nil {
			c.String(http.StatusBadRequest, "no")
			return
		}
		c.String(http.StatusOK, "yes")
	})
	for body, closed := range map[string]bool{`"short"`: false, `"much too long"`: true} {
		resp, err := server.Client().Do(unknownLength(t, server.URL, "application/json", body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.Close != closed {
			t.Errorf("%s: %s, closed %v", body, resp.Status, resp.Close)
		}
	}
}
