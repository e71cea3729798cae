package binding_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

// The validator writes every map key on the way into every failed rule.
//
//nolint:paralleltest // it counts allocated bytes
func TestALongNameAboveAListWithRulesIsNotMultiplied(t *testing.T) {
	type target struct {
		M map[string][]string `json:"m" binding:"dive,dive,min=5"`
	}
	doc := `{"m":{"` + times(100_000, "k") + `":[` + strings.TrimSuffix(times(2000, `"a",`), ",") + `]}}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e := binding.Decode([]byte(doc), new(target))
	runtime.ReadMemStats(&after)
	if e == nil || len(e.Issues) != 1 || e.Issues[0].Code != "string_too_long" {
		t.Errorf("%v", e)
	}
	if cost := after.TotalAlloc - before.TotalAlloc; cost > 8<<20 && !testserver.Race {
		t.Errorf("%d bytes allocated", cost)
	}
}

func TestNamesOfDeclaredMapsAreBounded(t *testing.T) {
	t.Parallel()
	type target struct {
		M map[string]int            `json:"m"`
		N map[string]map[string]any `json:"n"`
		A any                       `json:"a"`
	}
	edge, long := times(256, "k"), times(257, "k")
	answers(t, bindAs[target](), map[string]string{
		`{"m":{"` + edge + `":1}}`:                 `{"m":{"` + edge + `":1},"n":null,"a":null}`,
		`{"m":{"` + times(256, `\u006b`) + `":1}}`: `{"m":{"` + edge + `":1},"n":null,"a":null}`,
		`{"m":{"` + long + `":1}}`:                 "400, string_too_long #/m/" + times(253, "k"),
		`{"n":{"x":{"` + long + `":1}}}`:           "400, string_too_long #/n/x/" + times(251, "k"),
		`{"a":{"` + long + `":1}}`:                 `{"m":null,"n":null,"a":{"` + long + `":1}}`,
	})
	answers(t, bindAs[map[string]bool](), map[string]string{`{"` + long + `":true}`: "400, string_too_long #/" + times(255, "k")})
}

func TestManyFailedRulesBelowAMapAreDecidedQuickly(t *testing.T) {
	t.Parallel()
	type target struct {
		M map[string]string `json:"m" binding:"dive,min=5"`
	}
	var doc strings.Builder
	doc.WriteString(`{"m":{"k":"a"`)
	for i := range 9990 {
		fmt.Fprintf(&doc, `,"k%d":"a"`, i)
	}
	doc.WriteString("}}")
	limit := 2 * time.Second // the search by hand took thirteen
	if testserver.Race {
		limit *= 10
	}
	start := time.Now()
	e := binding.Decode([]byte(doc.String()), new(target))
	if took := time.Since(start); took > limit {
		t.Errorf("took %v", took)
	}
	if e == nil || len(e.Issues) != 32 || !e.Truncated {
		t.Errorf("%v", e)
	}
}

func TestNamesWithBracketsAreLocated(t *testing.T) {
	t.Parallel()
	type target struct {
		M map[string]string `json:"m" binding:"dive,min=2"`
		N map[int]string    `json:"n" binding:"dive,min=2"`
	}
	answers(t, bindAs[target](), map[string]string{
		`{"m":{"a]":"x","a":"xx","a].[b":"xx"}}`: "400, rule.min #/m/a%5D",
		`{"m":{"":"x"}}`:                         "400, rule.min #/m/",
		`{"n":{"12":"x","1":"xx"}}`:              "400, rule.min #/n/12",
	})
}

// Names below any may be any, but none twice: what is kept to know that is small
// against the document, and nothing when no more faults will be listed.
//
//nolint:paralleltest // it counts allocated bytes
func TestThousandsOfNamesAreRememberedInLittleRoom(t *testing.T) {
	names := `{"x":1` + counted(9900, `,"n%d`+times(20, "y")+`":1`)
	for doc, want := range map[string]string{
		`{"any":` + names + `},"m":1}`:       "unknown_field",
		`{"any":` + names + `,"x":1}}`:       "duplicate_field",
		`{"any":` + names + `,"\u0078":1}}`:  "duplicate_field",
		`{"any":` + names + `,"n9899":[{}}}`: "malformed_json",
		names + `}`:                          "unknown_field",
	} {
		c, rewind := benchContext([]byte(doc))
		rewind()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := binding.JSON[wide](c)
		runtime.ReadMemStats(&after)
		e, _ := err.(*binding.Error) //nolint:errorlint // it is documented to be one
		if e == nil || e.Issues[0].Code != want {
			t.Errorf("%.40s: %.100v", doc, err)
		}
		budget := 3 * uint64(len(doc))
		if want == "duplicate_field" {
			budget = 4 * mib // nothing is wrong before the last name, so the decoder built it all
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > budget && !testserver.Race {
			t.Errorf("%s: %d bytes allocated for %d", want, cost, len(doc))
		}
	}
}
