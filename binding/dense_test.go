package binding_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	gb "github.com/gin-gonic/gin/binding"
	"github.com/go-playground/validator/v10"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/testserver"
)

type denseInner struct {
	Word string   `json:"word" binding:"omitempty,min=3"`
	Tags []string `json:"tags" binding:"omitempty,min=2,dive,required,max=3"`
}

type densePart struct {
	Zip string `json:"zip" binding:"len=4"`
}

type denseStrict struct {
	Must string `json:"must" binding:"required"`
}

type denseItem struct {
	Opt  denseStrict   `json:"opt" binding:"omitempty"`
	Opts []denseStrict `json:"opts" binding:"dive,omitempty"`
	Only denseStrict   `json:"only" binding:"structonly"`
	Off  denseStrict   `json:"off" binding:"-"`
	Offs []denseStrict `json:"offs" binding:"-"`
	densePart
	Name  string         `json:"name" binding:"required,max=8"`
	Level *int           `json:"level" binding:"omitempty,gte=3"`
	Kind  string         `json:"kind" binding:"eq=a|eq=b"`
	Again string         `json:"again" binding:"eqfield=Name"`
	Free  any            `json:"free" binding:"required"`
	Inner denseInner     `json:"inner"`
	Next  *denseItem     `json:"next"`
	Rows  [][]int        `json:"rows" binding:"max=3,dive,min=1,dive,lte=3"`
	Attrs map[string]any `json:"attrs" binding:"dive,keys,max=2,endkeys,required"`
	Ptrs  []*string      `json:"ptrs" binding:"dive,required"`
}

type denseTarget struct {
	Title  string               `json:"title" binding:"max=2"`
	Items  []denseItem          `json:"items" binding:"dive"`
	ByName map[string]denseItem `json:"byName" binding:"required,dive"`
	ByID   map[int]*denseInner  `json:"byID" binding:"dive,required"`
	Loose  []*denseInner        `json:"loose" binding:"dive,omitempty"`
	Grid   [2][]string          `json:"grid" binding:"dive,dive,alpha"`
}

// denseRandom fills a target of which about bad of a hundred parts break a rule.
func denseRandom(rng *rand.Rand, bad int) *denseTarget {
	fails := func() bool { return rng.IntN(100) < bad }
	text := func(good, wrong string) string {
		if fails() {
			return wrong
		}
		return good
	}
	count := func() int { return rng.IntN(9) }
	inner := func() denseInner {
		in := denseInner{Word: text("", "ab")}
		for range count() {
			in.Tags = append(in.Tags, text("abc", ""))
		}
		return in
	}
	var item func(depth int) denseItem
	item = func(depth int) denseItem {
		level, empty := 5, ""
		if fails() {
			level = 0
		}
		it := denseItem{
			densePart: densePart{text("1234", "1")},
			Name:      text("name", ""), Level: &level, Kind: text("a", "c"), Again: text("name", "other"), Inner: inner(),
			Ptrs: []*string{&empty}, Free: "", Opts: make([]denseStrict, rng.IntN(4)), Offs: make([]denseStrict, 2),
		}
		if fails() {
			it.Ptrs, it.Free = append(it.Ptrs, nil), nil
		}
		if depth > 0 && rng.IntN(3) == 0 {
			next := item(depth - 1)
			it.Next = &next
		}
		for range rng.IntN(5) {
			row := []int{}
			for range count() {
				row = append(row, rng.IntN(4+bad/30))
			}
			it.Rows = append(it.Rows, row)
		}
		it.Attrs = map[string]any{}
		for i := range count() {
			it.Attrs[fmt.Sprint(text("", "long "), i)] = any(text("", "x"))
		}
		return it
	}
	out := &denseTarget{Title: text("", "long"), ByName: map[string]denseItem{}, ByID: map[int]*denseInner{}}
	for i := range rng.IntN(120) {
		out.Items = append(out.Items, item(2))
		out.ByName[fmt.Sprint("k/", i)] = item(1)
		in := inner()
		out.ByID[i] = &in
		out.Loose = append(out.Loose, &denseInner{}, &in)
		out.Grid[rng.IntN(2)] = append(out.Grid[0], text("x", "1"))
	}
	if fails() {
		out.ByID[-1] = nil
	}
	return out
}

func keyOf(i binding.Issue) string { return i.Pointer + " " + i.Code + " " + i.Param }

// Most rules fail, few, or none: what a request is told is true, and never silent
// where the validator is not.
func TestASampleRefusesNothingTheValidatorWouldNot(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	cut := 0
	for round := range 200 {
		target := denseRandom(rng, []int{0, 0, 1, 5, 20, 60, 100}[round%7])
		told, all := binding.Judgements(target)
		if (told == nil) != (all == nil) {
			t.Fatalf("told %v, all %v", told, all)
		}
		if told == nil {
			continue
		}
		known := map[string]bool{}
		for _, issue := range all.Issues {
			known[keyOf(issue)] = true
		}
		if len(known) != len(all.Issues) {
			t.Fatalf("%d faults listed as %d", len(known), len(all.Issues))
		}
		for _, issue := range told.Issues {
			if !known[keyOf(issue)] {
				t.Fatalf("%+v is no fault", issue)
			}
		}
		if told.Truncated != (len(all.Issues) > 32) || len(told.Issues) != min(32, len(all.Issues)) {
			t.Fatalf("%d of %d issues, truncated: %v", len(told.Issues), len(all.Issues), told.Truncated)
		}
		if told.Truncated {
			cut++
		}
	}
	if cut < 50 {
		t.Errorf("only %d targets were worth a sample", cut)
	}
}

type denseWide struct {
	A string `json:"a" binding:"min=5"`
	B string `json:"b" binding:"required,email"`
	C int    `json:"c" binding:"gte=1"`
	D int    `json:"d" binding:"required"`
	E string `json:"e" binding:"uuid"`
	F bool   `json:"f" binding:"required"`
	G string `json:"g" binding:"eq=a|eq=b"`
	H string `json:"h" binding:"oneof=a b"`
}

// The validator makes an error of each rule that fails, about half a kilobyte, and
// an empty object fails eight here.
//
//nolint:paralleltest // it counts what the process allocates
func TestThousandsOfFailedRulesAreNotCollected(t *testing.T) {
	type lists struct {
		Items []denseWide          `json:"items" binding:"dive"`
		Ptrs  []*denseWide         `json:"ptrs" binding:"max=20000,dive,required"`
		Map   map[string]denseWide `json:"map" binding:"dive"`
		Deep  []lists2             `json:"deep" binding:"dive"`
		Words map[string]string    `json:"words" binding:"dive,min=5"`
		Keys  map[string]string    `json:"keys" binding:"dive,keys,min=300,endkeys"`
		Grid  [][][]string         `json:"grid" binding:"dive,dive,dive,min=5"`
		Texts []string             `json:"texts" binding:"dive,min=5"`
		Empty [][]string           `json:"empty" binding:"dive,min=1"`
		Any   map[string]any       `json:"any" binding:"dive,min=5"`
		Each  [][]string           `json:"each" binding:"dive,min=1,dive,min=5"`
	}
	long := times(80, "k")
	for name, tc := range map[string]struct {
		doc    string
		budget int // of a megabyte
	}{
		// The lists themselves, which grow as the decoder fills them, are 4 of the 5.
		"empty objects in a list":          {`{"items":[{}` + times(9990, `,{}`) + `]}`, 6},
		"empty objects behind pointers":    {`{"ptrs":[{}` + times(9990, `,{}`) + `]}`, 4},
		"empty objects after good ones":    {`{"words":{"a":"long enough"` + counted(200, `,"%d":"long enough"`) + `},"ptrs":[{}` + times(9500, `,{}`) + `]}`, 4},
		"empty objects in a map":           {`{"map":{"x":{}` + counted(4990, `,"%d":{}`) + `}}`, 4},
		"one object with many":             {`{"deep":[{"ptrs":[{}` + times(9990, `,{}`) + `]}]}`, 4},
		"one object with many among small": {`{"deep":[{},{}` + times(400, `,{}`) + `,{"ptrs":[{}` + times(9500, `,{}`) + `]}]}`, 4},
		"a few in each of many":            {`{"deep":[{"ptrs":[{},{},{},{},{},{},{},{}]}` + times(990, `,{"ptrs":[{},{},{},{},{},{},{},{}]}`) + `]}`, 4},
		"entries of a map":                 {`{"words":{"x":"a"` + counted(9990, `,"%d`+long+`":"a"`) + `}}`, 4},
		"keys of a map":                    {`{"keys":{"x":"a"` + counted(9990, `,"%d`+long+`":"a"`) + `}}`, 4},
		"entries of many maps":             {`{"deep":[{}` + times(900, `,{"words":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":""}}`) + `]}`, 4},
		"lists in lists in lists":          {`{"grid":[[["x"]]` + times(24, `,[[]`+times(19, `,["x"`+times(19, `,"a"`)+"]")+"]") + "]}", 4},
		"texts":                            {`{"texts":["x"` + times(9990, `,"a"`) + `]}`, 4},
		"empty lists":                      {`{"empty":[[]` + times(9990, `,[]`) + `]}`, 4},
		"empty lists, which dive":          {`{"each":[[]` + times(9990, `,[]`) + `]}`, 2},
		"entries of any type":              {`{"any":{"x":"a"` + counted(9000, `,"%d":"a"`) + `}}`, 5},
	} {
		c, rewind := benchContext([]byte(tc.doc))
		rewind()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := binding.JSON[lists](c)
		runtime.ReadMemStats(&after)
		e, _ := err.(*binding.Error) //nolint:errorlint // it is documented to be one
		if e == nil || len(e.Issues) != 32 || !e.Truncated {
			t.Errorf("%s: %.200v", name, err)
			continue
		}
		cost := after.TotalAlloc - before.TotalAlloc
		if cost > uint64(tc.budget)*mib && !testserver.Race {
			t.Errorf("%s: %d bytes allocated for %d", name, cost, len(tc.doc))
		}
		t.Logf("%-34s %7d B: %5.2f MiB", name, len(tc.doc), float64(cost)/mib)
	}
}

type lists2 struct {
	Ptrs  []*denseWide      `json:"ptrs" binding:"dive"`
	Words map[string]string `json:"words" binding:"dive,min=5"`
}

func TestTheFirstFaultsOfManyAreListedInOrder(t *testing.T) {
	t.Parallel()
	type target struct {
		Title string      `json:"title" binding:"max=2"`
		Items []denseItem `json:"items" binding:"dive"`
	}
	type small struct {
		Title string    `json:"title" binding:"max=2"`
		In    densePart `json:"in"`
		Words []string  `json:"words" binding:"dive,min=3"`
	}
	var got []string
	e := binding.Decode([]byte(`{"title":"long","in":{"zip":"1"},"words":["long enough"`+times(3000, `,"a"`)+`]}`), new(small), binding.Options{MaxIssues: 4})
	if e == nil || !e.Truncated || e.Status != 400 {
		t.Fatalf("%+v", e)
	}
	for _, issue := range e.Issues {
		got = append(got, keyOf(issue))
	}
	want := []string{"/title rule.max 2", "/in/zip rule.len 4", "/words/1 rule.min 3", "/words/2 rule.min 3"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	e = binding.Decode([]byte(`{"items":[`+strings.TrimSuffix(times(2000, `{"again":"x","free":1},`), ",")+`]}`), new(target), binding.Options{ValidationStatus: 422})
	if e == nil || e.Status != 422 || e.Issues[0].Pointer != "/items/0/zip" || e.Issues[1].Pointer != "/items/0/name" || e.Issues[2].Pointer != "/items/0/kind" {
		t.Errorf("%+v", e)
	}
	var failed validator.ValidationErrors
	if !errors.As(e, &failed) {
		t.Error("the validator's errors are gone")
	}
}

func TestAPatchWithThousandsOfFailedRulesIsRefusedLikeOne(t *testing.T) {
	t.Parallel()
	type target struct {
		Name  string      `json:"name" binding:"required,min=3"`
		Inner denseInner  `json:"inner"`
		Items []denseWide `json:"items" binding:"dive"`
		Words []string    `json:"words" binding:"dive,min=3"`
	}
	patch := func(body string) string {
		c, rewind := benchContext([]byte(body))
		rewind()
		_, _, err := binding.Patch[target](c)
		if err == nil {
			return "ok"
		}
		e := err.(*binding.Error) //nolint:errorlint // it is documented to be one
		return fmt.Sprintf("%d %v %s", len(e.Issues), e.Truncated, keyOf(e.Issues[0]))
	}
	for body, want := range map[string]string{
		// The absent name and what is absent around lists stay unjudged.
		`{"items":[` + strings.TrimSuffix(times(2000, `{},`), ",") + `]}`:       "32 true /items/0/a rule.min 5",
		`{"words":[` + strings.TrimSuffix(times(2000, `"a",`), ",") + `]}`:      "32 true /words/0 rule.min 3",
		`{"words":[` + strings.TrimSuffix(times(2000, `"abc",`), ",") + `]}`:    "ok",
		`{"words":[` + strings.TrimSuffix(times(2000, `"abc",`), ",") + `,""]}`: "1 false /words/2000 rule.min 3",
	} {
		if got := patch(body); got != want {
			t.Errorf("%.40s: %s, want %s", body, got, want)
		}
	}
}

// Rules of the application's own see the whole target and no part of it, so only
// the validator itself may call them.
func TestRulesOfTheApplicationAreCalledWithTheWholeTarget(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string   `json:"name" binding:"min=3,dense_whole"`
		Text string   `json:"text" binding:"min=3"`
		Tags []string `json:"tags" binding:"dense_whole,dive,dense_whole,min=3"`
		Maps []string `json:"maps" binding:"dive,min=3|dense_whole"`

		Heads []string          `json:"heads" binding:"dense_whole,dive,min=3"`
		Keys  map[string]string `json:"keys" binding:"dive,keys,dense_whole,endkeys,min=3"`
	}
	type target struct {
		Items []item `json:"items" binding:"dive"`
	}
	denseWhole.Store(reflect.TypeFor[*target](), true)
	doc := `{"items":[` + strings.TrimSuffix(times(300, `{"name":"abc","text":"a","tags":["a","b"],"maps":["a","b"],"heads":["a","b"],"keys":{"a":"a","b":"b"}},`), ",") + `]}`
	e := binding.Decode([]byte(doc), new(target))
	if e == nil || len(e.Issues) != 32 || e.Issues[31].Code != "rule.min" {
		t.Errorf("%+v", e)
	}
	if other, _ := denseWhole.Load("other"); other != nil {
		t.Errorf("called with %v", other)
	}
}

// denseWhole holds the types that the rule dense_whole is meant for, and under
// "other" one that it met besides.
var denseWhole sync.Map

// gin's engine takes rules only before it is used.
func init() { //nolint:gochecknoinits // tests run side by side
	engine, _ := gb.Validator.Engine().(*validator.Validate)
	err := engine.RegisterValidation("dense_whole", func(fl validator.FieldLevel) bool {
		if _, ok := denseWhole.Load(fl.Top().Type()); !ok {
			denseWhole.Store("other", fl.Top().Type())
		}
		return true
	})
	if err != nil {
		panic(err)
	}
}

// ginsOwn returns a validator like gin's, with an engine of its own.
func ginsOwn(t *testing.T) (gb.StructValidator, *validator.Validate) {
	t.Helper()
	v, ok := reflect.New(reflect.TypeOf(gb.Validator).Elem()).Interface().(gb.StructValidator)
	if !ok {
		t.Fatal("gin's validator is none")
	}
	engine, ok := v.Engine().(*validator.Validate)
	if !ok {
		t.Fatal("gin's engine is none")
	}
	return v, engine
}

// A rule for a struct may look at the whole target, so what it says of a part that
// is tried alone counts for nothing.
func TestRulesOfStructsAreAskedAboutTheWholeTarget(t *testing.T) {
	t.Parallel()
	type item struct {
		Name string `json:"name" binding:"max=9"`
	}
	type target struct {
		Items []item `json:"items" binding:"dive"`
	}
	v, engine := ginsOwn(t)
	engine.RegisterStructValidation(func(sl validator.StructLevel) {
		if _, ok := sl.Top().Interface().(*target); !ok {
			sl.ReportError(sl.Current().Field(0).Interface(), "Name", "Name", "alone", "")
		}
	}, item{})
	doc := `{"items":[` + strings.TrimSuffix(times(3000, `{},`), ",") + `]}`
	if e := binding.Decode([]byte(doc), new(target), binding.Options{Validator: v}); e != nil {
		t.Error(e)
	}
	// One that takes for granted that it gets the whole.
	v, engine = ginsOwn(t)
	engine.RegisterStructValidation(func(sl validator.StructLevel) { _ = sl.Top().Interface().(*target).Items }, item{}) //nolint:forcetypeassert // the mistake under test
	if e := binding.Decode([]byte(doc), new(target), binding.Options{Validator: v}); e != nil {
		t.Error(e)
	}
}

func TestFaultsBelowAListAreLocatedFromItsRoot(t *testing.T) {
	t.Parallel()
	type words struct {
		Words map[string][]string `json:"words" binding:"dive,dive,min=3"`
	}
	doc := `[{},{"words":{"a/b":["long"` + times(3000, `,"x"`) + `]}}]`
	e := binding.Decode([]byte(doc), new([]words))
	if e == nil || e.Issues[0].Pointer != "/1/words/a~1b/1" || e.Issues[31].Pointer != "/1/words/a~1b/32" {
		t.Errorf("%+v", e)
	}
}

// An application may have its engine read another tag: then the binding tag says
// nothing.
func TestAnEngineWithAnotherTagIsNotSampledByThisOne(t *testing.T) {
	t.Parallel()
	v, engine := ginsOwn(t)
	engine.SetTagName("validate")
	type target struct {
		Words []string `json:"words" binding:"dive,min=5" validate:"dive,max=3"`
	}
	words := func(one string) []byte {
		return []byte(`{"words":[` + strings.TrimSuffix(times(3000, one+","), ",") + `]}`)
	}
	for _, tc := range []struct {
		doc  []byte
		opts binding.Options
		want string
	}{
		{words(`"a"`), binding.Options{Validator: v}, ""},
		{words(`"long"`), binding.Options{Validator: v}, "rule.max"},
		{words(`"a"`), binding.Options{}, "rule.min"},
		{words(`"longer"`), binding.Options{}, ""},
	} {
		e := binding.Decode(tc.doc, new(target), tc.opts)
		if (e == nil) != (tc.want == "") || e != nil && (e.Issues[0].Code != tc.want || len(e.Issues) != 32) {
			t.Errorf("%.20s: %v, want %q", tc.doc, e, tc.want)
		}
	}
}
