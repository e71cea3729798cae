package binding

import (
	"bytes"
	"io"
	"strings"
)

// closing reads a multipart body for the parts' reader. That one tells the end of
// the parts by io.EOF, and the end of a body that broke off within the head of a
// part as well; so here a body ends with io.ErrUnexpectedEOF, and io.EOF is left
// for the closing delimiter. Only where nothing at all follows that delimiter the
// parts' reader must see the true end.
type closing struct {
	r      io.Reader
	end    string // the closing delimiter
	tail   []byte // what was read last
	before bool   // there was something before tail
}

// padding is how much white space may follow a closing delimiter without an end of
// the line.
const padding = 64

func (c *closing) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.keep(p[:n])
	if err == io.EOF && !c.closed() {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// keep remembers the end of what was read.
func (c *closing) keep(p []byte) {
	most := len("\n") + len(c.end) + padding
	if len(p) >= most {
		c.before = c.before || len(c.tail) > 0 || len(p) > most
		c.tail = append(c.tail[:0], p[len(p)-most:]...)
		return
	}
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - most; over > 0 {
		c.before = true
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
}

// closed reports whether the last line is the closing delimiter. With a colon in it
// that could be a field of a head as well, and must end its line to be told apart.
func (c *closing) closed() bool {
	line, ok := bytes.CutSuffix(bytes.TrimRight(c.tail, " \t"), []byte(c.end))
	return ok && !strings.Contains(c.end, ":") &&
		(len(line) == 0 && !c.before || bytes.HasSuffix(line, []byte("\n")))
}
