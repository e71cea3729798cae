package binding_test

import (
	"encoding"
	"encoding/json"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
)

type orderLine struct {
	Name string `json:"name"`
}

type orderLines []orderLine

func (l *orderLines) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, (*[]orderLine)(l))
}

type twoLines [2]map[string]*orderLine

func (l *twoLines) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, (*[2]map[string]*orderLine)(l))
}

// textLines has a text form too, and reads lists without a look at their members.
type textLines []orderLine

func (l *textLines) UnmarshalText(text []byte) error { return l.UnmarshalJSON(text) }

func (l *textLines) UnmarshalJSON(data []byte) error {
	return json.Unmarshal(data, (*[]orderLine)(l))
}

// days and numbers are lists of what is no object.
type days []time.Time

func (d *days) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*[]time.Time)(d)) }

type numbers [3]float64

func (n *numbers) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*[3]float64)(n)) }

type stamped struct {
	time.Time
	Role string `json:"role"`
}

type untagged struct {
	time.Time
	Role string
}

type lined struct {
	orderLines
	Note string `json:"note"`
}

type nobody struct{ *big.Int }

type anybody struct{ encoding.TextUnmarshaler }

// day is a time and what it keeps to itself.
type day struct {
	time.Time
	text string
	Seen int `json:"-"`
}

// sheet is the target of a query, which reads fields and not the decoder.
type sheet struct {
	amount
	Limit int `form:"limit"`
}

// signed has a decoder of its own.
type signed struct {
	time.Time
	Sign bool `json:"sign"`
}

func (s *signed) UnmarshalText(text []byte) error { return s.Time.UnmarshalText(text[1:]) }
func (s *signed) UnmarshalJSON(data []byte) error {
	return s.UnmarshalText([]byte(strings.Trim(string(data), `"`)))
}

func TestCheckFindsDecodersThatHideWhatIsInside(t *testing.T) {
	t.Parallel()
	const hides = "decodes itself with UnmarshalJSON"
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"a list of structs":     {binding.Check[map[string]orderLines](), hides},
		"an array of maps":      {binding.Check[[]twoLines](), hides},
		"one with a text form":  {binding.Check[textLines](), hides},
		"a list of times":       {binding.Check[days](), ""},
		"a list of numbers":     {binding.Check[numbers](), ""},
		"fields beside a time":  {binding.Check[[]stamped](), "stamped.Role is never filled, since the struct decodes as the time.Time it embeds"},
		"one without a tag":     {binding.Check[untagged](), "untagged.Role is never filled"},
		"fields beside a list":  {binding.Check[lined](), "lined.Note is never filled"},
		"a nil pointer":         {binding.Check[nobody](), "nobody.Int decodes this type, and panics"},
		"a nil interface":       {binding.Check[anybody](), "anybody.TextUnmarshaler decodes this type, and panics"},
		"a time and no more":    {binding.Check[day](), ""},
		"parameters beside one": {binding.Check[sheet](), ""},
		"a decoder of its own":  {binding.Check[signed](), ""},
	} {
		switch {
		case tc.want == "" && tc.err != nil:
			t.Errorf("%s: %v", name, tc.err)
		case tc.want != "" && (tc.err == nil || !strings.Contains(tc.err.Error(), tc.want)):
			t.Errorf("%s: %v, want %s", name, tc.err, tc.want)
		}
	}
	_ = day{text: ""}
}
