package binding_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// search is the target of the query and form tables.
type search struct {
	common
	FullName  string      `form:"name"    binding:"max=20"`
	AgeYears  int8        `form:"age"`
	ScoreSum  uint16      `form:"score"`
	RatioVal  float32     `form:"ratio"`
	IsEnabled bool        `form:"enabled"`
	NickName  *string     `form:"nick"`
	BigNumber *int64      `form:"big"`
	TagList   []string    `form:"tag"     binding:"max=5"`
	IDList    []uint8     `form:"ids"     collection_format:"csv"`
	SinceTime time.Time   `form:"since"`
	DayTime   time.Time   `form:"day"     time_format:"2006-01-02"`
	PeerAddr  *netip.Addr `form:"peer"`
	TrimText  string      `form:"trim"    strict:"trim"`
	OwnerRef  string      `form:"-"       json:"owner"`
	ServerID  string      `json:"id"`
}

type common struct {
	PageSize int `form:"page[size],default=10"`
}

type prow struct{ input, want string }

func paramRows() []prow {
	return []prow{
		{"", "200"},
		{"name=ann&age=-7&score=65535&ratio=1.5e3&enabled=true", "200"},
		{"name=", "200"},
		{"name", "200"},
		{"name=a+b%20c%26", "200"},
		{"n%61me=x", "200"},
		{"tag=a&tag=b&tag=", "200"},
		{"ids=1,2,255", "200"},
		{"since=2026-01-02T03:04:05Z&day=2026-01-02&peer=::1", "200"},
		{"page%5Bsize%5D=5", "200"},
		{"page[size]=5", "200"},
		{"&&name=x&", "200"},
		{"name={\"a\":1}", "200"},
		{"nick=&big=-9223372036854775808", "200"},
		{"role=" + secret, "400, unknown_parameter role"},
		{"Name=x", "400, unknown_parameter Name"},
		{"FullName=x", "400, unknown_parameter FullName"},
		{"owner=x", "400, unknown_parameter owner"},
		{"id=x", "400, unknown_parameter id"},
		{"-=x", "400, unknown_parameter -"},
		{"common=x", "400, unknown_parameter common"},
		{"PageSize=5", "400, unknown_parameter PageSize"},
		{"name[]=x", "400, unknown_parameter name[]"},
		{"tag[0]=x", "400, unknown_parameter tag[0]"},
		{"name.first=x", "400, unknown_parameter name.first"},
		{"=x", "400, unknown_parameter "},
		{"name%20=x", "400, unknown_parameter name "},
		{"name=a&name=b", "400, repeated_parameter name"},
		{"name=a&n%61me=a", "400, repeated_parameter name"},
		{"age=1&age=" + secret, "400, repeated_parameter age"},
		{"age=", "400, type_mismatch age"},
		{"age=" + secret, "400, type_mismatch age"},
		{"age=%2B1", "400, type_mismatch age"},
		{"age=+1", "400, type_mismatch age"},
		{"age=01", "400, type_mismatch age"},
		{"age=-0", "400, type_mismatch age"},
		{"age=0x1", "400, type_mismatch age"},
		{"age=1_0", "400, type_mismatch age"},
		{"age=1.0", "400, type_mismatch age"},
		{"age=1e1", "400, type_mismatch age"},
		{"age=128", "400, number_out_of_range age"},
		{"score=-1", "400, number_out_of_range score"},
		{"score=65536", "400, number_out_of_range score"},
		{"ratio=1e39", "400, number_out_of_range ratio"},
		{"ratio=NaN", "400, type_mismatch ratio"},
		{"ratio=.5", "400, type_mismatch ratio"},
		{"age=" + times(65, "1"), "400, number_too_long age"},
		{"enabled=1", "400, type_mismatch enabled"},
		{"enabled=T", "400, type_mismatch enabled"},
		{"enabled=TRUE", "400, type_mismatch enabled"},
		{"enabled=", "400, type_mismatch enabled"},
		{"ids=1,,2", "400, type_mismatch ids"},
		{"ids=1,256", "400, number_out_of_range ids"},
		{"since=" + secret, "400, invalid_value since"},
		{"day=2026-02-30", "400, invalid_value day"},
		{"peer=1.2.3", "400, invalid_value peer"},
		{"name=%", "400, malformed_query name"},
		{"name=%4", "400, malformed_query name"},
		{"name=%zz", "400, malformed_query name"},
		{"na%zzme=x", "400, malformed_query "},
		{"name=a;b", "400, malformed_query name"},
		{"name=a;age=1", "400, malformed_query name"},
		{"name=%ff", "400, invalid_utf8 name"},
		{"name=%c0%af", "400, invalid_utf8 name"},
		{"n%ff=x", "400, malformed_query "},
		{"name=%00", "400, forbidden_character name"},
		{"n%00=x", "400, malformed_query "},
		{"name=" + times(21, "x"), "400, rule.max name"},
		{"tag=" + times(5, "a&tag=") + "b", "400, rule.max tag"},
		{times(101, "tag=a&"), "400, too_many_parameters "},
		{times(1000, "x=a&"), "400, too_many_parameters "},
		{"age=x&role=1&enabled=2&name=a&name=b", "400, type_mismatch age, unknown_parameter role, type_mismatch enabled, repeated_parameter name"},
		{times(40, times(200, "%01")+"=1&"), "400" + times(32, ", unknown_parameter "+times(42, "\x01"))},
		{times(40, times(200, "%3C")+"=1&"), "400" + times(32, ", unknown_parameter "+times(42, "<"))},
		{times(5000, "k") + "=1", "400, unknown_parameter " + times(256, "k")},
	}
}

func serve(t *testing.T, h gin.HandlerFunc) *httptest.Server {
	t.Helper()
	engine := gin.New()
	engine.Any("/", h)
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	return server
}

func answer(c *gin.Context, err error) {
	if err != nil {
		binding.Abort(c, err)
		return
	}
	c.String(http.StatusOK, "ok")
}

func verdict(t *testing.T, client *http.Client, r *http.Request) string {
	t.Helper()
	status, body := exchange(t, client, r)
	if status == http.StatusOK {
		return "200"
	}
	return faultsOf(t, body)
}

func TestTheTableOfQueries(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		_, err := binding.Query[search](c)
		answer(c, err)
	})
	for _, tc := range paramRows() {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.URL.RawQuery = strings.ReplaceAll(tc.input, `"`, "%22")
		// A Go name that a client sends as a name comes back as that name.
		if got := verdictOf(t, server.Client(), r, tc.input); got != tc.want {
			t.Errorf("%.80s\n got %s\nwant %s", tc.input, got, tc.want)
		}
	}
}

// verdictOf does not mind that a name the client sent stands in the answer.
func verdictOf(t *testing.T, client *http.Client, r *http.Request, input string) string {
	t.Helper()
	if name, _, _ := strings.Cut(input, "="); leaks.MatchString(name) {
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return faultsOf(t, string(body))
	}
	return verdict(t, client, r)
}

func TestTheTableOfForms(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		_, err := binding.Form[search](c)
		answer(c, err)
	})
	form := func(body string, alter ...func(*http.Request)) *http.Request {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"?role=in+the+URL&name=x", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, f := range alter {
			f(r)
		}
		return r
	}
	for _, tc := range paramRows() {
		want := strings.ReplaceAll(tc.want, "malformed_query", "malformed_form")
		if got := verdictOf(t, server.Client(), form(tc.input), tc.input); got != want {
			t.Errorf("%.80s\n got %s\nwant %s", tc.input, got, want)
		}
	}
	for _, tc := range []struct {
		body, want string
		alter      func(*http.Request)
	}{
		{"name=a", "200", mediaType("application/x-www-form-urlencoded; charset=UTF-8")},
		{"name=a", "415, unsupported_charset", mediaType("application/x-www-form-urlencoded; charset=latin1")},
		{"name=a", "415, unsupported_media_type", mediaType("application/json")},
		{"name=a", "415, unsupported_media_type", mediaType("text/plain")},
		{"name=a", "415, unsupported_media_type", mediaType()},
		{"name=a", "415, unsupported_content_encoding", header("Content-Encoding", "gzip")},
		{"name=" + times(1<<20, "x"), "413, body_too_large", mediaType("application/x-www-form-urlencoded")},
	} {
		if got := verdict(t, server.Client(), form(tc.body, tc.alter)); got != tc.want {
			t.Errorf("%.80s\n got %s\nwant %s", tc.body, got, tc.want)
		}
	}
}

type heads struct {
	Version  int      `header:"x-version"  strict:"required" binding:"min=1"`
	Trace    string   `header:"X-Trace"    binding:"max=8"`
	Langs    []string `header:"X-Lang"`
	OwnerRef string
	ServerID string `header:"-"`
}

func TestTheTableOfHeaders(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		in, err := binding.Header[heads](c)
		if in.OwnerRef != "" || in.ServerID != "" {
			t.Error("a field without a tag was set")
		}
		answer(c, err)
	})
	for _, tc := range []struct {
		header http.Header
		want   string
	}{
		{http.Header{"X-Version": {"1"}}, "200"},
		{http.Header{"X-Version": {"1"}, "X-Anything": {"x", "y"}, "Ownerref": {"x"}, "Owner-Ref": {"x"}}, "200"},
		{http.Header{"X-Version": {"1"}, "X-Lang": {"a", "b,c"}}, "200"},
		{http.Header{}, "400, missing_field X-Version"},
		{http.Header{"X-Version": {""}}, "400, type_mismatch X-Version"},
		{http.Header{"X-Version": {secret}}, "400, type_mismatch X-Version"},
		{http.Header{"X-Version": {"1", "1"}}, "400, repeated_field X-Version"},
		{http.Header{"X-Version": {"1, 2"}}, "400, type_mismatch X-Version"},
		{http.Header{"X-Version": {"0"}}, "400, rule.min X-Version"},
		{http.Header{"X-Version": {"1"}, "X-Trace": {secret + secret}}, "400, rule.max X-Trace"},
		{http.Header{"X-Version": {"1"}, "X-Trace": {"\xff"}}, "400, invalid_utf8 X-Trace"},
		{http.Header{"X-Version": {"1"}, "X-Trace": {"a", "b"}}, "400, repeated_field X-Trace"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = tc.header
		if got := verdict(t, server.Client(), r); got != tc.want {
			t.Errorf("%v\n got %s\nwant %s", tc.header, got, tc.want)
		}
	}
}

type place struct {
	Number uint32     `uri:"id"   strict:"required" binding:"min=1"`
	Path   string     `uri:"path" strict:"optional" binding:"max=12"`
	Peer   netip.Addr `uri:"peer" strict:"optional"`
	Page   int        `uri:"page,default=1"`
}

func TestTheTableOfPaths(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	h := func(c *gin.Context) {
		in, err := binding.URI[place](c)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.String(http.StatusOK, "%s", in.Path)
	}
	engine.GET("/n/:id", h)
	engine.GET("/p/:id/*path", h)
	engine.GET("/a/:id/:peer", h)
	engine.GET("/none", h)
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	for _, tc := range []struct{ path, want string }{
		{"/n/7", "200"},
		{"/n/4294967295", "200"},
		{"/n/4294967296", "400, number_out_of_range id"},
		{"/n/0", "400, rule.min id"},
		{"/n/-1", "400, number_out_of_range id"},
		{"/n/07", "400, type_mismatch id"},
		{"/n/+7", "400, type_mismatch id"},
		{"/n/7%20", "400, type_mismatch id"},
		{"/n/" + secret, "400, type_mismatch id"},
		{"/n/7%00", "400, forbidden_character id"},
		{"/n/%ff", "400, invalid_utf8 id"},
		{"/p/7/a/b", "200"},
		{"/p/7/..%2fb", "200"},
		{"/p/7/%00", "400, forbidden_character path"},
		{"/p/7/" + secret + secret, "400, rule.max path"},
		{"/a/7/::1", "200"},
		{"/a/7/x", "400, invalid_value peer"},
		{"/none", "500, internal_error"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+tc.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := verdict(t, server.Client(), r); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", tc.path, got, tc.want)
		}
	}
}

type album struct {
	Title   string         `form:"title" strict:"required" binding:"max=8"`
	Year    int            `form:"year"`
	Tags    []string       `form:"tag"`
	Cover   *binding.File  `form:"cover" file:"max=100,types=image/png image/gif"`
	Pages   []binding.File `form:"page"  file:"count=2,types=text/* application/json"`
	Any     binding.File   `form:"any"`
	NoSetGo string
}

type part struct {
	name, file, media, content string
	extra                      string // a header line
}

func multipartOf(parts []part) (body, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		h := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name=%q`, p.name)}}
		if p.file != "-" {
			h.Set("Content-Disposition", fmt.Sprintf(`form-data; name=%q; filename=%q`, p.name, p.file))
		}
		if p.media != "" {
			h.Set("Content-Type", p.media)
		}
		if name, value, ok := strings.Cut(p.extra, ": "); ok {
			h.Set(name, value)
		}
		pw, _ := w.CreatePart(h)
		_, _ = io.WriteString(pw, p.content)
	}
	_ = w.Close()
	return b.String(), w.FormDataContentType()
}

func TestTheTableOfMultipartBodies(t *testing.T) {
	t.Parallel()
	server := serve(t, func(c *gin.Context) {
		in, err := binding.Multipart[album](c, binding.Options{MaxFileBytes: 1000, MaxUploadBytes: 64 << 10, MaxParts: 10})
		if err == nil && in.Cover != nil && strings.ContainsAny(in.Cover.Name, `/\:`) {
			t.Errorf("the file's name is a path: %q", in.Cover.Name)
		}
		answer(c, err)
	})
	const png, gif = "\x89PNG\r\n\x1a\nrest", "GIF89a rest"
	title := part{"title", "-", "", "t", ""}
	with := func(p ...part) []part { return append([]part{title}, p...) }
	for i, tc := range []struct {
		parts []part
		want  string
	}{
		{with(), "200"},
		{with(part{"cover", "a.png", "image/png", png, ""}), "200"},
		{with(part{"cover", "a.gif", "", gif, ""}), "200"},
		{with(part{"cover", "a", "application/octet-stream", gif, ""}), "200"},
		{with(part{"cover", `C:\x\a.png`, "image/png", png, ""}), "200"},
		{with(part{"cover", "C:a.png", "image/png", png, ""}), "200"},
		{with(part{"cover", "../../etc/passwd", "image/png", png, ""}), "200"},
		{with(part{"cover", "..", "image/png", png, ""}), "200"},
		{with(part{"cover", "", "application/octet-stream", "", ""}), "200"}, // no file chosen
		{with(part{"page", "a.csv", "text/csv", "a,b", ""}, part{"page", "b.json", "application/json", "{}", ""}), "200"},
		{with(part{"any", "x.bin", "", "\x00\x01", ""}), "200"},
		{with(part{"tag", "-", "", "a", ""}, part{"tag", "-", "", "b", ""}, part{"year", "-", "", "2026", ""}), "200"},
		{with(part{"tag", "-", "text/plain; charset=utf-8", "a", "Content-Transfer-Encoding: 8bit"}), "200"},
		{[]part{}, "400, missing_field title"},
		{[]part{{"year", "-", "", "1", ""}}, "400, missing_field title"},
		{with(part{"year", "-", "", secret, ""}), "400, type_mismatch year"},
		{with(part{"title", "-", "", "u", ""}), "400, repeated_field title"},
		{[]part{{"title", "-", "", secret + secret, ""}}, "400, rule.max title"},
		{with(part{"role", "-", "", secret, ""}), "400, unknown_parameter role"},
		{with(part{"Title", "-", "", "x", ""}), "400, unknown_parameter Title"},
		{with(part{"NoSetGo", "-", "", "x", ""}), "400, unknown_parameter NoSetGo"},
		{with(part{"evil", "x.php", "", "<?php", ""}), "400, unknown_parameter evil"},
		{with(part{"title", "x.txt", "", "x", ""}), "400, type_mismatch title"},
		{with(part{"cover", "-", "", png, ""}), "400, type_mismatch cover"},
		{with(part{"cover", "a.png", "image/png", png, ""}, part{"cover", "b.png", "image/png", png, ""}), "400, repeated_field cover"},
		{with(part{"page", "a", "text/plain", "x", ""}, part{"page", "b", "text/plain", "x", ""}, part{"page", "c", "text/plain", "x", ""}), "400, repeated_field page"},
		{with(part{"cover", "a.png", "image/png", "<html><script>", ""}), "400, file_type_not_allowed cover"},
		{with(part{"cover", "a.png", "image/png", gif, ""}), "400, file_type_not_allowed cover"},
		{with(part{"cover", "a.png", "text/html", png, ""}), "400, file_type_not_allowed cover"},
		{with(part{"cover", "a.svg", "image/svg+xml", "<svg onload=x>", ""}), "400, file_type_not_allowed cover"},
		{with(part{"cover", "a.png", "image/png", "plain", ""}), "400, file_type_not_allowed cover"},
		{with(part{"page", "a.html", "text/html", "<html>", ""}), "200"}, // text/* names it
		{with(part{"page", "a.html", "text/html", "no mark-up", ""}), "400, file_type_not_allowed page"},
		{with(part{"page", "a.txt", "text/html; =", "x", ""}), "400, file_type_not_allowed page"},
		{with(part{"any", "a.txt", "text/html; =", "x", ""}), "200"},
		{with(part{"page", "a.png", "text/plain", png, ""}), "400, file_type_not_allowed page"},
		{with(part{"cover", "-", "image/png", png, `Content-Disposition: form-data; name=cover; filename*=UTF-8''a%01.png`}), "400, forbidden_character cover"},
		{with(part{"cover", "-", "image/png", png, `Content-Disposition: form-data; name=cover; filename*=UTF-8''%E2%82%AC.png`}), "200"},
		{with(part{"cover", "a.png", "image/png", png + times(100, "x"), ""}), "413, file_too_large, file_too_large cover"},
		{with(part{"any", "x", "", times(1001, "x"), ""}), "413, file_too_large, file_too_large any"},
		{with(part{"tag", "-", "", times(65<<10, "x"), ""}), "413, body_too_large"},
		{with(part{"any", "x", "", "YQ==", "Content-Transfer-Encoding: base64"}), "400, malformed_form "},
		{with(part{"tag", "-", "", "\xff", ""}), "400, invalid_utf8 tag"},
		{with(part{"tag", "-", "", "\x00", ""}), "400, forbidden_character tag"},
		{with(part{"tag", "-", "", "1", ""}, part{"tag", "-", "", "2", ""}, part{"tag", "-", "", "3", ""}, part{"tag", "-", "", "4", ""}, part{"tag", "-", "", "5", ""},
			part{"tag", "-", "", "6", ""}, part{"tag", "-", "", "7", ""}, part{"tag", "-", "", "8", ""}, part{"tag", "-", "", "9", ""}, part{"tag", "-", "", "0", ""}), "400, too_many_parts "},
	} {
		body, contentType := multipartOf(tc.parts)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		if got := verdict(t, server.Client(), r); got != tc.want {
			t.Errorf("row %d\n got %s\nwant %s", i, got, tc.want)
		}
	}
	const rawType = "multipart/form-data; boundary=x"
	raw := func(head, content string) string { return "--x\r\n" + head + "\r\n\r\n" + content + "\r\n--x--\r\n" }
	body, contentType := multipartOf(with())
	for name, tc := range map[string]struct{ body, media, want string }{
		"another type":         {body, "application/json", "415, unsupported_media_type"},
		"no boundary":          {body, "multipart/form-data", "415, unsupported_media_type"},
		"multipart/mixed":      {body, strings.Replace(contentType, "form-data", "mixed", 1), "415, unsupported_media_type"},
		"another boundary":     {body, "multipart/form-data; boundary=other", "400, malformed_form "},
		"cut off":              {body[:len(body)-10], contentType, "400, malformed_form "},
		"nothing":              {"", contentType, "400, malformed_form "},
		"a long tail":          {body + times(64<<10, "x"), contentType, "413, body_too_large"},
		"a part without names": {"--x\r\nContent-Type: text/plain\r\n\r\nhi\r\n--x--\r\n", "multipart/form-data; boundary=x", "400, malformed_form , missing_field title"},
		"two dispositions":     {raw("Content-Disposition: form-data; name=other\r\nContent-Disposition: form-data; name=title", "hi"), rawType, "400, malformed_form "},
		"two types":            {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain\r\nContent-Type: text/html", "hi"), rawType, "400, malformed_form "},
		"two encodings":        {raw("Content-Disposition: form-data; name=title\r\nContent-Transfer-Encoding: binary\r\nContent-Transfer-Encoding: base64", "aGk="), rawType, "400, malformed_form , missing_field title"},
		"text in UTF-16":       {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=utf-16", "hi"), rawType, "400, malformed_form title"},
		"text in UTF-8":        {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=\"UTF-8\"", "hi"), rawType, "200"},
		"text in ASCII":        {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=us-ascii", "hi"), rawType, "200"},
		"text of no type":      {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset", "hi"), rawType, "400, malformed_form title"},
		"text in two charsets": {raw("Content-Disposition: form-data; name=title\r\nContent-Type: text/plain; charset=utf-16; charset*=UTF-8''utf-8", "hi"), rawType, "400, malformed_form title"},
		"an attachment":        {"--x\r\nContent-Disposition: attachment; name=title\r\n\r\nhi\r\n--x--\r\n", "multipart/form-data; boundary=x", "400, malformed_form , missing_field title"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", tc.media)
		if got := verdict(t, server.Client(), r); got != tc.want {
			t.Errorf("%s\n got %s\nwant %s", name, got, tc.want)
		}
	}
}
