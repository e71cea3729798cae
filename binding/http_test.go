package binding_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

// dial opens a connection that ends with the test.
func dial(t *testing.T, server *httptest.Server) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second)) // a hang is a failure
	return conn, bufio.NewReader(conn)
}

func jsonServer(t *testing.T, opts ...binding.Options) *httptest.Server {
	t.Helper()
	return serve(t, bindAs[any](opts...))
}

func TestABodyAnnouncedTooLargeIsRefusedUnread(t *testing.T) {
	t.Parallel()
	conn, in := dial(t, jsonServer(t))
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n", 1<<20+1)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("status %d, close %v: want 413 and close, and no 100 before", resp.StatusCode, resp.Close)
	}
}

func TestAChunkedBodyIsRefusedAtItsLimitAndTheConnectionClosed(t *testing.T) {
	t.Parallel()
	// The server drains what may still come, as long as the body may take.
	conn, in := dial(t, jsonServer(t, binding.Options{MaxBytes: 100, ReadTimeout: 2 * time.Second}))
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	fmt.Fprintf(conn, "2\r\n{}\r\n%x\r\n%s\r\n", 99, times(99, " ")) // and no end
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if got := faultsOf(t, string(body)); got != "413, body_too_large" || !resp.Close {
		t.Errorf("%s, close %v", got, resp.Close)
	}
	if _, err := in.ReadByte(); err == nil {
		t.Error("the connection stays open")
	}
}

func TestAChunkedBodyOfExactlyTheLimitPasses(t *testing.T) {
	t.Parallel()
	conn, in := dial(t, jsonServer(t, binding.Options{MaxBytes: 100}))
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
	fmt.Fprintf(conn, "2\r\n{}\r\n%x\r\n%s\r\n0\r\n\r\n", 98, times(98, " "))
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK || resp.Close {
		t.Errorf("status %d, close %v", resp.StatusCode, resp.Close)
	}
}

func TestABodyThatNeverComesEndsAtTheReadTimeout(t *testing.T) {
	t.Parallel()
	conn, in := dial(t, jsonServer(t, binding.Options{ReadTimeout: 50 * time.Millisecond}))
	fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if got := faultsOf(t, string(body)); got != "408, body_timeout" || !resp.Close {
		t.Errorf("%s, close %v", got, resp.Close)
	}
}

// deadlines is a connection that writes down how long it may be read.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.set = append(d.set, t)
	return nil
}

func TestATighterReadTimeoutOfTheServerHolds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		server, ours time.Duration
		sets         int // one to begin with, one to end
	}{{0, 0, 2}, {time.Minute, 0, 2}, {time.Second, 0, 0}, {time.Second, 500 * time.Millisecond, 2}, {0, -1, 0}} {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		c, _ := gin.CreateTestContext(w)
		server := &http.Server{ReadTimeout: tc.server, ReadHeaderTimeout: time.Second}
		c.Request = post(`{}`).WithContext(context.WithValue(t.Context(), http.ServerContextKey, server))
		if _, err := binding.JSON[any](c, binding.Options{ReadTimeout: tc.ours}); err != nil {
			t.Error(err)
		}
		if len(w.set) != tc.sets || tc.sets > 0 && (w.set[0].IsZero() || !w.set[1].IsZero()) {
			t.Errorf("server %v, ours %v: deadlines %v", tc.server, tc.ours, w.set)
		}
	}
}

// A deadline that outlived the body would cancel the request's context while the
// handler works, or cut the next request of the connection.
func TestTheReadTimeoutEndsWithTheBody(t *testing.T) {
	t.Parallel()
	const timeout = 2 * time.Second
	server := serve(t, func(c *gin.Context) {
		if _, err := binding.JSON[any](c, binding.Options{ReadTimeout: timeout}); err != nil {
			binding.Abort(c, err)
			return
		}
		late, cancel := context.WithTimeout(c.Request.Context(), timeout+timeout/10)
		defer cancel()
		<-late.Done()
		if c.Request.Context().Err() != nil {
			t.Error("the request was cancelled by the deadline of its body")
		}
		c.Status(http.StatusOK)
	})
	conn, in := dial(t, server)
	for range 2 {
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
}

func TestATighterLimitOfTheApplicationHolds(t *testing.T) {
	t.Parallel()
	w := send(func(c *gin.Context) {
		c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, 5)
		_, err := binding.JSON[any](c)
		var limit *http.MaxBytesError
		if !errors.As(err, &limit) || limit.Limit != 5 {
			t.Errorf("%v does not unwrap to the limit", err)
		}
		binding.Abort(c, err)
	}, post(`{"name":"ann"}`))
	if got := faults(t, w); got != "413, body_too_large" {
		t.Error(got)
	}
}

type brokenBody struct{ read bool }

func (b *brokenBody) Read(p []byte) (int, error) {
	if b.read {
		return 0, io.ErrUnexpectedEOF
	}
	b.read = true
	return copy(p, `{"a":`), nil
}

func (*brokenBody) Close() error { return nil }

func TestABodyThatBreaksOffIsUnreadable(t *testing.T) {
	t.Parallel()
	r := post("")
	r.Body, r.ContentLength = &brokenBody{}, 20
	w := send(bindAs[any](), r)
	if got := faults(t, w); got != "400, body_unreadable" {
		t.Error(got)
	}
}

func TestNoBodyIsAnEmptyBody(t *testing.T) {
	t.Parallel()
	for _, body := range []io.ReadCloser{nil, http.NoBody} {
		r := post("")
		r.Body = body
		if got := faults(t, send(bindAs[any](), r)); got != "400, empty_body #" {
			t.Error(got)
		}
	}
}

func TestARefusedCodingIsToldWhatWouldPass(t *testing.T) {
	t.Parallel()
	r := post(`{}`)
	r.Header.Set("Content-Encoding", "gzip")
	if got := send(bindAs[any](), r).Header().Get("Accept-Encoding"); got != "identity" {
		t.Errorf("Accept-Encoding %q", got)
	}
	r = post(`{}`)
	r.Header.Set("Content-Type", "application/json-patch+json")
	w := send(func(c *gin.Context) {
		_, _, err := binding.Patch[user](c)
		binding.Abort(c, err)
	}, r)
	if got := w.Header().Get("Accept-Patch"); got != "application/merge-patch+json" || w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d, Accept-Patch %q", w.Code, got)
	}
}

// Buffers are shared between requests; what they held must not be.
func TestConcurrentRequestsKeepTheirOwnBytes(t *testing.T) {
	t.Parallel()
	type note struct {
		ID   int            `json:"id"`
		Text string         `json:"text"`
		Raw  map[string]any `json:"raw"`
	}
	engine := gin.New()
	engine.POST("/", binding.Handle(func(c *gin.Context, in note) {
		runtime.Gosched()
		c.String(http.StatusOK, "%d %s %v", in.ID, in.Text, in.Raw["k"])
	}))
	var wg sync.WaitGroup
	for id := range 16 {
		wg.Go(func() {
			for round := range 50 {
				text := times(round*id, string(rune('a'+id)))
				w := httptest.NewRecorder()
				engine.ServeHTTP(w, post(fmt.Sprintf(`{"id":%d,"text":"%s","raw":{"k":"%s"}}`, id, text, text)))
				if want := fmt.Sprintf("%d %s %s", id, text, text); w.Body.String() != want {
					t.Errorf("%d: got %.60s", id, w.Body)
				}
			}
		})
	}
	wg.Wait()
}

//nolint:paralleltest // it measures what the process allocates
func TestHostileBodiesCostLittleAndAnswerShort(t *testing.T) {
	for name, data := range hostile() {
		c, rewind := benchContext(data)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		rewind()
		started := time.Now()
		_, err := binding.JSON[wide](c)
		took := time.Since(started)
		runtime.ReadMemStats(&after)
		var e *binding.Error
		if err == nil {
			continue // valid, only large
		}
		if !errors.As(err, &e) {
			t.Fatal(err)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 4*mib && !testserver.Race {
			t.Errorf("%s: %d bytes allocated", name, cost)
		}
		w := httptest.NewRecorder()
		e.Problem().WriteTo(w)
		if w.Body.Len() > 16<<10 {
			t.Errorf("%s: answered with %d bytes", name, w.Body.Len())
		}
		t.Logf("%-22s %6v %s", name, took.Round(time.Microsecond), strings.TrimPrefix(err.Error(), "binding: invalid_payload: "))
	}
}

// Announcing a megabyte and sending ten bytes must not cost a megabyte.
//
//nolint:paralleltest // it measures what the process allocates
func TestAnAnnouncedLengthReservesNothing(t *testing.T) {
	c, _ := benchContext(nil)
	c.Request.ContentLength = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		c.Request.Body = &brokenBody{}
		if _, err := binding.JSON[any](c); err == nil {
			t.Fatal("accepted")
		}
	}
	runtime.ReadMemStats(&after)
	if cost := (after.TotalAlloc - before.TotalAlloc) / 20; cost > 32<<10 {
		t.Errorf("%d bytes for each", cost)
	}
}

// The server reads a refused body away before it answers, so the deadline must
// run before the refusal.
func TestARefusedBodyThatNeverComesEndsAtTheReadTimeout(t *testing.T) {
	t.Parallel()
	soon := binding.Options{ReadTimeout: 50 * time.Millisecond}
	for name, h := range map[string]gin.HandlerFunc{
		"JSON":      bindAs[any](soon),
		"Form":      func(c *gin.Context) { refuse(c, second(binding.Form[struct{}](c, soon))) },
		"Multipart": func(c *gin.Context) { refuse(c, second(binding.Multipart[struct{}](c, soon))) },
		"Patch": func(c *gin.Context) {
			_, _, err := binding.Patch[struct{}](c, soon)
			refuse(c, err)
		},
	} {
		conn, in := dial(t, serve(t, h))
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n{")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := faultsOf(t, string(body)); got != "415, unsupported_media_type" || !resp.Close {
			t.Errorf("%s: %s, close %v", name, got, resp.Close)
		}
	}
}

func refuse(c *gin.Context, err error) {
	if err != nil {
		binding.Abort(c, err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestARefusedBodyKeepsTheConnectionOnlyWhenItIsSmall(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		head, body string
		closed     bool
	}{
		{"Content-Length: 2", "{}", false},
		{"Content-Length: 0", "", false},
		{"Content-Length: 65536", times(64<<10, " "), false},
		{"Content-Length: 65537", "", true}, // answered before any of it comes
		{"Transfer-Encoding: chunked", "", true},
	} {
		conn, in := dial(t, jsonServer(t))
		fmt.Fprint(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n"+tc.head+"\r\n\r\n"+tc.body)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnsupportedMediaType || resp.Close != tc.closed {
			t.Errorf("%s: status %d, close %v", tc.head, resp.StatusCode, resp.Close)
		}
	}
}

// One stream of HTTP/2 does not end the connection that others share.
func TestOverHTTP2OnlyTheStreamEnds(t *testing.T) {
	t.Parallel()
	for major, want := range map[int]string{1: "close", 2: "", 3: ""} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		c.Request = post(`{}`)
		c.Request.ProtoMajor = major
		_, err := binding.JSON[any](c, binding.Options{MaxBytes: 1})
		binding.Abort(c, err)
		if got := w.Header().Get("Connection"); got != want {
			t.Errorf("HTTP/%d: %q", major, got)
		}
	}
}
