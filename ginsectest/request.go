package ginsectest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
)

// Do serves one request in process and returns the answer. A non-empty token is
// sent as a Bearer token, a non-empty body as JSON.
func Do(h http.Handler, method, target, token, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequestWithContext(context.Background(), method, target, strings.NewReader(body))
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	return w
}
