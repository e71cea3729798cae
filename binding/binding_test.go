package binding_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/problem"
)

// send runs one request through one handler.
func send(h gin.HandlerFunc, r *http.Request) *httptest.ResponseRecorder {
	engine := gin.New()
	engine.Any("/", h)
	engine.Any("/items/:id", h)
	w := httptest.NewRecorder()
	engine.ServeHTTP(w, r)
	return w
}

func post(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// faults writes a refusal as "code pointer" words.
func faults(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	return faultsOf(t, w.Body.String())
}

func faultsOf(t *testing.T, body string) string {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal([]byte(body), &p); err != nil {
		t.Fatalf("no problem document: %v: %s", err, body)
	}
	out := []string{fmt.Sprint(p.Status)}
	if p.Code != "invalid_payload" {
		out = append(out, p.Code)
	}
	for _, f := range p.Errors {
		out = append(out, f.Code+" "+f.Pointer+f.Parameter+f.Header)
	}
	return strings.Join(out, ", ")
}

type user struct {
	Name string   `json:"name" strict:"required" binding:"max=10"`
	Age  int      `json:"age"`
	Tags []string `json:"tags" binding:"max=3"`
}

func TestAValidDocumentArrivesWhole(t *testing.T) {
	t.Parallel()
	var got user
	w := send(binding.Handle(func(c *gin.Context, in user) { got = in; c.Status(http.StatusNoContent) }), post(` {"age":7,"name":"ann","tags":["a","b"]} `))
	if w.Code != http.StatusNoContent {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if got.Name != "ann" || got.Age != 7 || len(got.Tags) != 2 {
		t.Errorf("got %+v", got)
	}
}

func TestEveryFaultIsListedInDocumentOrder(t *testing.T) {
	t.Parallel()
	h := binding.Handle(func(*gin.Context, user) { t.Error("called") })
	for body, want := range map[string]string{
		`{"name":"ann","role":"admin","Age":1,"tags":[1,null],"age":"x"}`: "400, unknown_field #/role, unknown_field #/Age, type_mismatch #/tags/0, null_not_allowed #/tags/1, type_mismatch #/age",
		`{"age":1}`:                       "400, missing_field #/name",
		`{"name":"ann","name":"bob"}`:     "400, duplicate_field #/name",
		`{"name":"far too long a name"}`:  "400, rule.max #/name",
		`{"name":"ann","role":1,"age":}`:  "400, malformed_json #",
		`{"name":"ann"}{}`:                "400, trailing_data #",
		``:                                "400, empty_body #",
		"\ufeff{}":                        "400, byte_order_mark #",
		"{\"name\":\"\xff\"}":             "400, invalid_utf8 #",
		`null`:                            "400, null_not_allowed #",
		strings.Repeat(`{"name":`, 10000): "400, type_mismatch #/name, too_deep #/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name/name",
	} {
		if got := faults(t, send(h, post(body))); got != want {
			t.Errorf("%.60s\n got %s\nwant %s", body, got, want)
		}
	}
}
