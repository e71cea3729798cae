package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// curve is how a cost grows with a size.
type curve struct {
	name, title, axis string
	// work is the exponent of the work itself: 0 when one operation does the same
	// whatever the size, 1 when it has as much more to do.
	work float64
}

func curves() []curve {
	return []curve{
		{"Keys", "one call of the limiter, by live keys", "keys", 0},
		{"Tokens", "first use of a token in Local, by tokens held", "tokens", 0},
		{"Policies", "one call of the limiter, by policies", "policies", 1},
		{"Issuers", "verification of a token, by issuers", "issuers", 0},
		{"Payload", "reading a JSON body, by its bytes", "bytes", 1},
		{"Goroutines", "a whole request, by goroutines", "goroutines", 0},
		{"RedisGoroutines", "one call of the limiter over Redis, by goroutines", "goroutines", 0},
	}
}

type point struct{ x, y float64 }

// points are the medians of a curve's lines, by variant.
func (r *Report) points(c curve) (variants []string, all map[string][]point) {
	all = map[string][]point{}
	for _, line := range r.order {
		rest, ok := strings.CutPrefix(line, "growth/"+c.name+"/")
		if !ok {
			continue
		}
		variant, text := "ginsec", rest
		if at := strings.LastIndexByte(rest, '/'); at >= 0 {
			variant, text = rest[:at], rest[at+1:]
		}
		x, err := strconv.ParseFloat(text, 64)
		y, measured := r.median(line, cpu)
		if err != nil || !measured {
			continue
		}
		if all[variant] == nil {
			variants = append(variants, variant)
		}
		all[variant] = append(all[variant], point{x, y})
	}
	for _, p := range all {
		slices.SortFunc(p, func(a, b point) int { return int(math.Copysign(1, a.x-b.x)) })
	}
	return variants, all
}

// exponent is the slope of a line fitted through the points on logarithmic axes:
// n times the size costs n to this power as much.
func exponent(all []point) float64 {
	var sx, sy, sxx, sxy float64
	for _, p := range all {
		x, y := math.Log(p.x), math.Log(p.y)
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	n := float64(len(all))
	if d := n*sxx - sx*sx; d > 0 {
		return (n*sxy - sx*sy) / d
	}
	return 0
}

// slack is what caches may add: memory that no longer fits the processor's caches
// is slower whatever the algorithm.
const slack = 0.2

func (r *Report) growth(b *strings.Builder) {
	head := false
	for _, c := range curves() {
		variants, all := r.points(c)
		if len(variants) == 0 {
			continue
		}
		if !head {
			head = true
			b.WriteString("\n## Growth\n\nThe cost of n times the size is n^e times as much. `e` is fitted through all points; " +
				"it may exceed the exponent of the work itself by 0.2, for memory that leaves the processor's caches.\n")
		}
		fmt.Fprintf(b, "\n### %s\n\n![%s](plots/%s.svg)\n\n| %s |", strings.ToUpper(c.title[:1])+c.title[1:], c.title, strings.ToLower(c.name), c.axis)
		for _, p := range all[variants[0]] {
			fmt.Fprintf(b, " %s |", size(p.x))
		}
		b.WriteString(" e | work | |\n|" + strings.Repeat("---|", len(all[variants[0]])+4) + "\n")
		for _, v := range variants {
			fmt.Fprintf(b, "| %s |", v)
			for _, p := range all[v] {
				fmt.Fprintf(b, " %s |", nanoseconds(p.y))
			}
			e := exponent(all[v])
			verdict := "no faster than the work"
			if e > c.work+slack {
				verdict = "**FASTER than the work**"
			}
			fmt.Fprintf(b, " %.2f | %.0f | %s |\n", e, c.work, verdict)
		}
	}
}

func size(x float64) string {
	switch {
	case x >= 1e6 && math.Mod(x, 1e6) == 0:
		return fmt.Sprintf("%.0f M", x/1e6)
	case x >= 1e4:
		return fmt.Sprintf("%.0f k", x/1e3)
	default:
		return fmt.Sprintf("%.0f", x)
	}
}

// Plots writes one SVG file a curve.
func (r *Report) Plots(dir string) error {
	for _, c := range curves() {
		variants, all := r.points(c)
		if len(variants) == 0 {
			continue
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		path := filepath.Join(dir, strings.ToLower(c.name)+".svg")
		if err := os.WriteFile(path, []byte(plot(c, variants, all)), 0o644); err != nil {
			return err
		}
	}
	return nil
}
