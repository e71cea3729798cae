package binding_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// Over a real HTTP/2 connection a body that never comes, one that is too large and
// one of a wrong type end their streams; the connection serves the next.
func TestRefusalsOverHTTP2LeaveTheConnection(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.POST("/", bindAs[any](binding.Options{ReadTimeout: 50 * time.Millisecond, MaxBytes: 100}))
	patient := gin.New()
	patient.POST("/", bindAs[any](binding.Options{MaxBytes: 100}))
	stalled := func() io.Reader {
		r, w := io.Pipe()
		t.Cleanup(func() { _ = w.Close() })
		return r
	}
	text := func(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }
	streamed := func(s string) func() io.Reader {
		return func() io.Reader { return io.MultiReader(strings.NewReader(s)) }
	}
	type request struct {
		media string
		body  func() io.Reader
		want  int
	}
	for _, tc := range []struct {
		engine   *gin.Engine
		requests []request
	}{
		{engine, []request{
			{"application/json", stalled, http.StatusRequestTimeout},
			{"application/json", stalled, http.StatusRequestTimeout},
		}},
		{patient, []request{
			{"application/json", text("{}"), http.StatusOK},
			{"application/json", text(times(101, " ")), http.StatusRequestEntityTooLarge},
			{"application/json", streamed(times(101, " ")), http.StatusRequestEntityTooLarge},
			{"text/plain", streamed("{}"), http.StatusUnsupportedMediaType},
			{"application/json", text("{}"), http.StatusOK},
		}},
	} {
		server := httptest.NewUnstartedServer(tc.engine)
		server.EnableHTTP2 = true
		var connections atomic.Int32
		server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
			if s == http.StateNew {
				connections.Add(1)
			}
		}
		server.StartTLS()
		t.Cleanup(server.Close)
		for _, one := range tc.requests {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, one.body())
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", one.media)
			resp, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != one.want || resp.ProtoMajor != 2 {
				t.Errorf("%s: status %d over %s, want %d", one.media, resp.StatusCode, resp.Proto, one.want)
			}
		}
		if n := connections.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	}
}
