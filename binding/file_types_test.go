package binding_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"reflect"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

const (
	docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	zip  = "PK\x03\x04\x14\x00\x06\x00"
	wave = "RIFF\x24\x00\x00\x00WAVEfmt "
	gzip = "\x1f\x8b\x08\x00"
	xml  = `<?xml version="1.0"?><a/>`
	html = "<!DOCTYPE html><script>alert(1)</script>"
)

// sendFile sends one file to a field that takes some types.
func sendFile(t *testing.T, types, declared, content string) string {
	t.Helper()
	// The type is made here since its tag is.
	typ := reflect.StructOf([]reflect.StructField{{
		Name: "F", Type: reflect.TypeFor[binding.File](), Tag: reflect.StructTag(fmt.Sprintf(`form:"f" file:"types=%s"`, types)),
	}})
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	h := textproto.MIMEHeader{"Content-Disposition": {`form-data; name="f"; filename="x"`}}
	if declared != "" {
		h.Set("Content-Type", declared)
	}
	part, err := m.CreatePart(h)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write([]byte(content))
	_ = m.Close()
	r := httptest.NewRequest(http.MethodPost, "/", &b)
	r.Header.Set("Content-Type", m.FormDataContentType())
	w := send(func(c *gin.Context) { answer(c, binding.MultipartInto(c, reflect.New(typ).Interface())) }, r)
	if w.Code == http.StatusOK {
		return "ok"
	}
	return faults(t, w)
}

func TestAFileMayHaveAnyNameOfItsType(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ types, declared, content string }{
		{"application/zip", "application/x-zip-compressed", zip}, // as Windows calls it
		{"application/x-zip-compressed", "application/zip", zip},
		{"application/x-zip-compressed", "", zip},
		{docx, docx, zip},
		{"application/zip", docx, zip},
		{"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text", zip},
		{"application/gzip", "application/gzip", gzip},
		{"application/gzip", "application/x-gzip", gzip},
		{"audio/wav", "audio/x-wav", wave},
		{"audio/*", "audio/wav", wave},
		{"audio/ogg", "audio/ogg", "OggS\x00\x02"},
		{"application/xml", "application/xml", xml},
		{"application/xml", "text/xml", "plain <a/>"},
		{"image/jpg", "image/jpeg", "\xff\xd8\xff\xe0"},
		{"text/csv", "text/csv", "a,b"},
		{"application/json text/plain", "application/problem+json", "{}"},
	} {
		if got := sendFile(t, row.types, row.declared, row.content); got != "ok" {
			t.Errorf("%q: %s", row, got)
		}
	}
}

// What a browser would run passes as nothing else.
func TestAFileIsNotAnotherTypeUnderAnotherName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ types, declared, content string }{
		{"application/xml", "application/xml", html},
		{"application/json", "application/problem+json", "{}"},
		{"application/xml", "text/html", xml},
		{"application/xml", "image/svg+xml", xml},
		{"application/xml", "application/xhtml+xml", xml},
		{"text/plain", "image/svg+xml", "<svg onload='x'/>"},
		{"image/*", "image/svg+xml", "<svg onload='x'/>"},
		{"text/plain", "text/html", "just text"},
		{"text/plain", "application/javascript", "alert(1)"},
		{docx, docx, html},
		{docx, docx, xml},
		{docx, docx, gzip},
		{docx, "application/zip", zip},
		{docx, "application/java-archive", zip},
		{docx, "", zip},
		{"audio/wav", "audio/wav", "ID3"},
		{"audio/ogg", "video/ogg", "OggS\x00\x02"},
		{"audio/oggx", "audio/oggx", "OggS\x00\x02"},
		{"image/jpg", "image/jpeg", html},
		{"application/gzip", "application/zip", gzip},
	} {
		if got := sendFile(t, row.types, row.declared, row.content); got != "400, file_type_not_allowed f" {
			t.Errorf("%q: %s", row, got)
		}
	}
}

func TestCheckTellsOfTypesThatNoFileHas(t *testing.T) {
	t.Parallel()
	if err := binding.Check[struct {
		F binding.File `form:"f" file:"types=image/* text/csv application/octet-stream application/hal+json text/html application/gzip video/x-matroska application/epub+zip"`
	}](); err != nil {
		t.Error(err)
	}
	err := binding.Check[struct {
		F []*binding.File `form:"f" file:"types=image/png image/svg+xml */* application/msword chemical/* application/javascript image/heic"`
	}]()
	if err == nil {
		t.Fatal("no error")
	}
	for _, media := range strings.Fields("image/svg+xml */* application/msword chemical/* application/javascript image/heic") {
		if !strings.Contains(err.Error(), fmt.Sprintf("F names a media type in its file tag that no content is recognised as: %q", media)) {
			t.Errorf("%s is not in %v", media, err)
		}
	}
	if strings.Contains(err.Error(), `recognised as: "image/png"`) {
		t.Error(err)
	}
}
