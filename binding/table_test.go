package binding_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// account is the target of the table. Its Go names differ from its members'
// names, so that a leak shows.
type account struct {
	provenance
	FullName   string            `json:"name"    strict:"required" binding:"min=1,max=20"`
	AgeYears   int8              `json:"age"     binding:"gte=0"`
	ScoreSum   uint16            `json:"score"`
	RatioVal   float32           `json:"ratio"`
	ExactVal   float64           `json:"exact"`
	BigNumber  int64             `json:"big"`
	BigUint    uint64            `json:"ubig"`
	IsEnabled  bool              `json:"enabled"`
	NickName   *string           `json:"nick"    binding:"omitempty,min=2"`
	TagList    []string          `json:"tags"    binding:"max=3,dive,max=8"`
	HomeAddr   postal            `json:"home"`
	OtherAddrs []postal          `json:"others"  binding:"dive"`
	AttrMap    map[string]string `json:"attrs"`
	ByNameMap  map[string]postal `json:"byName"  binding:"dive"`
	FreeForm   any               `json:"free"`
	PointXY    [2]float64        `json:"point"`
	BlobData   []byte            `json:"blob"`
	SinceTime  time.Time         `json:"since"`
	PeerAddr   netip.Addr        `json:"peer"`
	CountedNum int64             `json:"counted,string"`
	ServerID   string            `json:"id"      strict:"readonly"`
	CommentTxt string            `json:"comment" strict:"nullable"`
	PassWord   string            `json:"pw"`
	ConfirmPw  string            `json:"confirm" binding:"eqfield=PassWord"`
	SlashName  string            `json:"a/b~c"   binding:"max=3"`
	OwnerRef   string            `json:"-"`
	UntaggedGo string
}

type provenance struct {
	ReasonTxt string `json:"reason" binding:"max=5"`
}

type postal struct {
	StreetTxt string `json:"street" strict:"required" binding:"max=8"`
	ZipCode   *int   `json:"zip"`
}

// row is one request and the answer it must get: "200", or the status and what
// is wrong where.
type row struct {
	body string
	want string
	// alter changes the request.
	alter func(*http.Request)
}

func header(name string, values ...string) func(*http.Request) {
	return func(r *http.Request) { r.Header[name] = values }
}

func mediaType(values ...string) func(*http.Request) { return header("Content-Type", values...) }

// secret stands for what a client sends: it must never come back.
const secret = "S3CR3T"

// leaks finds what no response may hold: input, Go's names and words, the
// libraries' texts.
var leaks = regexp.MustCompile(secret + `|FullName|AgeYears|ScoreSum|RatioVal|ExactVal|BigNumber|BigUint|IsEnabled|NickName|TagList|HomeAddr|OtherAddrs|` +
	`AttrMap|ByNameMap|FreeForm|PointXY|BlobData|SinceTime|PeerAddr|CountedNum|ServerID|CommentTxt|PassWord|ConfirmPw|SlashName|OwnerRef|ReasonTxt|StreetTxt|ZipCode|` +
	`\bint(8|16|32|64)?\b|uint|float|\bstruct\b|\bmap\b|\[\]|interface|json:|strconv|unmarshal|invalid character|cannot|syntax|parsing|validation for|` +
	`validator|reflect|github|panic|nil\b|EOF|goroutine|\.go\b|time\.|netip|base64|illegal`)

// exchange sends a request and returns the verdict. It fails the test when the
// response leaks or is too large.
func exchange(t *testing.T, client *http.Client, r *http.Request) (status int, body string) {
	t.Helper()
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		if ct := resp.Header.Get("Content-Type"); ct != "application/problem+json" {
			t.Errorf("refused as %q", ct)
		}
		if resp.Header.Get("Cache-Control") != "no-store" {
			t.Error("the refusal may be cached")
		}
		if found := leaks.FindString(strings.ReplaceAll(string(data), `"Go`, "")); found != "" {
			t.Errorf("the response leaks %q: %s", found, data)
		}
		if len(data) > 16<<10 {
			t.Errorf("the response has %d bytes", len(data))
		}
	}
	return resp.StatusCode, string(data)
}

func run(t *testing.T, h gin.HandlerFunc, rows []row) {
	t.Helper()
	engine := gin.New()
	engine.POST("/", h)
	server := httptest.NewServer(engine)
	t.Cleanup(server.Close)
	for _, tc := range rows {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if tc.alter != nil {
			tc.alter(r)
		}
		status, body := exchange(t, server.Client(), r)
		got := "200"
		if status != http.StatusOK {
			got = faultsOf(t, body)
		}
		if got != tc.want {
			t.Errorf("%.120q %v\n got %s\nwant %s", tc.body, r.Header, got, tc.want)
		}
	}
}

func bindAs[T any](opts ...binding.Options) gin.HandlerFunc {
	return func(c *gin.Context) {
		in, err := binding.JSON[T](c, opts...)
		if err != nil {
			binding.Abort(c, err)
			return
		}
		c.JSON(http.StatusOK, in)
	}
}

func times(n int, s string) string { return strings.Repeat(s, n) }

func TestTheTableOfDocuments(t *testing.T) {
	t.Parallel()
	rows := documentRows()
	if len(rows) < 200 {
		t.Errorf("only %d rows", len(rows))
	}
	run(t, bindAs[account](), rows)
}

// named wraps members into an otherwise valid document.
func named(members string) string { return `{"name":"ann",` + members + `}` }

func documentRows() []row {
	var rows []row
	for _, group := range [][]row{
		validRows(), nameRows(), nullRows(), presenceRows(), typeRows(), rangeRows(), syntaxRows(), encodingRows(), limitRows(), ruleRows(), manyRows(), headerRows(),
	} {
		rows = append(rows, group...)
	}
	return rows
}

func validRows() []row {
	ok := []string{
		`{"name":"ann"}`, " \t\r\n{\"name\" : \"ann\"}\n", `{"n\u0061me":"ann"}`, `{"name":"\u0061nn\ud83d\ude00"}`,
		named(`"age":-0`), named(`"age":127`), named(`"score":65535`), named(`"big":-9223372036854775808`), named(`"ubig":18446744073709551615`),
		named(`"ratio":3.4e38`), named(`"exact":-1.7976931348623157e308`), named(`"exact":1e-400`), named(`"exact":0`),
		named(`"enabled":false`), named(`"nick":null`), named(`"nick":"an"`), named(`"tags":[]`), named(`"tags":["a","","c"]`),
		named(`"home":{"street":""}`), named(`"home":{"street":"x","zip":null}`), named(`"home":{"zip":0,"street":"x"}`),
		named(`"others":[]`), named(`"others":[{"street":"x"},{"street":"y","zip":1}]`),
		named(`"attrs":{}`), named(`"attrs":{"a":"1","A":"2","":"3"}`), named(`"attrs":{"__proto__":"x","constructor":"y"}`), named(`"byName":{"k":{"street":"x"}}`),
		named(`"free":null`), named(`"free":{"a":[1,null,{"b":"c"}]}`), named(`"free":[true,false]`), named(`"free":"\u0000"`),
		named(`"point":[1,2.5]`), named(`"blob":""`), named(`"blob":"AQID"`), named(`"since":"2026-02-28T23:59:59.999999999Z"`), named(`"since":"2026-01-02T03:04:05+14:00"`),
		named(`"peer":"192.0.2.1"`), named(`"peer":"2001:db8::1"`), named(`"counted":"-12"`), named(`"comment":null`), named(`"comment":""`),
		named(`"pw":"x","confirm":"x"`), named(`"a/b~c":"x"`), named(`"reason":"short"`),
		named(`"free":"` + times(1000, "x") + `"`), named(`"exact":` + times(64, "1")[:64]),
	}
	var rows []row
	for _, body := range ok {
		rows = append(rows, row{body: body, want: "200"})
	}
	return rows
}

func nameRows() []row {
	return []row{
		{body: named(`"role":"` + secret + `"`), want: "400, unknown_field #/role"},
		{body: named(`"Name":"x"`), want: "400, unknown_field #/Name"},
		{body: named(`"NAME":"x"`), want: "400, unknown_field #/NAME"},
		{body: named(`"nam\u017f":"x"`), want: "400, unknown_field #/nam%C5%BF"},
		{body: named(`"reaſon":"x"`), want: "400, unknown_field #/rea%C5%BFon"},
		{body: named(`"name ":"x"`), want: "400, unknown_field #/name%20"},
		{body: named(`"na_me":"x"`), want: "400, unknown_field #/na_me"},
		{body: named(`"by-name":{}`), want: "400, unknown_field #/by-name"},
		{body: named(`"byname":{}`), want: "400, unknown_field #/byname"},
		{body: named(`"":1`), want: "400, unknown_field #/"},
		{body: named(`"-":"x"`), want: "400, unknown_field #/-"},
		{body: named(`"__proto__":{"admin":true}`), want: "400, unknown_field #/__proto__"},
		{body: named(`"provenance":{}`), want: "400, unknown_field #/provenance"},
		{body: named(`"owner":1`), want: "400, unknown_field #/owner"},
		{body: named(`"a/b":1`), want: "400, unknown_field #/a~1b"},
		{body: named(`"a~b":1`), want: "400, unknown_field #/a~0b"},
		{body: named(`"%":1`), want: "400, unknown_field #/%25"},
		{body: named(`"a\"b":1`), want: "400, unknown_field #/a%22b"},
		{body: named(`"x\u0000y":1`), want: "400, unknown_field #/x%00y"},
		{body: named(`"home":{"street":"x","role":1}`), want: "400, unknown_field #/home/role"},
		{body: named(`"home":{"street":"x","Street":"y"}`), want: "400, unknown_field #/home/Street"},
		{body: named(`"others":[{"street":"x"},{"street":"y","role":1}]`), want: "400, unknown_field #/others/1/role"},
		{body: named(`"byName":{"a/b":{"street":"x","role":1}}`), want: "400, unknown_field #/byName/a~1b/role"},
		{body: named(`"role":{"name":1,"name":2}`), want: "400, unknown_field #/role"},
		{body: named(`"role":1,"role":2`), want: "400, unknown_field #/role, unknown_field #/role, duplicate_field #/role"},
		{body: `{"name":"ann","name":"ann"}`, want: "400, duplicate_field #/name"},
		{body: `{"name":"ann","n\u0061me":"bob"}`, want: "400, duplicate_field #/name"},
		{body: named(`"home":{"street":"x","street":"x"}`), want: "400, duplicate_field #/home/street"},
		{body: named(`"attrs":{"k":"1","k":"1"}`), want: "400, duplicate_field #/attrs/k"},
		{body: named(`"attrs":{"k":"1","\u006b":"2"}`), want: "400, duplicate_field #/attrs/k"},
		{body: named(`"free":{"k":1,"k":1}`), want: "400, duplicate_field #/free/k"},
		{body: named(`"free":[{"a":{"k":1,"k":1}}]`), want: "400, duplicate_field #/free/0/a/k"},
		{body: named(`"byName":{"k":{"street":"x"},"k":{"street":"y"}}`), want: "400, duplicate_field #/byName/k"},
		{body: named(`"age":1,"age":null`), want: "400, duplicate_field #/age, null_not_allowed #/age"},
		{body: named(`"id":"` + secret + `"`), want: "400, read_only_field #/id"},
		{body: named(`"id":null`), want: "400, read_only_field #/id"},
		{body: named(`"id":{"x":[]}`), want: "400, read_only_field #/id"},
		{body: named(`"ID":"x"`), want: "400, unknown_field #/ID"},
		{body: named(`"attrs":{"x\u0000":"y"}`), want: "400, forbidden_character #/attrs/x%00"},
	}
}

func nullRows() []row {
	var rows []row
	for _, name := range []string{"age", "score", "ratio", "exact", "big", "ubig", "enabled", "tags", "home", "others", "attrs", "byName", "point", "blob", "since", "peer", "counted", "pw", "a/b~c", "reason"} {
		rows = append(rows, row{body: named(`"` + name + `":null`), want: "400, null_not_allowed #/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)})
	}
	return append(rows,
		row{body: `null`, want: "400, null_not_allowed #"},
		row{body: `{"name":null}`, want: "400, null_not_allowed #/name"},
		row{body: named(`"tags":["a",null]`), want: "400, null_not_allowed #/tags/1"},
		row{body: named(`"others":[null]`), want: "400, null_not_allowed #/others/0"},
		row{body: named(`"attrs":{"k":null}`), want: "400, null_not_allowed #/attrs/k"},
		row{body: named(`"byName":{"k":null}`), want: "400, null_not_allowed #/byName/k"},
		row{body: named(`"point":[1,null]`), want: "400, null_not_allowed #/point/1"},
		row{body: named(`"home":{"street":null}`), want: "400, null_not_allowed #/home/street"},
	)
}

func presenceRows() []row {
	return []row{
		{body: `{}`, want: "400, missing_field #/name"},
		{body: `{"age":1}`, want: "400, missing_field #/name"},
		{body: named(`"home":{}`), want: "400, missing_field #/home/street"},
		{body: named(`"home":{"zip":1}`), want: "400, missing_field #/home/street"},
		{body: named(`"others":[{"street":"x"},{}]`), want: "400, missing_field #/others/1/street"},
		{body: named(`"byName":{"k":{}}`), want: "400, missing_field #/byName/k/street"},
		{body: `{"Name":"x"}`, want: "400, unknown_field #/Name, missing_field #/name"},
		{body: `{"home":{}}`, want: "400, missing_field #/home/street, missing_field #/name"},
		{body: `{"name":""}`, want: "400, rule.min #/name"},
	}
}

func typeRows() []row {
	rows := []row{
		{body: `[]`, want: "400, type_mismatch #"},
		{body: `"x"`, want: "400, type_mismatch #"},
		{body: `1`, want: "400, type_mismatch #"},
		{body: `true`, want: "400, type_mismatch #"},
		{body: `[{"name":"ann"}]`, want: "400, type_mismatch #"},
		{body: `{"name":1}`, want: "400, type_mismatch #/name"},
		{body: `{"name":["ann"]}`, want: "400, type_mismatch #/name"},
		{body: `{"name":{"a":"b"}}`, want: "400, type_mismatch #/name"},
		{body: named(`"age":"` + secret + `"`), want: "400, type_mismatch #/age"},
	}
	for member, values := range map[string][]string{
		"age":     {`"1"`, `true`, `[]`, `{}`, `1.5`, `1.0`, `1e2`},
		"enabled": {`1`, `0`, `"true"`, `[]`},
		"ratio":   {`"1"`, `true`, `[1]`},
		"tags":    {`"a"`, `{}`, `1`, `{"0":"a"}`},
		"home":    {`[]`, `"x"`, `1`, `[{"street":"x"}]`},
		"others":  {`{}`, `{"street":"x"}`},
		"attrs":   {`[]`, `"x"`, `[["a","b"]]`},
		"blob":    {`1`, `[1,2,3]`, `{}`},
		"since":   {`1700000000`, `{}`, `[]`},
		"peer":    {`1`, `[]`},
		"nick":    {`1`, `{}`},
		"counted": {`12`, `true`},
		"comment": {`1`},
	} {
		for _, v := range values {
			rows = append(rows, row{body: named(`"` + member + `":` + v), want: "400, type_mismatch #/" + member})
		}
	}
	return append(rows,
		row{body: named(`"tags":["a",1]`), want: "400, type_mismatch #/tags/1"},
		row{body: named(`"attrs":{"k":1}`), want: "400, type_mismatch #/attrs/k"},
		row{body: named(`"others":["x"]`), want: "400, type_mismatch #/others/0"},
		row{body: named(`"point":["x",1]`), want: "400, type_mismatch #/point/0"},
		row{body: named(`"point":[1]`), want: "400, wrong_length #/point"},
		row{body: named(`"point":[]`), want: "400, wrong_length #/point"},
		row{body: named(`"point":[1,2,3]`), want: "400, wrong_length #/point"},
		row{body: named(`"blob":"A===` + secret + `"`), want: "400, invalid_value #/blob"},
		row{body: named(`"blob":"AQ ID"`), want: "400, invalid_value #/blob"},
		row{body: named(`"blob":"AQ\nID"`), want: "400, invalid_value #/blob"},
		row{body: named(`"blob":"-_-_"`), want: "400, invalid_value #/blob"},
		row{body: named(`"since":"` + secret + `"`), want: "400, invalid_value #/since"},
		row{body: named(`"since":"2026-01-02"`), want: "400, invalid_value #/since"},
		row{body: named(`"since":"2026-01-02T3:04:05Z"`), want: "400, invalid_value #/since"},
		row{body: named(`"since":"2026-01-02T03:04:05,5Z"`), want: "400, invalid_value #/since"},
		row{body: named(`"since":"2026-02-30T03:04:05Z"`), want: "400, invalid_value #/since"},
		row{body: named(`"since":""`), want: "400, invalid_value #/since"},
		row{body: named(`"peer":"` + secret + `"`), want: "400, invalid_value #/peer"},
		row{body: named(`"peer":"192.0.2.01"`), want: "400, invalid_value #/peer"},
		row{body: named(`"counted":"` + secret + `"`), want: "400, invalid_value #/counted"},
		row{body: named(`"counted":""`), want: "400, invalid_value #/counted"},
		row{body: named(`"counted":" 1"`), want: "400, invalid_value #/counted"},
		row{body: named(`"counted":"0x1"`), want: "400, invalid_value #/counted"},
		row{body: named(`"counted":"1.5"`), want: "400, type_mismatch #/counted"},
		row{body: named(`"counted":"9223372036854775808"`), want: "400, number_out_of_range #/counted"},
		row{body: named(`"reason":"\u0000"`), want: "400, forbidden_character #/reason"},
		row{body: `{"name":"a\u0000b"}`, want: "400, forbidden_character #/name"},
		row{body: named(`"tags":["\u0000"]`), want: "400, forbidden_character #/tags/0"},
	)
}

func rangeRows() []row {
	var rows []row
	for member, values := range map[string][]string{
		"age":   {`128`, `-129`, `99999999999999999999`},
		"score": {`65536`, `-1`, `-99999999999999999999`},
		"big":   {`9223372036854775808`, `-9223372036854775809`},
		"ubig":  {`18446744073709551616`, `-1`},
		"ratio": {`3.5e38`, `-1e39`, `1e400`},
		"exact": {`1e309`, `-1e400`},
		"free":  {`1e309`},
	} {
		for _, v := range values {
			rows = append(rows, row{body: named(`"` + member + `":` + v), want: "400, number_out_of_range #/" + member})
		}
	}
	return append(rows,
		row{body: named(`"free":[1,{"a":-1e999}]`), want: "400, number_out_of_range #/free/1/a"},
		row{body: named(`"exact":` + times(65, "1")), want: "400, number_too_long #/exact"},
		row{body: named(`"exact":0.` + times(70, "1")), want: "400, number_too_long #/exact"},
		row{body: named(`"free":{"x":` + times(65, "9") + `}`), want: "400, number_too_long #/free/x"},
		row{body: named(`"age":1` + times(1000, "0")), want: "400, number_too_long #/age"},
	)
}

func syntaxRows() []row {
	var rows []row
	for _, body := range []string{
		`{`, `}`, `[`, `{"name"`, `{"name":`, `{"name":"ann"`, `{"name":"ann",}`, `{,"name":"ann"}`, `{"name":"ann",,"age":1}`, `{"name" "ann"}`, `{"name"::"ann"}`,
		`{name:"ann"}`, `{'name':'ann'}`, `{"name":'ann'}`, `{"name":"ann" "age":1}`, named(`"tags":["a",]`), named(`"tags":[,"a"]`), named(`"tags":["a" "b"]`),
		named(`"age":+1`), named(`"age":01`), named(`"age":-01`), named(`"exact":.5`), named(`"exact":5.`), named(`"exact":1e`), named(`"exact":1e+`), named(`"age":-`), named(`"age":0x10`),
		named(`"exact":NaN`), named(`"exact":Infinity`), named(`"exact":-Infinity`), named(`"age":1_000`), named(`"enabled":True`), named(`"enabled":tru`), named(`"nick":nil`), named(`"nick":undefined`),
		`/* c */{"name":"ann"}`, "{\"name\":\"ann\" // c\n}", `# {"name":"ann"}`, "{\"name\":\"a\nn\"}", "{\"name\":\"a\tn\"}", "{\"name\":\"a\x00n\"}", `{"name":"\x61"}`, `{"name":"\u12"}`, `{"name":"\`,
		"\x00{\"name\":\"ann\"}", "\v{}", "\f{}", "\u00a0{}", `)]}'{"name":"ann"}`, `name=ann`, `<xml/>`, secret, `{"role":1,"age":"x",}`, `{"name":"\ud800"}`, `{"name":"\udc00\ud800"}`, `{"\ud800":1}`,
		named(`"free":"\ud800"`), `{1:2}`, `{null:1}`, `{"name":"ann"`,
	} {
		rows = append(rows, row{body: body, want: "400, malformed_json #"})
	}
	for _, tail := range []string{`{}`, `{"name":"bob"}`, `]`, `}`, `,`, `1`, `null`, "\x00", `// c`, `/**/`, `;`, secret, `"`, "\u00a0"} {
		rows = append(rows, row{body: `{"name":"ann"}` + tail, want: "400, trailing_data #"}, row{body: "{\"name\":\"ann\"}\n " + tail, want: "400, trailing_data #"})
	}
	return append(rows,
		row{body: ``, want: "400, empty_body #"},
		row{body: " \r\n\t", want: "400, empty_body #"},
		row{body: `{"role":1}]`, want: "400, trailing_data #"},
	)
}

func encodingRows() []row {
	return []row{
		{body: "\ufeff{\"name\":\"ann\"}", want: "400, byte_order_mark #"},
		{body: "\ufeff", want: "400, byte_order_mark #"},
		{body: "{\"name\":\"\xff\"}", want: "400, invalid_utf8 #"},
		{body: "{\"name\":\"\xc0\xaf\"}", want: "400, invalid_utf8 #"},
		{body: "{\"name\":\"\xed\xa0\x80\"}", want: "400, invalid_utf8 #"},
		{body: "{\"na\xffme\":\"x\"}", want: "400, invalid_utf8 #"},
		{body: "{\"name\":\"ann\",\"free\":{\"x\":\"\xf8\"}}", want: "400, invalid_utf8 #"},
		{body: "{\"name\":\"ann\"}\xff", want: "400, invalid_utf8 #"},
		{body: "\xff\xfe{\x00}\x00", want: "400, invalid_utf8 #"},
		{body: "\xfe\xff\x00{\x00}", want: "400, invalid_utf8 #"},
		{body: "{\x00\"\x00", want: "400, malformed_json #"},
		{body: "{\"name\":\"caf\xe9\"}", want: "400, invalid_utf8 #"},
	}
}

func limitRows() []row {
	deep := func(n int) string { return named(`"free":` + times(n, "[") + times(n, "]")) }
	return []row{
		{body: deep(31), want: "200"},
		{body: deep(32), want: "400, too_deep #/free" + times(31, "/0")},
		{body: named(`"free":` + times(10000, "[")), want: "400, too_deep #/free" + times(31, "/0")},
		{body: named(`"free":` + times(32, `{"a":`) + "1" + times(32, "}")), want: "400, too_deep #/free" + times(31, "/a")},
		{body: named(`"role":` + times(40, "[") + times(40, "]")), want: "400, unknown_field #/role, too_deep #/role" + times(31, "/0")},
		{body: times(100000, "["), want: "400, type_mismatch #, too_deep #" + times(32, "/0")},
		{body: named(`"free":[0` + times(9996, ",0") + `]`), want: "200"}, // with the document, its name and the list: 10 000 values
		{body: named(`"free":[0` + times(9997, ",0") + `]`), want: "400, too_many_values #/free/9997"},
		{body: named(`"free":[{}` + times(20000, ",{}") + `]`), want: "400, too_many_values #/free/9997"},
		{body: named(`"role":[0` + times(20000, ",0") + `]`), want: "400, unknown_field #/role, too_many_values #/role/9997"},
		{body: `{"name":"ann"}` + times(1<<20-14, " "), want: "200"},
		{body: `{"name":"ann"}` + times(1<<20-13, " "), want: "413, body_too_large"},
		{body: times(1<<20+1, " "), want: "413, body_too_large"},
		{body: times(2<<20, "x"), want: "413, body_too_large"},
	}
}

func ruleRows() []row {
	return []row{
		{body: `{"name":"` + times(21, "é") + `"}`, want: "400, rule.max #/name"},
		{body: named(`"age":-1`), want: "400, rule.gte #/age"},
		{body: named(`"nick":"` + "S" + `"`), want: "400, rule.min #/nick"},
		{body: named(`"tags":["a","b","c","d"]`), want: "400, rule.max #/tags"},
		{body: named(`"tags":["a","` + secret + secret + `"]`), want: "400, rule.max #/tags/1"},
		{body: named(`"home":{"street":"` + secret + secret + `"}`), want: "400, rule.max #/home/street"},
		{body: named(`"others":[{"street":"x"},{"street":"` + secret + secret + `"}]`), want: "400, rule.max #/others/1/street"},
		{body: named(`"byName":{"a.b[0]":{"street":"` + secret + secret + `"}}`), want: "400, rule.max #/byName/a.b%5B0%5D/street"},
		{body: named(`"byName":{"a/b":{"street":"` + secret + secret + `"},"a":{"street":"x"}}`), want: "400, rule.max #/byName/a~1b/street"},
		{body: named(`"byName":{"]":{"street":"` + secret + secret + `"}}`), want: "400, rule.max #/byName/%5D/street"},
		{body: named(`"byName":{"":{"street":"` + secret + secret + `"}}`), want: "400, rule.max #/byName//street"},
		{body: named(`"pw":"` + secret + `"`), want: "400, rule.eqfield #/confirm"},
		{body: named(`"a/b~c":"abcd"`), want: "400, rule.max #/a~1b~0c"},
		{body: named(`"reason":"too long"`), want: "400, rule.max #/reason"},
		{body: `{"name":"","age":-1,"pw":"x"}`, want: "400, rule.min #/name, rule.gte #/age, rule.eqfield #/confirm"},
		{body: `{"name":"","role":1}`, want: "400, unknown_field #/role"},
	}
}

func manyRows() []row {
	unknown := func(n int) (body, want string) {
		var b, w strings.Builder
		for i := range n {
			b.WriteString(`,"k` + times(i, "x") + `":1`)
			if i < 32 {
				w.WriteString(", unknown_field #/k" + times(i, "x"))
			}
		}
		return `{"name":"ann"` + b.String() + "}", "400" + w.String()
	}
	few, fewWant := unknown(32)
	many, manyWant := unknown(200)
	var odd, oddWant strings.Builder
	for i := range 40 {
		odd.WriteString(`,"` + times(200, `\u0001`) + times(i, "x") + `":1`)
		if i < 32 {
			oddWant.WriteString(", unknown_field #/" + times(85, "%01"))
		}
	}
	return []row{
		{body: `{"name":"ann"` + odd.String() + "}", want: "400" + oddWant.String()},
		{body: few, want: fewWant},
		{body: many, want: manyWant},
		{body: named(`"` + times(5000, "k") + `":1`), want: "400, unknown_field #/" + times(255, "k")},
		{body: named(`"` + times(5000, "é") + `":1`), want: "400, unknown_field #/" + times(42, "%C3%A9")},
		{
			body: `{"age":"x","home":{"zip":"x","role":1},"tags":[1,null],"id":1,"free":{"a":1,"a":2}}`,
			want: "400, type_mismatch #/age, type_mismatch #/home/zip, unknown_field #/home/role, missing_field #/home/street, type_mismatch #/tags/0, null_not_allowed #/tags/1, read_only_field #/id, duplicate_field #/free/a, missing_field #/name",
		},
	}
}

func headerRows() []row {
	const body = `{"name":"ann"}`
	var rows []row
	for _, ct := range []string{
		"application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8", `application/json; charset="utf-8"`, "Application/JSON",
		"application/problem+json", "application/vnd.api+json; profile=x", "application/json ; charset=utf-8",
	} {
		rows = append(rows, row{body, "200", mediaType(ct)})
	}
	for _, ct := range []string{
		"text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml", "application/x-yaml", "application/javascript",
		"application/json-seq", "application/jsonp", "application/json, text/plain", "application/", "json", "", "text/x+json", "application/json; charset=utf-8; charset=utf-16", "*/*", "application/*",
		"application/json;charset", "application/json/x",
	} {
		rows = append(rows, row{body, "415, unsupported_media_type", mediaType(ct)})
	}
	return append(rows,
		row{body, "415, unsupported_media_type", mediaType()},
		row{body, "415, unsupported_media_type", mediaType("application/json", "application/json")},
		row{body, "415, unsupported_media_type", mediaType("application/json", "text/plain")},
		row{body, "415, unsupported_charset", mediaType("application/json; charset=utf-16")},
		row{body, "415, unsupported_charset", mediaType("application/json; charset=iso-8859-1")},
		row{body, "415, unsupported_charset", mediaType(`application/json; charset=""`)},
		row{body, "200", header("Content-Encoding", "identity")},
		row{body, "200", header("Content-Encoding", "Identity")},
		row{body, "415, unsupported_content_encoding", header("Content-Encoding", "gzip")},
		row{body, "415, unsupported_content_encoding", header("Content-Encoding", "identity, gzip")},
		row{body, "415, unsupported_content_encoding", header("Content-Encoding", "identity", "br")},
		row{body, "415, unsupported_content_encoding", header("Content-Encoding", "utf-8")},
	)
}
