package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// attack is one thing an attacker does, or a near miss that must pass. run
// returns what came of it, in a word or two.
type attack struct {
	Control string
	Name    string
	Want    string // of the guarded API
	run     func(ctx context.Context, t *target) (string, error)
}

// verdict is what one attack came to on both APIs.
type verdict struct {
	Attack attack `json:"-"`
	Naive  string `json:"naive"`
	Ginsec string `json:"ginsec"`
}

func (v verdict) ok() bool { return v.Ginsec == v.Attack.Want }

// try runs one attack against both APIs. An attack that cannot be carried out
// counts as what it reports, so that it never equals what is wanted.
func (w *world) try(ctx context.Context, a attack) verdict {
	result := func(t *target) string {
		got, err := a.run(ctx, t)
		if err != nil {
			return "failed: " + err.Error()
		}
		return got
	}
	return verdict{Attack: a, Naive: result(w.naive), Ginsec: result(w.guarded)}
}

// prove runs every attack, prints the table and reports whether every line came
// out as expected.
func (w *world) prove(ctx context.Context, out io.Writer) bool {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "CONTROL\tATTACK OR NEAR MISS\tNAIVE\tGINSEC\tEXPECTED\t")
	attacks, wrong, differ := attacks(), 0, 0
	for _, a := range attacks {
		v := w.try(ctx, a)
		mark := ""
		if !v.ok() {
			wrong++
			mark = "<-- WRONG"
		}
		if v.Naive != v.Ginsec {
			differ++
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Control, a.Name, short(v.Naive), short(v.Ginsec), a.Want, mark)
	}
	_ = table.Flush()
	fmt.Fprintf(out, "\n%d attacks and near misses: %d as expected, %d wrong; the naive handler differs on %d.\n",
		len(attacks), len(attacks)-wrong, wrong, differ)
	return wrong == 0
}

func short(s string) string {
	if s = strings.ReplaceAll(s, "\n", " "); len(s) > 40 {
		return s[:37] + "..."
	}
	return s
}

func attacks() []attack {
	var all []attack
	for _, group := range [][]attack{authAttacks(), replayAttacks(), limitAttacks(), bindingAttacks(), scopeAttacks(), egressAttacks()} {
		all = append(all, group...)
	}
	return all
}
