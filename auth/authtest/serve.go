package authtest

import (
	"encoding/json"
	"net/http"
)

// Fail answers every request with status and an empty body, until [Issuer.Restore].
func (i *Issuer) Fail(status int) {
	i.Serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// Hang leaves every request without an answer, until [Issuer.Restore].
func (i *Issuer) Hang() {
	i.mu.Lock()
	restored := i.restored
	i.mu.Unlock()
	i.Serve(func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-restored:
			w.WriteHeader(http.StatusServiceUnavailable)
		case <-r.Context().Done():
		case <-i.closed:
		}
	})
}

// Serve answers every request with h, until [Issuer.Restore]: an empty set, an
// endless body, a redirect, a lie.
func (i *Issuer) Serve(h http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = h
}

// Restore ends what [Issuer.Fail], [Issuer.Hang] or [Issuer.Serve] began.
func (i *Issuer) Restore() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.answer = nil
	close(i.restored)
	i.restored = make(chan struct{})
}

func (i *Issuer) discovery(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.counts.Discovery++
	answer := i.answer
	i.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	raw, err := json.Marshal(map[string]any{
		"issuer": i.url, "jwks_uri": i.JWKSURL(),
		"token_endpoint": i.url + "/token", "response_types_supported": []string{"code"},
	})
	write(w, raw, err)
}

func (i *Issuer) jwks(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	i.counts.JWKS++
	i.running++
	i.counts.Concurrent = max(i.counts.Concurrent, i.running)
	answer := i.answer
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.running--
		i.mu.Unlock()
	}()
	if answer != nil {
		answer(w, r)
		return
	}
	write(w, i.JWKS(), nil)
}

func write(w http.ResponseWriter, raw []byte, err error) {
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(raw) // the client may be gone
}
