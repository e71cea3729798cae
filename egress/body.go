package egress

import (
	"compress/gzip"
	"io"
	"math"
	"net/http"
	"sync"
)

// body counts an answer's bytes, before and after decompression, and holds the
// exchange's time budget until it is read or closed.
type body struct {
	inner   io.ReadCloser // as it comes
	x       *exchange
	gzipped bool // at first: asked for
	gunzip  *gzip.Reader

	mu   sync.Mutex // Close may come from another goroutine than Read
	left int64      // negative: no limit any more
	wire int64      // of what comes compressed, likewise
	err  error
}

// wireLimit is how long an answer of the given limit may be while it is compressed:
// gzip adds a little to what it cannot shorten.
func wireLimit(limit int64) int64 { return limit + min(limit>>8+1<<10, math.MaxInt64-limit) }

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
	n, err := b.plain(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	return n, b.end(err)
}

// beyond tells an answer of exactly the limit from a longer one.
func (b *body) beyond(p []byte) (int, error) {
	n, err := b.plain(p[:1])
	if n == 0 {
		return 0, b.end(err)
	}
	if !b.passes() {
		return 0, b.end(b.x.tooLarge())
	}
	return n, b.end(err)
}

// passes says whether an answer over a limit goes on without any: in report-only mode.
func (b *body) passes() bool {
	if !b.x.c.reportsBody(b.x) {
		return false
	}
	b.left, b.wire = -1, -1
	return true
}

// plain reads the answer as its sender meant it.
func (b *body) plain(p []byte) (int, error) {
	if !b.gzipped {
		return b.inner.Read(p)
	}
	if b.gunzip == nil {
		if b.gunzip, _ = b.x.c.gunzips.Get().(*gzip.Reader); b.gunzip == nil {
			b.gunzip = new(gzip.Reader)
		}
		if err := b.gunzip.Reset(compressed{b}); err != nil {
			return 0, err
		}
	}
	return b.gunzip.Read(p)
}

// compressed is the answer as it comes over the wire. Its bytes count by themselves,
// since they need not amount to anything: empty members, empty blocks.
type compressed struct{ b *body }

// Read reads up to the limit of the wire.
func (c compressed) Read(p []byte) (int, error) {
	b := c.b
	if b.wire > 0 && int64(len(p)) > b.wire {
		p = p[:b.wire]
	}
	if b.wire == 0 && len(p) > 0 {
		if n, err := b.inner.Read(p[:1]); n == 0 || b.passes() {
			return n, err
		}
		return 0, b.x.tooLarge()
	}
	n, err := b.inner.Read(p)
	if b.wire > 0 {
		b.wire -= int64(n)
	}
	return n, err
}

func (b *body) end(err error) error {
	if err == nil {
		return nil
	}
	if b.gunzip != nil {
		b.x.c.gunzips.Put(b.gunzip)
		b.gunzip = nil
	}
	if b.err = err; err == io.EOF { //nolint:errorlint // a wrapped EOF is no regular end
		b.x.release(true)
		return err
	}
	failure := b.x.failure(err)
	b.x.c.record(b.x.req.Context(), b.x.start, failure)
	b.err = failure
	b.x.release(false) // first, so that closing does not read the rest
	_ = b.inner.Close()
	return failure
}

// Close ends the exchange. It does not wait for a Read that is under way.
func (b *body) Close() error {
	err := b.inner.Close()
	b.x.release(b.inner == http.NoBody)
	return err
}
