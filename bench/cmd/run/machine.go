package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/ginsec/ginsec/bench/internal/report"
)

// describe says what was measured on which kind of machine, without its name.
func describe(ctx context.Context, o options) (report.Machine, error) {
	m := report.Machine{
		Date: time.Now().UTC().Format(time.DateOnly), Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: processor(), Cores: runtime.NumCPU(), Rounds: o.rounds, Benchtime: o.benchtime.String(), Wire: o.wire,
		Programs: []string{version(ctx, "redis-server", "--version"), version(ctx, "wrk", "--version")},
	}
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{if not (or .Main .Replace)}}{{if or (not .Indirect) (eq .Path \"github.com/bytedance/sonic\" \"github.com/goccy/go-json\")}}{{.Path}} {{.Version}}{{end}}{{end}}", "all").Output()
	if err != nil {
		return m, fmt.Errorf("go list: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			m.Modules = append(m.Modules, line)
		}
	}
	return m, nil
}

func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, model, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(model)
		}
	}
	return "unknown processor"
}

// version is a program's first line about itself; some say it with a failure.
func version(ctx context.Context, program, flag string) string {
	path, err := exec.LookPath(program)
	if err != nil {
		return program + ": not installed, and what needs it not measured"
	}
	out, _ := exec.CommandContext(ctx, path, flag).CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	line, _, _ = strings.Cut(line, " sha=")
	line, _, _ = strings.Cut(line, " Copyright")
	return strings.TrimSpace(line)
}
