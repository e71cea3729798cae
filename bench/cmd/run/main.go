// Command run measures every comparison of this module in one go and writes
// RESULTS.md: it builds each test binary once, runs all of them in interleaved
// rounds, and takes medians. A noisy minute then hits all rivals alike.
//
//	go run ./cmd/run            # everything, about a quarter of an hour
//	go run ./cmd/run -quick     # one short round to see that all of it works
//	go run ./cmd/run -only auth,chain -rounds 10
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/report"
)

type options struct {
	rounds    int
	benchtime time.Duration
	wire      int // seconds
	quick     bool
	only      []string
	out       string
}

func main() {
	var o options
	var only string
	flag.IntVar(&o.rounds, "rounds", 8, "interleaved rounds")
	flag.DurationVar(&o.benchtime, "benchtime", 100*time.Millisecond, "how long each line of a round runs")
	flag.IntVar(&o.wire, "wire", 1, "seconds of load per stack and route over the wire")
	flag.BoolVar(&o.quick, "quick", false, "one short round; nothing is written")
	flag.StringVar(&only, "only", "", "comma-separated comparisons; nothing is written unless all are run")
	flag.StringVar(&o.out, "out", "", "where the results go; RESULTS.md by default")
	flag.Parse()
	if only != "" {
		o.only = strings.Split(only, ",")
	}
	if o.quick {
		o.rounds, o.benchtime, o.wire = 1, time.Millisecond, 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	dir, err := os.MkdirTemp("", "ginsec-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	chosen, err := choose(o)
	if err != nil {
		return err
	}
	if err := build(ctx, dir, chosen); err != nil {
		return err
	}
	fixture := filepath.Join(dir, "fixture.json")
	fresh := 6000
	if o.quick {
		fresh = 200
	}
	if err := issuer.WriteFixture(fixture, fresh); err != nil {
		return err
	}
	r := report.New()
	failed := measure(ctx, o, dir, fixture, chosen, r)
	if failed != nil && (o.quick || ctx.Err() != nil) {
		return failed
	}
	return errors.Join(finish(ctx, o, r), failed)
}

// finish prints the goals and, after a whole run, writes the results.
func finish(ctx context.Context, o options, r *report.Report) error {
	if o.quick {
		fmt.Printf("%d lines measured once, to see that they work; no result is claimed\n", r.Lines())
		return nil
	}
	fmt.Print(r.GoalsText())
	out := o.out
	switch {
	case out != "":
	case o.only == nil:
		out = "RESULTS.md"
	default:
		fmt.Println("RESULTS.md is as it was: not everything was run")
		return nil
	}
	machine, err := describe(ctx, o)
	if err != nil {
		return err
	}
	if err := os.WriteFile(out, []byte(r.Markdown(machine)), 0o644); err != nil {
		return err
	}
	return r.Plots(filepath.Join(filepath.Dir(out), "plots"))
}

func build(ctx context.Context, dir string, chosen []suite) error {
	done := map[string]bool{}
	for _, s := range chosen {
		if done[s.binary()] {
			continue
		}
		done[s.binary()] = true
		progress("build %s", s.binary())
		cmd := exec.CommandContext(ctx, "go", "test", "-c", "-tags", s.tags, "-o", filepath.Join(dir, s.binary()), "./"+s.dir)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build %s: %w\n%s", s.dir, err, out)
		}
	}
	return nil
}

// progress tells on standard error what is under way.
func progress(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "%s  %s\n", time.Now().Format(time.TimeOnly), fmt.Sprintf(format, args...))
}
