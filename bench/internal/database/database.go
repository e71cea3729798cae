// Package database opens the databases of the comparisons.
package database

import (
	"database/sql"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/glebarez/sqlite"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/ginsec/ginsec/internal/testserver"
)

var opened atomic.Int64

func config() *gorm.Config {
	return &gorm.Config{PrepareStmt: true, Logger: logger.Discard}
}

// SQLite opens a fresh database in memory, on one connection.
func SQLite() (*gorm.DB, error) {
	name := fmt.Sprintf("file:bench%d?mode=memory&cache=shared", opened.Add(1))
	db, err := gorm.Open(sqlite.Open(name), config())
	if err != nil {
		return nil, err
	}
	pool, err := db.DB()
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	return db, nil
}

// Postgres opens a fresh database on a real server, on one connection. The test
// is skipped where none is installed.
func Postgres(tb testing.TB) *gorm.DB {
	tb.Helper()
	db, err := gorm.Open(postgres.Open(testserver.Postgres(tb)), config())
	if err != nil {
		tb.Fatal(err)
	}
	pool, err := db.DB()
	if err != nil {
		tb.Fatal(err)
	}
	pool.SetMaxOpenConns(1)
	tb.Cleanup(func() { _ = pool.Close() })
	return db
}

// Over opens another handle over the connections of a database, for plugins that
// the first must not have.
func Over(dialect string, pool *sql.DB) (*gorm.DB, error) {
	if dialect == "postgres" {
		return gorm.Open(postgres.New(postgres.Config{Conn: pool}), config())
	}
	return gorm.Open(sqlite.Dialector{Conn: pool}, config())
}
