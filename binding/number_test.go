package binding_test

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// price is a decimal as libraries make them: a large integer inside, and texts of
// its own.
type price struct{ units *big.Int }

func (p *price) UnmarshalJSON(data []byte) error {
	if len(data) > 1 && data[0] == '"' {
		data = data[1 : len(data)-1]
	}
	return p.UnmarshalText(data)
}

func (p *price) UnmarshalText(text []byte) error {
	whole, _, _ := strings.Cut(string(text), " ")
	p.units = new(big.Int)
	return p.units.UnmarshalText([]byte(whole))
}

// ratio takes the texts of a fraction as they are.
type ratio struct{ big.Rat }

// cash is a fraction that may be written as a number.
type cash struct{ big.Rat }

func (c *cash) UnmarshalJSON(data []byte) error { return c.UnmarshalText(bytes.Trim(data, `"`)) }

type exact struct {
	Cash  cash       `json:"cash"`
	Int   big.Int    `json:"int"`
	Ints  []*big.Int `json:"ints"`
	Float *big.Float `json:"float"`
	Rat   *big.Rat   `json:"rat"`
	Own   ratio      `json:"own"`
	Price price      `json:"price"`
	OID   x509.OID   `json:"oid"`
}

// Reading digits costs their number squared, and an exponent is written out.
func TestNumbersOfAnySizeAreAsLongAsOthers(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 64)
	if err := binding.Check[exact](); err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{
		`{"int":` + digits + `}`:                                    "ok",
		`{"int":` + digits + `9}`:                                   "400, number_too_long #/int",
		`{"float":"` + digits + `"}`:                                "ok",
		`{"float":"1e308"}`:                                         "ok",
		`{"float":"` + digits + `9"}`:                               "400, number_too_long #/float",
		`{"rat":"` + digits[:31] + `/` + digits[:32] + `"}`:         "ok",
		`{"rat":"0x1e999/0x1E888"}`:                                 "ok",
		`{"rat":"1e64","own":"1.5E-64"}`:                            "ok",
		`{"rat":"1e"}`:                                              "400, invalid_value #/rat",
		`{"rat":"` + digits + `9"}`:                                 "400, number_too_long #/rat",
		`{"rat":"1e65"}`:                                            "400, number_too_long #/rat",
		`{"rat":"1E-999999"}`:                                       "400, number_too_long #/rat",
		`{"rat":"1e+9_99_9"}`:                                       "400, number_too_long #/rat",
		`{"rat":"0x1p999999"}`:                                      "400, number_too_long #/rat",
		`{"rat":"1e99999999999999999999"}`:                          "400, number_too_long #/rat",
		`{"rat":"1e-2147483648"}`:                                   "400, number_too_long #/rat",
		`{"rat":"1\u0065999999"}`:                                   "400, number_too_long #/rat",
		`{"cash":1e64}`:                                             "ok",
		`{"cash":1e65}`:                                             "400, number_too_long #/cash",
		`{"cash":"1e-65"}`:                                          "400, number_too_long #/cash",
		`{"own":"1e999999"}`:                                        "400, number_too_long #/own",
		`{"price":"` + digits + ` in the smallest unit of all"}`:    "ok",
		`{"price":` + digits + `}`:                                  "ok",
		`{"price":"` + digits + `9 EUR"}`:                           "400, number_too_long #/price",
		`{"price":"` + digits[:32] + `_` + digits[:33] + `"}`:       "400, number_too_long #/price",
		`{"price":"` + strings.Repeat(`\u0039`, 65) + `"}`:          "400, number_too_long #/price",
		`{"oid":"2.25.` + strings.Repeat(`1234567890.`, 20) + `1"}`: "ok",
		`{"oid":"2.25.` + digits + `9"}`:                            "400, number_too_long #/oid",
	} {
		answers(t, func(c *gin.Context) { _, err := binding.JSON[exact](c); answer(c, err) }, map[string]string{doc: want})
	}
	answers(t, func(c *gin.Context) {
		_, err := binding.JSON[exact](c, binding.Options{MaxNumberLen: 999})
		answer(c, err)
	}, map[string]string{`{"rat":"1e999","int":` + digits + digits + `}`: "ok"})
}

func TestNumbersOfAnySizeInQueries(t *testing.T) {
	t.Parallel()
	type page struct {
		Int   *big.Int `form:"int"`
		Rat   big.Rat  `form:"rat"`
		Price []price  `form:"price"`
	}
	digits := strings.Repeat("9", 64)
	for query, want := range map[string]string{
		"int=" + digits + "&rat=1e64&price=" + digits: "ok",
		"int=" + digits + "9":                         "400, number_too_long int",
		"rat=1e999999":                                "400, number_too_long rat",
		"price=1&price=" + digits + "9":               "400, number_too_long price",
	} {
		w := send(func(c *gin.Context) { _, err := binding.Query[page](c); answer(c, err) }, httptest.NewRequest(http.MethodGet, "/?"+query, nil))
		got := "ok"
		if w.Code != http.StatusOK {
			got = faults(t, w)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// A few bytes of an expression become megabytes.
func TestAnExpressionIsNoTarget(t *testing.T) {
	t.Parallel()
	type search struct {
		Like *regexp.Regexp `json:"like"`
	}
	if err := binding.Check[search](); err == nil || strings.Count(err.Error(), "a program that a client would write") != 1 {
		t.Error(err)
	}
	if err := binding.Check[struct {
		Like *regexp.Regexp `form:"like"`
	}](); err == nil || !strings.Contains(err.Error(), "a program that a client would write") {
		t.Error("form:", err)
	}
	var in search
	if err := (binding.Options{}).Decode([]byte(`{"like":"a"}`), &in); err == nil {
		t.Error("decoded")
	}
	if err := binding.Check[struct {
		Like json.RawMessage `json:"like"`
		Made *regexp.Regexp  `json:"-"`
	}](); err != nil {
		t.Error(err)
	}
}
