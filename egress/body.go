package egress

import (
	"io"
	"sync"
)

// body counts an answer's bytes after decompression, and holds the exchange's time
// budget until it is read or closed.
type body struct {
	inner io.ReadCloser
	x     *exchange

	mu   sync.Mutex // Close may come from another goroutine than Read
	left int64      // negative: no limit any more
	err  error
}

// Read reads up to the limit. The first byte beyond it is an error.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	if b.left == 0 {
		return b.beyond(p)
	}
	if b.left > 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.inner.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	return n, b.end(err)
}

// beyond tells an answer of exactly the limit from a longer one.
func (b *body) beyond(p []byte) (int, error) {
	n, err := b.inner.Read(p[:1])
	if n == 0 {
		return 0, b.end(err)
	}
	tooLarge := b.x.tooLarge()
	if b.x.c.reportsBody(b.x, tooLarge) {
		b.left = -1
		return n, b.end(err)
	}
	b.x.c.record(b.x.req.Context(), b.x.start, tooLarge)
	b.err = tooLarge
	b.x.end(nil) // first, so that closing does not read the rest
	_ = b.inner.Close()
	b.x.release()
	return 0, b.err
}

func (b *body) end(err error) error {
	if err == nil {
		return nil
	}
	if b.err = err; err != io.EOF { //nolint:errorlint // a wrapped EOF is no regular end
		failure := b.x.failure(err)
		b.x.c.record(b.x.req.Context(), b.x.start, failure)
		b.err = failure
	}
	b.x.release()
	return b.err
}

// Close ends the exchange. It does not wait for a Read that is under way.
func (b *body) Close() error {
	err := b.inner.Close()
	b.x.release()
	return err
}
