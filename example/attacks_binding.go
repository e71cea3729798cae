package main

import (
	"context"
	"net/http"
	"strings"
)

// payload attacks the creation of a document with a body.
func payload(name, want, body string, edit ...func(*http.Request)) attack {
	return attack{"binding", name, want, func(ctx context.Context, t *target) (string, error) {
		token, err := t.w.token("alice", nil)
		if err != nil {
			return "", err
		}
		return t.status(ctx, http.MethodPost, "/documents", token, body, edit...)
	}}
}

func bindingAttacks() []attack {
	contentType := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Content-Type", value) }
	}
	return []attack{
		payload("a good document passes", "201", `{"title":"plan","body":"text"}`),
		payload("a charset parameter passes", "201", `{"title":"plan","body":"text"}`, contentType("application/json; charset=utf-8")),
		payload("an owner of the client's choice", "400", `{"title":"plan","body":"x","owner_id":"bob"}`),
		payload("the same member twice", "400", `{"title":"a","title":"b","body":"x"}`),
		payload("a member in another case", "400", `{"TITLE":"a","body":"x"}`),
		payload("a second value behind the first", "400", `{"title":"a","body":"x"}{"title":"b"}`),
		payload("null for a title", "400", `{"title":null,"body":"x"}`),
		payload("a number for a title", "400", `{"title":7,"body":"x"}`),
		payload("no title", "400", `{"body":"x"}`),
		payload("a title of 201 characters", "400", `{"title":"`+strings.Repeat("t", 201)+`","body":"x"}`),
		payload("a title of 200 characters passes", "201", `{"title":"`+strings.Repeat("t", 200)+`","body":"x"}`),
		payload("nested ten thousand deep", "400", strings.Repeat(`{"title":`, 10000)),
		payload("two mebibytes", "413", `{"title":"a","body":"`+strings.Repeat("x", 2<<20)+`"}`),
		payload("a form instead of JSON", "415", `title=a&body=x`, contentType("application/x-www-form-urlencoded")),
		{"binding", "an unknown query parameter", "400", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.status(ctx, http.MethodGet, "/documents?order=owner_id", token, "")
		}},
	}
}
