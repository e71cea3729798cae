package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/ginsec/ginsec/scope"
)

// onDocument has alice act on a document; pick chooses whose.
func onDocument(name, want, method, body string, pick func(seeded) string) attack {
	return attack{"scope", name, want, func(ctx context.Context, t *target) (string, error) {
		token, err := t.w.token("alice", nil)
		if err != nil {
			return "", err
		}
		return t.status(ctx, method, "/documents/"+pick(t.docs), token, body)
	}}
}

func scopeAttacks() []attack {
	bobs := func(s seeded) string { return s.bob.String() }
	return []attack{
		onDocument("one's own document passes", "200", http.MethodGet, "", func(s seeded) string { return s.alice.String() }),
		onDocument("a colleague's document", "404", http.MethodGet, "", bobs),
		onDocument("another tenant's document", "404", http.MethodGet, "", func(s seeded) string { return s.other.String() }),
		onDocument("renaming a colleague's document", "404", http.MethodPut, `{"title":"mine","body":"x"}`, bobs),
		onDocument("renaming one's own passes", "200", http.MethodPut, `{"title":"plan B","body":"x"}`, func(s seeded) string { return s.alice.String() }),
		onDocument("an id that is SQL", "404", http.MethodGet, "", func(seeded) string { return "%27%20OR%20%271%27=%271" }),
		{"scope", "foreign and absent are the same bytes", "same", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			var seen []string
			for _, id := range []string{t.docs.other.String(), scope.NewID().String(), "not-an-id"} {
				a, err := t.send(ctx, http.MethodGet, "/documents/"+id, token, "")
				if err != nil {
					return "", err
				}
				seen = append(seen, fmt.Sprint(a.status, a.header.Get("Content-Type"), a.header.Get("Content-Length"), a.body))
			}
			if seen[0] == seen[1] && seen[1] == seen[2] {
				return "same", nil
			}
			return "different", nil
		}},
		{"scope", "a list holds no foreign rows", "own only", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			a, err := t.send(ctx, http.MethodGet, "/documents", token, "")
			if err != nil || a.status != http.StatusOK || strings.Contains(a.body, "salary") || strings.Contains(a.body, "merger") {
				return fmt.Sprintf("%d with foreign rows", a.status), err
			}
			return "own only", nil
		}},
		{"scope", "a tenant of the client's choice", "404", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			return t.status(ctx, http.MethodGet, "/documents/"+t.docs.other.String(), token, "", func(r *http.Request) {
				r.Header.Set("X-Tenant-Id", "globex")
			})
		}},
		// Last: the naive handler loses the row.
		onDocument("deleting a colleague's document", "404", http.MethodDelete, "", bobs),
	}
}
