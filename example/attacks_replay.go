package main

import (
	"context"
	"net/http"
)

const payment = `{"to":"bob","cents":100}`

func pay(ctx context.Context, t *target, token string) (answer, error) {
	return t.send(ctx, http.MethodPost, "/payments", token, payment)
}

func replayAttacks() []attack {
	return []attack{
		{"replay", "a payment token used twice", "1 of 2", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.passes(2, false, func(int) (answer, error) { return pay(ctx, t, token) })
		}},
		{"replay", "a payment token used 16 times at once", "1 of 16", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.passes(16, true, func(int) (answer, error) { return pay(ctx, t, token) })
		}},
		{"replay", "two payments with a token each pass", "2 of 2", func(ctx context.Context, t *target) (string, error) {
			return t.passes(2, false, func(int) (answer, error) {
				token, err := t.w.token("alice", nil)
				if err != nil {
					return answer{}, err
				}
				return pay(ctx, t, token)
			})
		}},
		{"replay", "a payment token without an id", "0 of 1", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", claims{"jti": nil})
			if err != nil {
				return "", err
			}
			return t.passes(1, false, func(int) (answer, error) { return pay(ctx, t, token) })
		}},
		{"replay", "an ordinary token read with twice passes", "2 of 2", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.passes(2, false, func(int) (answer, error) {
				return t.send(ctx, http.MethodGet, "/documents", token, "")
			})
		}},
	}
}
