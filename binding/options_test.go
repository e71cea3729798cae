package binding_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/binding"
)

// answers runs bodies through one handler, "code pointer" words for refusals.
func answers(t *testing.T, h gin.HandlerFunc, rows map[string]string) {
	t.Helper()
	for body, want := range rows {
		w := send(h, post(body))
		got := w.Body.String()
		if w.Code >= 400 {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%.80s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestUnknownMembersPassOnRequestButNeverReachAFieldWithoutATag(t *testing.T) {
	t.Parallel()
	type target struct {
		Name   string `json:"name"`
		Hidden string
		Fixed  string `json:"fixed" strict:"readonly"`
	}
	answers(t, bindAs[target](binding.Options{AllowUnknown: true}), map[string]string{
		`{"name":"a","role":[1,{}]}`:                       `{"name":"a","Hidden":"","fixed":""}`,
		`{"name":"a","Name":"b","n\u0061mes":1}`:           `{"name":"a","Hidden":"","fixed":""}`,
		`{"name":"a","Hidden":"x"}`:                        "400, unknown_field #/Hidden",
		`{"name":"a","H\u0069dden":"x"}`:                   "400, unknown_field #/Hidden",
		`{"fixed":"x"}`:                                    "400, read_only_field #/fixed",
		`{"role":1,"role":2}`:                              "400, duplicate_field #/role",
		`{"role":` + times(32, "[") + times(32, "]") + `}`: "400, too_deep #/role" + times(31, "/0"),
		`{"role":` + times(65, "1") + `}`:                  `{"name":"","Hidden":"","fixed":""}`,
	})
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	type target struct {
		A string  `json:"a"`
		B *int    `json:"b"`
		C []int   `json:"c,omitempty"`
		D string  `json:"d" strict:"optional"`
		E string  `json:"e" strict:"readonly"`
		F any     `json:"f,omitzero"`
		G float64 `json:"g,omitzero"`
		H int     `json:"h,string,omitzero"`
	}
	answers(t, bindAs[target](binding.Options{RequireAll: true}), map[string]string{
		`{"a":"","b":null}`: `{"a":"","b":null,"d":"","e":""}`,
		`{}`:                "400, missing_field #/a, missing_field #/b",
	})
	answers(t, bindAs[target](binding.Options{AllowNull: true}), map[string]string{
		`{"a":null,"c":[null]}`: `{"a":"","b":null,"c":[0],"d":"","e":""}`,
	})
	answers(t, bindAs[target](binding.Options{ExactNumbers: true}), map[string]string{
		`{"f":9007199254740992}`:         `{"a":"","b":null,"d":"","e":"","f":9007199254740992}`,
		`{"f":[9007199254740993]}`:       "400, number_out_of_range #/f/0",
		`{"f":0.1,"g":9007199254740993}`: `{"a":"","b":null,"d":"","e":"","f":0.1,"g":9007199254740992}`,
	})
	answers(t, bindAs[target](binding.Options{MaxStringLen: 3}), map[string]string{
		`{"a":"abc"}`:             `{"a":"abc","b":null,"d":"","e":""}`,
		`{"a":"abcd"}`:            "400, string_too_long #/a",
		`{"f":{"abcd":"\u0041"}}`: "400, string_too_long #/f/abcd, string_too_long #/f/abcd",
	})
	answers(t, bindAs[target](binding.Options{MaxIssues: 2, MaxDepth: 2, MaxValues: 3, MaxNumberLen: 2}), map[string]string{
		`{"x":1,"y":2}`: "400, unknown_field #/x, unknown_field #/y",
		`{"c":[[1]]}`:   "400, too_deep #/c/0",
		`{"c":[1,2]}`:   "400, too_many_values #/c/1",
		`{"c":[100]}`:   "400, number_too_long #/c/0",
		`{"h":"100"}`:   "400, number_too_long #/h",
		`{"h":"10"}`:    `{"a":"","b":null,"d":"","e":"","h":"10"}`,
		`{"x":1,"c":-}`: "400, malformed_json #",
	})
}

func TestAnErrorSaysThatThereWasMore(t *testing.T) {
	t.Parallel()
	var in user
	err := binding.Options{MaxIssues: 1}.Decode([]byte(`{"x":1,"y":2}`), &in)
	var e *binding.Error
	if !errors.As(err, &e) || !e.Truncated || len(e.Issues) != 1 || e.Problem().Detail == "" {
		t.Errorf("%+v", err)
	}
}

func TestFurtherMediaTypesAreNamed(t *testing.T) {
	t.Parallel()
	r := post(`{"name":"a"}`)
	r.Header.Set("Content-Type", "Text/JSON")
	if w := send(bindAs[user](binding.Options{MediaTypes: []string{"text/json"}}), r); w.Code != http.StatusOK {
		t.Error(w.Body)
	}
}

func TestAFailureLeavesTheZeroValue(t *testing.T) {
	t.Parallel()
	send(func(c *gin.Context) {
		in, err := binding.JSON[user](c)
		if err == nil || in.Name != "" || in.Age != 0 {
			t.Errorf("%+v, %v", in, err)
		}
	}, post(`{"name":"ann","age":"x"}`))
	in := user{Name: "before"}
	if err := (binding.Options{}).Decode([]byte(`{"name":"ann","tags":[1]}`), &in); err == nil || in.Name != "before" {
		t.Errorf("%+v, %v", in, err)
	}
	if err := (binding.Options{}).Decode([]byte(`{"name":"ann"}`), &in); err != nil || in.Name != "ann" {
		t.Errorf("%+v, %v", in, err)
	}
}

func TestDefaultsNestFieldByFieldAndEnginesAreApart(t *testing.T) {
	t.Parallel()
	build := func(outer binding.Options) *gin.Engine {
		engine := gin.New()
		engine.Use(binding.Defaults(outer), binding.Defaults(outer)) // twice changes nothing
		engine.POST("/", bindAs[user]())
		engine.Group("/inner", binding.Defaults(binding.Options{MaxBytes: 20})).POST("/", bindAs[user]())
		return engine
	}
	loose, tight := build(binding.Options{AllowUnknown: true}), build(binding.Options{ValidationStatus: http.StatusUnprocessableEntity})
	for _, tc := range []struct {
		engine     *gin.Engine
		path, body string
		status     int
	}{
		{loose, "/", `{"name":"a","role":1}`, 200},
		{loose, "/inner/", `{"name":"a","r":1}`, 200},
		{loose, "/inner/", `{"name":"a","role":1111}`, 413},
		{loose, "/", `{"name":"far too long a name"}`, 400},
		{tight, "/", `{"name":"a","role":1}`, 400},
		{tight, "/", `{"name":"far too long a name"}`, 422},
	} {
		r := post(tc.body)
		r.URL.Path = tc.path
		w := httptest.NewRecorder()
		tc.engine.ServeHTTP(w, r)
		if w.Code != tc.status {
			t.Errorf("%s %s: %d %s", tc.path, tc.body, w.Code, w.Body)
		}
	}
}

func TestEveryOptionOutOfRangeIsNamed(t *testing.T) {
	t.Parallel()
	defer func() {
		text, _ := recover().(string)
		for _, field := range []string{"MaxBytes", "MaxDepth", "MaxIssues", "ValidationStatus"} {
			if !strings.Contains(text, "Options."+field) {
				t.Errorf("%q does not name %s", text, field)
			}
		}
	}()
	binding.Defaults(binding.Options{MaxBytes: -1, MaxDepth: 5000, MaxIssues: -1, ValidationStatus: 200})
}

func TestAMistakeOfTheProgramIsNeverTheClientsFault(t *testing.T) {
	t.Parallel()
	type odd struct {
		C chan int `json:"c"`
	}
	for name, h := range map[string]gin.HandlerFunc{
		"a type that cannot be":  bindAs[odd](),
		"an option out of range": bindAs[user](binding.Options{MaxDepth: -1}),
	} {
		if got := faults(t, send(h, post(`{"name":"x"}`))); got != "500, internal_error" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAbort(t *testing.T) {
	t.Parallel()
	secretErr := errors.New(secret)
	for name, tc := range map[string]struct {
		err    error
		status int
		logged bool
	}{
		"a refusal":         {(binding.Options{}).Decode([]byte(`{}`), new(user)), 400, false},
		"any other error":   {secretErr, 500, true},
		"no error":          {nil, 500, true},
		"a typed nil":       {(*binding.Error)(nil), 500, true},
		"a wrapped refusal": {errors.Join(secretErr, (binding.Options{}).Decode([]byte(`{}`), new(user))), 400, false},
	} {
		var logged bool
		engine := gin.New()
		engine.Use(func(c *gin.Context) {
			c.Next()
			logged = len(c.Errors) > 0
			if !c.IsAborted() {
				t.Errorf("%s: the chain goes on", name)
			}
		})
		engine.POST("/", func(c *gin.Context) { binding.Abort(c, tc.err) })
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, post(""))
		if w.Code != tc.status || logged != tc.logged || strings.Contains(w.Body.String(), secret) {
			t.Errorf("%s: %d, logged %v: %s", name, w.Code, logged, w.Body)
		}
	}
}

func TestTextsAndTypesOfTheApplication(t *testing.T) {
	t.Parallel()
	w := send(bindAs[user](binding.Options{
		TypeBase: "https://errors.example/",
		Detail: func(c *gin.Context, i binding.Issue) string {
			return c.GetHeader("Accept-Language") + ":" + i.Rule + i.Param
		},
	}), func() *http.Request {
		r := post(`{"name":"far too long a name"}`)
		r.Header.Set("Accept-Language", "it")
		return r
	}())
	const want = `{"type":"https://errors.example/invalid_payload","title":"Bad Request","status":400,"code":"invalid_payload","errors":[{"code":"rule.max","pointer":"#/name","param":"10","detail":"it:max10"}]}`
	if w.Body.String() != want {
		t.Errorf("got %s", w.Body)
	}
}

type sink struct{ events []audit.Event }

func (s *sink) Record(_ context.Context, e audit.Event) { s.events = append(s.events, e) }

func TestEveryDecisionIsOneEvent(t *testing.T) {
	t.Parallel()
	s := &sink{}
	h := bindAs[user](binding.Options{Audit: s})
	for _, body := range []string{`{"name":"ann"}`, `{"role":1}`, times(2<<20, " ")} {
		send(h, post(body))
	}
	send(bindAs[user](binding.Options{Audit: s, MaxDepth: -1}), post(`{}`))
	want := []struct {
		verdict audit.Verdict
		reason  string
		status  int
	}{{audit.Allow, "ok", 0}, {audit.Deny, "invalid_payload", 400}, {audit.Deny, "body_too_large", 413}, {audit.Error, "internal_error", 500}}
	if len(s.events) != len(want) {
		t.Fatalf("%d events", len(s.events))
	}
	for i, w := range want {
		e := s.events[i]
		if e.Control != "binding" || e.Verdict != w.verdict || e.Reason != w.reason || e.Status != w.status || e.Route != "/" || e.Duration <= 0 {
			t.Errorf("event %d: %+v", i, e)
		}
	}
}

// own is a validator the application brings.
type own struct{ engine *validator.Validate }

func (o own) ValidateStruct(v any) error { return o.engine.Struct(v) }
func (o own) Engine() any                { return o.engine }

type plain struct{ err error }

func (p plain) ValidateStruct(any) error { return p.err }
func (plain) Engine() any                { return nil }

func TestAValidatorOfTheApplicationDecides(t *testing.T) {
	t.Parallel()
	engine := validator.New(validator.WithRequiredStructEnabled())
	engine.SetTagName("rules")
	_ = engine.RegisterValidation("even", func(f validator.FieldLevel) bool { return f.Field().Int()%2 == 0 })
	type target struct {
		N int `json:"n" rules:"even" binding:"max=1"`
	}
	answers(t, bindAs[target](binding.Options{Validator: own{engine}}), map[string]string{
		`{"n":2}`: `{"n":2}`,
		`{"n":3}`: "400, rule.even #/n",
	})
	answers(t, bindAs[target](binding.Options{Validator: plain{errors.New(secret)}}), map[string]string{`{"n":2}`: "400, rule #"})
}

func TestCausesStayReachable(t *testing.T) {
	t.Parallel()
	var failed validator.ValidationErrors
	if err := (binding.Options{}).Decode([]byte(`{"name":"far too long a name"}`), new(user)); !errors.As(err, &failed) || failed[0].StructField() != "Name" {
		t.Errorf("%v", err)
	}
	var limit *http.MaxBytesError
	if err := (binding.Options{MaxBytes: 1}).Decode([]byte(`{}`), new(user)); !errors.As(err, &limit) || limit.Limit != 1 {
		t.Errorf("%v", err)
	}
}

func TestTopLevelListsAndMapsAreValidatedByElement(t *testing.T) {
	t.Parallel()
	answers(t, bindAs[[]postal](), map[string]string{
		`[]`: `[]`,
		`[{"street":"x"},{"street":"y"},{"street":"far too long"}]`:                      "400, rule.max #/2/street",
		`[{"street":"far too long"},{"street":"x"},{"street":"far too long"},{"zip":1}]`: "400, missing_field #/3/street",
		`[null]`: "400, null_not_allowed #/0",
	})
	answers(t, bindAs[map[string]*postal](), map[string]string{
		`{"a.b":{"street":"far too long"},"c/d":{"street":"far too long"}}`: "400, rule.max #/a.b/street, rule.max #/c~1d/street",
		`{"a":null}`: `{"a":null}`,
	})
	answers(t, bindAs[[]*postal](), map[string]string{`[null]`: `[null]`, `[null,{"street":"far too long"}]`: "400, rule.max #/1/street"})
	answers(t, bindAs[*postal](), map[string]string{`null`: "400, null_not_allowed #", `{"street":"far too long"}`: "400, rule.max #/street"})
	answers(t, bindAs[[][]postal](), map[string]string{`[[],[{"street":"x"},{"street":"far too long"}]]`: "400, rule.max #/1/1/street"})
	answers(t, bindAs[string](), map[string]string{`"x"`: `"x"`, `null`: "400, null_not_allowed #"})
}

type postalCode string

type generic[T any] struct {
	Item T `json:"item" binding:"max=3"`
}

func TestAGenericTargetIsLocatedToo(t *testing.T) {
	t.Parallel()
	answers(t, bindAs[generic[postalCode]](), map[string]string{`{"item":"abcd"}`: "400, rule.max #/item"})
}

func TestTextIsBroughtIntoFormBeforeRulesApply(t *testing.T) {
	t.Parallel()
	type inner struct {
		Mail string `json:"mail" strict:"trim,lower" binding:"max=5"`
	}
	type target struct {
		Name  string            `json:"name"  strict:"trim,nfc" binding:"min=1"`
		List  []string          `json:"list"  strict:"lower"`
		Ptr   *string           `json:"ptr"   strict:"trim"`
		Inner []inner           `json:"inner" binding:"dive"`
		Map   map[string]*inner `json:"map"   binding:"dive"`
		Raw   string            `json:"raw"`
	}
	answers(t, bindAs[target](), map[string]string{
		`{"name":" e\u0301 ","list":["A","b"],"ptr":" x ","inner":[{"mail":" A@B "}],"map":{"k":{"mail":"\tC "}},"raw":" A "}`: `{"name":"é","list":["a","b"],"ptr":"x","inner":[{"mail":"a@b"}],"map":{"k":{"mail":"c"}},"raw":" A "}`,
		`{"name":"  "}`: "400, rule.min #/name",
	})
}

func TestHandleRefusesBadTypesAtRegistration(t *testing.T) {
	t.Parallel()
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "NoTag") {
			t.Errorf("%q does not name the field", text)
		}
	}()
	binding.Handle(func(*gin.Context, struct{ NoTag string }) {})
}

func TestARuleThatCannotBeAppliedIsNeverTheClientsFault(t *testing.T) {
	t.Parallel()
	type odd struct {
		On *bool `json:"on" binding:"omitempty,min=1"`
	}
	answers(t, bindAs[odd](), map[string]string{`{}`: `{"on":null}`, `{"on":true}`: "500, internal_error"})
}

func TestAlternativesLeakNoParameter(t *testing.T) {
	t.Parallel()
	type odd struct {
		OtherGo string `json:"other"`
		A       string `json:"a" binding:"eq=x|eqfield=OtherGo"`
	}
	answers(t, bindAs[odd](), map[string]string{`{"a":"y"}`: "400, rule.eq|eqfield #/a"})
}

func TestHandleRefusesATypeOfAnotherSource(t *testing.T) {
	t.Parallel()
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, "names no member") {
			t.Errorf("%q", text)
		}
	}()
	binding.Handle(func(*gin.Context, page2) {})
}

func TestFieldsOfAnotherSourceAreNeitherReachableNorRequiredInABody(t *testing.T) {
	t.Parallel()
	type both struct {
		ID   int    `uri:"id" strict:"required"`
		Name string `json:"name"`
	}
	if err := binding.Check[both](); err != nil {
		t.Error(err)
	}
	answers(t, bindAs[both](), map[string]string{`{"name":"x"}`: `{"ID":0,"name":"x"}`, `{"ID":1}`: "400, unknown_field #/ID"})
}
