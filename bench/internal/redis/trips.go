package redis

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"

	"github.com/redis/rueidis"
)

// Trips counts what a client writes to its server: with one caller, each write
// is one round trip.
type Trips struct{ writes atomic.Int64 }

// Count returns the writes so far.
func (t *Trips) Count() int64 { return t.writes.Load() }

type counted struct {
	net.Conn
	trips *Trips
}

// Write counts one.
func (c counted) Write(p []byte) (int, error) {
	c.trips.writes.Add(1)
	return c.Conn.Write(p)
}

// Counted returns a client whose round trips are counted.
func (s Server) Counted(tb testing.TB) (rueidis.Client, *Trips) {
	tb.Helper()
	t := &Trips{}
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{s.Addr},
		DialCtxFn: func(ctx context.Context, addr string, d *net.Dialer, _ *tls.Config) (net.Conn, error) {
			conn, err := d.DialContext(ctx, "tcp", addr)
			if err != nil {
				return nil, err
			}
			return counted{conn, t}, nil
		},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client, t
}
