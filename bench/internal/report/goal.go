package report

import (
	"fmt"
	"strings"
)

// goal is one figure that was promised.
type goal struct {
	area, text string
	atMost     bool
	want       float64
	unit       string
	got        func(*Report) (float64, bool)

	aside  string // what is told beside the figure, and the figure it is told with
	beside func(*Report) (float64, bool)
}

func atMost(area, text string, want float64, unit string, got func(*Report) (float64, bool)) goal {
	return goal{area: area, text: text, atMost: true, want: want, unit: unit, got: got}
}

// atLeast is a ratio that should be high.
func atLeast(area, text string, want float64, got func(*Report) (float64, bool)) goal {
	return goal{area: area, text: text, want: want, unit: "×", got: got}
}

// with tells another figure beside the goal's own, for the same scale.
func (g goal) with(aside string, beside func(*Report) (float64, bool)) goal {
	g.aside, g.beside = aside, beside
	return g
}

// value is the median of a line.
func value(name, unit string) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) { return r.median(name, unit) }
}

// scaled is the median of a line in another unit.
func scaled(name, unit string, by float64) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		v, ok := r.median(name, unit)
		return v * by, ok
	}
}

// ratio is one median over another.
func ratio(name, of, unit string) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		a, ok1 := r.median(name, unit)
		b, ok2 := r.median(of, unit)
		return a / b, ok1 && ok2 && b > 0
	}
}

// over is how much one median is above another.
func over(name, base, unit string, by float64) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		a, ok1 := r.median(name, unit)
		b, ok2 := r.median(base, unit)
		return (a - b) * by, ok1 && ok2
	}
}

// overRatio compares what two lines cost above the same base.
func overRatio(name, of, base, unit string) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		a, ok1 := over(name, base, unit, 1)(r)
		b, ok2 := over(of, base, unit, 1)(r)
		return a / b, ok1 && ok2 && b > 0
	}
}

// worst is the largest of several.
func worst(all ...func(*Report) (float64, bool)) func(*Report) (float64, bool) {
	return func(r *Report) (float64, bool) {
		most, any := 0.0, false
		for _, got := range all {
			v, ok := got(r)
			if !ok {
				return 0, false
			}
			if !any || v > most {
				most, any = v, true
			}
		}
		return most, any
	}
}

func (g goal) verdict(r *Report) (measured, verdict string) {
	v, ok := g.got(r)
	switch {
	case !ok:
		return "–", "not measured"
	case g.atMost && v <= g.want+1e-9, !g.atMost && v >= g.want-1e-9:
		verdict = "met"
	default:
		verdict = "MISSED"
	}
	measured = g.format(v)
	if g.beside != nil {
		if other, ok := g.beside(r); ok {
			measured += fmt.Sprintf(" (%s: %s)", g.aside, g.format(other))
		}
	}
	return measured, verdict
}

func (g goal) format(v float64) string {
	switch {
	case g.unit == "×":
		return fmt.Sprintf("%.2f×", v)
	case v == float64(int64(v)) || v >= 100:
		return strings.TrimSpace(fmt.Sprintf("%.0f %s", v, g.unit))
	default:
		return strings.TrimSpace(fmt.Sprintf("%.2f %s", v, g.unit))
	}
}

func (g goal) bound() string {
	if g.atMost {
		return "≤ " + g.format(g.want)
	}
	return "≥ " + g.format(g.want)
}

// GoalsText is the goals as plain text.
func (r *Report) GoalsText() string {
	var b strings.Builder
	for _, g := range goals() {
		measured, verdict := g.verdict(r)
		if verdict == "not measured" {
			continue
		}
		fmt.Fprintf(&b, "%-7s %-10s %-70s %-12s %s\n", verdict, g.area, g.text, g.bound(), measured)
	}
	return b.String()
}
