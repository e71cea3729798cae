package plan_test

import (
	"math/big"
	"testing"

	"github.com/ginsec/ginsec/binding/internal/plan"
)

// What a fraction's text is let through as stays small: the exponent is read as the
// library reads it.
func FuzzFraction(f *testing.F) {
	for _, seed := range []string{"1e64", "1e65", "-1.5E-999999", "0x1p999999", "0X1e9", "0b1e99", "1e+9_99", "1_0e0065", "1/3", "1e5/7", "1p99999", ".e9", "0o17E99"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		const most = 64
		if plan.Fraction.TooLong(text, most) {
			return
		}
		if len(text) > most {
			t.Fatalf("%q is long", text)
		}
		if r, ok := new(big.Rat).SetString(string(text)); ok && (r.Num().BitLen() > 1000 || r.Denom().BitLen() > 1000) {
			t.Errorf("%q has %d and %d bits", text, r.Num().BitLen(), r.Denom().BitLen())
		}
	})
}

// A type may cut any part out of its text and read that as a fraction.
func FuzzFractionWithin(f *testing.F) {
	for _, seed := range []string{"share 1e64", "1e65 EUR", "x-1.5E-999999", "[0x1p999999]", "1e+9_99", "1e9e999999", "1/3e99", "e5p99999", ".e-_9_9_9_9", "0o17E99e0", "1e0000065"} {
		f.Add([]byte(seed), uint8(0), uint8(255))
	}
	f.Fuzz(func(t *testing.T, text []byte, from, to uint8) {
		const most = 64
		if plan.WithinFraction.TooLong(text, most) || len(text) > 128 {
			return
		}
		to = min(to, uint8(len(text)))
		part := string(text[min(from, to):to])
		if r, ok := new(big.Rat).SetString(part); ok && (r.Num().BitLen() > 2000 || r.Denom().BitLen() > 2000) {
			t.Errorf("%q has %d and %d bits", part, r.Num().BitLen(), r.Denom().BitLen())
		}
	})
}
