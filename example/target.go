package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// target is one of the two APIs under attack.
type target struct {
	base string
	docs seeded
	w    *world
}

// answer is what a target said.
type answer struct {
	status int
	header http.Header
	body   string
}

// send makes one request; edit may change anything about it.
func (t *target) send(ctx context.Context, method, path, token, body string, edit ...func(*http.Request)) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, t.base+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, f := range edit {
		f(req)
	}
	resp, err := t.w.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

// status makes one request and returns the status alone.
func (t *target) status(ctx context.Context, method, path, token, body string, edit ...func(*http.Request)) (string, error) {
	a, err := t.send(ctx, method, path, token, body, edit...)
	return strconv.Itoa(a.status), err
}

// passes sends n requests, all at once when together is set, and tells how many
// were let through to the handler.
func (t *target) passes(n int, together bool, send func(i int) (answer, error)) (string, error) {
	var (
		mu     sync.Mutex
		wg     sync.WaitGroup
		passed int
		failed error
	)
	one := func(i int) {
		a, err := send(i)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			failed = err
		} else if a.status != http.StatusTooManyRequests && (a.status < 300 || t.handled(a)) {
			passed++
		}
	}
	for i := range n {
		if together {
			wg.Go(func() { one(i) })
		} else {
			one(i)
		}
	}
	wg.Wait()
	return fmt.Sprintf("%d of %d", passed, n), failed
}

// handled reports whether an answer that is no success still came from the
// handler: a login with a wrong password is refused by the application itself.
func (t *target) handled(a answer) bool {
	return a.status == http.StatusUnauthorized && strings.Contains(a.body, "wrong")
}
