package report

import (
	"fmt"
	"slices"
	"strings"
)

// Markdown is the whole report.
func (r *Report) Markdown(m Machine) string {
	var b strings.Builder
	b.WriteString("# Side by side\n\n")
	r.preamble(&b, m)
	r.goalsTable(&b)
	b.WriteString("\n## Comparisons\n\n")
	b.WriteString(reading)
	for _, g := range r.groups() {
		if strings.HasPrefix(g.name, "growth/") {
			continue
		}
		r.table(&b, g)
	}
	r.growth(&b)
	return b.String()
}

const reading = "`CPU` is processor time of the whole process per operation: the median of all rounds and its 95 % interval. " +
	"`ratio` is that median over the first line's. Lines below `bare` contain what `bare` does. " +
	"Absolute times belong to this machine and this run; the ratios carry over.\n"

func (r *Report) preamble(b *strings.Builder, m Machine) {
	fmt.Fprintf(b, "Written by `make bench` on %s. Not a promise: run it on your machine.\n\n", m.Date)
	fmt.Fprintf(b, "- Machine: %d cores, %s, %s, %s.\n", m.Cores, m.CPU, m.OS, m.Go)
	fmt.Fprintf(b, "- %d interleaved rounds of at least %s a line (2 for growth and for bytes, which hardly vary); medians, ratios of medians, and the interval of the median "+
		"by the order statistics that benchstat uses.\n", m.Rounds, m.Benchtime)
	b.WriteString("- Processor time (user and system, of the whole process) is what is compared; every process keeps a 256 MiB ballast, " +
		"so that no variant's own tables change how often the collector runs.\n")
	fmt.Fprintf(b, "- Over the wire: one server process per stack with GOMAXPROCS=1, wrk with one thread and 32 connections for %d s per route and round, "+
		"no answer other than 200 tolerated.\n", m.Wire)
	b.WriteString("- Every variant first passes a test that all of its comparison give the same verdicts (`go test ./...` here). " +
		"Where a peer by default accepts what ours refuses (gin's ShouldBindJSON), the test says so.\n")
	fmt.Fprintf(b, "- Programs: %s.\n", strings.Join(m.Programs, "; "))
	fmt.Fprintf(b, "- Modules: %s.\n", strings.Join(m.Modules, ", "))
}

func (r *Report) goalsTable(b *strings.Builder) {
	met, missed, unknown := 0, 0, 0
	var rows strings.Builder
	for _, g := range goals() {
		measured, verdict := g.verdict(r)
		switch verdict {
		case "met":
			met++
		case "MISSED":
			missed++
			verdict = "**MISSED**"
		default:
			unknown++
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s | %s |\n", g.area, g.text, g.bound(), measured, verdict)
	}
	fmt.Fprintf(b, "\n## Goals: %d met, %d missed, %d not measured\n\n", met, missed, unknown)
	b.WriteString("| control | figure | goal | measured | |\n|---|---|---|---|---|\n")
	b.WriteString(rows.String())
}

// group is the lines that are compared with each other.
type group struct {
	name  string
	lines []string
}

// markers begin the name of a variant.
var markers = []string{"bare", "ginsec", "peer", "primitive"}

func split(name string) (groupName, variant string) {
	parts := strings.Split(name, "/")
	at := slices.IndexFunc(parts, func(p string) bool { return slices.Contains(markers, p) })
	if at < 0 {
		at = len(parts) - 1
	}
	return strings.Join(parts[:at], "/"), strings.Join(parts[at:], "/")
}

func (r *Report) groups() []*group {
	var all []*group
	byName := map[string]*group{}
	for _, line := range r.order {
		name, _ := split(line)
		g := byName[name]
		if g == nil {
			g = &group{name: name}
			byName[name] = g
			all = append(all, g)
		}
		g.lines = append(g.lines, line)
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		sa, _, _ := strings.Cut(a.name, "/")
		sb, _, _ := strings.Cut(b.name, "/")
		return strings.Compare(sa, sb)
	})
	return all
}

// reference is the line that others are compared with: bare, else the first peer.
func (g *group) reference() string {
	for _, prefix := range []string{"bare", "peer"} {
		for _, line := range g.lines {
			if _, variant := split(line); strings.HasPrefix(variant, prefix) {
				return line
			}
		}
	}
	return g.lines[0]
}

// extra are further units, in the order of their columns.
var extra = []struct {
	unit, title string
	by          float64
	format      string
}{
	{"server-ns/op", "Redis CPU", 1e-3, "%.2f µs"},
	{"req/s", "requests/s", 1, "%.0f"},
	{"server-ns/req", "server CPU", 1e-3, "%.1f µs"},
	{"p50-ns", "p50", 1e-6, "%.2f ms"},
	{"p99-ns", "p99", 1e-6, "%.2f ms"},
	{"B/key", "B/key", 1, "%.0f"},
	{"B/token", "B/token", 1, "%.1f"},
	{"accepted/token", "acceptances per token", 1, "%.2f"},
	{"trips/req", "round trips", 1, "%.2f"},
	{"local-share", "counted in process", 100, "%.2f %%"},
	{"B/op", "B/op", 1, "%.0f"},
	{allocs, "allocs", 1, "%.0f"},
}

func (r *Report) table(b *strings.Builder, g *group) {
	reference := g.reference()
	main := cpu
	if _, ok := r.median(reference, main); !ok {
		main = rate
	}
	_, timed := r.median(reference, main)
	fmt.Fprintf(b, "\n### %s\n\n| |", g.name)
	if timed {
		b.WriteString(" ratio |")
	}
	if main == cpu && timed {
		b.WriteString(" CPU |")
	}
	var columns []int
	for i, x := range extra {
		if slices.ContainsFunc(g.lines, func(line string) bool { return len(r.lines[line][x.unit]) > 0 }) {
			columns = append(columns, i)
			fmt.Fprintf(b, " %s |", x.title)
		}
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(columns)))
	if timed {
		b.WriteString("---|")
		if main == cpu {
			b.WriteString("---|")
		}
	}
	b.WriteString("\n")
	lines := slices.Clone(g.lines)
	slices.SortStableFunc(lines, func(x, y string) int { return first(y == reference) - first(x == reference) })
	for _, line := range lines {
		r.row(b, line, reference, main, timed, columns)
	}
}

func first(is bool) int {
	if is {
		return 1
	}
	return 0
}

func (r *Report) row(b *strings.Builder, line, reference, main string, timed bool, columns []int) {
	_, variant := split(line)
	fmt.Fprintf(b, "| %s |", variant)
	if timed {
		s, ok := r.summary(line, main)
		base, _ := r.median(reference, main)
		if !ok || base == 0 {
			b.WriteString(" – |")
		} else {
			fmt.Fprintf(b, " %.3g |", s.Center/base)
		}
		if main == cpu {
			fmt.Fprintf(b, " %s ±%s |", nanoseconds(s.Center), s.PctRangeString())
		}
	}
	for _, i := range columns {
		if v, ok := r.median(line, extra[i].unit); ok {
			fmt.Fprintf(b, " "+extra[i].format+" |", v*extra[i].by)
		} else {
			b.WriteString(" – |")
		}
	}
	b.WriteString("\n")
}

func nanoseconds(v float64) string {
	switch {
	case v < 1e3:
		return fmt.Sprintf("%.3g ns", v)
	case v < 1e6:
		return fmt.Sprintf("%.3g µs", v/1e3)
	default:
		return fmt.Sprintf("%.3g ms", v/1e6)
	}
}
