package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// importing has alice import a URL; "leaked" means the inside was reached.
func importing(name, want string, address func(w *world) string) attack {
	return attack{"egress", name, want, func(ctx context.Context, t *target) (string, error) {
		token, err := t.w.token("alice", nil)
		if err != nil {
			return "", err
		}
		body, err := json.Marshal(map[string]string{"url": address(t.w)})
		if err != nil {
			return "", err
		}
		a, err := t.send(ctx, http.MethodPost, "/import", token, string(body))
		if strings.Contains(a.body, secretInside) {
			return fmt.Sprintf("%d leaked", a.status), err
		}
		return strconv.Itoa(a.status), err
	}}
}

func egressAttacks() []attack {
	inside := func(host string) func(*world) string {
		return func(w *world) string {
			_, port, _ := net.SplitHostPort(strings.TrimPrefix(w.inside.URL, "http://"))
			return "http://" + net.JoinHostPort(host, port) + "/latest/meta-data"
		}
	}
	return []attack{
		importing("a partner's article passes", "201", func(w *world) string { return w.partner.URL + "/article" }),
		importing("the inside by address", "422", inside("127.0.0.1")),
		importing("the inside by name", "422", inside("localhost")),
		importing("the inside as one decimal number", "422", inside("2130706433")),
		importing("the inside in octal", "422", inside("0177.0.0.1")),
		importing("the inside as an IPv4-mapped address", "422", inside("::ffff:127.0.0.1")),
		importing("the inside as the unspecified address", "422", inside("0.0.0.0")),
		importing("the inside behind a partner's redirect", "422", func(w *world) string { return w.partner.URL + "/redirect" }),
		importing("another scheme", "422", func(*world) string { return "file:///etc/hostname" }),
		importing("credentials in the URL", "422", func(w *world) string {
			return strings.Replace(w.partner.URL, "http://", "http://user:secret@", 1) + "/article"
		}),
		importing("an endless answer", "422", func(w *world) string { return w.partner.URL + "/endless" }),
		{"egress", "a refusal does not say why", "constant", func(ctx context.Context, t *target) (string, error) {
			token, err := t.w.token("alice", nil)
			if err != nil {
				return "", err
			}
			var bodies []string
			for _, u := range []string{inside("127.0.0.1")(t.w), "gopher://a", "http://127.0.0.1:1/"} {
				body, _ := json.Marshal(map[string]string{"url": u})
				a, err := t.send(ctx, http.MethodPost, "/import", token, string(body))
				if err != nil {
					return "", err
				}
				bodies = append(bodies, a.body)
			}
			if bodies[0] == bodies[1] && bodies[1] == bodies[2] {
				return "constant", nil
			}
			return "telling", nil
		}},
	}
}
