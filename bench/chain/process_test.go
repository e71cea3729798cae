package chain_test

import (
	"net/http"
	"testing"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/web"
)

type route struct {
	name, method, path string
	body               []byte
}

// plain are the routes for ordinary tokens.
func plain() []route {
	return []route{
		{"json", http.MethodGet, jsonPath, nil},
		{"bind", http.MethodPost, bindPath, goodBody},
		{"order", http.MethodGet, orderPath + ownID, nil},
		{"quote", http.MethodPost, quotePath + ownID, goodBody},
	}
}

// BenchmarkProcess is one token used again and again, through ServeHTTP.
func BenchmarkProcess(b *testing.B) {
	e := newTestEnv(b)
	headers := web.Bearers(e.issuer.Token("RS256"), 64)
	for _, r := range plain() {
		for _, s := range all() {
			if !s.serves(r) {
				continue
			}
			h := s.start(b, e)
			b.Run(r.name+"/"+s.name, func(b *testing.B) {
				req, w := web.NewRequest(r.method, r.path, r.body), web.NewWriter()
				req.Authorize(headers[0])
				h.ServeHTTP(w, req.Rewind())
				clock := meter.Start(b)
				for n := 0; b.Loop(); n++ {
					w.Reset()
					req.Authorize(headers[n%len(headers)])
					h.ServeHTTP(w, req.Rewind())
					if w.Status != http.StatusOK {
						b.Fatal("status", w.Status)
					}
				}
				clock.Stop()
			})
		}
	}
}

// BenchmarkParallel is the same from all processors at once.
func BenchmarkParallel(b *testing.B) {
	e := newTestEnv(b)
	headers := web.Bearers(e.issuer.Token("RS256"), 64)
	for _, r := range plain()[:2] {
		for _, s := range all() {
			if !s.serves(r) {
				continue
			}
			h := s.start(b, e)
			b.Run(r.name+"/"+s.name, func(b *testing.B) { parallel(b, h, r, headers) })
		}
	}
}

func parallel(b *testing.B, h http.Handler, r route, headers []string) {
	b.Helper()
	clock := meter.Start(b)
	b.RunParallel(func(pb *testing.PB) {
		req, w := web.NewRequest(r.method, r.path, r.body), web.NewWriter()
		for n := 0; pb.Next(); n++ {
			w.Reset()
			req.Authorize(headers[n%len(headers)])
			h.ServeHTTP(w, req.Rewind())
			if w.Status != http.StatusOK {
				b.Error("status", w.Status)
				return
			}
		}
	})
	clock.Stop()
}

// BenchmarkFresh is a token that was never seen before on every request: nothing
// that was remembered helps. Once is the route for one-time tokens; six is all six
// controls: token, replay, limits, strict body, owned row, guarded outbound call.
func BenchmarkFresh(b *testing.B) {
	e := newTestEnv(b)
	var headers []string
	for _, token := range e.issuer.Fresh(e.issuer.Presigned()) {
		headers = append(headers, "Bearer "+token)
	}
	for _, r := range []route{
		{"json", http.MethodGet, jsonPath, nil},
		{"once", http.MethodPost, oncePath, goodBody},
		{"six", http.MethodPost, sixPath + ownID, goodBody},
	} {
		for _, s := range all() {
			if s.name == "ginsec/no-token-cache" || !s.serves(r) {
				continue
			}
			b.Run(r.name+"/"+s.name, func(b *testing.B) { fresh(b, s, e, r, headers) })
		}
	}
}

// fresh uses each token once; when all are used the stack is built anew, outside
// the measurement.
func fresh(b *testing.B, s stack, e *env, r route, headers []string) {
	b.Helper()
	h := s.start(b, e)
	ready := e.issuer.Token("RS256")
	if status := ask(h, http.MethodGet, jsonPath, ready, nil); status != http.StatusOK {
		b.Fatal("status", status)
	}
	req, w := web.NewRequest(r.method, r.path, r.body), web.NewWriter()
	n := 0
	clock := meter.Start(b)
	for b.Loop() {
		if n == len(headers) {
			clock.Pause()
			n, h = 0, s.start(b, e)
			ask(h, http.MethodGet, jsonPath, ready, nil)
			clock.Resume()
		}
		w.Reset()
		req.Authorize(headers[n])
		n++
		h.ServeHTTP(w, req.Rewind())
		if w.Status != http.StatusOK {
			b.Fatal("status", w.Status)
		}
	}
	clock.Stop()
}
