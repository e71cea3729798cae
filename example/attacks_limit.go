package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
)

const wrongLogin = `{"user":"alice","password":"guess"}`

func limitAttacks() []attack {
	login := func(path string, n int, together bool, edit func(i int, r *http.Request)) func(context.Context, *target) (string, error) {
		return func(ctx context.Context, t *target) (string, error) {
			return t.passes(n, together, func(i int) (answer, error) {
				return t.send(ctx, http.MethodPost, path, "", wrongLogin, func(r *http.Request) { edit(i, r) })
			})
		}
	}
	search := func(ctx context.Context, t *target, user string, n int) (string, error) {
		token, err := t.w.token(user, nil)
		if err != nil {
			return "", err
		}
		return t.passes(n, true, func(i int) (answer, error) {
			return t.send(ctx, http.MethodGet, "/search", token, "", func(r *http.Request) {
				r.Header.Set("X-Request-Id", strconv.Itoa(i))
			})
		})
	}
	return []attack{
		{"ratelimit", "20 password guesses, a new X-Forwarded-For each", "5 of 20", login("/login", 20, false, func(i int, r *http.Request) {
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", i))
			r.Header.Set("X-Real-IP", fmt.Sprintf("203.0.113.%d", i))
		})},
		{"ratelimit", "64 password resets at once", "5 of 64", login("/password-reset", 64, true, func(i int, r *http.Request) {
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		})},
		{"ratelimit", "a refusal says when to come back", "429 with Retry-After", func(ctx context.Context, t *target) (string, error) {
			a, err := t.send(ctx, http.MethodPost, "/login", "", wrongLogin)
			if err != nil {
				return "", err
			}
			seconds, _ := strconv.Atoi(a.header.Get("Retry-After"))
			if seconds < 1 || seconds > 60 {
				return fmt.Sprintf("%d without", a.status), nil
			}
			return fmt.Sprintf("%d with Retry-After", a.status), nil
		}},
		{"ratelimit", "one user searches 40 times under changing ids", "20 of 40", func(ctx context.Context, t *target) (string, error) {
			return search(ctx, t, "mallory", 40)
		}},
		{"ratelimit", "another user is not affected", "10 of 10", func(ctx context.Context, t *target) (string, error) {
			return search(ctx, t, "alice", 10)
		}},
	}
}
