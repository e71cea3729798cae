package binding_test

import (
	"bytes"
	"encoding/hex"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// wei is a large integer with texts of its own.
type wei big.Int

func (w *wei) UnmarshalText(text []byte) error { return (*big.Int)(w).UnmarshalText(text) }

// part is a fraction with texts of its own.
type portion big.Rat

func (p *portion) UnmarshalText(text []byte) error { return (*big.Rat)(p).UnmarshalText(text) }

// nullPrice and the types around it hold a large integer ever deeper inside.
type nullPrice struct {
	Price price
	Valid bool
}

func (n *nullPrice) UnmarshalText(text []byte) error {
	n.Valid = true
	return n.Price.UnmarshalText(text)
}

func (n *nullPrice) UnmarshalJSON(data []byte) error { return n.UnmarshalText(bytes.Trim(data, `"`)) }

type fee struct{ amount nullPrice }

func (f *fee) UnmarshalText(text []byte) error { return f.amount.UnmarshalText(text) }

type fees struct{ nullPrice }

type limits struct{ low struct{ at *[1]*price } }

func (l *limits) UnmarshalText(text []byte) error {
	l.low.at = &[1]*price{{}}
	return l.low.at[0].UnmarshalText(text)
}

type purse struct{ coins map[string]*big.Int }

func (p *purse) UnmarshalText(text []byte) error {
	n := new(big.Int)
	p.coins = map[string]*big.Int{"": n}
	return n.UnmarshalText(text)
}

// share holds a fraction, and shares what leads back to it.
type share struct{ r *big.Rat }

func (s *share) UnmarshalText(text []byte) error {
	s.r = new(big.Rat)
	return s.r.UnmarshalText(bytes.TrimPrefix(text, []byte("share ")))
}

type ring struct {
	next *ring
	in   map[*ring][]share
}

func (r *ring) UnmarshalText(text []byte) error {
	r.next, r.in = r, map[*ring][]share{r: {{}}}
	return r.in[r][0].UnmarshalText(text)
}

// label has no number inside.
type loopedText struct {
	next *loopedText
	text string
}

func (l *loopedText) UnmarshalText(text []byte) error {
	l.next, l.text = l, string(text)
	return nil
}

// digest reads hexadecimal digits into a large integer.
type digest struct{ n *big.Int }

func (d *digest) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(strings.TrimPrefix(string(text), "0x"))
	d.n = new(big.Int).SetBytes(raw)
	return err
}

type made struct {
	Wei    *wei       `json:"wei"`
	Part   portion    `json:"part"`
	Null   nullPrice  `json:"null"`
	Fee    fee        `json:"fee"`
	Fees   fees       `json:"fees"`
	Limits limits     `json:"limits"`
	Purse  purse      `json:"purse"`
	Shares []share    `json:"shares"`
	Ring   ring       `json:"ring"`
	Label  loopedText `json:"label"`
	Digest digest     `json:"digest"`
}

func TestTypesMadeOfNumbersOfAnySizeReadNoMoreThanThose(t *testing.T) {
	t.Parallel()
	if err := binding.Check[made](); err != nil {
		t.Fatal(err)
	}
	digits := strings.Repeat("9", 64)
	docs := map[string]string{
		`{"part":"` + digits + `"}`:                                   "ok",
		`{"part":"` + digits + `9"}`:                                  "400, number_too_long #/part",
		`{"part":"1e64"}`:                                             "ok",
		`{"part":"1e65"}`:                                             "400, number_too_long #/part",
		`{"shares":["` + digits + `9"]}`:                              "400, number_too_long #/shares/0",
		`{"shares":["1e64","1.5E-64"]}`:                               "ok",
		`{"shares":["0x1p+64"]}`:                                      "ok",
		`{"shares":["share 1/3","4"]}`:                                "ok",
		`{"shares":["1","1e65"]}`:                                     "400, number_too_long #/shares/1",
		`{"shares":["share 1E-999999"]}`:                              "400, number_too_long #/shares/0",
		`{"shares":["1e+0_0_9999"]}`:                                  "400, number_too_long #/shares/0",
		`{"shares":["0x1p999999"]}`:                                   "400, number_too_long #/shares/0",
		`{"shares":["1P99999999999999999999"]}`:                       "400, number_too_long #/shares/0",
		`{"shares":["1\u0065999999"]}`:                                "400, number_too_long #/shares/0",
		`{"shares":["1e"]}`:                                           "400, invalid_value #/shares/0",
		`{"ring":"1e64"}`:                                             "ok",
		`{"ring":"1e999999"}`:                                         "400, number_too_long #/ring",
		`{"label":"` + digits + digits + `"}`:                         "ok",
		`{"label":"1e999999-9999-4e99"}`:                              "ok",
		`{"digest":"0x` + "1e999999" + strings.Repeat("9", 56) + `"}`: "ok",
		`{"digest":"` + strings.Repeat("9", 64) + `"}`:                "ok",
	}
	for _, name := range []string{"wei", "null", "fee", "fees", "limits", "purse"} {
		docs[`{"`+name+`":"`+digits+`"}`] = "ok"
		docs[`{"`+name+`":"`+digits+`9"}`] = "400, number_too_long #/" + name
	}
	answers(t, func(c *gin.Context) { _, err := binding.JSON[made](c); answer(c, err) }, docs)
}

func TestTypesMadeOfNumbersOfAnySizeInQueries(t *testing.T) {
	t.Parallel()
	type page struct {
		Wei   *wei    `form:"wei"`
		Share []share `form:"share"`
	}
	digits := strings.Repeat("9", 64)
	for query, want := range map[string]string{
		"wei=" + digits + "&share=1e64": "ok",
		"wei=" + digits + "9":           "400, number_too_long wei",
		"share=1&share=1e999999":        "400, number_too_long share",
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
