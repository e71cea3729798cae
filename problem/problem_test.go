package problem_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/problem"
)

func TestWriteToFillsInWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		p    problem.Problem
		want string
		code int
	}{
		{"only a status", problem.Problem{Status: 404}, `{"type":"about:blank","title":"Not Found","status":404}`, 404},
		{"no status is a server error", problem.Problem{}, `{"type":"about:blank","title":"Internal Server Error","status":500}`, 500},
		{"a success status is a server error", problem.Problem{Status: 200}, `{"type":"about:blank","title":"Internal Server Error","status":500}`, 500},
		{
			"everything",
			problem.Problem{
				Type: "t", Title: "T", Status: 429, Code: "c", Detail: "d", Instance: "i",
				Errors: []problem.Field{{Code: "x", Pointer: "#/a", Param: "3"}}, ViolatedPolicies: []string{"p"},
			},
			`{"type":"t","title":"T","status":429,"code":"c","detail":"d","instance":"i","errors":[{"code":"x","pointer":"#/a","param":"3"}],"violated-policies":["p"]}`, 429,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			tc.p.WriteTo(w)
			if w.Code != tc.code || w.Body.String() != tc.want {
				t.Errorf("got %d %s, want %d %s", w.Code, w.Body, tc.code, tc.want)
			}
			h := w.Header()
			if h.Get("Content-Type") != "application/problem+json" || h.Get("Cache-Control") != "no-store" ||
				h.Get("Content-Length") != strconv.Itoa(w.Body.Len()) {
				t.Errorf("headers are %v", h)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("body is not JSON")
			}
		})
	}
}

func TestAbortStopsTheChainAndNeverWritesASecondBody(t *testing.T) {
	t.Parallel()
	r := gin.New()
	ran := false
	r.GET("/refused", func(c *gin.Context) { problem.Abort(c, problem.Problem{Status: 403}) }, func(*gin.Context) { ran = true })
	r.GET("/started", func(c *gin.Context) {
		c.String(http.StatusOK, "first")
		problem.Abort(c, problem.Problem{Status: 403})
	}, func(*gin.Context) { ran = true })
	for path, want := range map[string]string{
		"/refused": `{"type":"about:blank","title":"Forbidden","status":403}`, "/started": "first",
	} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Body.String() != want || ran {
			t.Errorf("%s: body %q, next handler ran: %v", path, w.Body, ran)
		}
	}
}

func TestHeadersOfTheReplacedAnswerAreDropped(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	for _, name := range []string{"ETag", "Last-Modified", "Content-Disposition"} {
		w.Header().Set(name, "x")
	}
	w.Header().Set("Content-Encoding", "gzip") // of a compressing writer in front
	w.Header().Set("X-Request-Id", "kept")
	problem.Problem{Status: 403}.WriteTo(w)
	if len(w.Header()) != 5 || w.Header().Get("X-Request-Id") != "kept" || w.Header().Get("Content-Encoding") != "gzip" {
		t.Errorf("headers are %v", w.Header())
	}
}

func TestSharedHeaderValuesAreNotGrownByAHandler(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	problem.Problem{Status: 403}.WriteTo(w)
	w.Header().Add("Cache-Control", "private")
	again := httptest.NewRecorder()
	problem.Problem{Status: 403}.WriteTo(again)
	if got := again.Header()["Cache-Control"]; len(got) != 1 || got[0] != "no-store" {
		t.Errorf("Cache-Control of the next answer is %q", got)
	}
}

func ExampleAbort() {
	r := gin.New()
	r.GET("/", func(c *gin.Context) {
		problem.Abort(c, problem.Problem{Status: http.StatusConflict, Code: "already_paid"})
	})
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 409 {"type":"about:blank","title":"Conflict","status":409,"code":"already_paid"}
}
