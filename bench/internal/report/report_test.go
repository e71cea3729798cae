package report

import (
	"math"
	"strings"
	"testing"
)

const (
	round1 = `goos: linux
BenchmarkMiddleware/bare-2         	  100	  900 ns/op	  100 cpu-ns/op	  32 B/op	  2 allocs/op
BenchmarkMiddleware/ginsec/warm-2  	  100	 1900 ns/op	  900 cpu-ns/op	  64 B/op	  4 allocs/op
BenchmarkSkipped-2                 	1000000000	 0.0000002 ns/op
PASS
`
	round2 = `BenchmarkMiddleware/bare-2         	  100	  9 ns/op	  300 cpu-ns/op	  32 B/op	  2 allocs/op
BenchmarkMiddleware/ginsec/warm-2  	  100	  19 ns/op	  1100 cpu-ns/op	  64 B/op	  4 allocs/op
`
	round3 = `BenchmarkMiddleware/bare-2         	  100	  9 ns/op	  110 cpu-ns/op	  32 B/op	  2 allocs/op
BenchmarkMiddleware/ginsec/warm-2  	  100	  19 ns/op	  1000 cpu-ns/op	  64 B/op	  4 allocs/op
`
)

func sample(t *testing.T) *Report {
	t.Helper()
	r := New()
	for _, out := range []string{round1, round2, round3} {
		if err := r.Read("auth", strings.NewReader(out)); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func TestRatiosAreOfMedians(t *testing.T) {
	t.Parallel()
	r := sample(t)
	if r.Lines() != 2 {
		t.Errorf("%d lines, want the two that were measured", r.Lines())
	}
	if v, ok := r.median("auth/Middleware/bare", cpu); !ok || v != 110 {
		t.Errorf("median %v, %v", v, ok)
	}
	v, ok := ratio("auth/Middleware/ginsec/warm", "auth/Middleware/bare", cpu)(r)
	if want := 1000.0 / 110; !ok || math.Abs(v-want) > 1e-9 {
		t.Errorf("ratio %v, want %v", v, want)
	}
}

func TestWhatWasNotMeasuredIsNeverMet(t *testing.T) {
	t.Parallel()
	r := sample(t)
	for _, g := range goals() {
		_, verdict := g.verdict(r)
		measured := strings.HasPrefix(g.text, "middleware over") || strings.HasPrefix(g.text, "allocations of the middleware over")
		if measured != (verdict == "met") || !measured && verdict != "not measured" {
			t.Errorf("%s: %s", g.text, verdict)
		}
	}
}

func TestAMissIsCalledAMiss(t *testing.T) {
	t.Parallel()
	r := sample(t)
	over := over("auth/Middleware/ginsec/warm", "auth/Middleware/bare", cpu, 1e-3) // 0.89 µs
	for _, tc := range []struct {
		goal goal
		want string
	}{
		{atMost("auth", "x", 0.89, "µs", over), "met"},
		{atMost("auth", "x", 0.88, "µs", over), "MISSED"},
		{atLeast("auth", "x", 0.89, over), "met"},
		{atLeast("auth", "x", 0.9, over), "MISSED"},
	} {
		if _, verdict := tc.goal.verdict(r); verdict != tc.want {
			t.Errorf("%s: %s, want %s", tc.goal.bound(), verdict, tc.want)
		}
	}
}

func TestTheFirstLineOfATableIsItsReference(t *testing.T) {
	t.Parallel()
	text := sample(t).Markdown(Machine{})
	if !strings.Contains(text, "| bare | 1 | 110 ns") || !strings.Contains(text, "| ginsec/warm | 9.09 | 1e+03 ns") && !strings.Contains(text, "| ginsec/warm | 9.09 | 1 µs") {
		t.Errorf("no table of both lines:\n%s", text)
	}
}

func TestExponentOfAPower(t *testing.T) {
	t.Parallel()
	for _, want := range []float64{0, 0.5, 1, 2} {
		var all []point
		for x := 1.0; x <= 1e6; x *= 10 {
			all = append(all, point{x, 7 * math.Pow(x, want)})
		}
		if got := exponent(all); math.Abs(got-want) > 1e-9 {
			t.Errorf("exponent %v, want %v", got, want)
		}
	}
}
