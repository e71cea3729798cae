// Package report collects benchmark lines of many rounds and says what they
// show: medians with their confidence intervals and ratios of medians, as
// benchstat computes them.
package report

import (
	"bufio"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchmath"
)

// Report holds the samples of all lines.
type Report struct {
	lines map[string]map[string][]float64 // line, then unit
	order []string
}

// New returns an empty report.
func New() *Report { return &Report{lines: map[string]map[string][]float64{}} }

// Lines returns how many lines there are.
func (r *Report) Lines() int { return len(r.order) }

// Read adds the output of one test binary, run as part of the named suite.
func (r *Report) Read(suite string, out io.Reader) error {
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 4 || !strings.HasPrefix(f[0], "Benchmark") || f[1] == "1000000000" {
			continue // the last is a benchmark that skipped itself
		}
		if _, err := strconv.Atoi(f[1]); err != nil {
			continue
		}
		name := suite + "/" + strings.TrimPrefix(withoutProcs(f[0]), "Benchmark")
		for i := 2; i+1 < len(f); i += 2 {
			value, err := strconv.ParseFloat(f[i], 64)
			if err != nil {
				return err
			}
			r.add(name, f[i+1], value)
		}
	}
	return lines.Err()
}

func (r *Report) add(name, unit string, value float64) {
	units := r.lines[name]
	if units == nil {
		units = map[string][]float64{}
		r.lines[name] = units
		r.order = append(r.order, name)
	}
	units[unit] = append(units[unit], value)
}

// withoutProcs cuts the number of processors off a benchmark's name.
func withoutProcs(name string) string {
	at := strings.LastIndexByte(name, '-')
	if at < 0 {
		return name
	}
	if _, err := strconv.Atoi(name[at+1:]); err != nil {
		return name
	}
	return name[:at]
}

// summary is the median of a line's unit with its 95 % interval.
func (r *Report) summary(name, unit string) (benchmath.Summary, bool) {
	values := slices.Clone(r.lines[name][unit])
	if len(values) == 0 {
		return benchmath.Summary{}, false
	}
	sample := benchmath.NewSample(values, &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95), true
}

// median returns the middle of a line's unit; ok is false when it was not measured.
func (r *Report) median(name, unit string) (float64, bool) {
	s, ok := r.summary(name, unit)
	return s.Center, ok
}

// Machine is what the figures depend on.
type Machine struct {
	Date, Go, OS, CPU string
	Cores, Rounds     int
	Benchtime         string
	Wire              int
	Programs, Modules []string
}
