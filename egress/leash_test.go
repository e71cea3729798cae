package egress_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/ginsec/ginsec/egress"
)

// bothWorlds are a client over HTTP/1 and one over HTTP/2, with their URLs.
func bothWorlds(t *testing.T, p func() egress.Policy, h http.Handler) map[string]*egress.Client {
	t.Helper()
	one, _ := worldOf(t, p(), h)
	server := httptest.NewUnstartedServer(h)
	quiet(server)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	policy := p()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	policy.TLS = &tls.Config{RootCAs: roots}
	two := newClient(t, patient(policy))
	egress.SetDialer(two, (&world{server: server.Listener.Addr().String()}).dial)
	return map[string]*egress.Client{"http://example.com": one, "https://example.com": two}
}

// What one exchange leaves behind ends no other: exchanges that end in every way take
// turns on one client, and each good one gets the whole of its answer.
func TestNoExchangeEndsAnother(t *testing.T) {
	t.Parallel()
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/silent":
			<-r.Context().Done()
		case "/stops":
			_, _ = io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, "whole")
		}
	})
	policy := func() egress.Policy {
		return egress.Policy{Resolver: everywhere{}, HeaderTimeout: 30 * time.Second, Timeout: time.Minute, MaxConnsPerHost: 100}
	}
	for base, client := range bothWorlds(t, policy, h) {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					for j := range 30 {
						oneOfMany(t, client, base, i+j)
					}
				})
			}
			wg.Wait()
		})
	}
}

func oneOfMany(t *testing.T, client *egress.Client, base string, n int) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	path := []string{"/", "/silent", "/", "/stops", "/empty", "/early"}[n%6]
	var upload io.Reader = http.NoBody
	if n%4 == 0 {
		upload = strings.NewReader("x")
	}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, base+path, upload)
	if path == "/silent" {
		go leave()
	}
	resp, err := client.HTTP().Do(req)
	if path == "/silent" {
		if !errors.Is(err, context.Canceled) || failure(t, err).Kind != "canceled" {
			t.Errorf("%s: %v", path, err)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %s", path, failure(t, err).Detail())
		return
	}
	switch path {
	case "/early":
		_ = resp.Body.Close()
	case "/stops":
		_, _ = io.ReadFull(resp.Body, make([]byte, 4))
		go leave()
		if _, err := io.ReadAll(resp.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	default:
		text, err := io.ReadAll(resp.Body)
		if want := map[string]string{"/": "whole"}[path]; string(text) != want || err != nil {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
	_ = resp.Body.Close()
}

// endless is an upload that goes on until it is closed.
type endless struct {
	closed chan struct{}
	once   sync.Once
}

func (s *endless) Read(p []byte) (int, error) {
	select {
	case <-s.closed:
		return 0, io.ErrClosedPipe
	default:
		return len(p), nil
	}
}

func (s *endless) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

// When an HTTP/2 answer has come to its end, nothing bounds the rest of the upload any
// more. (Over HTTP/1 the connection is closed, and the next write fails.)
func TestAnUploadEndsWithItsAnswer(t *testing.T) {
	t.Parallel()
	pair := httptest.NewUnstartedServer(nil) // for its certificate
	pair.StartTLS()
	t.Cleanup(pair.Close)
	server := pair.TLS.Clone()
	server.NextProtos = []string{"h2"}
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err == nil {
			answerEarly(conn)
		}
	}()
	roots := x509.NewCertPool()
	roots.AddCert(pair.Certificate())
	client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: &tls.Config{RootCAs: roots}}))
	egress.SetDialer(client, (&world{server: l.Addr().String()}).dial)
	upload := &endless{closed: make(chan struct{})}
	defer func() { _ = upload.Close() }()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://example.com/", upload)
	resp, err := client.HTTP().Do(req)
	if err != nil {
		t.Fatal(failure(t, err).Detail())
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.ProtoMajor != 2 || len(text) != 0 || err != nil {
		t.Errorf("%s %q, %v", resp.Proto, text, err)
	}
	select {
	case <-upload.closed:
	case <-time.After(20 * time.Second):
		t.Error("the upload goes on")
	}
}

// answerEarly ends the first stream's answer at once and waits on for its request, which
// the server of net/http would not do.
func answerEarly(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	if _, err := io.ReadFull(conn, make([]byte, len(http2.ClientPreface))); err != nil {
		return
	}
	f := http2.NewFramer(conn, conn)
	_ = f.WriteSettings()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				_ = f.WriteSettingsAck()
			}
		case *http2.DataFrame:
			if n := uint32(len(frame.Data())); n > 0 {
				_, _ = f.WriteWindowUpdate(0, n), f.WriteWindowUpdate(frame.StreamID, n)
			}
		case *http2.HeadersFrame:
			var block bytes.Buffer
			_ = hpack.NewEncoder(&block).WriteField(hpack.HeaderField{Name: ":status", Value: "200"})
			_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: frame.StreamID, BlockFragment: block.Bytes(), EndHeaders: true, EndStream: true})
		}
	}
}

func TestACallerWhoHasLeftSendsNothing(t *testing.T) {
	t.Parallel()
	client, w := worldOf(t, egress.Policy{Resolver: everywhere{}}, says("x"))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	upload := &endless{closed: make(chan struct{})}
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://host.example/", upload)
	resp, err := client.RoundTripper().RoundTrip(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	if e := failure(t, err); e.Kind != "canceled" || e.Host != "host.example" || len(w.dials()) != 0 {
		t.Errorf("%s, dials %v", e.Detail(), w.dials())
	}
	<-upload.closed
}

// A program may tell its own reasons apart.
func TestTheCallersDeadlineAndReasonAreKept(t *testing.T) {
	t.Parallel()
	reason := errors.New("enough")
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}}, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	for name, tc := range map[string]struct {
		end  func(context.Context) (context.Context, func())
		kind egress.Kind
		want error
	}{
		"a deadline": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Millisecond, reason)
			return ctx, cancel
		}, "timeout", context.DeadlineExceeded},
		"a reason": {func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			go cancel(reason)
			return ctx, func() { cancel(nil) }
		}, "canceled", context.Canceled},
	} {
		ctx, cancel := tc.end(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example/", http.NoBody)
		_, err := client.RoundTripper().RoundTrip(req)
		if e := failure(t, err); e.Kind != tc.kind || !errors.Is(err, tc.want) {
			t.Errorf("%s: %s", name, e.Detail())
		}
		cancel()
	}
}

// A program that forgets an answer's body leaves nothing on a context that outlives it.
func TestAForgottenAnswerLetsGoOfItsContext(t *testing.T) {
	t.Parallel()
	client, _ := worldOf(t, egress.Policy{Resolver: everywhere{}, Timeout: 2 * time.Second}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	ctx := &parent{Context: t.Context(), done: make(chan struct{})}
	req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://host.example/", http.NoBody)
	resp, err := client.HTTP().Do(req)
	if err != nil {
		t.Fatal(failure(t, err).Detail())
	}
	eventually(t, func() bool { return ctx.children.Load() == 0 }, "something hangs on the context")
	_ = resp.Body.Close()
}
