package testserver

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// one is a server that all tests of a process share; every test gets a database
// of its own on it.
type one struct {
	mu   sync.Mutex
	port int
	proc *process
	dbs  atomic.Int64
}

//nolint:gochecknoglobals // one server a process is the point: each takes seconds to start
var postgres, mariadb one

// database returns the next unused database name.
func (o *one) database() string { return "test" + strconv.FormatInt(o.dbs.Add(1), 10) }

// Postgres returns the DSN of a fresh, empty database on a PostgreSQL server
// that this process's tests share. The user is a superuser; create other roles
// to test row-level security.
func Postgres(tb testing.TB) string {
	tb.Helper()
	postgres.mu.Lock()
	defer postgres.mu.Unlock()
	if postgres.proc == nil {
		startPostgres(tb)
	}
	name := postgres.database()
	if err := pgCreate(address(postgres.port), name); err != nil {
		tb.Fatal(err)
	}
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable", postgres.port, name)
}

func startPostgres(tb testing.TB) {
	tb.Helper()
	const versions = "/usr/lib/postgresql/*/bin"
	initdb := executable(tb, "postgres", "initdb", versions, "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")
	server := executable(tb, "postgres", "postgres", versions, "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")
	dir := folder(tb)
	data := dir + "/data"
	out, err := command(dir, initdb, "-D", data, "-U", "postgres", "--auth=trust",
		"-E", "UTF8", "--locale=C", "--no-sync").CombinedOutput()
	if err != nil {
		tb.Fatalf("initdb: %v\n%s", err, out)
	}
	postgres.port = port(tb)
	postgres.proc = start(tb, dir, server, "-D", data, "-p", strconv.Itoa(postgres.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off",
		"-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=300")
	await(tb, "postgres", dir, func() error {
		conn, err := pgConnect(address(postgres.port))
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
}

// pgConnect performs the start-up exchange of the PostgreSQL protocol, so that
// this package needs no driver.
func pgConnect(addr string) (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	body := append([]byte{0, 3, 0, 0}, "user\x00postgres\x00database\x00postgres\x00\x00"...)
	msg := binary.BigEndian.AppendUint32(nil, uint32(len(body)+4))
	if _, err := conn.Write(append(msg, body...)); err != nil {
		_ = conn.Close()
		return nil, err
	}
	if err := pgReady(conn); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// pgReady reads messages until the server is ready for a query.
func pgReady(conn net.Conn) error {
	var failed error
	for {
		var head [5]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return errors.Join(failed, err)
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(conn, body); err != nil {
			return err
		}
		switch head[0] {
		case 'Z':
			return failed
		case 'E':
			failed = fmt.Errorf("postgres: %q", body)
		}
	}
}

func pgCreate(addr, name string) error {
	conn, err := pgConnect(addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	query := "CREATE DATABASE " + name + "\x00"
	msg := binary.BigEndian.AppendUint32([]byte{'Q'}, uint32(len(query)+4))
	if _, err := conn.Write(append(msg, query...)); err != nil {
		return err
	}
	return pgReady(conn)
}
