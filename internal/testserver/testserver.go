// Package testserver starts real servers for tests: redis-server (alone, as a
// cluster, behind a Sentinel), PostgreSQL and MariaDB, each on a private loopback
// port with a folder of its own. They die with the test process, however it ends.
//
// A test whose server is not installed is skipped by name. The environment
// variable GINSEC_TEST_REQUIRE (a comma-separated list of redis, postgres and
// mariadb) turns such a skip into a failure.
package testserver

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const startTimeout = 60 * time.Second

// executable finds a server's program, also where distributions hide it from PATH.
func executable(tb testing.TB, service, name string, folders ...string) string {
	tb.Helper()
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, name))
		if len(found) > 0 {
			slices.Sort(found)
			return found[len(found)-1] // the newest version
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	if Required(service) {
		tb.Fatalf("%s is required by GINSEC_TEST_REQUIRE, but %s is not installed", service, name)
	}
	tb.Skipf("%s is not installed: %s not found", service, name)
	return ""
}

// Required reports whether GINSEC_TEST_REQUIRE names service.
func Required(service string) bool {
	return slices.Contains(strings.Split(os.Getenv("GINSEC_TEST_REQUIRE"), ","), service)
}

// process is a server and the shell that watches over it: the shell waits for
// its standard input to close, which the kernel does when this process ends, and
// then kills the server and removes its folder.
type process struct {
	shell *exec.Cmd
	stdin *os.File
	pid   int
}

const watchdog = `
dir=$1; shift
"$@" </dev/null >"$dir/out.log" 2>&1 3<&- &
pid=$!
echo $pid
cat <&3 >/dev/null
kill -CONT $pid 2>/dev/null
kill -KILL $pid 2>/dev/null
wait $pid 2>/dev/null
rm -rf "$dir"
`

// folder makes a private folder for a server. No path of it is longer than a
// unix socket may have.
func folder(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "ginsec-")
	if err != nil {
		tb.Fatal(err)
	}
	if cred := credential(); cred != nil {
		if err := os.Chown(dir, int(cred.Uid), int(cred.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

// credential is who servers run as: ourselves, or nobody when we are root, since
// PostgreSQL refuses to run as root.
func credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func command(dir, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "LC_ALL=C")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential(), Setpgid: true}
	return cmd
}

// start runs a server in dir; stop removes dir.
func start(tb testing.TB, dir, name string, args ...string) *process {
	tb.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := command(dir, "/bin/sh", append([]string{"-c", watchdog, "watchdog", dir, name}, args...)...)
	cmd.ExtraFiles = []*os.File{r} // descriptor 3
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	_ = r.Close()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		tb.Fatalf("%s did not start: %v", name, err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		tb.Fatal(err)
	}
	return &process{shell: cmd, stdin: w, pid: pid}
}

func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.shell.Wait()
}

// await calls try until it succeeds.
func await(tb testing.TB, what, dir string, try func() error) {
	tb.Helper()
	err := poll(try)
	if err == nil {
		return
	}
	log, _ := os.ReadFile(filepath.Join(dir, "out.log"))
	tb.Fatalf("%s does not answer: %v\n%s", what, err, log)
}

func poll(try func() error) error {
	var err error
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(15 * time.Millisecond) {
		if err = try(); err == nil {
			return nil
		}
	}
	return err
}

// port returns a free loopback port below those that systems give to outgoing
// connections: one of them could otherwise take it before the server does.
func port(tb testing.TB) int {
	tb.Helper()
	for range 100 {
		p := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", address(p)); err == nil {
			_ = l.Close()
			return p
		}
	}
	tb.Fatal("no free port")
	return 0
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// SharedData returns the path of a file of the data sets that are not part of
// the repository (../shared/data beside the checkout); a test that needs one is
// skipped by name where they are absent.
func SharedData(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		path := filepath.Join(dir, "..", "shared", "data", filepath.FromSlash(name))
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	tb.Skipf("shared data set %s is not beside the checkout", name)
	return ""
}
