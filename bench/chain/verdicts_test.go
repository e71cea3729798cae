package chain_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec/bench/internal/web"
)

type verdict struct {
	name, method, path, token string
	body                      []byte
	want                      int
}

func newTestEnv(tb testing.TB) *env {
	tb.Helper()
	e, closer, err := newEnv(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(closer)
	return e
}

func (s stack) start(tb testing.TB, e *env) http.Handler {
	tb.Helper()
	h, closer, err := s.build(e)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(closer)
	return h
}

func ask(h http.Handler, method, path, token string, body []byte) int {
	req, w := web.NewRequest(method, path, body), web.NewWriter()
	if token != "" {
		req.Authorize("Bearer " + token)
	}
	h.ServeHTTP(w, req.Rewind())
	return w.Status
}

func verdicts(t *testing.T, e *env) []verdict {
	t.Helper()
	edit := func(name string, value any) string {
		return e.issuer.Edited("RS256", func(c jwt.MapClaims) { c[name] = value })
	}
	swap := func(old, fresh string) []byte {
		out := bytes.Replace(goodBody, []byte(old), []byte(fresh), 1)
		if bytes.Equal(out, goodBody) {
			t.Fatalf("%s is not in the body", old)
		}
		return out
	}
	good, once, six := e.issuer.Token("RS256"), e.issuer.Token("RS256"), e.issuer.Token("RS256")
	unknown := append([]byte(`{"role":"admin",`), goodBody[1:]...)
	const get, post = http.MethodGet, http.MethodPost
	return []verdict{
		{"no token", get, jsonPath, "", nil, 401},
		{"tampered", get, jsonPath, e.issuer.Tampered("RS256"), nil, 401},
		{"expired", get, jsonPath, edit("exp", time.Now().Add(-time.Hour).Unix()), nil, 401},
		{"wrong issuer", get, jsonPath, edit("iss", "https://other.example.com/"), nil, 401},
		{"wrong audience", get, jsonPath, edit("aud", []string{"https://other.example.com"}), nil, 401},
		{"a good token", get, jsonPath, good, nil, 200},
		{"the same token again", get, jsonPath, good, nil, 200},
		{"a good body", post, bindPath, good, goodBody, 200},
		{"an unknown member", post, bindPath, good, unknown, 400},
		{"a rule broken", post, bindPath, good, swap(`"currency":"EUR"`, `"currency":"EURO"`), 400},
		{"a rule broken in an element", post, quotePath + ownID, good, swap(`"quantity":12`, `"quantity":0`), 400},
		{"trailing data", post, bindPath, good, append(bytes.Clone(goodBody), '1'), 400},
		{"an own row", get, orderPath + ownID, good, nil, 200},
		{"somebody else's row", get, orderPath + foreignID, good, nil, 404},
		{"no such row", get, orderPath + absentID, good, nil, 404},
		{"a malformed id", get, orderPath + "not-an-id", good, nil, 404},
		{"a quote of an own row", post, quotePath + ownID, good, goodBody, 200},
		{"a quote of somebody else's row", post, quotePath + foreignID, good, goodBody, 404},
		{"a one-time token", post, oncePath, once, goodBody, 200},
		{"the one-time token again", post, oncePath, once, goodBody, 401},
		{"all six controls", post, sixPath + ownID, six, goodBody, 200},
		{"all six controls, the token again", post, sixPath + ownID, six, goodBody, 401},
	}
}

// A comparison of speed is void unless all give the same verdicts.
func TestAllStacksGiveTheSameVerdicts(t *testing.T) {
	e := newTestEnv(t)
	for _, s := range guarded() {
		t.Run(s.name, func(t *testing.T) {
			h := s.start(t, e)
			for _, v := range verdicts(t, e) {
				if status := ask(h, v.method, v.path, v.token, v.body); status != v.want {
					t.Errorf("%s: status %d, want %d", v.name, status, v.want)
				}
			}
		})
	}
}

// What stands beside bare gin on the routes that read a row must find what is found
// there under a predicate, and nothing else.
func TestThePredicateByHandConfines(t *testing.T) {
	e := newTestEnv(t)
	h := stack{"bare/predicate", mountPredicate}.start(t, e)
	for id, want := range map[string]int{ownID: 200, foreignID: 404, absentID: 404} {
		if status := ask(h, http.MethodGet, orderPath+id, "", nil); status != want {
			t.Errorf("%s: status %d, want %d", id, status, want)
		}
	}
}
