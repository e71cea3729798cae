package binding_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

type order struct {
	ID       string            `json:"id" strict:"required" binding:"required,max=40"`
	Customer customer          `json:"customer" strict:"required"`
	Lines    []line            `json:"lines" binding:"max=5000,dive"`
	Notes    *string           `json:"notes"`
	Labels   map[string]string `json:"labels"`
	Express  bool              `json:"express"`
	Total    float64           `json:"total" binding:"gte=0"`
}

type customer struct {
	Name  string `json:"name" strict:"required" binding:"required,max=80"`
	Email string `json:"email" binding:"omitempty,max=120"`
	Age   int    `json:"age" binding:"gte=0,lte=150"`
}

type line struct {
	SKU   string   `json:"sku" strict:"required" binding:"required,max=32"`
	Text  string   `json:"text" binding:"max=200"`
	Count int      `json:"count" binding:"gte=1"`
	Price float64  `json:"price" binding:"gte=0"`
	Tags  []string `json:"tags" binding:"max=8"`
	Gift  bool     `json:"gift"`
}

func orderOf(lines int) []byte {
	o := order{
		ID: "ord-000000001", Customer: customer{"Ann Example", "ann@example.org", 41}, Express: true, Total: 129.95,
		Labels: map[string]string{"channel": "web"}, Lines: []line{},
	}
	note := "ring the bell"
	o.Notes = &note
	for i := range lines {
		o.Lines = append(o.Lines, line{fmt.Sprintf("SKU-%06d", i), "A short description of the article, as people write one for a shop.", i%9 + 1, float64(i) + 0.5, []string{"red", "large"}, i%2 == 0})
	}
	data, _ := json.Marshal(o)
	return data
}

type replay struct{ bytes.Reader }

func (*replay) Close() error { return nil }

// benchContext returns a context whose body can be sent again and again.
func benchContext(data []byte) (c *gin.Context, rewind func()) {
	c, _ = gin.CreateTestContext(httptest.NewRecorder())
	c.Request, _ = http.NewRequest(http.MethodPost, "/", http.NoBody)
	c.Request.Header.Set("Content-Type", "application/json")
	c.Request.ContentLength = int64(len(data))
	body := &replay{}
	return c, func() {
		body.Reset(data)
		c.Request.Body = body
	}
}

// meter reports processor time; call what it returns at the end.
func meter(b *testing.B, size int) func() {
	b.Helper()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	started := cpu()
	return func() { b.ReportMetric(float64(cpu()-started)/float64(b.N), "cpu-ns/op") }
}

func BenchmarkBind(b *testing.B) {
	for _, size := range []struct {
		name  string
		lines int
	}{{"small", 0}, {"medium", 12}, {"large", 1090}} {
		data := orderOf(size.lines)
		b.Run(size.name+"/gin", func(b *testing.B) {
			c, rewind := benchContext(data)
			defer meter(b, len(data))()
			for b.Loop() {
				rewind()
				var in order
				if err := c.ShouldBindJSON(&in); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(size.name+"/ginsec", func(b *testing.B) {
			c, rewind := benchContext(data)
			defer meter(b, len(data))()
			for b.Loop() {
				rewind()
				if _, err := binding.JSON[order](c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Time is for benchmarks; allocations can be held to account on any machine.
//
//nolint:paralleltest // it counts what the process allocates
func TestBindingAllocatesLessThanGin(t *testing.T) {
	for _, lines := range []int{0, 12, 1090} {
		data := orderOf(lines)
		c, rewind := benchContext(data)
		gins := testing.AllocsPerRun(20, func() {
			rewind()
			var in order
			if err := c.ShouldBindJSON(&in); err != nil {
				t.Fatal(err)
			}
		})
		ours := testing.AllocsPerRun(20, func() {
			rewind()
			if _, err := binding.JSON[order](c); err != nil {
				t.Fatal(err)
			}
		})
		if ours > allowed*gins {
			t.Errorf("%d bytes: %v allocations, gin %v", len(data), ours, gins)
		}
		t.Logf("%d bytes: %v allocations, gin %v: %.2f", len(data), ours, gins, ours/gins)
	}
}

type wide struct {
	Kids []wide   `json:"kids"`
	A    [16]int  `json:"a"`
	B    []string `json:"b"`
	Any  any      `json:"any"`
	F    float64  `json:"f"`

	Times  []time.Time        `json:"times"`
	Blobs  [][]byte           `json:"blobs"`
	Addrs  map[netip.Addr]int `json:"addrs"`
	Counts map[int]int        `json:"counts"`
}

const mib = 1 << 20

// numbered returns an object whose names are numbers.
func numbered(n int) []byte {
	b := []byte(`{"counts":{"0":0`)
	for i := 1; i < n; i++ {
		b = fmt.Appendf(b, `,"%d":%d`, i, i)
	}
	return append(b, `}}`...)
}

// hostile returns bodies of one megabyte that cost a naive decoder most.
func hostile() map[string][]byte {
	fill := func(prefix, unit, suffix string) []byte {
		n := (mib - len(prefix) - len(suffix)) / len(unit)
		return []byte(prefix + strings.TrimSuffix(strings.Repeat(unit, n), ",") + suffix)
	}
	keys := func(prefix, value string) []byte {
		var b bytes.Buffer
		b.WriteString(prefix + `{`)
		for i := 0; b.Len() < mib-64; i++ {
			fmt.Fprintf(&b, `"%06d":%s,`, i, value)
		}
		b.WriteString(`"x":1}}`)
		return b.Bytes()
	}
	return map[string][]byte{
		"empty objects":         fill(`{"kids":[`, `{},`, `]}`),
		"nulls below any":       fill(`{"any":[`, `null,`, `]}`),
		"keys below any":        keys(`{"any":`, "1"),
		"unknown keys":          append(keys(``, "1")[:mib-64:mib-64], "\"y\":1}"...),
		"digits":                fill(`{"f":1`, `1`, `}`),
		"one unknown key":       fill(`{"`, `k`, `":1}`),
		"one string":            fill(`{"any":"`, `s`, `"}`),
		"escapes":               fill(`{"any":"`, `\u00e9`, `"}`),
		"escaped unknown key":   fill(`{"`, `\u00e9`, `":1}`),
		"nested arrays":         fill(``, `[`, ``),
		"nested objects":        fill(``, `{"any":`, ``),
		"white space":           fill(``, ` `, `{}`),
		"white space after":     fill(`{}`, ` `, ` `),
		"trailing data":         fill(`{}`, `{}`, ``),
		"long strings, unknown": fill(`{`, `"`+strings.Repeat("k", 1000)+`":1,`, `}`),
		"duplicates":            fill(`{`, `"f":1,`, `}`),
		"wrong types":           fill(`{"b":[`, `1,`, `]}`),
		"wrong nested types":    fill(`{"b":[`, `{"a":[1,2,3,{}]},`, `]}`),
		"bad times":             fill(`{"times":[`, `"`+times(96, "x")+`",`, `]}`),
		"good times, bad last":  fill(`{"times":[`, `"2026-01-02T03:04:05.000000000000000000000000000000000000000000000000000000000000000000000000000001Z",`, `"x"]}`),
		"bad base64":            fill(`{"blobs":[`, `"`+times(99, "A")+`*",`, `]}`),
		"one bad base64":        fill(`{"blobs":["`, `AAAA`, `*"]}`),
		"bad addresses":         keys(`{"addrs":`, "1"),
		"odd numbers":           keys(`{"counts":`, "1"),
		"good numbers, bad end": append(bytes.Replace(numbered(6_000), []byte(`}}`), nil, 1), `,"x":1}}`...),
		"bad UTF-8 at the end":  fill(`{"any":"`, `s`, "\xff\"}"),
		"bad escape at the end": fill(`{"any":"`, `s`, `\ud800"}`),
		"broken at the end":     fill(`{"kids":[`, `{},`, `}`),
		"big integers":          fill(`{"any":[`, `12345678901234567890123456789012345678901234567890,`, `]}`),
	}
}

func BenchmarkHostile(b *testing.B) {
	for name, data := range hostile() {
		b.Run(name, func(b *testing.B) {
			c, rewind := benchContext(data)
			defer meter(b, len(data))()
			for b.Loop() {
				rewind()
				_, err := binding.JSON[wide](c)
				if err == nil && !strings.HasPrefix(name, "one string") && name != "escapes" && !strings.HasPrefix(name, "white") {
					b.Fatal("accepted")
				}
			}
		})
	}
}
