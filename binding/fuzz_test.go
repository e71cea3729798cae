package binding_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

type base struct {
	Version uint8  `json:"v"`
	Name    string `json:"name"` // hidden by the outer one
}

// zoo has one of everything a target can be.
type zoo struct {
	base
	*Extra
	Name     string                     `json:"name" strict:"required"`
	Bool     bool                       `json:"bool"`
	I8       int8                       `json:"i8"`
	I64      int64                      `json:"i64"`
	U16      uint16                     `json:"u16"`
	F32      float32                    `json:"f32"`
	F64      *float64                   `json:"f64"`
	Quoted   int                        `json:"quoted,string"`
	List     []string                   `json:"list,omitempty"`
	Grid     [2][2]int                  `json:"grid"`
	Bytes    []byte                     `json:"bytes"`
	Fixed    [3]byte                    `json:"fixed"`
	When     time.Time                  `json:"when"`
	Addr     *netip.Addr                `json:"addr"`
	Raw      json.RawMessage            `json:"raw"`
	Any      any                        `json:"any"`
	Maps     map[string]map[string]*int `json:"maps"`
	ByNumber map[int]string             `json:"byNumber"`
	Kids     []zoo                      `json:"kids"`
	Next     *zoo                       `json:"next"`
	ReadOnly int                        `json:"readOnly" strict:"readonly"`
	Maybe    string                     `json:"maybe" strict:"nullable"`
	Odd      string                     `json:"a/b~c ü"`
	NoTag    string
	Dash     string `json:"-"`
}

// Extra is embedded by pointer.
type Extra struct {
	Deep string `json:"deep"`
}

// zooNames are the members of zoo, written down by hand.
var zooNames = []string{
	"v", "deep", "name", "bool", "i8", "i64", "u16", "f32", "f64", "quoted", "list", "grid", "bytes", "fixed",
	"when", "addr", "raw", "any", "maps", "byNumber", "kids", "next", "readOnly", "maybe", "a/b~c ü",
}

const zooDocument = `{"v":1,"deep":"d","name":"n","bool":true,"i8":-128,"i64":9223372036854775807,"u16":65535,"f32":1.5,"f64":-1e300,
"quoted":"12","list":["a","b"],"grid":[[1,2],[3,4]],"bytes":"AQID","fixed":"AQID","when":"2026-01-02T03:04:05Z","addr":"::1",
"raw":{"x":[null]},"any":{"y":[1,"z",null,{"w":{}}]},"maps":{"k":{"l":1,"m":null}},"byNumber":{"1":"one"},
"kids":[{"name":"kid","kids":[]}],"next":{"name":"next","next":null},"maybe":null,"a/b~c ü":"é\u00e9\n"}`

// The walk may refuse what the decoder accepts for these reasons only.
var policy = []string{
	"null_not_allowed", "missing_field", "read_only_field", "forbidden_character", "number_too_long", "too_deep",
	"too_many_values", "string_too_long",
}

// judge holds the stages against one another.
func judge(t *testing.T, data []byte, out any, opts ...binding.Options) {
	t.Helper()
	p := binding.RunPasses(data, out, opts...)
	switch {
	case p.Walked == nil && p.Decoded != nil:
		t.Fatalf("the walk passes what the decoder refuses: %q: %v", data, p.Decoded)
	case p.Clean && p.Decoded == nil && p.Walked != nil:
		t.Fatalf("the quick look passes what the walk refuses: %q: %v", data, p.Walked)
	case p.Decoded == nil && p.Walked != nil:
		for _, i := range p.Walked.Issues {
			hidden := i.Code == "unknown_field" && strings.HasSuffix(i.Pointer, "NoTag")
			if !slices.Contains(policy, i.Code) && !hidden {
				t.Fatalf("the walk finds a %s at %q that the decoder does not: %q", i.Code, i.Pointer, data)
			}
		}
	}
	fresh := reflect.New(reflect.TypeOf(out).Elem()).Interface()
	if e := binding.Decode(data, fresh, opts...); (e == nil) != (p.Decoded == nil && p.Walked == nil) {
		t.Fatalf("%q: stages say %v and %v, the whole says %v", data, p.Decoded, p.Walked, e)
	}
}

// onlyDeclared is an oracle of its own: it knows the names of zoo and nothing
// else of this package.
func onlyDeclared(t *testing.T, data []byte) {
	t.Helper()
	if !jsonv2.Valid(data) {
		t.Fatalf("accepted although invalid or with duplicates: %q", data)
	}
	var doc map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		t.Fatalf("accepted although no object: %q", data)
	}
	declared(t, doc)
}

func declared(t *testing.T, doc map[string]any) {
	t.Helper()
	for name := range doc {
		if !slices.Contains(zooNames, name) || name == "readOnly" {
			t.Fatalf("accepted with member %q", name)
		}
	}
	if kids, ok := doc["kids"].([]any); ok {
		for _, kid := range kids {
			declared(t, kid.(map[string]any))
		}
	}
	if next, ok := doc["next"].(map[string]any); ok {
		declared(t, next)
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		zooDocument, `{"name":"a"}`, `{"name":"a","name":"b"}`, `{"Name":"a"}`, `{"n\u0061me":"a"}`, `{"name":null}`,
		`{"name":"a","NoTag":"x"}`, `{"name":"a","any":{"a":1,"a":2}}`, `{"name":"a"}]`, `{"name":"a\u0000"}`, `{"name":"\ud800"}`, `null`, `[]`, ``,
		"\ufeff{}", `{"name":"a","quoted":"1e2","grid":[[1],[2,3]],"fixed":"AQ==","i8":1.0,"u16":-1,"f32":1e99}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		judge(t, data, new(zoo))
		judge(t, data, new(any))
		judge(t, data, new([]*zoo))
		judge(t, data, new(map[string]zoo), binding.Options{AllowNull: true, RequireAll: true})
		loose := binding.Options{AllowUnknown: true, ExactNumbers: true, MaxDepth: 4, MaxValues: 40, MaxStringLen: 20}
		p := binding.RunPasses(data, new(zoo), loose)
		if p.Clean && p.Decoded == nil && p.Walked != nil {
			t.Fatalf("the quick look passes what the walk refuses: %q: %v", data, p.Walked)
		}
		if binding.Decode(data, new(zoo)) == nil {
			onlyDeclared(t, data)
		}
	})
}

// Random documents, mostly valid ones with one thing wrong, reach deeper than
// random bytes.
func TestTheStagesAgreeOnMutatedDocuments(t *testing.T) {
	t.Parallel()
	rounds := 20_000
	if os.Getenv("GINSEC_TEST_SOAK") != "" {
		rounds = 6_000_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var doc any
	dec := json.NewDecoder(strings.NewReader(zooDocument))
	dec.UseNumber() // 2^63-1 is no float
	if err := dec.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	accepted := 0
	for range rounds {
		data := mutate(rng, write(rng, doc))
		judge(t, data, new(zoo))
		if binding.Decode(data, new(zoo)) == nil {
			onlyDeclared(t, data)
			accepted++
		}
	}
	if accepted < rounds/50 || accepted > rounds*9/10 {
		t.Errorf("%d of %d accepted: the mutations are off", accepted, rounds)
	}
	t.Logf("%d of %d accepted", accepted, rounds)
}

var scalars = []string{
	`null`, `true`, `false`, `0`, `-0`, `1`, `-1`, `1.0`, `1e2`, `127`, `128`, `-129`, `65536`, `9223372036854775808`, `1e400`,
	`-1e39`, `""`, `"x"`, `"12"`, `"1.5"`, `"AQ=="`, `"AQID"`, `"2026-01-02T03:04:05Z"`, `"2026-1-2"`, `"::1%e"`, `"\u0000"`, `"\ud800"`, `"\uD83D\uDE00"`,
	`[]`, `{}`, `[null]`, `{"a":null}`, `{"a":1,"a":1}`, `{"1":"a","01":"b"}`, `[[[[]]]]`, `12345678901234567890123456789012345678901234567890123456789012345`,
}

var names = []string{"Name", "NAME", "NoTag", "Dash", "-", "", "base", "Extra", "__proto__", "nſame", "readOnly", "name", "v", "quoted"}

// write renders a document with members left out, added, repeated, respelled, and
// values replaced.
func write(rng *rand.Rand, v any) []byte {
	if rng.IntN(300) == 0 {
		return []byte(scalars[rng.IntN(len(scalars))])
	}
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, name := range slices.Sorted(mapKeys(v)) {
			if rng.IntN(8) == 0 && name != "name" {
				continue
			}
			parts = append(parts, spell(rng, name)+":"+string(write(rng, v[name])))
		}
		if rng.IntN(60) == 0 {
			parts = append(parts, spell(rng, names[rng.IntN(len(names))])+":"+scalars[rng.IntN(len(scalars))])
		}
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		return []byte("{" + strings.Join(parts, ",") + "}")
	case []any:
		var parts []string
		for _, item := range v {
			parts = append(parts, string(write(rng, item)))
		}
		return []byte("[" + strings.Join(parts, " , ") + "]")
	default:
		data, _ := json.Marshal(v)
		return data
	}
}

func mapKeys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// spell quotes a name, now and then with an escape that means the same.
func spell(rng *rand.Rand, name string) string {
	data, _ := json.Marshal(name)
	if name != "" && name[0] < 0x80 && rng.IntN(200) == 0 {
		return `"\u00` + string("0123456789abcdef"[name[0]>>4]) + string("0123456789abcdef"[name[0]&15]) + string(data[2:])
	}
	return string(data)
}

const noise = "{}[]\",:\\0n\x00\xff \n"

// mutate changes a byte of some documents.
func mutate(rng *rand.Rand, data []byte) []byte {
	if rng.IntN(6) != 0 || len(data) == 0 {
		return data
	}
	i := rng.IntN(len(data))
	switch rng.IntN(4) {
	case 0:
		return data[:i]
	case 1:
		return slices.Delete(data, i, i+1)
	case 2:
		return slices.Insert(data, i, noise[rng.IntN(len(noise))])
	default:
		data[i] ^= 1 << rng.IntN(8)
		return data
	}
}

func FuzzQuery(f *testing.F) {
	for _, seed := range []string{"limit=1&offset=2&tag=a&tag=b", "limit=%31", "limit=1;offset=2", "tag=%ff&x", "=&&=", "tag=%00", "limit=+1", "limit=1%2", "%6cimit=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
		c.Request.URL.RawQuery = raw
		in, err := binding.Query[page](c)
		var e *binding.Error
		if err != nil {
			if !errors.As(err, &e) || e.Status != 400 {
				t.Fatalf("%q: %v", raw, err)
			}
			return
		}
		// The library's parser must see the same parameters, and no others.
		values, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatalf("accepted %q, which is malformed: %v", raw, err)
		}
		for name, texts := range values {
			switch {
			case name == "tag":
				if !slices.Equal(in.Tags, texts) {
					t.Fatalf("%q: tags %q", raw, in.Tags)
				}
			case name != "limit" && name != "offset" || len(texts) != 1:
				t.Fatalf("accepted %q with %q", raw, name)
			}
		}
	})
}
