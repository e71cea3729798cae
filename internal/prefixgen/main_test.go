package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/internal/testserver"
)

func TestTheTableIsUpToDate(t *testing.T) {
	t.Parallel()
	v4, v6 := testserver.SharedData(t, "iana/iana4.csv"), testserver.SharedData(t, "iana/iana6.csv")
	out := filepath.Join(t.TempDir(), "table.go")
	if err := run(v4, v6, "2026-07", out); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.FromSlash("../../egress/table_gen.go"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("egress/table_gen.go is not what the generator writes")
	}
}

func TestRowsThatNeedADecisionStopTheGenerator(t *testing.T) {
	t.Parallel()
	for text, complaint := range map[string]string{
		"198.51.100.0/25|New|RFC1|True":              "decide",
		"10.0.0.0/8|Private-Use|RFC1918":             "four fields",
		"10.0.0/8|Private-Use|RFC1918|False":         "ParsePrefix",
		"10.0.0.0/8|A|R|False\n10.0.0.0/8|B|R|False": "twice",
		"10.0.0.0/8|Private-Use|RFC1918|False":       "no registry any more",
	} {
		path := filepath.Join(t.TempDir(), "registry.csv")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		rows, err := readRegistry(path)
		if err == nil {
			_, err = generate(rows, "2026-07")
		}
		if err == nil || !strings.Contains(err.Error(), complaint) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := run("", "", "", ""); err == nil {
		t.Error("no date is needed")
	}
}
