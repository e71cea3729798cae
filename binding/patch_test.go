package binding_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
)

type profilePatch struct {
	meta
	Name   string               `json:"name"   strict:"required,trim" binding:"min=2"`
	Nick   *string              `json:"nick"   binding:"omitempty,min=2"`
	Mail   *string              `json:"mail"   binding:"required"`
	Home   *homePatch           `json:"home"`
	Lines  []linePatch          `json:"lines"  binding:"max=2,dive"`
	Extra  map[string]*string   `json:"extra"`
	Places map[string]homePatch `json:"places" binding:"dive"`
	Memo   string               `json:"memo"   strict:"nullable"`
	Free   any                  `json:"free"`
	ID     int                  `json:"id"     strict:"readonly"`
}

type meta struct {
	Reason string `json:"reason" binding:"max=3"`
}

type homePatch struct {
	City   string `json:"city"   strict:"required" binding:"min=2"`
	Street string `json:"street" binding:"required"`
}

type linePatch struct {
	SKU string `json:"sku" strict:"required" binding:"min=2"`
}

func TestTheTableOfPatches(t *testing.T) {
	t.Parallel()
	h := func(c *gin.Context) {
		_, fields, err := binding.Patch[profilePatch](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%v", strings.Join(slices.Collect(fields.Pointers()), " "))
	}
	for body, want := range map[string]string{
		`{}`:                                "",
		`{"name":" ann "}`:                  "/name",
		`{"name":" a "}`:                    "400, rule.min #/name",
		`{"nick":null,"memo":null}`:         "/nick /memo",
		`{"nick":"a"}`:                      "400, rule.min #/nick",
		`{"mail":null}`:                     "400, null_not_allowed #/mail",
		`{"name":null}`:                     "400, null_not_allowed #/name",
		`{"home":null}`:                     "/home",
		`{"home":{}}`:                       "/home",
		`{"home":{"city":"Rome"}}`:          "/home /home/city",
		`{"home":{"city":"R"}}`:             "400, rule.min #/home/city",
		`{"home":{"street":""}}`:            "400, rule.required #/home/street",
		`{"home":{"city":null}}`:            "400, null_not_allowed #/home/city",
		`{"lines":[{"sku":"ab"}]}`:          "/lines",
		`{"lines":[{}]}`:                    "400, missing_field #/lines/0/sku",
		`{"lines":[{"sku":"a"}]}`:           "400, rule.min #/lines/0/sku",
		`{"lines":null}`:                    "400, null_not_allowed #/lines",
		`{"extra":{"a/b":null,"c~d":"x"}}`:  "/extra /extra/a~1b /extra/c~0d",
		`{"places":{"x":{"city":"Rome"}}}`:  "400, rule.required #/places/x/street",
		`{"reason":"long"}`:                 "400, rule.max #/reason",
		`{"reason":"ok"}`:                   "/reason",
		`{"free":{"a":[{"b":1}],"c":null}}`: "/free /free/a /free/c",
		`{"id":1}`:                          "400, read_only_field #/id",
		`{"role":1,"role":null}`:            "400, unknown_field #/role, unknown_field #/role, duplicate_field #/role",
		`{"Name":"x","name":1}`:             "400, unknown_field #/Name, type_mismatch #/name",
		`[]`:                                "400, type_mismatch #",
		`null`:                              "400, null_not_allowed #",
		`{"name":"ann"} x`:                  "400, trailing_data #",
		`{"extra":{"` + times(256, "k") + `":null}}`:               "/extra /extra/" + times(256, "k"),
		`{"extra":{"k":"\u0000"}}`:                                 "400, forbidden_character #/extra/k",
		`{"home":{"city":"Rome","street":"x"},"nick":"ab","x":{}}`: "400, unknown_field #/x",
	} {
		w := send(h, post(body))
		got := w.Body.String()
		if w.Code != http.StatusOK {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%.80s\n got %s\nwant %s", body, got, want)
		}
	}
	for media, want := range map[string]int{
		"application/merge-patch+json": 200, "application/json": 200, "Application/Merge-Patch+JSON; charset=utf-8": 200,
		"application/json-patch+json": 415, "application/vnd.api+json": 415, "text/plain": 415, "": 415,
	} {
		r := post(`{"name":"ann"}`)
		r.Header.Set("Content-Type", media)
		if w := send(h, r); w.Code != want {
			t.Errorf("%s: %d", media, w.Code)
		}
	}
}

func TestPresenceFeedsTheValidatorAndTheDatabase(t *testing.T) {
	t.Parallel()
	send(func(c *gin.Context) {
		in, fields, err := binding.Patch[profilePatch](c)
		if err != nil {
			t.Fatal(err)
		}
		if got := fields.Names(); !slices.Equal(got, []string{"Reason", "Nick"}) {
			t.Errorf("names %v", got)
		}
		if got := fields.Parts(); !slices.Equal(got, []string{"Home", "Extra"}) {
			t.Errorf("parts %v", got)
		}
		if got := fields.Paths(); !slices.Equal(got, []string{"meta.Reason", "Home", "Home.City", "Extra"}) {
			t.Errorf("paths %v", got)
		}
		for pointer, has := range map[string]bool{
			"/reason": true, "/nick": true, "/home/city": true, "/home/street": false, "/extra/a~1b": true, "/name": false, "": false, "reason": false, "/home/city/x": false,
		} {
			if fields.Has(pointer) != has {
				t.Errorf("Has(%q) is not %v", pointer, has)
			}
		}
		if !fields.Null("/nick") || !fields.Null("/extra/a~1b") || fields.Null("/home") || fields.Null("/name") || fields.Empty() {
			t.Error("nulls are wrong")
		}
		engine := validator.New()
		engine.SetTagName("binding")
		if err := engine.StructPartial(in, fields.Paths()...); err != nil {
			t.Errorf("%v", err)
		}
	}, post(`{"reason":"ok","nick":null,"home":{"city":"Rome"},"extra":{"a/b":null}}`))

	var none binding.Fields
	if none.Has("/x") || none.Null("/x") || !none.Empty() || none.Names() != nil || none.Parts() != nil || none.Paths() != nil || len(slices.Collect(none.Pointers())) != 0 {
		t.Error("the zero value is not an empty patch")
	}
}

// A field whose members came only in part is no column to write: the rest of it
// would be blanked.
func TestNamesHoldsNothingThatAPatchBroughtInPart(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"home":{"city":"Rome"}}`:                "[] [Home]",
		`{"home":{}}`:                             "[] [Home]",
		`{"extra":{"a":"x"}}`:                     "[] [Extra]",
		`{"extra":{}}`:                            "[] [Extra]",
		`{"places":{},"home":{}}`:                 "[] [Places Home]",
		`{"free":{"a":1}}`:                        "[] [Free]",
		`{"free": {}}`:                            "[] [Free]",
		`{"free":[{}],"memo":null}`:               "[Free Memo] []",
		`{"free":"{"}`:                            "[Free] []",
		`{"home":null,"reason":"ok"}`:             "[Home Reason] []",
		`{"lines":[],"name":"ann"}`:               "[Lines Name] []",
		`{"name":"ann","home":{},"lines":[]}`:     "[Name Lines] [Home]",
		`{"home":{"city":"Rome"},"nick":"ann"}  `: "[Nick] [Home]",
	} {
		send(func(c *gin.Context) {
			_, fields, err := binding.Patch[profilePatch](c)
			if got := fmt.Sprint(fields.Names(), fields.Parts()); err != nil || got != want || fields.Empty() {
				t.Errorf("%s: %s, want %s (%v)", body, got, want, err)
			}
		}, post(body))
	}
}

func emptyPatch[T any](t *testing.T, body string) bool {
	t.Helper()
	empty := false
	send(func(c *gin.Context) {
		_, fields, err := binding.Patch[T](c)
		if err != nil {
			t.Errorf("%s: %v", body, err)
		}
		empty = fields.Empty()
	}, post(body))
	return empty
}

func TestOnlyAnObjectWithoutMembersIsAnEmptyPatch(t *testing.T) {
	t.Parallel()
	for what, got := range map[string]bool{
		"a list":           !emptyPatch[[]int](t, `[1]`),
		"an empty list":    !emptyPatch[[]int](t, ` []`),
		"a number":         !emptyPatch[int](t, `0`),
		"any null":         !emptyPatch[any](t, `null`),
		"an object":        emptyPatch[profilePatch](t, "\n{ }"),
		"a map":            emptyPatch[map[string]int](t, `{}`),
		"any object":       emptyPatch[any](t, `{}`),
		"an entry":         !emptyPatch[map[string]int](t, `{"a":1}`),
		"an entry of any":  !emptyPatch[any](t, `{"a":null}`),
		"a member of null": !emptyPatch[profilePatch](t, `{"nick":null}`),
	} {
		if !got {
			t.Error(what)
		}
	}
}

func TestAPatchOfAMapJudgesItsElementsWhole(t *testing.T) {
	t.Parallel()
	w := send(func(c *gin.Context) {
		_, _, err := binding.Patch[map[string]linePatch](c)
		answer(c, err)
	}, post(`{"k":{"sku":"a"}}`))
	if got := faults(t, w); got != "400, rule.min #/k/sku" {
		t.Error(got)
	}
}

func TestARequiredMemberIsNotRemovedWhereverItsRuleStands(t *testing.T) {
	t.Parallel()
	type target struct {
		First *string   `json:"first" binding:"required,max=5"`
		Last  *string   `json:"last" binding:"max=5,required"`
		Each  *[]string `json:"each" binding:"max=5,dive,required"`
		None  *string   `json:"none" binding:"max=5"`
	}
	for body, want := range map[string]string{
		`{"first":null}`: "null_not_allowed",
		`{"last":null}`:  "null_not_allowed",
		`{"each":null}`:  "",
		`{"none":null}`:  "",
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = post(body)
		_, fields, err := binding.Patch[target](c)
		var e *binding.Error
		if errors.As(err, &e) != (want != "") || want != "" && e.Issues[0].Code != want || want == "" && len(fields.Names()) != 1 {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// spelled decodes itself from a text, and has a rule on what it makes of it.
type spelled struct {
	Code string `json:"-" binding:"max=3"`
}

func (s *spelled) UnmarshalText(text []byte) error {
	s.Code = string(text)
	return nil
}

func TestAPatchObeysTheRulesInsideWhatDecodesItself(t *testing.T) {
	t.Parallel()
	type inner struct {
		Text spelled `json:"text"`
	}
	type target struct {
		Text  spelled  `json:"text"`
		Other *spelled `json:"other"`
		In    inner    `json:"in"`
	}
	for body, want := range map[string]string{
		`{"text":"abc","in":{"text":"abc"}}`: "",
		`{"text":"abcd"}`:                    "rule.max",
		`{"other":"abcd"}`:                   "rule.max",
		`{"in":{"text":"abcd"}}`:             "rule.max",
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = post(body)
		_, _, err := binding.Patch[target](c)
		var e *binding.Error
		if errors.As(err, &e) != (want != "") || want != "" && e.Issues[0].Code != want {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// In a patch null removes, and what must be there cannot be removed, whatever the
// options say of null as a value.
func TestAllowNullLetsNoPatchRemoveWhatIsRequired(t *testing.T) {
	t.Parallel()
	type inner struct {
		Zip string `json:"zip" strict:"required"`
	}
	type target struct {
		Name  string   `json:"name" strict:"required"`
		Email *string  `json:"email" binding:"max=9,required"`
		Bio   string   `json:"bio"`
		Left  *string  `json:"left" strict:"required,nullable"`
		Tags  []string `json:"tags" binding:"dive,required"`
		In    inner    `json:"in"`
		Ptr   *inner   `json:"ptr"`
		Free  struct {
			A string `json:"a"`
		} `json:"free"`
		List []inner `json:"list"`
	}
	for _, opts := range []binding.Options{{AllowNull: true}, {}} {
		h := func(c *gin.Context) {
			_, f, err := binding.Patch[target](c, opts)
			if err == nil && (f.Null("/name") || f.Null("/email") || f.Null("/in/zip")) {
				t.Error("removed")
			}
			answer(c, err)
		}
		answers(t, h, map[string]string{
			`{"name":null}`:                    "400, null_not_allowed #/name",
			`{"email":null}`:                   "400, null_not_allowed #/email",
			`{"in":{"zip":null}}`:              "400, null_not_allowed #/in/zip",
			`{"name":null,"email":null,"x":1}`: "400, null_not_allowed #/name, null_not_allowed #/email, unknown_field #/x",
			`{"left":null}`:                    "ok",
			`{"in":null}`:                      "400, null_not_allowed #/in",
			`{"ptr":null}`:                     "ok",
		})
		if opts.AllowNull {
			// Elsewhere null is the zero value, within arrays too, which come whole.
			answers(t, h, map[string]string{`{"bio":null,"tags":null,"free":null,"list":[{"zip":null},null]}`: "ok"})
		}
	}
}
