package binding_test

import (
	"errors"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

type shapeBase struct {
	Base string `json:"base" strict:"required"`
}

type shapeItem struct {
	shapeBase
	A, B, C, D string `json:"-"`
	Name       string `json:"name" strict:"required,trim,nfc,lower" binding:"required,max=40"`
	Email      string `json:"email" binding:"required,max=254,email"`
	Count      int    `json:"count" binding:"gte=1"`
	Quoted     int64  `json:"quoted,string"`
}

type shapeRow struct {
	ID string `json:"id" binding:"required"`
}

// shapes is a target with everything that multiplies.
type shapes struct {
	Items  []*shapeItem                `json:"items" binding:"dive"`
	Rows   []shapeRow                  `json:"rows" binding:"dive"`
	Unique []string                    `json:"unique" binding:"unique"`
	ByID   []shapeRow                  `json:"byID" binding:"unique=ID"`
	Maps   map[string]map[string][]int `json:"maps" binding:"dive,dive,dive,min=5"`
	Map    map[string]string           `json:"map" binding:"dive,keys,max=9,endkeys,max=3"`
	Dive   [][]string                  `json:"dive" binding:"dive,dive,len=3"`
	Moody  []hexBytes                  `json:"text"`
	Fixed  [4][4]int                   `json:"fixed"`
	Bytes  [][16]byte                  `json:"bytes"`
	Quoted []int64                     `json:"quoted"`
	Trim   []string                    `json:"trim" strict:"trim,nfc,lower"`
	Any    any                         `json:"any"`
	Deep   *shapes                     `json:"deep"`
}

// listOf returns a document of at most a megabyte with as many units as fit, at
// most n, padded to a megabyte with white space.
func listOf(n int, prefix, unit, suffix string) []byte {
	n = min(n, (mib-len(prefix)-len(suffix))/len(unit))
	doc := prefix + strings.TrimSuffix(times(n, unit), ",") + suffix
	return []byte(doc + times(mib-len(doc), " "))
}

func entriesOf(n int, prefix, format, suffix string) []byte {
	var b strings.Builder
	b.WriteString(prefix)
	b.WriteString(strings.TrimSuffix(counted(n, format), ","))
	b.WriteString(suffix)
	return []byte(b.String() + times(max(0, mib-b.Len()), " "))
}

type shape struct {
	media string
	body  []byte
	bind  func(*gin.Context, ...binding.Options) error
}

func hostileShapes() map[string]shape {
	const (
		asJSON  = "application/json"
		asForm  = "application/x-www-form-urlencoded"
		asParts = "multipart/form-data; boundary=b"
	)
	type query struct {
		A    string   `form:"a"`
		List []int    `form:"list" binding:"dive,max=3"`
		CSV  []string `form:"csv" collection_format:"csv" binding:"dive,max=3"`
	}
	type upload struct {
		List []int          `form:"list" binding:"dive,max=3"`
		F    []binding.File `form:"f" file:"types=image/png"`
	}
	json, form, parts := bindJSON[shapes], bindForm[query], bindParts[upload]
	text := func(name string) string { return partOf("Content-Disposition: form-data; name=\""+name+"\"\r\n", "9") }
	file := "Content-Disposition: form-data; name=\"f\"; filename=\"x\"\r\n"
	out := map[string]shape{
		"structs without members":    {asJSON, listOf(9990, `{"items":[`, `{},`, `]}`), json},
		"structs whose rules fail":   {asJSON, listOf(3300, `{"items":[`, `{"base":"","name":""},`, `]}`), json},
		"rows whose rules fail":      {asJSON, listOf(9990, `{"rows":[`, `{},`, `]}`), json},
		"bad addresses":              {asJSON, listOf(2400, `{"items":[`, `{"base":"","name":"x","count":1,"email":"`+times(200, "a.")+`@"},`, `]}`), json},
		"one long bad address":       {asJSON, listOf(mib, `{"items":[{"base":"","name":"x","count":1,"email":"`, `a.`, `@"}]}`), json},
		"rewritten text":             {asJSON, listOf(mib, `{"items":[{"base":"","count":1,"name":"`, `\u0344 `, `"}]}`), json},
		"rewritten texts":            {asJSON, listOf(9990, `{"trim":[`, `"`+times(30, "Å")+` ",`, `],"x":1}`), json},
		"equal texts":                {asJSON, listOf(9990, `{"unique":[`, `"`+times(90, "x")+`",`, `]}`), json},
		"one equal text":             {asJSON, entriesOf(9980, `{"unique":["a","a",`, `"%d`+times(90, "x")+`",`, `]}`), json},
		"equal rows":                 {asJSON, listOf(4990, `{"byID":[`, `{"id":"x"},`, `]}`), json},
		"failing entries":            {asJSON, entriesOf(9990, `{"map":{`, `"%d":"long enough to fail",`, `}}`), json},
		"failing keys":               {asJSON, entriesOf(9990, `{"map":{`, `"%d`+times(80, "k")+`":"",`, `}}`), json},
		"maps in maps":               {asJSON, entriesOf(3000, `{"maps":{`, `"%d`+times(80, "k")+`":{"x":[1]},`, `}}`), json},
		"maps in maps, one list":     {asJSON, listOf(9990, `{"maps":{"`+times(50, "k")+`":{"`+times(50, "k")+`":[`, `1,`, `]}}}`), json},
		"lists that dive":            {asJSON, listOf(4990, `{"dive":[`, `["x"],`, `]}`), json},
		"texts that decode":          {asJSON, listOf(9990, `{"text":[`, `"`+times(90, "x")+`",`, `],"x":1}`), json},
		"fixed lists":                {asJSON, listOf(9990, `{"fixed":[`, `[1,2,3],`, `]}`), json},
		"fixed bytes":                {asJSON, listOf(9990, `{"bytes":[`, `"`+times(92, "A")+`",`, `]}`), json},
		"numbers in strings":         {asJSON, listOf(9990, `{"items":[`, `{"base":"","name":"x","quoted":"`+times(64, "9")+`"},`, `]}`), json},
		"long numbers":               {asJSON, listOf(9990, `{"quoted":[`, times(64, "9")+`,`, `]}`), json},
		"deep structs":               {asJSON, listOf(mib, ``, `{"deep":`, ``), json},
		"deep structs within limits": {asJSON, listOf(30, ``, `{"deep":`, `{"x":1}`+times(30, "}")), json},
		"duplicates in a struct":     {asJSON, listOf(mib, `{`, `"any":1,`, `}`), json},
		"duplicates in a map":        {asJSON, listOf(9990, `{"map":{`, `"a":"",`, `}}`), json},
		"escaped duplicates":         {asJSON, listOf(9990, `{"map":{`, `"\u0061":"",`, `}}`), json},
		"many objects below any":     {asJSON, listOf(4990, `{"x":1,"any":[`, `{"a":1},`, `]}`), json},
		"long escaped names":         {asJSON, entriesOf(1000, `{"x":1,"any":{`, `"%d`+times(160, `\u0061`)+`":1,`, `}}`), json},
		"unknown in each":            {asJSON, listOf(4990, `{"rows":[`, `{"x":1},`, `]}`), json},
		"many keys of a form":        {asForm, []byte("a=1" + counted(100_000, "&k%d=1")), form},
		"one key again and again":    {asForm, listOf(mib, "a=1", "&a=1", ""), form},
		"many list items":            {asForm, listOf(mib, "a=1", "&list=9", ""), form},
		"one list of many":           {asForm, []byte("csv=long" + times(9998, ",long")), form},
		"bad escapes":                {asForm, listOf(mib, "a=", "%zz", ""), form},
		"escapes":                    {asForm, listOf(mib, "x=", "%41", ""), form},
		"many parts":                 {asParts, []byte(times(10_000, text("list")) + "--b--"), parts},
		"unknown parts":              {asParts, []byte(times(10_000, text("x")) + "--b--"), parts},
		"bad files":                  {asParts, []byte(times(99, partOf(file, times(9000, "x"))) + "--b--"), parts},
		"one bad file":               {asParts, []byte(partOf(file, times(mib-200, "x")) + "--b--"), parts},
		"boundaries that are none":   {asParts, []byte(partOf(file, times(200_000, "\r\n--a")) + "--b--"), parts},
		"parts that end early":       {asParts, listOf(mib, "", "--b\r\n", ""), parts},
	}
	for name, body := range hostile() {
		out["plain: "+name] = shape{asJSON, body, bindJSON[wide]}
	}
	return out
}

// send sends one and returns its refusal, or nil.
func (s shape) send() (cost uint64, e *binding.Error) {
	c, rewind := benchContext(s.body)
	c.Request.Header.Set("Content-Type", s.media)
	rewind()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := s.bind(c)
	runtime.ReadMemStats(&after)
	errors.As(err, &e)
	return after.TotalAlloc - before.TotalAlloc, e
}

func firstCode(e *binding.Error) string {
	if len(e.Issues) == 0 {
		return e.Code
	}
	return e.Issues[0].Code
}

//nolint:paralleltest // it counts what the process allocates
func TestNoShapeOfAMegabyteCostsMoreThanFour(t *testing.T) {
	for name, s := range hostileShapes() {
		cost, e := s.send()
		if e == nil {
			if !strings.HasPrefix(name, "plain: ") {
				t.Errorf("%s: accepted", name)
			}
			continue
		}
		budget := uint64(4 * mib)
		if strings.HasPrefix(firstCode(e), "rule.") {
			budget = 5 * mib // it was sound, so it was decoded
		}
		for range 2 { // a collection in between empties the pools
			if cost > budget {
				again, _ := s.send()
				cost = min(cost, again)
			}
		}
		if cost > budget && !testserver.Race {
			t.Errorf("%s: %.1f MiB allocated, %.60s", name, float64(cost)/mib, e.Error())
		}
		if e.Status >= 500 {
			t.Errorf("%s: %v", name, e)
		}
		w := httptest.NewRecorder()
		e.Problem().WriteTo(w)
		if w.Body.Len() > 16<<10 {
			t.Errorf("%s: answered with %d bytes", name, w.Body.Len())
		}
	}
}

func BenchmarkShapes(b *testing.B) {
	for name, s := range hostileShapes() {
		b.Run(name, func(b *testing.B) {
			c, rewind := benchContext(s.body)
			c.Request.Header.Set("Content-Type", s.media)
			defer meter(b, len(s.body))()
			for b.Loop() {
				rewind()
				_ = s.bind(c)
			}
		})
	}
}
