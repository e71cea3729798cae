package binding

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
)

// Multipart returns a body of type multipart/form-data as a T, a struct with form
// tags. Unknown fields and files are refused, as are two for one, too many parts,
// and files over their size or of a wrong type. The body is read as a stream and
// refused at the first byte over a limit; nothing is ever written to disk. It must be
// there up to its closing delimiter, and unread as for [Form].
func Multipart[T any](c *gin.Context, opts ...Options) (T, error) {
	return bind[T](c, settle(c, opts), func(s *settings, out any) *Error {
		f, e := s.filler(InForm, out, true)
		if e != nil {
			return e
		}
		return s.multipart(c.Writer, c.Request, f)
	})
}

func (s *settings) multipart(w http.ResponseWriter, r *http.Request, f *filler) *Error {
	d := s.deadline(w, r)
	if e := s.accept(r.Header, func(media string) bool { return media == "multipart/form-data" }); e != nil {
		return e
	}
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || params["boundary"] == "" {
		return s.fail(http.StatusUnsupportedMediaType, codeMediaType, err)
	}
	if r.Body == nil {
		return s.absent(r, codeEmpty)
	}
	if r.ContentLength > s.MaxUploadBytes {
		return s.tooLarge(s.MaxUploadBytes)
	}
	body := &capped{r: r.Body, left: s.MaxUploadBytes}
	parts := multipart.NewReader(&closing{r: body, end: "--" + params["boundary"] + "--"}, params["boundary"])
	for count := 1; ; count++ {
		body.head = longestHead
		part, err := parts.NextRawPart()
		body.head = -1
		if err == io.EOF {
			break
		}
		if err != nil && body.none() {
			return s.absent(r, codeForm)
		}
		if err != nil {
			return s.torn(w, err)
		}
		if count > s.MaxParts {
			return s.invalid(Issue{In: InForm, Code: codeParts})
		}
		if e := f.part(part); e != nil {
			return e
		}
		if _, err := io.Copy(io.Discard, part); err != nil || body.err != nil {
			return s.torn(w, cmp.Or(body.err, err))
		}
	}
	// Whatever follows the last boundary counts too.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return s.torn(w, err)
	}
	relax(d)
	return f.done()
}

// torn maps an error of reading parts.
func (s *settings) torn(w http.ResponseWriter, err error) *Error {
	e := s.unread(w, err, s.MaxUploadBytes)
	if e.Code == codeBodyUnreadable {
		e = s.invalid(Issue{In: InForm, Code: codeForm})
		e.cause = err
	}
	return e
}

const (
	// longestHead is how many bytes may come before the content of a part; the
	// standard library would take megabytes, and what it makes of them costs more.
	longestHead = 16<<10 + ahead
	// ahead is more than the parts' reader buffers.
	ahead = 8 << 10
	// Browsers send two fields for a part, other clients a few more.
	mostFields = 16
	// longestDisposition holds a file name of 255 bytes, each of them encoded.
	longestDisposition = 2 << 10
)

var errHead = errors.New("binding: the head of a part is too long")

// capped refuses to read past its limits, and remembers why it stopped.
type capped struct {
	r    io.Reader
	left int64
	head int64 // what is left for the head of a part, negative elsewhere
	err  error
	some bool // anything was read
	end  bool // up to its end
}

// none reports whether there was no body at all.
func (c *capped) none() bool { return c.end && !c.some }

func (c *capped) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	c.some, c.end = c.some || n > 0, err == io.EOF
	if c.left -= int64(n); c.left < 0 {
		c.err = errTooLarge
		return 0, c.err
	}
	if c.head >= 0 {
		if c.head -= int64(n); c.head < 0 {
			c.err = errHead
			return 0, c.err
		}
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// part takes one part.
func (f *filler) part(p *multipart.Part) *Error {
	if overloaded(p.Header) {
		return f.s.invalid(Issue{In: InForm, Code: codeForm})
	}
	disposition, params, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	name := params["name"]
	if err != nil || disposition != "form-data" || !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 || encoded(p) || ambiguous(p.Header.Get("Content-Disposition")) {
		f.add("", codeForm, "")
		return nil //nolint:nilerr // it became an issue
	}
	at := f.plan.find(name)
	if at < 0 {
		f.unknown(name)
		return nil
	}
	fileName, isFile := params["filename"]
	q := &f.plan.list[at]
	switch {
	case isFile != (q.file != nil):
		f.seen.Add(at)
		want := "string"
		if q.file != nil {
			want = "file"
		}
		f.add(name, codeType, want)
		return nil
	case isFile:
		return f.file(p, at, fileName)
	case foreignText(p):
		f.seen.Add(at)
		f.add(name, codeForm, "")
		return nil
	}
	text, e := f.content(p, f.s.MaxBytes, codeBodyTooLarge, name)
	if e != nil || text == nil {
		return e
	}
	f.set(at, string(text))
	return nil
}

// overloaded reports whether the head of a part is more than any client needs, or
// says twice what others could read the other way.
func overloaded(h textproto.MIMEHeader) bool {
	fields := 0
	for name, values := range h {
		if strings.IndexByte(name, ' ') >= 0 {
			return true // before the colon others pass over it
		}
		fields += len(values)
	}
	return fields > mostFields || len(h["Content-Disposition"]) > 1 || len(h["Content-Type"]) > 1 || len(h.Get("Content-Disposition")) > longestDisposition || len(h.Get("Content-Type")) > longestType
}

// encoded reports whether a part is in a transfer encoding that changes bytes.
func encoded(p *multipart.Part) bool {
	return slices.ContainsFunc(p.Header["Content-Transfer-Encoding"], func(coding string) bool {
		return !slices.Contains([]string{"", "7bit", "8bit", "binary"}, strings.ToLower(coding))
	})
}

// foreignText reports whether a text says that it is not in UTF-8.
func foreignText(p *multipart.Part) bool {
	declared := p.Header.Get("Content-Type")
	if declared == "" {
		return false
	}
	_, params, err := mime.ParseMediaType(declared)
	charset, ok := params["charset"]
	return err != nil || extended(declared) || ok && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii")
}

// content reads a part, at most limit bytes. It returns nil when the body tore.
func (f *filler) content(p *multipart.Part, limit int64, code, name string) ([]byte, *Error) {
	data, err := io.ReadAll(io.LimitReader(p, limit+1))
	switch {
	case errors.Is(err, errTooLarge): // the caller sees it on the body
		return nil, nil
	case err != nil:
		f.add(name, codeForm, "")
		return nil, nil //nolint:nilerr // it became an issue
	}
	if int64(len(data)) > limit {
		e := f.s.fail(http.StatusRequestEntityTooLarge, code, nil)
		e.Issues = []Issue{{In: InForm, Name: name, Code: code}}
		return nil, e
	}
	return data, nil
}

func (f *filler) file(p *multipart.Part, at int, fileName string) *Error {
	q := &f.plan.list[at]
	limit := q.file.max
	if limit == 0 {
		limit = f.s.MaxFileBytes
	}
	data, e := f.content(p, limit, codeFileTooLarge, q.name)
	if e != nil || data == nil {
		return e
	}
	if fileName == "" && len(data) == 0 {
		return nil // what browsers send when no file was chosen
	}
	if first := f.seen.Add(at); !first && !q.list {
		f.add(q.name, f.repeated, "")
		return nil
	}
	base, ok := baseName(fileName)
	if !ok {
		f.add(q.name, codeCharacter, "")
		return nil
	}
	declared := p.Header.Get("Content-Type")
	file := File{Name: base, MediaType: sniff(data), Declared: mediaOf(declared), data: data}
	garbled := declared != "" && file.Declared == "" && len(q.file.types) > 0
	if garbled || !q.file.takes(&file) {
		f.add(q.name, codeFileType, "")
		return nil
	}
	f.keep(field(f.out, q.index), q, file)
	return nil
}

// keep stores a file in its field: a File, a *File, or a list of either.
func (f *filler) keep(v reflect.Value, q *param, file File) {
	if q.list {
		if q.file.count > 0 && v.Len() >= q.file.count {
			f.add(q.name, f.repeated, "")
			return
		}
		item := reflect.New(v.Type().Elem()).Elem()
		v.Set(reflect.Append(v, item))
		v = v.Index(v.Len() - 1)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.ValueOf(&file))
		return
	}
	v.Set(reflect.ValueOf(file))
}

// baseName reduces a client's file name to its last element, whichever system it
// is from. Control characters and bad UTF-8 are refused.
func baseName(name string) (string, bool) {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return "", false
	}
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	if slices.Contains([]string{".", "..", ""}, name) {
		return "", true
	}
	return name, true
}
