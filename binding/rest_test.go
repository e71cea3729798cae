package binding_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// moody refuses a text the first time and takes it the second.
type moody struct{}

var moodyCalls atomic.Int32

func (m *moody) UnmarshalText([]byte) error {
	if moodyCalls.Add(1)%2 == 1 {
		return errors.New(secret)
	}
	return nil
}

//nolint:paralleltest // it counts calls
func TestTheDecoderHasTheLastWord(t *testing.T) {
	type target struct {
		List []moody `json:"list"`
	}
	answers(t, bindAs[target](), map[string]string{`{"list":["x"]}`: "400, invalid_value #/list/0"})
}

// PtrCommon is embedded by pointer.
type PtrCommon struct {
	Page *int `form:"page"`
}

func TestParametersReachEmbeddedPointersAndPointerLists(t *testing.T) {
	t.Parallel()
	type target struct {
		*PtrCommon
		Names []*string `form:"name"`
	}
	send(func(c *gin.Context) {
		in, err := binding.Query[target](c)
		if err != nil || in.PtrCommon == nil || *in.Page != 3 || len(in.Names) != 2 || *in.Names[1] != "b" {
			t.Errorf("%+v, %v", in, err)
		}
	}, httptest.NewRequest(http.MethodGet, "/?page=3&name=a&name=b", nil))
	send(func(c *gin.Context) {
		if in, err := binding.Query[target](c); err != nil || in.PtrCommon != nil {
			t.Errorf("%+v, %v", in, err)
		}
	}, httptest.NewRequest(http.MethodGet, "/", nil))
}

func TestAFileCanBeReadTwice(t *testing.T) {
	t.Parallel()
	body, contentType := multipartOf([]part{{"title", "-", "", "t", ""}, {"any", "x", "", "hello", ""}, {"page", "p", "text/plain", "one", ""}})
	r := post(body)
	r.Header.Set("Content-Type", contentType)
	send(func(c *gin.Context) {
		in, err := binding.Multipart[album](c)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if got, _ := io.ReadAll(in.Any.Open()); string(got) != "hello" || string(in.Any.Bytes()) != "hello" || in.Any.Size() != 5 {
				t.Errorf("%q", got)
			}
		}
		if len(in.Pages) != 1 || in.Pages[0].Declared != "text/plain" || in.Pages[0].MediaType != "text/plain" || in.Cover != nil {
			t.Errorf("%+v", in.Pages)
		}
	}, r)
}

func TestRuleFailuresAreCappedToo(t *testing.T) {
	t.Parallel()
	var in []postal
	err := binding.Options{MaxIssues: 3}.Decode([]byte("["+times(9, `{"street":"far too long"},`)+`{"street":"x"}]`), &in)
	var e *binding.Error
	if !errors.As(err, &e) || len(e.Issues) != 3 || !e.Truncated || e.Issues[2].Pointer != "/2/street" || e.Issues[2].Param != "8" {
		t.Errorf("%+v", err)
	}
}

func TestParametersOfCrossFieldRulesAreMembersNames(t *testing.T) {
	t.Parallel()
	type target struct {
		FirstGo  int    `json:"first"`
		SecondGo int    `json:"second" binding:"gtefield=FirstGo"`
		HiddenGo string `json:"-"`
		ThirdGo  string `json:"third" binding:"required_with=FirstGo HiddenGo"`
		FourthGo string `json:"fourth" binding:"required_if=FirstGo 7"`
	}
	var in target
	err := binding.Options{}.Decode([]byte(`{"first":7,"second":1}`), &in)
	var e *binding.Error
	if !errors.As(err, &e) || len(e.Issues) != 3 {
		t.Fatalf("%+v", err)
	}
	for i, want := range []string{"first", "", ""} {
		if got := e.Issues[i].Param; got != want {
			t.Errorf("%s: param %q, want %q", e.Issues[i].Pointer, got, want)
		}
	}
}

func TestATargetThatIsNoPointerIsAMistake(t *testing.T) {
	t.Parallel()
	for _, out := range []any{nil, user{}, (*user)(nil)} {
		var e *binding.Error
		if err := (binding.Options{}).Decode([]byte(`{}`), out); !errors.As(err, &e) || e.Status != http.StatusInternalServerError {
			t.Errorf("%T: %v", out, err)
		}
	}
}

// The values of a map cannot be pointed to, and a zero one is judged like any other.
func TestZeroStructsInAMapAreJudged(t *testing.T) {
	t.Parallel()
	answers(t, bindAs[map[string]ruled](), map[string]string{
		`{"a":{"n":1},"b":{"n":0}}`: "400, rule.min #/b/n",
		`{"a":{}}`:                  "400, rule.min #/a/n",
	})
	answers(t, bindAs[[]ruled](), map[string]string{`[{"n":1},{}]`: "400, rule.min #/1/n"})
}
