package ginsec_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every requirement in docs/asvs.md names tests, and every test named exists.
func TestEveryRequirementIsShownByATest(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("docs/asvs.md")
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`(?m)^\| (\d+\.\d+\.\d+) \|.*$`)
	named := regexp.MustCompile("`([a-z/]+)\\.(Test\\w+)`")
	rows := row.FindAllStringSubmatch(string(page), -1)
	if len(rows) < 30 {
		t.Fatalf("%d requirements found in the page", len(rows))
	}
	for _, r := range rows {
		tests := named.FindAllStringSubmatch(r[0], -1)
		if len(tests) == 0 {
			t.Errorf("%s names no test", r[1])
		}
		for _, name := range tests {
			if !hasTest(t, name[1], name[2]) {
				t.Errorf("%s: there is no test %s.%s", r[1], name[1], name[2])
			}
		}
	}
}

func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	if dir == "ginsec" {
		dir = "."
	}
	files, err := filepath.Glob(filepath.Join(filepath.FromSlash(dir), "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(t *testing.T) {") {
			return true
		}
	}
	return false
}
