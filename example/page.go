package main

import (
	"crypto/rand"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

//go:embed page.html
var pageHTML string

// mux serves the page and its two endpoints beside the API. They exist for a
// browser on this machine: a name that was made to resolve to loopback, and
// requests another site makes, are refused.
func (w *world) mux(api http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	local := func(h http.HandlerFunc) http.Handler {
		return http.NewCrossOriginProtection().Handler(onLoopback(h))
	}
	mux.Handle("GET /{$}", local(servePage))
	mux.Handle("GET /demo/attacks", local(w.listAttacks))
	mux.Handle("POST /demo/attacks/{n}", local(w.runAttack))
	mux.Handle("GET /demo/events", local(w.streamEvents))
	return mux
}

func onLoopback(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil || host != "127.0.0.1" && host != "localhost" {
			http.Error(rw, "open the address that was printed", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(rw, r)
	})
}

func servePage(rw http.ResponseWriter, _ *http.Request) {
	h, nonce := rw.Header(), rand.Text()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'nonce-"+nonce+"'; style-src 'nonce-"+nonce+
		"'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	_, _ = io.WriteString(rw, strings.ReplaceAll(pageHTML, "NONCE", nonce))
}

func writeJSON(rw http.ResponseWriter, v any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(v)
}

func (w *world) listAttacks(rw http.ResponseWriter, _ *http.Request) {
	type row struct {
		Control string `json:"control"`
		Name    string `json:"name"`
		Want    string `json:"want"`
	}
	var rows []row
	for _, a := range attacks() {
		rows = append(rows, row{a.Control, a.Name, a.Want})
	}
	writeJSON(rw, rows)
}

func (w *world) runAttack(rw http.ResponseWriter, r *http.Request) {
	all := attacks()
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil || n < 0 || n >= len(all) {
		http.NotFound(rw, r)
		return
	}
	writeJSON(rw, w.try(r.Context(), all[n]))
}

func (w *world) streamEvents(rw http.ResponseWriter, r *http.Request) {
	lines, stop := w.events.watch()
	defer stop()
	rw.Header().Set("Content-Type", "text/event-stream")
	rw.Header().Set("Cache-Control", "no-store")
	out := http.NewResponseController(rw)
	if out.Flush() != nil {
		return
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-lines:
			if _, err := fmt.Fprintf(rw, "data: %s\n\n", text); err != nil || out.Flush() != nil {
				return
			}
		}
	}
}
