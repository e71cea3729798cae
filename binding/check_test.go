package binding_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
)

// legacy decodes itself as libraries of old do.
type legacy struct{ Name string }

func (l *legacy) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &l.Name) }

// twofold has a text form and reads objects without a look at their members.
type twofold struct {
	Name string `json:"name"`
}

func (f *twofold) UnmarshalText(text []byte) error { f.Name = string(text); return nil }

func (f *twofold) UnmarshalJSON(data []byte) error {
	type plain twofold
	return json.Unmarshal(data, (*plain)(f))
}

// amount is a number in a struct, as money is.
type amount struct{ units int64 }

func (a *amount) UnmarshalText(text []byte) error { return a.UnmarshalJSON(text) }
func (a *amount) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &a.units) }

type panicking struct{}

func (*panicking) UnmarshalText([]byte) error { return nil }
func (*panicking) UnmarshalJSON([]byte) error { panic("not ready") }

// careful reads objects and refuses what it does not know.
type careful struct{ twofold }

func (c *careful) UnmarshalJSON(data []byte) error {
	type plain twofold
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	return d.Decode((*plain)(&c.twofold))
}

type hexBytes [4]byte

func (h *hexBytes) UnmarshalText([]byte) error { return nil }
func (h *hexBytes) UnmarshalJSON([]byte) error { return nil }

type ruled struct {
	N int `json:"n" binding:"min=1"`
}

type recursive struct {
	Next *recursive  `json:"next"`
	Kids []recursive `json:"kids"`
}

type model struct {
	ID    uint   `json:"id" gorm:"primaryKey"`
	Email string `json:"email"`
}

type level1 struct {
	A int `json:",omitempty"`
}

type level2 struct {
	A int `json:",omitempty"`
}

func TestCheckFindsEveryMistakeOfATarget(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string // "" when the type is right
	}{
		"a plain type":     {binding.Check[user](), ""},
		"a list":           {binding.Check[[]user](), ""},
		"a recursive type": {binding.Check[recursive](), ""},
		"any JSON":         {binding.Check[any](), ""},
		"a query":          {binding.Check[page2](), ""},
		"files":            {binding.Check[album2](), ""},
		"time and raw JSON": {binding.Check[struct {
			T time.Time       `json:"t"`
			R json.RawMessage `json:"r"`
		}](), ""},
		"rules with dive": {binding.Check[struct {
			L []ruled `json:"l" binding:"dive"`
		}](), ""},
		"a path and a body apart": {binding.Check[struct {
			ID   int    `json:"-" uri:"id"`
			Name string `json:"name"`
		}](), ""},
		"a field without a tag": {binding.Check[struct{ Name string }](), "Name has no tag of a source"},
		"a nested one": {binding.Check[struct {
			In struct{ Deep string } `json:"in"`
		}](), "Deep has no tag"},
		"a member named dash": {binding.Check[struct {
			A string `json:"-,omitempty"` //nolint:staticcheck // the mistake under test
		}](), `A has the tag json:"-,"`},
		"two sources": {binding.Check[struct {
			A string `json:"a" form:"a"`
		}](), "A is settable from several sources (json, form)"},
		"a model":          {binding.Check[model](), "ID makes this a database model"},
		"a model, allowed": {binding.Check[model](binding.Options{AllowModels: true}), ""},
		"legacy decoding": {binding.Check[struct {
			L legacy `json:"l"`
		}](), "UnmarshalJSON"},
		"legacy decoding of a struct that has a text form too": {binding.Check[struct {
			L []twofold `json:"l"`
		}](), "UnmarshalJSON"},
		"of a struct that is no object": {binding.Check[struct {
			A amount      `json:"a"`
			F big.Float   `json:"f"`
			P panicking   `json:"p"`
			C careful     `json:"c"`
			U [2]hexBytes `json:"u"`
		}](), ""},
		"a duration": {binding.Check[struct {
			D time.Duration `json:"d"`
		}](), "time.Duration has no agreed form"},
		"a channel": {binding.Check[struct {
			C chan int `json:"c"`
		}](), "a type that JSON cannot fill"},
		"members of any name": {binding.Check[struct {
			M map[string]any `json:",embed"`
		}](), "embeds members of any name"},
		"an option of other versions": {binding.Check[struct {
			A level1 `json:",inline"`
		}](), "A has the json option inline"},
		"another": {binding.Check[struct {
			A map[string]any `json:",unknown"`
		}](), "A has the json option unknown"},
		"a form only some decoders know": {binding.Check[struct {
			B []byte `json:"b,format:hex"`
		}](), "B has the json option format"},
		"case ignored": {binding.Check[struct {
			A string `json:"a,case:ignore"`
		}](), "remove case:ignore"},
		"a missing dive": {binding.Check[struct {
			L []ruled `json:"l"`
		}](), "L holds structs with rules that are never read"},
		"one dive of two": {binding.Check[struct {
			L [][]ruled `json:"l" binding:"dive"`
		}](), "L holds structs"},
		"a rule nobody defined": {binding.Check[struct {
			A string `json:"a" binding:"nonsense"`
		}](), "a rule the validator cannot apply"},
		"a rule that does not fit what a pointer leads to": {binding.Check[struct {
			On *bool `json:"on" binding:"omitempty,min=1"`
		}](), "a rule the validator cannot apply"},
		"one that omitempty hides": {binding.Check[struct {
			On bool `json:"on" binding:"omitempty,min=1"`
		}](), "a rule the validator cannot apply"},
		"one for the elements of a list": {binding.Check[struct {
			On []bool `json:"on" binding:"dive,min=1"`
		}](), "a rule the validator cannot apply"},
		"one for some of what any can be": {binding.Check[struct {
			Any any `json:"any" binding:"required,min=3"`
		}](), "a rule the validator cannot apply"},
		"one that only plain values below any allow": {binding.Check[struct {
			List []any `json:"list" binding:"unique"`
		}](), "a rule the validator cannot apply"},
		"one that compares what a client chooses": {binding.Check[struct {
			List []struct {
				Any any `json:"any"`
			} `json:"list" binding:"unique=Any"`
		}](), "a rule the validator cannot apply"},
		"one that compares structs with it": {binding.Check[struct {
			Map map[string]*struct {
				Any any `json:"any"`
			} `json:"map" binding:"unique"`
		}](), "a rule the validator cannot apply"},
		"one that compares pointers": {binding.Check[struct {
			List []*holed `json:"list" binding:"unique=Name"`
		}](), ""},
		"one for the values of a map": {binding.Check[struct {
			M map[string]bool `json:"m" binding:"dive,min=1"`
		}](), "a rule the validator cannot apply"},
		"rules for any JSON": {binding.Check[struct {
			Any  any            `json:"any" binding:"required"`
			List []any          `json:"list" binding:"min=1,max=3,dive,required"`
			Map  map[string]any `json:"map" binding:"max=3"`
			ByNo map[int]any    `json:"by_no" binding:"max=3"`
		}](), ""},
		"rules that fit": {binding.Check[struct {
			On   *bool    `json:"on" binding:"omitempty,eq=true"`
			N    *int     `json:"n" binding:"omitempty,min=3"`
			Mail *string  `json:"mail" binding:"omitempty,email"`
			List []string `json:"list" binding:"min=2,dive,oneof=a b"`
		}](), ""},
		"a word nobody defined": {binding.Check[struct {
			A string `json:"a" strict:"require"`
		}](), `unknown word in its strict tag: "require"`},
		"names that conflict": {binding.Check[struct {
			A string `json:",omitempty"`
			B string `json:"A"`
		}](), "conflict"},
		"required and read-only": {binding.Check[struct {
			A string `json:"a" strict:"required,readonly"`
		}](), "cannot be required and read-only"},
		"trim on a number": {binding.Check[struct {
			A int `json:"a" strict:"trim"`
		}](), "is not text"},
		"a quoted string": {binding.Check[struct {
			A string `json:"a,string"`
		}](), "is not a number"},
		"a form field of no text": {binding.Check[struct {
			A map[string]string `form:"a"`
		}](), "a type no parameter can be"},
		"a default of another type": {binding.Check[struct {
			A int `form:"a,default=x"`
		}](), "a default that is no value of its type"},
		"a file tag that says nothing": {binding.Check[struct {
			A binding.File `form:"a" file:"max=big"`
		}](), "file tag it cannot mean"},
		"a pointer nobody can set": {binding.Check[struct{ *level1 }](), "which nobody can set"},
		"a strict tag on an embedded struct": {binding.Check[struct {
			level1 `strict:"readonly"`
		}](), "level1 has a strict tag, but only its fields are members"},
		"a strict tag on one embedded by option": {binding.Check[struct {
			In level1 `json:",embed" strict:"required"`
		}](), "In has a strict tag"},
		"a strict tag on embedded parameters": {binding.Check[struct {
			page2 `strict:"required"`
		}](), "page2 has a strict tag, but only its fields are parameters"},
		"a file size that would wrap": {binding.Check[struct {
			A binding.File `form:"a" file:"max=9223372036854775807"`
		}](), "file tag it cannot mean"},
		"a pointer to files": {binding.Check[struct {
			Pages *[]binding.File `form:"pages"`
		}](), "has a type no parameter can be"},
		"a rule no element of an array can be judged by": {binding.Check[struct {
			V [2]any `json:"v" binding:"dive,max=3"`
		}](), "has a rule the validator cannot apply"},
		"a rule no value under a number can be judged by": {binding.Check[struct {
			V map[int]any `json:"v" binding:"dive,max=3"`
		}](), "has a rule the validator cannot apply"},
		"a count that would wrap": {binding.Check[struct {
			A []binding.File `form:"a" file:"count=4294967297"`
		}](), "file tag it cannot mean"},
		"a file size of a tebibyte": {binding.Check[struct {
			A binding.File `form:"a" file:"max=1099511627776"`
		}](), ""},
		"sizes that would wrap": {
			binding.Check[user](binding.Options{MaxBytes: math.MaxInt64, MaxFileBytes: math.MaxInt64, MaxUploadBytes: math.MaxInt64}),
			"Options.MaxBytes is above 1 TiB\nOptions.MaxFileBytes is above 1 TiB\nOptions.MaxUploadBytes is above 1 TiB",
		},
		"limits that are counted only": {binding.Check[user](binding.Options{MaxBytes: 1 << 40, MaxValues: math.MaxInt, MaxStringLen: math.MaxInt}), ""},
		"an option out of range":       {binding.Check[user](binding.Options{MaxDepth: -1}), "Options.MaxDepth is negative"},
	} {
		switch {
		case tc.want == "" && tc.err != nil:
			t.Errorf("%s: %v", name, tc.err)
		case tc.want != "" && (tc.err == nil || !strings.Contains(tc.err.Error(), tc.want)):
			t.Errorf("%s\n got %v\nwant %s", name, tc.err, tc.want)
		}
	}
}

type page2 struct {
	Limit int        `form:"limit,default=10"`
	Kind  []string   `form:"kind" collection_format:"csv"`
	Since *time.Time `form:"since"`
}

type album2 struct {
	Cover *binding.File  `form:"cover" file:"max=100,types=image/*,count=1"`
	Pages []binding.File `form:"pages"`
}

func TestCheckReportsAllMistakesAtOnceAsTypeErrors(t *testing.T) {
	t.Parallel()
	err := binding.Check[struct {
		A string
		B time.Duration `json:"b"`
		C string        `json:"-,"` //nolint:staticcheck // the mistake under test
	}]()
	var one *binding.TypeError
	if !errors.As(err, &one) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{".A has no tag", "time.Duration", ".C has the tag"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is missing in\n%v", want, err)
		}
	}
}

// The shallowest field wins, and of two at one depth none, as for the decoder.
func TestEmbeddedNamesAreResolvedAsTheDecoderDoes(t *testing.T) {
	t.Parallel()
	type both struct {
		level1
		level2
		B int `json:"b"`
	}
	type outer struct {
		level1
		A string `json:"A"`
	}
	answers(t, bindAs[both](), map[string]string{`{"A":1}`: "400, unknown_field #/A", `{"b":1}`: `{"b":1}`})
	answers(t, bindAs[outer](), map[string]string{`{"A":"x"}`: `{"A":"x"}`, `{"A":1}`: "400, type_mismatch #/A"})
}

type foreignStruct struct {
	String string
	Valid  bool
}

// A type of another package has no tags of ours, and needs none where no client
// reaches it.
func TestFieldsThatNoSourceReachesMayBeOfAnyType(t *testing.T) {
	t.Parallel()
	type target struct {
		Name string        `json:"name"`
		NS   foreignStruct `json:"-"`
		All  foreignStruct `json:"-" form:"-" uri:"-" header:"-"`
	}
	if err := binding.Check[target](); err != nil {
		t.Error(err)
	}
	type reached struct {
		NS foreignStruct `json:"-" form:"ns"`
	}
	if binding.Check[reached]() == nil {
		t.Error("a form reaches it")
	}
	type unread struct {
		L []struct {
			A string `json:"a" binding:"required"`
		} `json:"-"`
	}
	if binding.Check[unread]() == nil {
		t.Error("rules that are never read")
	}
}

// The values made up for any hold lists, which no map takes as a key.
func TestCheckMakesUpNoKeyThatCannotBeOne(t *testing.T) {
	t.Parallel()
	type point struct {
		At any `json:"at"`
	}
	if err := binding.Check[struct {
		Name  string           `json:"name"`
		Cache map[any]string   `json:"-"`
		Seen  map[point]bool   `json:"-"`
		Pairs map[[2]any]*bool `json:"-"`
	}](); err != nil {
		t.Error(err)
	}
}
