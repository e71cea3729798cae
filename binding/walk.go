package binding

import (
	"bytes"
	"errors"
	"hash/maphash"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// walker goes through a document that was doubted or refused and lists every
// fault of its structure.
type walker struct {
	s         *settings
	data      []byte
	dec       *jsonv2.Decoder
	issues    []Issue
	truncated bool
	path      []byte // pointer of the current value
	depth     int
	values    int
	above     int // bytes of the names of declared maps on the way to the current value
	repeated  int // their sum over all values
	seed      maphash.Seed
	quiet     int // above 0 below a value that is an issue as a whole
	text      []byte
	nameText  []byte
	patch     *member // the current object of a merge patch; nil elsewhere and within arrays
}

// errStop ends a walk that has seen enough.
var errStop = errors.New("binding: stop")

// walk returns every fault of data, or nil.
func (s *settings) walk(data []byte, p *plan.Result) *Error {
	return newWalker(s, data).document(p)
}

func newWalker(s *settings, data []byte) *walker {
	return &walker{s: s, data: data, seed: maphash.MakeSeed()}
}

func (w *walker) document(p *plan.Result) (e *Error) {
	s, data := w.s, w.data
	defer s.contain(&e)
	if code := preamble(data); code != "" {
		return s.invalid(Issue{In: InBody, Code: code})
	}
	w.dec = jsonv2.NewDecoder(data, jsonv2.AllowDuplicateNames(true))
	err := w.value(p.Root, p.Null, false)
	code := codeMalformed
	if err == nil {
		code = codeTrailing
		_, err = w.dec.ReadToken()
	}
	switch {
	case errors.Is(err, errStop): // a limit was met first
	case code == codeTrailing && err == io.EOF: //nolint:errorlint // ReadToken returns it bare
	default:
		if !utf8.Valid(data) {
			code = codeUTF8
		}
		e := s.invalid(Issue{In: InBody, Code: code})
		e.cause = err
		return e
	}
	if len(w.issues) == 0 {
		return nil
	}
	e = s.invalid(w.issues...)
	e.Truncated = w.truncated
	return e
}

// preamble finds what makes a body no JSON before its first value.
func preamble(data []byte) string {
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		return codeBOM
	}
	if len(bytes.TrimLeft(data, " \t\r\n")) == 0 {
		return codeEmpty
	}
	return ""
}

// add lists a fault of the current value.
func (w *walker) add(i Issue) { w.list(i, nil, false) }

// addAt lists a fault of the member called name in the current value.
func (w *walker) addAt(i Issue, name []byte) { w.list(i, name, true) }

func (w *walker) list(i Issue, name []byte, inner bool) {
	if w.quiet > 0 {
		return
	}
	if len(w.issues) >= w.s.MaxIssues {
		w.truncated = true
		return
	}
	i.In = InBody
	at := len(w.path)
	if inner {
		w.path = appendName(w.path, name)
	}
	i.Pointer = cut(w.path)
	w.path = w.path[:at]
	w.issues = append(w.issues, i)
}

const maxPointer = 256

// cut shortens a pointer to what a response may carry.
func cut[T ~string | ~[]byte](pointer T) string {
	if len(pointer) <= maxPointer {
		return string(pointer)
	}
	end := maxPointer
	for end > 0 && !utf8.RuneStart(pointer[end]) {
		end--
	}
	return string(pointer[:end])
}

// appendName appends a reference token (RFC 6901 section 3). A name that will be
// cut anyway is not copied whole.
func appendName[T ~string | ~[]byte](path []byte, name T) []byte {
	path = append(path, '/')
	for i := 0; i < len(name) && i <= maxPointer; i++ {
		switch c := name[i]; c {
		case '~':
			path = append(path, "~0"...)
		case '/':
			path = append(path, "~1"...)
		default:
			path = append(path, c)
		}
	}
	return path
}

// value walks one value. A nil node takes any.
func (w *walker) value(n *plan.Node, null, quoted bool) error {
	w.repeated += w.above
	if w.values++; w.values > w.s.MaxValues || w.repeated > plan.MaxRepeated {
		w.quiet = 0
		w.add(Issue{Code: codeValues})
		return errStop
	}
	kind := plan.Any
	if n != nil {
		kind = n.Kind
	}
	switch w.dec.PeekKind() {
	case '{':
		return w.object(n, kind)
	case '[':
		return w.array(n, kind)
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	switch raw[0] {
	case 'n':
		if !null && !w.s.AllowNull {
			w.add(Issue{Code: codeNull, Expected: expected(n)})
		}
	case 't', 'f':
		w.boolean(raw, n, kind)
	case '"':
		w.str(raw, n, kind, quoted)
	default:
		w.number(raw, n, kind, quoted)
	}
	return nil
}

func (w *walker) mismatch(n *plan.Node) { w.add(Issue{Code: codeType, Expected: expected(n)}) }

func (w *walker) boolean(raw []byte, n *plan.Node, kind plan.Kind) {
	switch kind {
	case plan.Bool, plan.Any, plan.Raw:
	case plan.Foreign:
		w.foreign(raw, n)
	default:
		w.mismatch(n)
	}
}

func (w *walker) str(raw []byte, n *plan.Node, kind plan.Kind, quoted bool) {
	if len(raw)-2 > w.s.MaxStringLen {
		w.add(Issue{Code: codeStringLen})
		return
	}
	text, err := jsonv2.AppendUnquote(w.text[:0], raw)
	if w.text = text; err != nil {
		w.add(Issue{Code: codeValue})
		return
	}
	if !kind.Opaque() && bytes.IndexByte(text, 0) >= 0 {
		w.add(Issue{Code: codeCharacter})
		return
	}
	switch kind {
	case plan.Any, plan.Raw, plan.String:
	case plan.Bytes, plan.Text, plan.Foreign:
		if n.Digits.TooLong(text, w.s.MaxNumberLen) {
			w.add(Issue{Code: codeNumberLen})
			return
		}
		w.foreign(raw, n)
	default:
		if !quoted {
			w.mismatch(n)
			return
		}
		if len(text) > w.s.MaxNumberLen {
			w.add(Issue{Code: codeNumberLen})
			return
		}
		if !isNumber(text) {
			w.add(Issue{Code: codeValue, Expected: expected(n)})
			return
		}
		w.numeral(string(text), n)
	}
}

// isNumber reports whether text is a JSON number and nothing else.
func isNumber(text []byte) bool {
	return len(text) > 0 && strings.IndexByte("-0123456789", text[0]) >= 0 &&
		strings.IndexByte("0123456789", text[len(text)-1]) >= 0 && jsonv2.Valid(text)
}

func (w *walker) number(raw []byte, n *plan.Node, kind plan.Kind, quoted bool) {
	if len(raw) > w.s.MaxNumberLen {
		w.add(Issue{Code: codeNumberLen})
		return
	}
	if quoted {
		w.add(Issue{Code: codeType, Expected: "string"})
		return
	}
	switch kind {
	case plan.Raw:
	case plan.Any:
		w.anyNumber(string(raw))
	case plan.Int, plan.Uint, plan.Float:
		w.numeral(string(raw), n)
	case plan.Foreign:
		if n.Digits.TooLong(raw, w.s.MaxNumberLen) {
			w.add(Issue{Code: codeNumberLen})
			return
		}
		w.foreign(raw, n)
	default:
		w.mismatch(n)
	}
}

// numeral judges the text of a number for a numeric target.
func (w *walker) numeral(text string, n *plan.Node) {
	var err error
	switch n.Kind {
	case plan.Int:
		_, err = strconv.ParseInt(text, 10, n.Bits)
	case plan.Uint:
		if strings.HasPrefix(text, "-") {
			if _, err = strconv.ParseInt(text, 10, 64); err == nil {
				err = strconv.ErrRange
			}
			break
		}
		_, err = strconv.ParseUint(text, 10, n.Bits)
	default:
		_, err = strconv.ParseFloat(text, n.Bits)
	}
	switch {
	case err == nil:
	case errors.Is(err, strconv.ErrRange):
		w.add(Issue{Code: codeRange, Expected: expected(n)})
	default:
		w.mismatch(n)
	}
}

// anyNumber judges a number that becomes a float64.
func (w *walker) anyNumber(text string) {
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && w.s.ExactNumbers {
		// Fractions are rarely exact and nobody expects them to be.
		if !strings.ContainsAny(text, ".eE") && text != strconv.FormatFloat(f, 'f', 0, 64) {
			err = strconv.ErrRange
		}
	}
	if err != nil {
		w.add(Issue{Code: codeRange, Expected: "number"})
	}
}
