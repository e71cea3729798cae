package chain_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// serveVariable makes this test binary a server of the stack it names: what is
// measured over the wire runs alone in its process.
const serveVariable = "GINSEC_BENCH_SERVE"

// redisVariable is the address of the server that the stack counts in, if any.
const redisVariable = "GINSEC_BENCH_REDIS"

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	if name := os.Getenv(serveVariable); name != "" {
		if err := serve(name); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve runs one stack on loopback, tells its address on standard output, and
// ends with standard input.
func serve(name string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	e, closer, err := newEnv(ctx)
	if err != nil {
		return err
	}
	defer closer()
	e.redis = os.Getenv(redisVariable)
	for _, s := range all() {
		if s.name != name {
			continue
		}
		h, stop, err := s.build(e)
		if err != nil {
			return err
		}
		defer stop()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
		go func() { _ = server.Serve(l) }()
		fmt.Println(l.Addr())
		_, _ = io.Copy(io.Discard, os.Stdin)
		return server.Close()
	}
	return fmt.Errorf("no stack is called %s", name)
}
