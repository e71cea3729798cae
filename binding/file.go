package binding

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// File is a file of a multipart body, held in memory. Fields of type File, *File
// or []File take files; their file tag narrows what they take:
//
//	Avatar binding.File   `form:"avatar" strict:"required" file:"max=1048576,types=image/png image/jpeg"`
//	Pages  []binding.File `form:"page" file:"count=5,types=image/*"`
type File struct {
	// Name is the base name the client gave. It says nothing about the content:
	// never use it as a path, and store under a name of your own.
	Name string
	// MediaType is what the content looks like (http.DetectContentType), without
	// parameters; Declared is what the client said it is.
	MediaType, Declared string

	data []byte
}

// Size is the length in bytes.
func (f *File) Size() int { return len(f.data) }

// Bytes returns the content, which is the File's own: do not change it.
func (f *File) Bytes() []byte { return f.data }

// Open returns a reader of the content.
func (f *File) Open() *bytes.Reader { return bytes.NewReader(f.data) }

var fileType = reflect.TypeFor[File]()

// fileRule is what a field's file tag says.
type fileRule struct {
	max   int64    // 0: Options.MaxFileBytes
	count int      // 0: Options.MaxParts
	types []string // none: any
}

func fileRuleOf(tag string) (*fileRule, error) {
	r := &fileRule{}
	if tag == "" {
		return r, nil
	}
	for word := range strings.SplitSeq(tag, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case key == "max" && err == nil && n > 0 && n <= most:
			r.max = n
		case key == "count" && err == nil && n > 0 && n <= math.MaxInt32:
			r.count = int(n)
		case key == "types" && value != "":
			r.types = strings.Fields(strings.ToLower(value))
		default:
			return nil, fmt.Errorf("has a file tag it cannot mean: %q", word)
		}
	}
	for _, t := range r.types {
		if strings.Count(t, "/") != 1 {
			return nil, errors.New("has a media type without a slash in its file tag")
		}
	}
	return r, nil
}
