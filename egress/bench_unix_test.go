//go:build unix

package egress_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
)

// cpu is the processor time this process has used, in microseconds.
func cpu(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec)*1e6 + float64(u.Utime.Usec+u.Stime.Usec)
}

// against compares two ways of doing the same in short interleaved rounds, so that
// both meet the same noise, and reports the median ratio of processor time.
func against(b *testing.B, bare, guarded func()) {
	b.Helper()
	const each = 200
	round := func(f func()) (used, elapsed float64) {
		start, before := time.Now(), cpu(b)
		for range each {
			f()
		}
		return cpu(b) - before, float64(time.Since(start))
	}
	round(bare)
	round(guarded)
	var used, throughput []float64
	for b.Loop() {
		bareUsed, bareElapsed := round(bare)
		guardedUsed, guardedElapsed := round(guarded)
		used = append(used, guardedUsed/bareUsed)
		throughput = append(throughput, bareElapsed/guardedElapsed)
	}
	slices.Sort(used)
	slices.Sort(throughput)
	b.ReportMetric(used[len(used)/2], "cpu-ratio")
	b.ReportMetric(throughput[len(throughput)/2], "throughput-ratio")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkAgainstBareKeepAlive(b *testing.B) {
	server := httptest.NewServer(says("hello"))
	b.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(b.Context()) // a handler's context can be cancelled
	defer cancel()
	fetch := func(c *http.Client) func() {
		return func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			resp, err := c.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	against(b, fetch(bare()), fetch(newClient(b, egresstest.Open(egress.Policy{}, server.URL)).HTTP()))
}

func BenchmarkAgainstBareDial(b *testing.B) {
	address := sink(b)
	dial := func(f func(context.Context, string, string) (net.Conn, error)) func() {
		return func() {
			conn, err := f(b.Context(), "tcp", address)
			if err != nil {
				b.Fatal(err)
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	against(b, dial(new(net.Dialer).DialContext), dial(newClient(b, egresstest.Open(egress.Policy{}, "http://"+address)).DialContext))
}
