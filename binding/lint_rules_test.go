package binding_test

import (
	"testing"

	"github.com/ginsec/ginsec/binding"
)

// The validator reads the value of a pair only when all pairs before it hold, and
// then by the kind of what the client sent.
func TestEveryPairOfARuleMustFitItsField(t *testing.T) {
	t.Parallel()
	type anyText struct {
		Kind  string `json:"kind"`
		Level any    `json:"level"`
		Note  string `json:"note" binding:"required_if=Kind admin Level high"`
	}
	type anyNumber struct {
		Kind  string `json:"kind"`
		Level any    `json:"level"`
		Note  string `json:"note" binding:"excluded_unless=Kind admin Level 5.5"`
	}
	type listText struct {
		Kind string   `json:"kind"`
		List []string `json:"list"`
		Note string   `json:"note" binding:"omitempty,skip_unless=Kind admin List a"`
	}
	type numberText struct {
		Kind  string `json:"kind"`
		Level *int   `json:"level"`
		Note  string `json:"note" binding:"excluded_if=Kind admin Level high"`
	}
	for name, err := range map[string]error{
		"any and a text": binding.Check[anyText](), "any and a fraction": binding.Check[anyNumber](),
		"a list and a text": binding.Check[listText](), "a number and a text": binding.Check[numberText](),
	} {
		if err == nil {
			t.Errorf("%s passes", name)
		}
	}
	type fine struct {
		Kind  string            `json:"kind"`
		Level any               `json:"level"`
		List  []string          `json:"list"`
		Map   map[string]string `json:"map"`
		Rate  float64           `json:"rate"`
		On    bool              `json:"on"`
		Count uint              `json:"count"`
		Note  string            `json:"note" binding:"required_if=Kind admin Level 1 List 0 Map 2 Rate 1.5 On true Count 3"`
		More  string            `json:"more" binding:"required_unless=Kind 'two words'"`
	}
	if err := binding.Check[fine](); err != nil {
		t.Error(err)
	}
}

func TestUniqueNeedsValuesThatCanAlwaysBeCompared(t *testing.T) {
	t.Parallel()
	type cell struct {
		V any    `json:"v"`
		N string `json:"n"`
	}
	type deep struct {
		M map[string]map[string][]cell `json:"m" binding:"dive,dive,unique"`
	}
	type field struct {
		M map[string]map[string][]*cell `json:"m" binding:"dive,keys,max=3,endkeys,dive,unique=V"`
	}
	if binding.Check[deep]() == nil {
		t.Error("elements pass")
	}
	if binding.Check[field]() == nil {
		t.Error("fields pass")
	}
	type fine struct {
		M map[string]map[string][]*cell `json:"m" binding:"dive,dive,unique=N"`
		W [][2]string                   `json:"w" binding:"unique"`
	}
	if err := binding.Check[fine](); err != nil {
		t.Error(err)
	}
}
