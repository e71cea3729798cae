// The example is a documents API guarded by ginsec, with everything it needs in
// one process: an issuer with its own keys, an SQLite database, limits and
// one-time ids in memory. Beside it stands the same API written naively.
//
//	go run ./example           serve on 127.0.0.1:8080 and print how to try it
//	go run ./example -prove    fire every attack at both APIs, print a table
//
// REDIS_URL and DATABASE_URL (PostgreSQL) switch the guarded API to real ones.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/gin-gonic/gin"
)

func main() {
	prove := flag.Bool("prove", false, "fire every attack at a guarded and a naive API and exit 0 if all came out as expected")
	addr := flag.String("addr", "127.0.0.1:8080", "loopback address to serve on")
	flag.Parse()
	gin.SetMode(gin.ReleaseMode)
	if *prove {
		*addr = "127.0.0.1:0"
	}
	if err := run(*addr, *prove); err != nil {
		fmt.Fprintln(os.Stderr, "example:", err)
		os.Exit(1)
	}
}

func run(addr string, prove bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w, err := newWorld(ctx, addr)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.ready(ctx); err != nil {
		return err
	}
	if prove {
		if !w.prove(ctx, os.Stdout) {
			return errNotAsExpected
		}
		return nil
	}
	if err := w.cheatSheet(os.Stdout); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// ready waits until the keys of the issuer have been fetched.
func (w *world) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		err := w.suite.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
