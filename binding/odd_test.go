package binding_test

import (
	"encoding/json"
	"math/big"
	"net/netip"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
)

type namedByte byte

type selfEmbedded struct {
	*SelfEmbedded
	A int `json:"a"`
}

// SelfEmbedded embeds what embeds it.
type SelfEmbedded struct {
	selfEmbedded
	B int `json:"b"`
}

type (
	tree   []tree
	forest map[string]forest
	vine   []*vine
)

type texted struct{ s string }

func (x *texted) UnmarshalText(b []byte) error { x.s = string(b); return nil }

type wideStruct struct {
	F00, F01, F02, F03, F04, F05, F06, F07, F08, F09, F10, F11, F12, F13, F14, F15, F16, F17, F18, F19, F20, F21, F22, F23, F24, F25, F26, F27, F28, F29, F30, F31, F32, F33, F34, F35, F36, F37, F38, F39, F40, F41, F42, F43, F44, F45, F46, F47, F48, F49, F50, F51, F52, F53, F54, F55, F56, F57, F58, F59, F60, F61, F62 int `json:",omitempty"`
}

// more than 64 members, some of them required beyond the first word of a set.
type sixtySix struct {
	A0, A1, A2, A3, A4, A5, A6, A7, A8, A9, B0, B1, B2, B3, B4, B5, B6, B7, B8, B9, C0, C1, C2, C3, C4, C5, C6, C7, C8, C9, D0, D1 int `json:"-"`

	M00 int `json:"m00"`
	M01 int `json:"m01"`
	Rest
	Last int `json:"last" strict:"required"`
}

// Rest brings the members that make a set need two words.
type Rest struct {
	R0 [1]int `json:"r0"`
	wideMembers
}

type wideMembers struct {
	N00 int `json:"n00"`
	N01 int `json:"n01"`
	N02 int `json:"n02"`
}

var oddDocuments = []string{
	`"2026-01-02T03:04:05Z"`, `["2026-01-02T03:04:05Z"]`, ``, `null`, `true`, `0`, `-1`, `1.5`, `256`, `"x"`, `"AQID"`, `"1"`, `""`, `[]`, `{}`, `[null]`, `[1,2]`, `[[1],[2]]`, `["AQID"]`, `[[]]`, `{"a":1}`, `{"A":1}`, `{"b":2}`, `{"a":null}`,
	`{"a":{"a":1}}`, `{"a":[]}`, `{"a":"x"}`, `{"":1}`, `{"1":1}`, `{"01":1}`, `{"1":1,"1":2}`, `{"::1":1,"0:0:0:0:0:0:0:1":2}`, `{"true":1}`, `{"1.0":1,"1":2}`, `{"x":"1","y":"2"}`,
	`{"last":1}`, `{"last":1,"last":2}`, `{"m00":1,"n02":2,"last":3}`, `{"F62":1,"F00":1}`, `{"F62":1,"F62":1}`, `{"a":1,"b":1}`, `{"SelfEmbedded":{}}`, `{"A":1,"a":1}`, `"\ud800"`, `[1,`, `{"a":1}}`, `12345678901234567890`,
}

// One look, one walk and the decoder agree for types of every make.
func TestTheStagesAgreeOnOddTypes(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]func() any{
		"bool": func() any { return new(bool) }, "int": func() any { return new(int8) }, "float": func() any { return new(float32) }, "string": func() any { return new(string) },
		"pointers": func() any { return new(**int) }, "empty struct": func() any { return new(struct{}) }, "bytes": func() any { return new([]byte) }, "byte array": func() any { return new([3]byte) },
		"named bytes": func() any { return new([]namedByte) }, "named byte array": func() any { return new([2]namedByte) }, "list of bytes": func() any { return new([][]byte) },
		"uint8 list": func() any { return new([][2]uint8) }, "zero array": func() any { return new([0]int) }, "map of ints": func() any { return new(map[int]int) },
		"map by address": func() any { return new(map[netip.Addr]int) }, "map by float": func() any { return new(map[float64]int) },
		"map by text": func() any { return new(map[texted]int) }, "self-embedded": func() any { return new(selfEmbedded) }, "raw": func() any { return new(json.RawMessage) },
		"time": func() any { return new(time.Time) }, "times": func() any { return new([]*time.Time) }, "big": func() any { return new(big.Int) }, "text": func() any { return new(texted) }, "wide": func() any { return new(wideStruct) },
		"two words": func() any { return new(sixtySix) }, "any list": func() any { return new([]any) }, "any map": func() any { return new(map[string]any) },
		"list of itself": func() any { return new(tree) }, "map of itself": func() any { return new(forest) }, "list of pointers to itself": func() any { return new(vine) },
		"anonymous": func() any {
			return new(struct {
				A *struct {
					A any `json:"a"`
				} `json:"a"`
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, doc := range oddDocuments {
				judge(t, []byte(doc), fresh())
				judge(t, []byte(doc), fresh(), binding.Options{AllowNull: true})
			}
		})
	}
}

func TestRequiredMembersBeyondSixtyFour(t *testing.T) {
	t.Parallel()
	answers(t, bindAs[wideRequired](), map[string]string{
		`{"last":1}`: `{"last":1}`,
		`{}`:         "400, missing_field #/last",
	})
}

// wideRequired has 63 members before the ones that matter.
type wideRequired struct {
	Wide  wideStruct `json:"-"`
	Inner *struct {
		wideStruct
		X    int `json:"x,omitempty"`
		Y    int `json:"y,omitempty"`
		Last int `json:"last" strict:"required"`
	} `json:"inner,omitempty"`
	Last int `json:"last" strict:"required"`
}

func TestSetsOfMoreThanOneWord(t *testing.T) {
	t.Parallel()
	answers(t, bindAs[wideRequired](), map[string]string{
		`{"last":1,"inner":{"F00":1,"y":2,"last":3}}`: `{"inner":{"F00":1,"y":2,"last":3},"last":1}`,
		`{"last":1,"inner":{"F00":1,"y":2}}`:          "400, missing_field #/inner/last",
		`{"last":1,"inner":{"y":2,"y":2,"last":1}}`:   "400, duplicate_field #/inner/y",
	})
}

func TestTypesThatHoldThemselvesEnd(t *testing.T) {
	t.Parallel()
	type holder struct {
		Tree   tree              `json:"tree"`
		Forest map[string]forest `json:"forest"`
		Vine   *vine             `json:"vine"`
	}
	if err := binding.Check[holder](); err != nil {
		t.Error(err)
	}
	answers(t, bindAs[holder](), map[string]string{
		`{"tree":[[],[[]]],"forest":{"a":{"b":{}}},"vine":[[],null]}`: `{"tree":[[],[[]]],"forest":{"a":{"b":{}}},"vine":[[],null]}`,
		`{"tree":[[],[1]]}`: "400, type_mismatch #/tree/1/0",
	})
	if err := binding.Check[tree](); err != nil {
		t.Error(err)
	}
}

type byTag struct {
	Tagged int `json:"X"`
}

type byName struct {
	X int `json:",omitempty"`
}

// Of two embedded fields with one name the one whose tag spells it is the member.
func TestTheTagThatSpellsANameWins(t *testing.T) {
	t.Parallel()
	type target struct {
		byTag
		byName
	}
	var got target
	if e := binding.Decode([]byte(`{"X":7}`), &got); e != nil || got.Tagged != 7 || got.X != 0 {
		t.Errorf("%v %+v", e, got)
	}
}
