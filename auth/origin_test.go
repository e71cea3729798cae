package auth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// origin answers for an issuer inside a synctest bubble, where sockets cannot be.
type origin struct {
	iss *authtest.Issuer

	mu         sync.Mutex
	answer     func(*http.Request) (*http.Response, error) // nil when all is well
	times      []time.Time
	running    int
	concurrent int
}

func (o *origin) RoundTrip(r *http.Request) (*http.Response, error) {
	o.mu.Lock()
	answer := o.answer
	o.times = append(o.times, time.Now())
	o.running++
	o.concurrent = max(o.concurrent, o.running)
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		o.running--
		o.mu.Unlock()
	}()
	if answer != nil {
		return answer(r)
	}
	return reply(http.StatusOK, o.iss.JWKS()), nil
}

func (o *origin) set(answer func(*http.Request) (*http.Response, error)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.answer = answer
}

func (o *origin) fail(status int) {
	o.set(func(*http.Request) (*http.Response, error) { return reply(status, nil), nil })
}

// hang answers when the request's context ends, as a dead peer does.
func (o *origin) hang() {
	o.set(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
}

// fetches returns how many there were.
func (o *origin) fetches() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.times)
}

func reply(status int, body []byte, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(bytes.NewReader(body))}
}

// config is that of a verifier whose keys come from o.
func (o *origin) config() auth.Config {
	cfg := configFor(o.iss)
	cfg.Issuers[0].JWKSURL = o.iss.JWKSURL()
	cfg.JWKS.Client = &http.Client{Transport: o}
	return cfg
}

// statusOf is the status a verdict would have over HTTP.
func statusOf(err error) int {
	var refusal *auth.Error
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &refusal):
		return refusal.Status
	default:
		return 0
	}
}

func verify(v *auth.Verifier, token string) int {
	_, err := v.Verify(context.Background(), token)
	return statusOf(err)
}
