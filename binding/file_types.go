package binding

import (
	"mime"
	"net/http"
	"slices"
	"strings"
)

// sniffed are the types that content is recognised as, and the only ones.
var sniffed = strings.Fields(`text/html text/xml text/plain application/octet-stream
	application/pdf application/postscript application/zip application/x-gzip application/x-rar-compressed application/wasm
	application/ogg application/vnd.ms-fontobject font/ttf font/otf font/collection font/woff font/woff2
	image/x-icon image/bmp image/gif image/webp image/png image/jpeg
	audio/aiff audio/mpeg audio/midi audio/wave video/avi video/webm video/mp4`)

// aliases are other names of those.
var aliases = map[string]string{
	"application/x-zip-compressed": "application/zip",
	"application/x-zip":            "application/zip",
	"application/gzip":             "application/x-gzip",
	"application/vnd.rar":          "application/x-rar-compressed",
	"application/x-rar":            "application/x-rar-compressed",
	"application/xml":              "text/xml",
	"application/x-pdf":            "application/pdf",
	"application/font-woff":        "font/woff",
	"image/vnd.microsoft.icon":     "image/x-icon",
	"image/x-ms-bmp":               "image/bmp",
	"image/jpg":                    "image/jpeg",
	"image/pjpeg":                  "image/jpeg",
	"audio/wav":                    "audio/wave",
	"audio/x-wav":                  "audio/wave",
	"audio/vnd.wave":               "audio/wave",
	"audio/x-aiff":                 "audio/aiff",
	"audio/mp3":                    "audio/mpeg",
	"audio/x-midi":                 "audio/midi",
	"video/x-msvideo":              "video/avi",
	"video/vnd.avi":                "video/avi",
}

// containers are formats whose content is recognised only as what it is wrapped in.
var containers = []struct{ family, in string }{
	{"application/vnd.openxmlformats-officedocument.", "application/zip"},
	{"application/vnd.oasis.opendocument.", "application/zip"},
	{"application/epub+zip", "application/zip"},
	{"application/java-archive", "application/zip"},
	{"audio/ogg", "application/ogg"},
	{"video/ogg", "application/ogg"},
	{"audio/webm", "video/webm"},
	{"video/x-matroska", "video/webm"},
	{"audio/mp4", "video/mp4"},
	{"audio/x-m4a", "video/mp4"},
}

func named(media string) string {
	if other, ok := aliases[media]; ok {
		return other
	}
	return media
}

// container is what content of a type is recognised as, or "".
func container(media string) string {
	for _, c := range containers {
		if media == c.family || strings.HasSuffix(c.family, ".") && strings.HasPrefix(media, c.family) {
			return c.in
		}
	}
	return ""
}

// looksPlain reports whether content of a type looks like plain text: text formats
// without a mark of their own. Markup and scripts that a browser would run have none
// either, so only names that are known to be harmless, or say text, pass.
func looksPlain(media string) bool {
	return strings.HasPrefix(media, "text/") && media != "text/html" ||
		media == "application/json" || strings.HasSuffix(media, "+json")
}

// takes judges the content against the field's types: what it looks like must be
// allowed, or be how an allowed declared type looks, and must not contradict the
// declaration.
func (r *fileRule) takes(f *File) bool {
	if len(r.types) == 0 {
		return true
	}
	if f.Declared == "" || f.Declared == "application/octet-stream" {
		return r.allows(f.MediaType)
	}
	return agrees(f.Declared, f.MediaType) && (r.allows(f.MediaType) || r.allows(f.Declared))
}

func (r *fileRule) allows(media string) bool {
	return slices.ContainsFunc(r.types, func(t string) bool {
		family, wild := strings.CutSuffix(t, "/*")
		return named(t) == named(media) || wild && strings.HasPrefix(media, family+"/")
	})
}

// unmatched returns the types of r that no content is recognised as.
func (r *fileRule) unmatched() (out []string) {
	for _, t := range r.types {
		family, wild := strings.CutSuffix(t, "/*")
		known := slices.Contains(sniffed, named(t)) || looksPlain(t) || container(t) != ""
		if wild {
			known = slices.ContainsFunc(sniffed, func(s string) bool { return strings.HasPrefix(s, family+"/") })
		}
		if !known {
			out = append(out, t)
		}
	}
	return out
}

// agrees reports whether a declared type and what the content looks like can both
// be true.
func agrees(declared, looks string) bool {
	declared = named(declared)
	return declared == looks || container(declared) == looks || looks == "text/plain" && looksPlain(declared)
}

func mediaOf(header string) string {
	media, _, err := mime.ParseMediaType(header)
	if err != nil {
		return ""
	}
	return media
}

func sniff(data []byte) string { return mediaOf(http.DetectContentType(data)) }
