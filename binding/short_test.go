package binding_test

import (
	"strings"
	"testing"

	"github.com/ginsec/ginsec/binding"
)

// label has many rules that an absent one breaks.
type label struct {
	A string `json:"a" binding:"required"`
	B string `json:"b" binding:"required"`
	C string `json:"c" binding:"required"`
	D string `json:"d" binding:"required"`
	E string `json:"e" binding:"required"`
	F string `json:"f" binding:"required"`
	G string `json:"g" binding:"required"`
	H string `json:"h" binding:"required"`
}

type parcel struct {
	From label `json:"from"`
	To   label `json:"to"`
	Via  label `json:"via"`
}

type grid struct {
	Cells [1024]float64 `json:"cells" binding:"dive,gt=0"`
}

// A few bytes may break thousands of rules where each part has many.
func TestAShortDocumentIsSampledWhereItsPartsAreLarge(t *testing.T) {
	t.Parallel()
	elements := func(n int) []byte { return []byte(`{"l":[` + strings.TrimSuffix(strings.Repeat("{},", n), ",") + `]}`) }
	for name, tc := range map[string]struct {
		out     any
		doc     []byte
		sampled bool
	}{
		"structs in structs": {&struct {
			L []parcel `json:"l" binding:"dive"`
		}{}, elements(82), true},
		"pointers to them": {&struct {
			L []*parcel `json:"l" binding:"dive"`
		}{}, elements(82), true},
		"arrays": {&struct {
			L []grid `json:"l" binding:"dive"`
		}{}, elements(82), true},
		"few rules": {&struct {
			L []label `json:"l" binding:"dive"`
		}{}, elements(82), false},
		"a longer document": {&struct {
			L []string `json:"l" binding:"dive,min=3"`
		}{}, []byte(`{"l":["` + strings.Repeat(`","`, 1200) + `"]}`), true},
		"few parts": {&struct {
			L []parcel `json:"l" binding:"dive"`
		}{}, elements(10), false},
	} {
		e := binding.Decode(tc.doc, tc.out)
		if e == nil || len(e.Issues) != 32 || !e.Truncated {
			t.Fatalf("%s: %v", name, e)
		}
		if got := binding.CausesOf(e) > 1; got != tc.sampled {
			t.Errorf("%s: %d errors of the validator", name, binding.CausesOf(e))
		}
	}
}
