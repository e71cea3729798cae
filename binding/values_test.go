package binding_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gin-gonic/gin"
	gb "github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
)

// Registered before any test runs, as a program does before it serves.
var _ = func() error {
	engine, ok := gb.Validator.Engine().(*validator.Validate)
	if !ok {
		return nil
	}
	return engine.RegisterValidation("shout", func(f validator.FieldLevel) bool { return f.Field().String() == "HEY" })
}()

func TestRulesRegisteredWithGinApply(t *testing.T) {
	t.Parallel()
	type target struct {
		Word string `json:"word" form:"word" binding:"shout=SomeGoName"`
	}
	answers(t, bindAs[target](), map[string]string{`{"word":"HEY"}`: `{"word":"HEY"}`, `{"word":"hey"}`: "400, rule.shout #/word"})
	var e *binding.Error
	send(func(c *gin.Context) {
		_, err := binding.JSON[target](c)
		e, _ = err.(*binding.Error) //nolint:errorlint // it is returned bare
	}, post(`{"word":"hey"}`))
	if e == nil || e.Issues[0].Rule != "shout" || e.Issues[0].Param != "" {
		t.Errorf("the parameter of an unknown rule may be a Go name: %+v", e)
	}
}

func TestExtremeNumbersArriveExactly(t *testing.T) {
	t.Parallel()
	type target struct {
		I8  int8    `json:"i8"  form:"i8"`
		I16 int16   `json:"i16" form:"i16"`
		I32 int32   `json:"i32" form:"i32"`
		I64 int64   `json:"i64" form:"i64"`
		U8  uint8   `json:"u8"  form:"u8"`
		U16 uint16  `json:"u16" form:"u16"`
		U32 uint32  `json:"u32" form:"u32"`
		U64 uint64  `json:"u64" form:"u64"`
		F32 float32 `json:"f32" form:"f32"`
		F64 float64 `json:"f64" form:"f64"`
	}
	low := target{I8: math.MinInt8, I16: math.MinInt16, I32: math.MinInt32, I64: math.MinInt64, F32: -math.MaxFloat32, F64: -math.MaxFloat64}
	high := target{
		math.MaxInt8, math.MaxInt16, math.MaxInt32, math.MaxInt64, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64,
		math.SmallestNonzeroFloat32, math.SmallestNonzeroFloat64,
	}
	for _, want := range []target{low, high} {
		members := fmt.Sprintf(`"i8":%d,"i16":%d,"i32":%d,"i64":%d,"u8":%d,"u16":%d,"u32":%d,"u64":%d,"f32":%v,"f64":%v`,
			want.I8, want.I16, want.I32, want.I64, want.U8, want.U16, want.U32, want.U64, want.F32, want.F64)
		send(func(c *gin.Context) {
			if got, err := binding.JSON[target](c); err != nil || got != want {
				t.Errorf("%+v, %v", got, err)
			}
			c.Request.URL.RawQuery = fmt.Sprintf("i8=%d&i16=%d&i32=%d&i64=%d&u8=%d&u16=%d&u32=%d&u64=%d&f32=%v&f64=%v",
				want.I8, want.I16, want.I32, want.I64, want.U8, want.U16, want.U32, want.U64, want.F32, want.F64)
			c.Request.URL.RawQuery = escapePlus(c.Request.URL.RawQuery)
			if got, err := binding.Query[target](c); err != nil || got != want {
				t.Errorf("%+v, %v", got, err)
			}
		}, post("{"+members+"}"))
	}
}

// escapePlus keeps the sign of an exponent from reading as a space.
func escapePlus(query string) string {
	out := ""
	for _, r := range query {
		if r == '+' {
			out += "%2B"
		} else {
			out += string(r)
		}
	}
	return out
}

// A text is composed before its length is judged, unless no form of it is short
// enough: four characters at most become one.
func TestTextIsComposedBeforeItsLengthIsJudged(t *testing.T) {
	t.Parallel()
	type target struct {
		A string   `json:"a" strict:"trim,nfc,lower" binding:"max=3"`
		L []string `json:"l" strict:"nfc" binding:"max=1,dive,max=2"`
		P *string  `json:"p" strict:"nfc" binding:"omitempty,min=1,max=2"`
	}
	four := "\u03b1\u0313\u0300\u0345" // U+1F82
	answers(t, bindAs[target](), map[string]string{
		`{"a":"` + times(3, four) + `","l":["` + times(2, four) + `"],"p":"` + times(2, four) + `"}`: `{"a":"` + times(3, "\u1f82") + `","l":["` + times(2, "\u1f82") + `"],"p":"` + times(2, "\u1f82") + `"}`,
		`{"a":" \u2000` + times(3, "E\u0301") + times(40, " ") + `"}`:                                `{"a":"ééé","l":null,"p":null}`,
		`{"a":"` + times(4, four) + `"}`:                                                             "400, rule.max #/a",
		`{"a":"` + times(400, "x") + `"}`:                                                            "400, rule.max #/a",
		`{"l":["` + times(3, four) + `"]}`:                                                           "400, rule.max #/l/0",
		`{"l":["` + times(9, four) + `"]}`:                                                           "400, rule.max #/l/0",
		`{"p":"` + times(9, four) + `"}`:                                                             "400, rule.max #/p",
		`{"a":"x","l":["` + four + `","y"]}`:                                                         "400, rule.max #/l",
	})
}
