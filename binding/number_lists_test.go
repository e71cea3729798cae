package binding_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/binding"
)

// amounts decodes itself from a list, with numbers in it of any size.
type amounts []*big.Int

func (a *amounts) UnmarshalJSON(data []byte) error {
	var texts []string
	if err := json.Unmarshal(data, &texts); err != nil {
		return err
	}
	for _, text := range texts {
		n := new(big.Int)
		if err := n.UnmarshalText([]byte(text)); err != nil {
			return err
		}
		*a = append(*a, n)
	}
	return nil
}

func TestNumbersInAListThatDecodesItselfAreNoLongerThanOthers(t *testing.T) {
	t.Parallel()
	type target struct {
		A amounts `json:"a"`
	}
	for name, tc := range map[string]struct{ doc, code string }{
		"a megabyte of digits": {`{"a":["1","` + strings.Repeat("7", 1<<20-100) + `"]}`, "number_too_long"},
		"65 digits":            {`{"a":["` + strings.Repeat("7", 65) + `"]}`, "number_too_long"},
		"64 digits":            {`{"a":["` + strings.Repeat("7", 64) + `","` + strings.Repeat("8", 64) + `"]}`, ""},
		"many numbers":         {`{"a":[` + strings.Repeat(`"12345",`, 500) + `"6"]}`, ""},
	} {
		var out target
		e := binding.Decode([]byte(tc.doc), &out)
		switch {
		case tc.code == "" && e != nil:
			t.Errorf("%s: %v", name, e)
		case tc.code != "" && (e == nil || len(e.Issues) != 1 || e.Issues[0].Code != tc.code || e.Issues[0].Pointer != "/a"):
			t.Errorf("%s: %v", name, e)
		}
	}
}

// odds is a key that is a fraction.
type odds struct{ r *big.Rat }

func (r *odds) UnmarshalText(text []byte) error {
	r.r = new(big.Rat)
	return r.r.UnmarshalText(text)
}

func TestFractionsAreNoKeys(t *testing.T) {
	t.Parallel()
	type bad struct {
		M map[odds]int `json:"m"`
	}
	type good struct {
		M map[int]*big.Rat `json:"m"`
	}
	if err := binding.Check[bad](); err == nil || !strings.Contains(err.Error(), "keys") {
		t.Error(err)
	}
	if err := binding.Check[good](); err != nil {
		t.Error(err)
	}
}
