package testserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisServer is one redis-server process.
type RedisServer struct {
	// Addr is its host and port; it stays the same over Restart.
	Addr string

	tb   testing.TB
	dir  string
	port int
	args []string
	proc *process
}

// Redis starts a redis-server that keeps nothing on disk and stops with the
// test. Further arguments go to the server, such as "--maxmemory", "10mb".
func Redis(tb testing.TB, args ...string) *RedisServer {
	tb.Helper()
	s := &RedisServer{tb: tb, port: port(tb), args: args}
	s.Addr = address(s.port)
	s.Restart()
	tb.Cleanup(s.Kill)
	return s
}

// Restart starts the server again, empty, after [RedisServer.Kill].
func (s *RedisServer) Restart() {
	s.tb.Helper()
	s.Kill()
	bin := executable(s.tb, "redis", "redis-server")
	s.dir = folder(s.tb)
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--save", "",
		"--appendonly", "no", "--dir", s.dir,
	}, s.args...)
	s.proc = start(s.tb, s.dir, bin, args...)
	await(s.tb, "redis-server", s.dir, func() error { return s.ping() })
}

func (s *RedisServer) ping() error {
	reply, err := s.do("PING")
	if err == nil && !strings.HasPrefix(reply, "+PONG") {
		return errors.New(reply)
	}
	return err
}

// Kill ends the server at once, as a crash would.
func (s *RedisServer) Kill() {
	if s.proc != nil {
		s.proc.stop()
		s.proc = nil
	}
}

// Freeze stops the server's process: connections stay open, nothing answers.
func (s *RedisServer) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *RedisServer) Thaw() { s.signal(syscall.SIGCONT) }

func (s *RedisServer) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := syscall.Kill(s.proc.pid, sig); err != nil {
		s.tb.Fatal(err)
	}
}

// Do runs one command on a connection of its own and returns the raw reply, for
// looking at a server from outside the client under test.
func (s *RedisServer) Do(args ...string) string {
	s.tb.Helper()
	reply, err := s.do(args...)
	if err != nil {
		s.tb.Fatalf("redis %s: %v", args[0], err)
	}
	return reply
}

func (s *RedisServer) do(args ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := fmt.Fprintf(conn, "*%d\r\n", len(args)); err != nil {
		return "", err
	}
	for _, a := range args {
		if _, err := fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(a), a); err != nil {
			return "", err
		}
	}
	return readReply(bufio.NewReader(conn))
}

// readReply returns one RESP2 reply as it came over the wire.
func readReply(r *bufio.Reader) (string, error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(line[1:]))
	switch {
	case line[0] == '$' && n >= 0:
		body := make([]byte, n+2)
		_, err := io.ReadFull(r, body)
		return line + string(body), err
	case line[0] == '*':
		items := make([]string, 1, max(n, 0)+1)
		items[0] = line
		for range n {
			item, err := readReply(r)
			if err != nil {
				return "", err
			}
			items = append(items, item)
		}
		return strings.Join(items, ""), nil
	}
	return line, nil
}

// RedisCluster starts a cluster of three masters without replicas.
func RedisCluster(tb testing.TB) []*RedisServer {
	tb.Helper()
	nodes := make([]*RedisServer, 3)
	buses := make([]int, len(nodes))
	for i := range nodes {
		buses[i] = port(tb)
		nodes[i] = Redis(tb, "--cluster-enabled", "yes", "--cluster-node-timeout", "5000",
			"--cluster-port", strconv.Itoa(buses[i]))
	}
	for i, n := range nodes {
		from, to := i*16384/len(nodes), (i+1)*16384/len(nodes)-1
		n.Do("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to))
		n.Do("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			nodes[0].Do("CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(n.port), strconv.Itoa(buses[i]))
		}
	}
	for _, n := range nodes {
		await(tb, "redis cluster", n.dir, func() error {
			info, err := n.do("CLUSTER", "INFO")
			if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:3")) {
				return errors.New(info)
			}
			return err
		})
	}
	return nodes
}

// RedisReplica starts a replica of master and waits until it is in step.
func RedisReplica(tb testing.TB, master *RedisServer) *RedisServer {
	tb.Helper()
	r := Redis(tb, "--replicaof", "127.0.0.1 "+strconv.Itoa(master.port))
	await(tb, "redis replica", r.dir, func() error {
		info, err := r.do("INFO", "replication")
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			return errors.New(info)
		}
		return err
	})
	return r
}

// RedisSentinel starts a Sentinel that watches master under the name "main" with
// a quorum of one.
func RedisSentinel(tb testing.TB, master *RedisServer) *RedisServer {
	tb.Helper()
	bin := executable(tb, "redis", "redis-server")
	s := &RedisServer{tb: tb, port: port(tb), dir: folder(tb)}
	s.Addr = address(s.port)
	conf := filepath.Join(s.dir, "sentinel.conf")
	text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor main 127.0.0.1 %d 1\n"+
		"sentinel down-after-milliseconds main 500\nsentinel failover-timeout main 2000\n", s.port, s.dir, master.port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	if cred := credential(); cred != nil {
		if err := os.Chown(conf, int(cred.Uid), int(cred.Gid)); err != nil {
			tb.Fatal(err)
		}
	}
	s.proc = start(tb, s.dir, bin, conf, "--sentinel")
	tb.Cleanup(s.Kill)
	await(tb, "redis sentinel", s.dir, func() error { return s.ping() })
	return s
}
