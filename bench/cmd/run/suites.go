package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/report"
)

// suite is one run of a test binary within a round.
type suite struct {
	name, dir string
	tags      string // build tags
	bench     string // which benchmarks; all by default
	skip      string // which not
	most      int    // rounds at most, for what takes long and hardly varies
	wire      bool
}

func suites() []suite {
	return []suite{
		{name: "chain", dir: "chain", bench: "Process|Parallel|Fresh|Redis"},
		{name: "wire", dir: "chain", bench: "Wire", wire: true},
		{name: "auth", dir: "auth"},
		{name: "ratelimit", dir: "ratelimit", skip: "Bytes"},
		{name: "ratelimit-bytes", dir: "ratelimit", bench: "Bytes", most: 2},
		{name: "replay", dir: "replay", skip: "Bytes|Double"},
		{name: "replay-bytes", dir: "replay", bench: "Bytes|Double", most: 2},
		{name: "binding", dir: "binding"},
		{name: "binding-sonic", dir: "binding", tags: "sonic"},
		{name: "binding-goccy", dir: "binding", tags: "go_json"},
		{name: "scope", dir: "scope"},
		{name: "egress", dir: "egress"},
		{name: "growth", dir: "growth", most: 2},
	}
}

func (s suite) binary() string {
	if s.tags == "" {
		return s.dir + ".test"
	}
	return s.dir + "-" + s.tags + ".test"
}

func choose(o options) ([]suite, error) {
	var chosen []suite
	if o.only == nil {
		for _, s := range suites() {
			if s.tags == "" || !o.quick { // those are the same code built again
				chosen = append(chosen, s)
			}
		}
		return chosen, nil
	}
	for _, name := range o.only {
		at := slices.IndexFunc(suites(), func(s suite) bool { return s.name == name })
		if at < 0 {
			return nil, fmt.Errorf("there is no comparison called %q", name)
		}
		chosen = append(chosen, suites()[at])
	}
	return chosen, nil
}

// measure runs the rounds. On a machine that others use too, a run may fail for
// no fault of its own: it is tried once more. What fails again is left out of its
// round, and reported.
func measure(ctx context.Context, o options, dir, fixture string, chosen []suite, r *report.Report) error {
	var failed []error
	for round := range o.rounds {
		for _, s := range chosen {
			if s.most > 0 && round >= s.most {
				continue
			}
			progress("round %d of %d: %s", round+1, o.rounds, s.name)
			err := s.run(ctx, o, dir, fixture, r)
			if err != nil && !o.quick && ctx.Err() == nil {
				progress("%s failed, once more: %v", s.name, err)
				err = s.run(ctx, o, dir, fixture, r)
			}
			if err != nil {
				failed = append(failed, fmt.Errorf("round %d: %s: %w", round+1, s.name, err))
			}
			if err != nil && (o.quick || ctx.Err() != nil) {
				return errors.Join(failed...)
			}
		}
	}
	return errors.Join(failed...)
}

func (s suite) run(ctx context.Context, o options, dir, fixture string, r *report.Report) error {
	bench := s.bench
	if bench == "" {
		bench = "."
	}
	cmd := exec.CommandContext(ctx, filepath.Join(dir, s.binary()),
		"-test.run", "^$", "-test.bench", bench, "-test.skip", s.skip, "-test.benchtime", o.benchtime.String(), "-test.timeout", "10m")
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), issuer.FixtureVariable+"="+fixture)
	if s.wire {
		cmd.Env = append(cmd.Env, "GINSEC_BENCH_WIRE="+strconv.Itoa(o.wire))
	}
	if o.quick {
		cmd.Env = append(cmd.Env, "GINSEC_BENCH_QUICK=1")
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w\n%s%s", err, out.String(), errs.String())
	}
	if strings.Contains(out.String(), "--- FAIL") {
		return fmt.Errorf("a benchmark failed:\n%s", out.String())
	}
	name, _, _ := strings.Cut(s.name, "-")
	return r.Read(name, &out)
}
