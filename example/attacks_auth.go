package main

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

// withToken attacks a read with a token; make builds it for the attack.
func withToken(name, want string, build func(w *world) (string, error)) attack {
	return attack{"auth", name, want, func(ctx context.Context, t *target) (string, error) {
		token, err := build(t.w)
		if err != nil {
			return "", err
		}
		return t.status(ctx, http.MethodGet, "/documents", token, "")
	}}
}

func claim(name string, value any) func(*world) (string, error) {
	return func(w *world) (string, error) { return w.token("alice", claims{name: value}) }
}

func authAttacks() []attack {
	return []attack{
		{"auth", "no token", "401", func(ctx context.Context, t *target) (string, error) {
			return t.status(ctx, http.MethodGet, "/documents", "", "")
		}},
		withToken("a good token passes", "200", claim("x", 1)),
		withToken("alg none", "401", func(w *world) (string, error) {
			head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
			token, err := w.token("alice", nil)
			_, rest, _ := strings.Cut(token, ".")
			payload, _, _ := strings.Cut(rest, ".")
			return head + "." + payload + ".", err
		}),
		withToken("signature of another token", "401", func(w *world) (string, error) {
			a, err := w.token("alice", claims{"x": 1})
			if err != nil {
				return "", err
			}
			b, err := w.token("alice", claims{"x": 2})
			return a[:strings.LastIndex(a, ".")] + b[strings.LastIndex(b, "."):], err
		}),
		withToken("a payload changed after signing", "401", func(w *world) (string, error) {
			token, err := w.token("alice", nil)
			parts := strings.Split(token, ".")
			payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
			forged := strings.Replace(string(payload), "alice", "bobby", 1)
			parts[1] = base64.RawURLEncoding.EncodeToString([]byte(forged))
			return strings.Join(parts, "."), err
		}),
		withToken("signed by a stranger's key", "401", func(w *world) (string, error) {
			return w.strangersToken("alice")
		}),
		withToken("expired an hour ago", "401", claim("exp", time.Now().Add(-time.Hour).Unix())),
		withToken("expired a second ago passes within the leeway", "200", claim("exp", time.Now().Add(-time.Second).Unix())),
		withToken("never expires", "401", claim("exp", nil)),
		withToken("not valid before tomorrow", "401", claim("nbf", time.Now().Add(24*time.Hour).Unix())),
		withToken("meant for another audience", "401", claim("aud", "billing")),
		withToken("meant for several audiences, ours among them, passes", "200", claim("aud", []string{"billing", audience})),
		withToken("from another issuer", "401", claim("iss", "https://evil.example")),
		withToken("without a subject", "401", claim("sub", nil)),
		withToken("padded segments", "401", func(w *world) (string, error) {
			token, err := w.token("alice", nil)
			return strings.Replace(token, ".", "=.", 1), err
		}),
		{"auth", "the token in the query string", "401", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.status(ctx, http.MethodGet, "/documents?access_token="+token, "", "")
		}},
		{"auth", "two Authorization headers", "400", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.status(ctx, http.MethodGet, "/documents", token, "", func(r *http.Request) {
				r.Header.Add("Authorization", "Bearer "+token)
			})
		}},
	}
}
