package binding_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/problem"
)

// Whatever the options say, a refusal has at most 16 kB and tells how much it
// leaves out.
func TestNoAnswerIsLongerThan16KB(t *testing.T) {
	t.Parallel()
	type target struct {
		A string `json:"a" form:"a"`
	}
	say := func(text string) func(*gin.Context, binding.Issue) string {
		return func(*gin.Context, binding.Issue) string { return text }
	}
	body := func(n int, name string) string { return `{"a":""` + counted(n, `,"%d`+name+`":0`) + `}` }
	for name, tc := range map[string]struct {
		body   string
		opts   binding.Options
		listed [2]int // at least and at most
		detail string // %d is what was left off
	}{
		"everything fits":         {body(30, ""), binding.Options{}, [2]int{30, 30}, ""},
		"as many as are allowed":  {body(33, times(300, "x")), binding.Options{}, [2]int{32, 32}, "There are more faults than are listed."},
		"a hundred short ones":    {body(100, ""), binding.Options{MaxIssues: 5000}, [2]int{100, 100}, ""},
		"thousands":               {body(4000, ""), binding.Options{MaxIssues: 5000}, [2]int{180, 500}, "%d more faults are not listed."},
		"thousands of long ones":  {body(2000, times(300, "x")), binding.Options{MaxIssues: 5000}, [2]int{40, 60}, "%d more faults are not listed."},
		"thousands of odd ones":   {body(1000, times(300, `\"`)), binding.Options{MaxIssues: 5000}, [2]int{40, 60}, "%d more faults are not listed."},
		"more than are collected": {body(4000, times(40, "x")), binding.Options{MaxIssues: 1000}, [2]int{100, 300}, "At least %d more faults are not listed."},
		"with texts":              {body(32, ""), binding.Options{Detail: say(times(80, "ä<"))}, [2]int{10, 31}, "%d more faults are not listed."},
		"with one huge text":      {body(3, ""), binding.Options{Detail: say(times(20<<10, "x"))}, [2]int{1, 1}, "%d more faults are not listed."},
		"with a huge type":        {body(200, ""), binding.Options{MaxIssues: 5000, TypeBase: "https://x/" + times(8<<10, "x")}, [2]int{40, 160}, "%d more faults are not listed."},
	} {
		bind := func(c *gin.Context) {
			if _, err := binding.JSON[target](c, tc.opts); err != nil {
				binding.Abort(c, err)
			}
		}
		w := send(bind, post(tc.body))
		var p problem.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		if w.Body.Len() > 16<<10 {
			t.Errorf("%s: %d bytes", name, w.Body.Len())
		}
		if n := len(p.Errors); n < tc.listed[0] || n > tc.listed[1] || n > 0 && !strings.HasPrefix(p.Errors[0].Pointer, "#/0") {
			t.Errorf("%s: %d listed", name, n)
		}
		want := tc.detail
		if strings.Contains(want, "%d") {
			left := strings.Count(tc.body, ":0") - len(p.Errors)
			if strings.HasPrefix(want, "At least") {
				left = tc.opts.MaxIssues + 1 - len(p.Errors)
			}
			want = fmt.Sprintf(want, left)
		}
		if p.Detail != want {
			t.Errorf("%s: %q, want %q", name, p.Detail, want)
		}
		t.Logf("%-24s %5d bytes, %d listed", name, w.Body.Len(), len(p.Errors))
	}
}
