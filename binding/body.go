package binding

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

const (
	firstRead = 4 << 10
	// keepBytes is the largest buffer worth keeping for the next request.
	keepBytes = 64 << 10
)

type buffer struct{ bytes []byte }

// buffers are reused between requests: the decoder copies what it keeps.
var buffers = sync.Pool{New: func() any { return &buffer{make([]byte, 0, firstRead)} }}

func (b *buffer) free() {
	if cap(b.bytes) <= keepBytes {
		b.bytes = b.bytes[:0]
		buffers.Put(b)
	}
}

// read returns the whole body, at most limit bytes. The buffer is the caller's to
// free. w may be nil; it is told when a body is too large.
//
// d is the deadline that runs already: see settings.deadline.
func (s *settings) read(w http.ResponseWriter, r *http.Request, d readDeadliner, limit int64) (*buffer, *Error) {
	if bodiless(r) {
		return buffers.Get().(*buffer), nil
	}
	if r.ContentLength > limit {
		// Nothing was read, so a client that waits for 100 Continue sends nothing.
		return nil, s.tooLarge(limit)
	}
	b := buffers.Get().(*buffer)
	if err := b.fill(r.Body, r.ContentLength, limit); err != nil {
		b.free()
		return nil, s.unread(w, err, limit)
	}
	relax(d)
	return b, nil
}

func bodiless(r *http.Request) bool { return r.Body == nil || r.Body == http.NoBody }

// deadline limits how long the body may take, where there is a connection. It
// comes before any judgement: the server reads on after a refusal, and would wait
// for a body that never comes before it sends the answer.
func (s *settings) deadline(w http.ResponseWriter, r *http.Request) readDeadliner {
	if s.ReadTimeout <= 0 || bodiless(r) {
		return nil
	}
	d := deadliner(w)
	if d == nil {
		return nil
	}
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if ok && server.ReadTimeout > 0 && server.ReadTimeout <= s.ReadTimeout {
		return nil // the server's own deadline is running, and is tighter
	}
	if d.SetReadDeadline(time.Now().Add(s.ReadTimeout)) != nil {
		return nil
	}
	return d
}

// relax ends the deadline of a body that was read to its end: what the connection
// is read for next must not inherit it. A refused body keeps its deadline, since
// the server still drains what comes before it closes.
func relax(d readDeadliner) {
	if d != nil {
		_ = d.SetReadDeadline(time.Time{})
	}
}

var errTooLarge = errors.New("binding: body too large")

// fill reads r to its end. The announced length makes room only for what has
// begun to arrive: announcing a megabyte must not cost us one.
func (b *buffer) fill(r io.Reader, announced, limit int64) error {
	for {
		if len(b.bytes) == cap(b.bytes) {
			room := int64(16 * cap(b.bytes))
			if announced < 0 {
				room = int64(2 * cap(b.bytes))
			} else if announced >= int64(len(b.bytes)) && announced < room {
				room = announced + 1 // one more than the end, where reading learns of it
			}
			grown := make([]byte, len(b.bytes), min(room, limit+1))
			copy(grown, b.bytes)
			b.bytes = grown
		}
		n, err := r.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		if int64(len(b.bytes)) > limit {
			return errTooLarge
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// unread maps an error of reading a body.
func (s *settings) unread(w http.ResponseWriter, err error, limit int64) *Error {
	var outer *http.MaxBytesError
	switch {
	case errors.Is(err, errTooLarge):
		if w != nil {
			// The only way to tell the server not to wait for the rest is through its
			// own writer, which gin's wrapper hides, and this reader. It reads a byte of
			// ours: the client may never send another.
			_, _ = http.MaxBytesReader(unwrap(w), io.NopCloser(strings.NewReader("x")), 0).Read(make([]byte, 1))
		}
		return s.tooLarge(limit)
	case errors.As(err, &outer): // a tighter limit of the application's
		return s.fail(http.StatusRequestEntityTooLarge, codeBodyTooLarge, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return s.fail(http.StatusRequestTimeout, codeBodyTimeout, err)
	default:
		return s.fail(http.StatusBadRequest, codeBodyUnreadable, err)
	}
}

func (s *settings) tooLarge(limit int64) *Error {
	return s.fail(http.StatusRequestEntityTooLarge, codeBodyTooLarge, &http.MaxBytesError{Limit: limit})
}

type unwrapper interface{ Unwrap() http.ResponseWriter }

// unwrap returns the server's own writer.
func unwrap(w http.ResponseWriter) http.ResponseWriter {
	for {
		u, ok := w.(unwrapper)
		if !ok {
			return w
		}
		w = u.Unwrap()
	}
}

type readDeadliner interface{ SetReadDeadline(time.Time) error }

// deadliner does what http.ResponseController does, without an allocation where
// there is no connection.
func deadliner(w http.ResponseWriter) readDeadliner {
	for w != nil {
		if d, ok := w.(readDeadliner); ok {
			return d
		}
		u, ok := w.(unwrapper)
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
	return nil
}
