package binding_test

import (
	"bytes"
	"testing"

	"github.com/ginsec/ginsec/bench/internal/payload"
)

// BenchmarkJSON reads, decodes and validates a body through gin.
func BenchmarkJSON(b *testing.B) {
	for _, p := range payloads() {
		for _, v := range variants() {
			if p.name == large && v.name == "ginsec" {
				continue // its default limits refuse that
			}
			b.Run(p.name+"/"+v.name, func(b *testing.B) { serve(b, engine(v), p.body, true) })
		}
	}
}

// BenchmarkUnknownField refuses a body with one member that the type does not have.
func BenchmarkUnknownField(b *testing.B) {
	if codec != "std" {
		b.Skip("gin's codecs do not refuse it")
	}
	for _, v := range variants() {
		if !v.strict {
			continue
		}
		b.Run(v.name, func(b *testing.B) { serve(b, engine(v), unknown(), false) })
	}
}

func unknown() []byte { return append([]byte(`{"role":"admin",`), payload.Document(0)[1:]...) }

// A comparison of speed is void unless all give the same verdicts. What gin
// accepts by default and a strict reader must not is the last column.
func TestAllVariantsGiveTheSameVerdicts(t *testing.T) {
	good := payload.Document(2)
	replace := func(old, fresh string) []byte {
		out := bytes.Replace(good, []byte(old), []byte(fresh), 1)
		if bytes.Equal(out, good) {
			t.Fatalf("%s is not in the document", old)
		}
		return out
	}
	for _, tc := range []struct {
		name   string
		body   []byte
		accept bool
		strict bool // a verdict that only strict readers give
	}{
		{"valid", good, true, false},
		{"not JSON", good[:len(good)-1], false, false},
		{"wrong type", replace(`"quantity":12`, `"quantity":"12"`), false, false},
		{"a rule broken", replace(`"quantity":12`, `"quantity":1001`), false, false},
		{"a rule broken in an element", replace(`"amount":2`, `"amount":0`), false, false},
		{"a required member is missing", replace(`"customer":"Example Ltd",`, ``), false, false},
		{"an unknown member", unknown(), false, true},
	} {
		for _, v := range variants() {
			if tc.strict && !v.strict {
				continue
			}
			t.Run(tc.name+"/"+v.name, func(t *testing.T) {
				if status := post(engine(v), tc.body); accepted(status) != tc.accept {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}
