package binding

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

// longestType is how long a media type with its parameters may be: parsing costs
// many times its length.
const longestType = 1 << 10

// acceptJSON judges the headers of a request with a JSON body.
func (s *settings) acceptJSON(h http.Header) *Error {
	return s.accept(h, func(media string) bool {
		return media == "application/json" ||
			strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json") && media != "application/+json" ||
			slices.Contains(s.MediaTypes, media)
	})
}

// accept refuses a body whose headers leave open, or say wrongly, what it is.
// Refusing text/plain and forms also keeps other sites' pages from sending JSON
// without a CORS preflight.
func (s *settings) accept(h http.Header, wanted func(media string) bool) *Error {
	types := h["Content-Type"]
	if len(types) != 1 || len(types[0]) > longestType {
		return s.fail(http.StatusUnsupportedMediaType, codeMediaType, nil)
	}
	// The two spellings nearly every client sends need no parser.
	if t := types[0]; t != "application/json" && t != "application/json; charset=utf-8" || !wanted("application/json") {
		media, params, err := mime.ParseMediaType(t)
		if err != nil || !wanted(media) || extended(t) {
			return s.fail(http.StatusUnsupportedMediaType, codeMediaType, err)
		}
		if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
			return s.fail(http.StatusUnsupportedMediaType, codeCharset, nil)
		}
	}
	for _, coding := range h["Content-Encoding"] {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return s.fail(http.StatusUnsupportedMediaType, codeContentEncoding, nil)
		}
	}
	return nil
}
