package testserver_test

import (
	"database/sql"
	"strings"
	"testing"

	_ "github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/ginsec/ginsec/internal/testserver"
)

func TestRedisIsKilledFrozenAndRestarted(t *testing.T) {
	t.Parallel()
	s := testserver.Redis(t)
	s.Do("SET", "k", "v")
	s.Freeze()
	s.Thaw()
	if got := s.Do("GET", "k"); !strings.Contains(got, "v") {
		t.Fatalf("a thawed server lost its data: %q", got)
	}
	s.Kill()
	s.Restart()
	if got := s.Do("GET", "k"); got != "$-1\r\n" {
		t.Fatalf("a restarted server kept data: %q", got)
	}
}

func TestRedisClusterServesEverySlot(t *testing.T) {
	t.Parallel()
	nodes := testserver.RedisCluster(t)
	served := 0
	for _, key := range []string{"a", "b", "c", "d", "e", "f"} {
		for _, n := range nodes {
			if got := n.Do("SET", key, "1"); got == "+OK\r\n" {
				served++
			} else if !strings.HasPrefix(got, "-MOVED") {
				t.Fatalf("SET %s: %q", key, got)
			}
		}
	}
	if served != 6 {
		t.Fatalf("%d of 6 keys served by exactly one node", served)
	}
}

func TestRedisReplicaAndSentinelSeeTheMaster(t *testing.T) {
	t.Parallel()
	master := testserver.Redis(t)
	replica := testserver.RedisReplica(t, master)
	sentinel := testserver.RedisSentinel(t, master)
	if got := replica.Do("ROLE"); !strings.Contains(got, "slave") {
		t.Fatalf("replica's role: %q", got)
	}
	_, port, _ := strings.Cut(master.Addr, ":")
	if got := sentinel.Do("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main"); !strings.Contains(got, port) {
		t.Fatalf("sentinel names %q, want port %s", got, port)
	}
}

func TestDatabasesAreFreshForEachCaller(t *testing.T) {
	t.Parallel()
	for driver, dsn := range map[string]func(testing.TB) string{
		"pgx": testserver.Postgres, "mysql": testserver.MariaDB,
	} {
		t.Run(driver, func(t *testing.T) {
			t.Parallel()
			for range 2 {
				db, err := sql.Open(driver, dsn(t))
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				if _, err := db.ExecContext(t.Context(), "CREATE TABLE docs (id int)"); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
