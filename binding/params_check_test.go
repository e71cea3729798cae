package binding_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
)

type stamp struct{ time.Time }

func (s *stamp) UnmarshalParam(string) error { return nil }

func TestCheckFindsTagsThatParametersDoNotObey(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want string // "" when the type is right
	}{
		"trim on a number": {binding.Check[struct {
			A int `form:"a" strict:"trim"`
		}](), "is not text"},
		"lower on numbers in a header": {binding.Check[struct {
			A []int `header:"X-A" strict:"lower"`
		}](), "is not text"},
		"nfc on a time in a path": {binding.Check[struct {
			A time.Time `uri:"a" strict:"nfc"`
		}](), "is not text"},
		"trim on a file": {binding.Check[struct {
			A binding.File `form:"a" strict:"trim"`
		}](), "is not text"},
		"trim on a member that is a number": {binding.Check[struct {
			A int `json:"a" strict:"trim"`
		}](), "is not text"},
		"trim on optional text": {binding.Check[struct {
			A *string `form:"a" strict:"trim"`
			B string  `json:"-" uri:"b" strict:"lower"`
		}](), ""},

		"a file that is read-only": {binding.Check[struct {
			A binding.File `form:"a" strict:"readonly"`
		}](), "is read-only and settable"},
		"files that are read-only": {binding.Check[struct {
			A []*binding.File `form:"a" strict:"readonly"`
		}](), "is read-only and settable"},
		"a file with a default": {binding.Check[struct {
			A binding.File `form:"a,default=x"`
		}](), "has no default"},
		"files in one text": {binding.Check[struct {
			A []binding.File `form:"a" collection_format:"csv"`
		}](), "only multi and csv"},
		"files": {binding.Check[struct {
			A []binding.File `form:"a" strict:"required" binding:"max=2" collection_format:"multi"`
			B binding.File   `form:"b,omitempty" binding:"required"`
		}](), ""},

		"seconds since 1970": {binding.Check[struct {
			A time.Time `form:"a" time_format:"unix"`
		}](), "take an int64"},
		"milliseconds of several": {binding.Check[struct {
			A []*time.Time `header:"X-A" time_format:"unixMilli"`
		}](), "take an int64"},
		"a layout of nothing": {binding.Check[struct {
			A time.Time `form:"a" time_format:"any"`
		}](), "no part of a time"},
		"a time elsewhere": {binding.Check[struct {
			A time.Time `form:"a" time_format:"2006-01-02" time_location:"Asia/Tokyo"`
		}](), "in UTC here"},
		"a time where the server is": {binding.Check[struct {
			A time.Time `form:"a" time_utc:"0"`
		}](), "in UTC here"},
		"a time in a word": {binding.Check[struct {
			A time.Time `form:"a" time_utc:"yes"`
		}](), "in UTC here"},
		"the name of a zone": {binding.Check[struct {
			A time.Time `form:"a" time_format:"Mon, 02 Jan 2006 15:04:05 MST"`
		}](), "tells no offset"},
		"a layout of a number": {binding.Check[struct {
			A int `form:"a" time_format:"2006"`
		}](), "but is none"},
		"a layout of a type of its own": {binding.Check[struct {
			A stamp `form:"a" time_format:"2006"`
		}](), "but is none"},
		"times": {binding.Check[struct {
			A time.Time    `form:"a" time_format:"2006-01-02" time_utc:"1"`
			B []time.Time  `form:"b" time_format:"15:04" time_location:"UTC"`
			C *time.Time   `form:"c" time_format:"Mon, 02 Jan 2006 15:04:05 GMT"`
			D time.Time    `form:"d" time_format:"2006-01-02 15:04:05.999999999 -0700 MST"`
			E []*time.Time `form:"e,default=2026-01-02;2026-01-03" time_format:"2006-01-02"`
		}](), ""},
		"a default of another layout": {binding.Check[struct {
			A time.Time `form:"a,default=2026-1-2" time_format:"2006-01-02"`
		}](), "no value of its type"},

		"a field that the server takes": {binding.Check[struct {
			A string `header:"host" strict:"required"`
		}](), "is the header field Host"},
		"fields that it leaves": {binding.Check[struct {
			A string `header:"X-Forwarded-Host"`
			B int    `header:"Content-Length"`
			C string `form:"Host"`
		}](), ""},

		"a duration": {binding.Check[struct {
			A time.Duration `form:"a" json:"-"`
		}](), "a type no parameter can be"},
		"durations": {binding.Check[struct {
			A []time.Duration `header:"X-A" json:"-"`
		}](), "something no parameter can be"},
		"a pointer to a list": {binding.Check[struct {
			A *[]string `form:"a"`
		}](), "a type no parameter can be"},
		"a list of pointers": {binding.Check[struct {
			A []*int64 `form:"a"`
		}](), ""},

		"a misspelled default": {binding.Check[struct {
			A int `form:"a,defautl=5"`
		}](), `unknown word in its form tag: "defautl=5"`},
		"a word in a header tag": {binding.Check[struct {
			A string `header:"X-A,required"`
		}](), `unknown word in its header tag: "required"`},
		"a word in a uri tag": {binding.Check[struct {
			A string `uri:"a, omitempty"`
		}](), `unknown word in its uri tag: " omitempty"`},
		"a default with a comma": {binding.Check[struct {
			A string `form:"a,default=x,y"`
		}](), `unknown word in its form tag: "y"`},
		"a parser of no text": {binding.Check[struct {
			A int `form:"a,parser=encoding.TextUnmarshaler"`
		}](), "unknown word"},
		"a parser that is not asked": {binding.Check[struct {
			A stamp `form:"a,parser=encoding.TextUnmarshaler"`
		}](), "unknown word"},
		"two defaults": {binding.Check[struct {
			A int `form:"a,default=1,default=2"`
		}](), "two defaults"},
		"a list with a bad default": {binding.Check[struct {
			A []int `form:"a,default=1,x" collection_format:"csv"`
		}](), "no value of its type"},
		"a repeated list with a bad default": {binding.Check[struct {
			A []int `form:"a,default=1;x"`
		}](), "no value of its type"},
		"a repeated list with a comma": {binding.Check[struct {
			A []int `form:"a,default=1,2"`
		}](), "unknown word"},
		"a scalar that is split": {binding.Check[struct {
			A string `form:"a" collection_format:"csv"`
		}](), "but is no list"},
		"words that are known": {binding.Check[struct {
			A int       `form:"a,omitempty,default=5"`
			B string    `form:"b,default=x;y,omitzero"`
			C time.Time `form:"c,parser=encoding.TextUnmarshaler"`
			D string    `form:"d,"`
			E []string  `form:"e,default=,omitempty" collection_format:"csv"`
		}](), ""},
	} {
		switch {
		case tc.want == "" && tc.err != nil:
			t.Errorf("%s: %v", name, tc.err)
		case tc.want != "" && (tc.err == nil || !strings.Contains(tc.err.Error(), tc.want)):
			t.Errorf("%s\n got %v\nwant %s", name, tc.err, tc.want)
		}
	}
}
