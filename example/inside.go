package main

import (
	"net"
	"net/http"
	"time"
)

// secretInside is what a service on the internal network would give away.
const secretInside = "internal-credentials"

// loopback is an HTTP server on a free port of 127.0.0.1.
type loopback struct {
	URL    string
	server *http.Server
}

func serveLoopback(addr string, h http.Handler) (*loopback, error) {
	l, err := net.Listen("tcp", addr) //nolint:noctx // lives as long as the process
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return &loopback{URL: "http://" + l.Addr().String(), server: s}, nil
}

// Close stops the server.
func (l *loopback) Close() { _ = l.server.Close() }

// inside stands for a service that only trusted machines should reach, such as a
// cloud's metadata endpoint.
func inside() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(secretInside))
	})
}

// partner stands for a public site that users may import from. It also tries to
// send its visitors inside, and to flood them.
func partner(insideURL func() string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/article", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("a public article"))
	})
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, insideURL(), http.StatusFound)
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 64<<10)
		for range 64 { // 4 MiB, four times what the guarded API takes
			if _, err := w.Write(block); err != nil || r.Context().Err() != nil {
				return
			}
		}
	})
	return mux
}
