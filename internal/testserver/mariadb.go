package testserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// MariaDB returns the DSN, in the form of go-sql-driver/mysql, of a fresh, empty
// database on a MariaDB server that this process's tests share.
func MariaDB(tb testing.TB) string {
	tb.Helper()
	mariadb.mu.Lock()
	defer mariadb.mu.Unlock()
	if mariadb.proc == nil {
		startMariaDB(tb)
	}
	name := mariadb.database()
	// The databases are made by the server itself at start: see prepared.
	if mariadb.dbs.Load() > prepared {
		tb.Fatalf("more than %d MariaDB databases in one test process", prepared)
	}
	return fmt.Sprintf("root@tcp(127.0.0.1:%d)/%s?parseTime=true&loc=UTC&charset=utf8mb4", mariadb.port, name)
}

// prepared is how many databases exist on the server: the protocol's
// authentication is not worth speaking by hand, an init file is.
const prepared = 400

func startMariaDB(tb testing.TB) {
	tb.Helper()
	sbin := []string{"/usr/sbin", "/usr/local/sbin", "/opt/homebrew/opt/mariadb/bin"}
	install := executable(tb, "mariadb", "mariadb-install-db", "/usr/bin")
	server := executable(tb, "mariadb", "mariadbd", sbin...)
	dir := folder(tb)
	data := dir + "/data"
	args := []string{
		"--no-defaults", "--datadir=" + data, "--auth-root-authentication-method=normal",
		"--skip-test-db", "--skip-name-resolve",
	}
	if out, err := command(dir, install, args...).CombinedOutput(); err != nil {
		tb.Fatalf("mariadb-install-db: %v\n%s", err, out)
	}
	init := dir + "/init.sql"
	if err := os.WriteFile(init, initSQL(), 0o644); err != nil {
		tb.Fatal(err)
	}
	mariadb.port = port(tb)
	mariadb.proc = start(tb, dir, server, "--no-defaults", "--datadir="+data,
		"--port="+strconv.Itoa(mariadb.port), "--bind-address=127.0.0.1", "--socket="+dir+"/s",
		"--pid-file="+dir+"/pid", "--skip-name-resolve", "--init-file="+init,
		"--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", "--max-connections=300",
		"--innodb-buffer-pool-size=64M", "--character-set-server=utf8mb4")
	await(tb, "mariadbd", dir, func() error { return greeted(address(mariadb.port)) })
}

func initSQL() []byte {
	var sql []byte
	for i := 1; i <= prepared; i++ {
		sql = fmt.Appendf(sql, "CREATE DATABASE test%d;\n", i)
	}
	// The installed root account is for localhost by name; tests come by address.
	return append(sql, "CREATE USER root@'127.0.0.1'; GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;\n"...)
}

// greeted reports whether the server sends its handshake, which it does only
// once the init file has run.
func greeted(addr string) error {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	var head [5]byte
	if _, err := conn.Read(head[:]); err != nil {
		return err
	}
	if head[4] != 10 {
		return errors.New("the server refuses connections")
	}
	return nil
}
