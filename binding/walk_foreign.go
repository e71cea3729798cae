package binding

import (
	"errors"
	"reflect"
	"strconv"

	"github.com/ginsec/ginsec/binding/internal/plan"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// own lets a type that decodes itself judge an array or an object, in which it may read
// numbers of any size.
func (w *walker) own(raw []byte, n *plan.Node) {
	if n.Digits.TooLong(raw, w.s.MaxNumberLen) {
		w.add(Issue{Code: codeNumberLen})
		return
	}
	w.foreign(raw, n)
}

// foreign lets a type that decodes itself judge a value.
func (w *walker) foreign(raw []byte, n *plan.Node) {
	if w.quiet > 0 || w.truncated {
		return // nothing more will be listed, and judging costs
	}
	if k := n.Kind; raw[0] != '"' && (k == plan.Text || k == plan.Bytes) {
		w.mismatch(n)
		return
	}
	err := jsonv2.Unmarshal(raw, reflect.New(n.Type).Interface(), w.s.decoding())
	if err == nil {
		return
	}
	at := len(w.path)
	var semantic *jsonv2.SemanticError
	if errors.As(err, &semantic) {
		w.path = append(w.path, semantic.JSONPointer...)
	}
	issue := Issue{Code: codeValue, Expected: expected(n)}
	if n.Kind == plan.Bytes && n.Len > 0 {
		issue.Param = strconv.Itoa(n.Len)
	}
	w.add(issue)
	w.path = w.path[:at]
}

// expected names what a target takes, in JSON's words.
func expected(n *plan.Node) string {
	if n == nil {
		return ""
	}
	switch n.Kind {
	case plan.Bool:
		return "boolean"
	case plan.String, plan.Bytes, plan.Text:
		return "string"
	case plan.Int, plan.Uint:
		return "integer"
	case plan.Float:
		return "number"
	case plan.Struct, plan.Map:
		return "object"
	case plan.Slice, plan.Array:
		return "array"
	default:
		return ""
	}
}
