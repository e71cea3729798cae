package chain_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/redis"
)

// wireVariable says for how many seconds wrk loads each route; unset means that
// nothing is measured over the wire.
const wireVariable = "GINSEC_BENCH_WIRE"

// warmRequests come before the load.
const warmRequests = 50

// connections is how many wrk keeps open.
const connections = 32

// BenchmarkWire loads a server on one processor with wrk on the other. Each line
// is one run of wrk; its ns/op means nothing.
func BenchmarkWire(b *testing.B) {
	seconds, _ := strconv.Atoi(os.Getenv(wireVariable))
	if seconds == 0 {
		b.Skip(wireVariable + " is not set")
	}
	wrk, err := exec.LookPath("wrk")
	if err != nil {
		b.Skip("wrk is not installed")
	}
	token := shareFixture(b).Token("RS256")
	servers := map[string]*served{}
	for _, s := range all() {
		if s.name != "ginsec/no-token-cache" {
			servers[s.name] = startServer(b, s.name)
		}
	}
	loaded := plain()
	if os.Getenv("GINSEC_BENCH_QUICK") != "" {
		loaded = loaded[:1]
	}
	for _, r := range loaded { // side by side, so that a noisy minute hits all
		for _, s := range all() {
			server := servers[s.name]
			if server == nil || !s.serves(r) {
				continue
			}
			b.Run(r.name+"/"+s.name, func(b *testing.B) { server.measure(b, wrk, seconds, r, token) })
		}
	}
	for _, server := range servers {
		server.stop()
	}
	loadRedis(b, wrk, seconds, token)
}

// loadRedis is the first route with its limits counted in Redis.
func loadRedis(b *testing.B, wrk string, seconds int, token string) {
	b.Helper()
	server := redis.Start(b)
	b.Setenv(redisVariable, server.Addr)
	servers := map[string]*served{}
	for _, s := range remote() {
		servers[s.name] = startServer(b, s.name)
	}
	for _, s := range remote() {
		b.Run("json-redis/"+s.name, func(b *testing.B) {
			before := server.Scripts()
			requests := servers[s.name].measure(b, wrk, seconds, plain()[0], token)
			if s.name == "ginsec" { // the others have nothing to fall back on
				b.ReportMetric(max(0, 1-(server.Scripts()-before-warmRequests)/requests), "local-share")
			}
		})
		servers[s.name].stop()
	}
}

func (s *served) measure(b *testing.B, wrk string, seconds int, r route, token string) (requests float64) {
	b.Helper()
	s.warm(b, r, token)
	before := s.cpu(b)
	got := load(b, wrk, s.addr, seconds, r, token)
	used := s.cpu(b) - before
	for b.Loop() { // measured above, once
	}
	b.ReportMetric(got.rate, "req/s")
	b.ReportMetric(used/got.requests, "server-ns/req")
	b.ReportMetric(got.p50, "p50-ns")
	b.ReportMetric(got.p99, "p99-ns")
	return got.requests
}

// shareFixture makes sure that the servers have the keys that sign here.
func shareFixture(b *testing.B) *issuer.Issuer {
	b.Helper()
	if os.Getenv(issuer.FixtureVariable) == "" {
		path := filepath.Join(b.TempDir(), "fixture.json")
		if err := issuer.WriteFixture(path, 0); err != nil {
			b.Fatal(err)
		}
		b.Setenv(issuer.FixtureVariable, path)
	}
	i := issuer.New()
	b.Cleanup(i.Close)
	return i
}

type served struct {
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
}

func startServer(b *testing.B, name string) *served {
	b.Helper()
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), exe)
	cmd.Env = append(os.Environ(), serveVariable+"="+name, "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	s := &served{cmd: cmd, stdin: stdin}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		s.stop()
		b.Fatalf("%s does not start: %v", name, err)
	}
	s.addr = strings.TrimSpace(line)
	return s
}

func (s *served) stop() {
	_ = s.stdin.Close()
	_ = s.cmd.Wait()
}

// cpu returns the processor time of the server, in nanoseconds.
func (s *served) cpu(b *testing.B) float64 {
	b.Helper()
	ns, err := meter.ProcessCPU(s.cmd.Process.Pid)
	if err != nil {
		b.Fatal(err)
	}
	return ns
}

// warm sends a few requests, which fetch keys and fill caches, and checks what
// comes back.
func (s *served) warm(b *testing.B, r route, token string) {
	b.Helper()
	for range warmRequests {
		req, err := http.NewRequestWithContext(b.Context(), r.method, "http://"+s.addr+r.path, strings.NewReader(string(r.body)))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			b.Fatal("status", resp.StatusCode)
		}
	}
}

type result struct{ rate, requests, p50, p99 float64 }

// load runs wrk. A single refused request makes the run worthless.
func load(b *testing.B, wrk, addr string, seconds int, r route, token string) result {
	b.Helper()
	script := filepath.Join(b.TempDir(), "request.lua")
	text := fmt.Sprintf("wrk.method = %q\nwrk.headers[\"Authorization\"] = %q\n", r.method, "Bearer "+token)
	if r.body != nil {
		text += fmt.Sprintf("wrk.body = [==[%s]==]\nwrk.headers[\"Content-Type\"] = \"application/json\"\n", r.body)
	}
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.CommandContext(b.Context(), wrk, "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(seconds)+"s",
		"--latency", "-s", script, "http://"+addr+r.path)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	got, err := parseWrk(string(out))
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return got
}

func parseWrk(out string) (got result, err error) {
	for line := range strings.SplitSeq(out, "\n") {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "Requests/sec:":
			got.rate, err = strconv.ParseFloat(f[1], 64)
		case f[0] == "50%":
			got.p50, err = duration(f[1])
		case f[0] == "99%":
			got.p99, err = duration(f[1])
		case len(f) > 2 && f[1] == "requests" && f[2] == "in":
			got.requests, err = strconv.ParseFloat(f[0], 64)
		case f[0] == "Non-2xx" || f[0] == "Socket":
			return got, fmt.Errorf("not every request was answered: %s", line)
		}
		if err != nil {
			return got, err
		}
	}
	if got.rate == 0 || got.requests == 0 {
		return got, fmt.Errorf("no result")
	}
	return got, nil
}

func duration(s string) (float64, error) {
	d, err := time.ParseDuration(s)
	return float64(d), err
}
