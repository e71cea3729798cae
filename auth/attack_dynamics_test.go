package auth_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// What a key set's endpoint may answer instead of a key set, for as long as it
// likes: the old keys stay, and the new key is unavailable rather than refused.
// ASVS 16.5.2.
func TestUselessAnswerAttacks(t *testing.T) {
	t.Parallel()
	evil := newIssuer(t, "ES256") // a redirect to it must not be followed
	t.Cleanup(func() {
		if n := evil.Counts().JWKS; n != 0 {
			t.Errorf("%d redirects were followed", n)
		}
	})
	text := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(body)) }
	}
	status := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = w.Write([]byte(body))
		}
	}
	redirect := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, evil.JWKSURL(), code) }
	}
	hijack := func(raw string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_, _ = conn.Write([]byte(raw))
				_ = conn.Close()
			}
		}
	}
	set := string(evil.JWKS())
	cases := map[string]http.HandlerFunc{
		"nothing": text(""), "an empty object": text("{}"), "null": text("null"), "a list": text("[]"), "a string": text(`"keys"`),
		"an empty set": text(`{"keys":[]}`), "keys null": text(`{"keys":null}`), "keys an object": text(`{"keys":{}}`), "keys a string": text(`{"keys":"x"}`),
		"only nulls": text(`{"keys":[null,null]}`), "only a secret": text(`{"keys":[{"kty":"oct","k":"AQAB","kid":"key-1"}]}`),
		"only keys of a kind nobody knows": text(`{"keys":[{"kty":"AKP","kid":"key-1"}]}`), "an error": text(`{"error":"server_error"}`),
		"a sign-in page": text("<html>"), "cut in the middle": text(set[:len(set)/2]), "text after it": text(set + "x"), "two sets": text(set + set),
		"keys twice": text(`{"keys":[],` + set[1:]), "in capitals": text(strings.Replace(set, "keys", "KEYS", 1)), "a byte order mark": text("\uFEFF" + set),
		"bad UTF-8": text(`{"x":"` + "\xff" + `",` + set[1:]), "more than the limit": text(strings.Repeat(" ", 513<<10) + set),
		"a bomb": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb())
		},
		"not gzip although it says so": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write([]byte(set))
		},
		"half of what it promised": hijack("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + set), "a dead connection": hijack(""),
		"no HTTP": hijack("hello\r\n\r\n"), "two lengths": hijack("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + set),
		"hanging": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"hanging after the head": func(w http.ResponseWriter, r *http.Request) {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}
	for _, code := range []int{301, 302, 303, 307, 308} {
		cases["a redirect, "+strconv.Itoa(code)] = redirect(code)
	}
	for _, code := range []int{201, 202, 203, 204, 206, 304, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504} {
		body := set
		if code == 204 || code == 304 {
			body = ""
		}
		cases["status "+strconv.Itoa(code)] = status(code, body)
	}
	runAll(t, cases, func(t *testing.T, serve http.HandlerFunc) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Timeout = 500 * time.Millisecond })
		remembered, fresh := mint(t, a.iss, nil), mint(t, a.iss, map[string]any{"n": 1})
		a.until(t, "before", remembered, 200)
		a.iss.Serve(serve)
		rotated := a.rotate(t)
		a.until(t, "the new key", rotated, 503, 401) // 401 until the cooldown is over
		a.until(t, "a remembered token", remembered, 200)
		a.until(t, "another token of the old key", fresh, 200)
		a.bearer(t, mintWith(t, evil, map[string]any{"iss": a.iss.URL()}, authtest.Token{Header: map[string]any{"kid": "evil"}})).expect(t, 503)
	})
}

// An endpoint that is not well when the API starts: 503 until it is.
// ASVS 16.5.3.
func TestStartWithoutKeys(t *testing.T) {
	t.Parallel()
	runAll(t, map[string]func(*authtest.Issuer){
		"failing": func(i *authtest.Issuer) { i.Fail(http.StatusBadGateway) }, "hanging": func(i *authtest.Issuer) { i.Hang() },
		"forbidden": func(i *authtest.Issuer) { i.Fail(http.StatusForbidden) }, "not there": func(i *authtest.Issuer) { i.Fail(http.StatusNotFound) },
		"empty": func(i *authtest.Issuer) { i.Serve(func(http.ResponseWriter, *http.Request) {}) },
		"cut off": func(i *authtest.Issuer) {
			i.Serve(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
		},
		"lying": func(i *authtest.Issuer) {
			i.Serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"keys":[]}`)) })
		},
		"moved": func(i *authtest.Issuer) {
			i.Serve(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) })
		},
	}, func(t *testing.T, fail func(*authtest.Issuer)) {
		t.Helper()
		iss := newIssuer(t, "ES256")
		fail(iss)
		a, v := liveOf(t, iss, func(cfg *auth.Config) { cfg.JWKS.Timeout = 500 * time.Millisecond })
		token := mint(t, iss, nil)
		got := a.bearer(t, token)
		got.expect(t, 503)
		if got.header.Get("Retry-After") == "" || len(got.challenge) != 0 {
			t.Errorf("%v", got.header)
		}
		a.bearer(t, mintWith(t, iss, map[string]any{"aud": "other"}, authtest.Token{})).expect(t, 401) // that much is known without keys
		a.send(t).expect(t, 401)
		if v.Ready(t.Context()) == nil {
			t.Error("ready")
		}
		iss.Restore()
		a.until(t, "after it is well", token, 200, 503)
		a.bearer(t, a.unknown(t)).expect(t, 401)
	})
}

func TestPortThatNobodyListensOn(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	iss := newIssuer(t, "ES256")
	a, _ := liveOf(t, iss, func(cfg *auth.Config) {
		cfg.Issuers[0].JWKSURL = "http://" + listener.Addr().String() + "/jwks"
		_ = listener.Close()
	})
	a.bearer(t, mint(t, iss, nil)).expect(t, 503)
}

// Keys that come, go and are asked for.
// ASVS 9.1.3.
func TestKeySetAttacks(t *testing.T) {
	t.Parallel()
	runAll(t, keySetCases, func(t *testing.T, run func(t *testing.T)) { t.Helper(); run(t) })
}

var keySetCases = map[string]func(t *testing.T){
	"a new key is picked up": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		old := mint(t, a.iss, nil)
		a.until(t, "the new key", a.rotate(t), 200, 401)
		a.until(t, "the old one", old, 200)
	},
	"twenty rotations in a row": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		for range 20 {
			a.until(t, "a new key", a.rotate(t), 200, 401)
		}
	},
	"a removed key": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		old := a.iss.KeyID()
		remembered := mint(t, a.iss, nil)
		a.until(t, "before", remembered, 200)
		fresh := a.rotate(t)
		a.iss.Remove(old)
		a.until(t, "the new key", fresh, 200, 401)
		a.bearer(t, remembered).expect(t, 401)
		a.bearer(t, mintWith(t, a.iss, nil, tokenOf(old))).expect(t, 401)
	},
	"a removed key and no other token: the refresh tells": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Refresh = time.Second })
		old := a.iss.KeyID()
		token := mint(t, a.iss, nil)
		a.until(t, "before", token, 200)
		a.rotate(t)
		a.iss.Remove(old)
		a.until(t, "after the refresh", token, 401, 200)
	},
	"a key that is announced before it signs": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		old := a.iss.KeyID()
		a.until(t, "the new key", a.rotate(t), 200, 401)
		n := a.iss.Counts().JWKS
		a.bearer(t, mintWith(t, a.iss, nil, tokenOf(old))).expect(t, 200)
		if a.iss.Counts().JWKS != n {
			t.Error("a known key was fetched for")
		}
	},
	"fifty unknown keys in a cooldown": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Cooldown = time.Hour })
		for i := range 50 {
			kid := map[string]any{"kid": "no-" + strconv.Itoa(i)}
			a.bearer(t, mintWith(t, a.iss, nil, authtest.Token{Header: kid})).expect(t, 401)
		}
		if n := a.iss.Counts().JWKS; n != 1 {
			t.Errorf("%d fetches", n)
		}
	},
	"a rotation in a cooldown is fetched for at its end": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Cooldown = 300 * time.Millisecond })
		n := 0
		token := a.early(t, 401, func(time.Duration) string { // noted; nobody asks again
			n = a.iss.Counts().JWKS
			return a.rotate(t)
		})
		a.while(t, "x", 401, func() bool { return a.iss.Counts().JWKS == n })
		a.until(t, "after it", token, 200, 401) // the answer is on its way
		if now := a.iss.Counts().JWKS; now != n+1 {
			t.Errorf("%d fetches", now-n)
		}
	},
	"tokens without a key id and bad signatures cause no fetch": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		first := a.iss.KeyID()
		second := a.rotate(t)
		_ = second
		forged := mintWith(t, a.iss, nil, authtest.Token{Header: map[string]any{"kid": first}})
		nameless := mintWith(t, a.iss, nil, authtest.Token{Header: map[string]any{"kid": nil}})
		for range 20 {
			a.bearer(t, forged).expect(t, 401)
			a.bearer(t, nameless).expect(t, 401)
		}
		if n := a.iss.Counts().JWKS; n != 1 {
			t.Errorf("%d fetches", n)
		}
	},
	"a known key under an algorithm that is not its own causes no fetch": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		for _, alg := range []string{"RS256", "PS256", "EdDSA", "Ed25519"} {
			a.bearer(t, mintWith(t, a.iss, nil, authtest.Token{Header: map[string]any{"alg": alg}})).expect(t, 401)
		}
		if n := a.iss.Counts().JWKS; n != 1 {
			t.Errorf("%d fetches", n)
		}
	},
	"of many keys under one id four are tried": func(t *testing.T) {
		t.Helper()
		iss := newIssuer(t, "ES256", "ES256", "ES256", "ES256", "ES256")
		ids := iss.KeyIDs()
		set := string(iss.JWKS())
		for _, id := range ids {
			set = strings.Replace(set, `"`+id+`"`, `"one"`, 1)
		}
		iss.Serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(set)) })
		a, _ := liveOf(t, iss, func(cfg *auth.Config) { cfg.Issuers[0].JWKSURL = iss.JWKSURL() })
		for i, status := range []int{200, 200, 200, 200, 401} { // each costs a signature
			a.bearer(t, mintWith(t, iss, nil, authtest.Token{KeyID: ids[i], Header: map[string]any{"kid": "one"}})).expect(t, status)
		}
	},
	"bad tokens with unknown keys cause no fetch": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		for _, change := range []map[string]any{{"aud": "x"}, {"exp": 1}, {"iss": "https://x.example"}, {"sub": nil}, {"cnf": map[string]any{}}} {
			a.bearer(t, mintWith(t, a.iss, change, authtest.Token{Header: map[string]any{"kid": "no"}})).expect(t, 401)
		}
		if n := a.iss.Counts().JWKS; n != 1 {
			t.Errorf("%d fetches", n)
		}
	},
	"a hundred clients at a cold start cause one fetch": func(t *testing.T) {
		t.Helper()
		iss := newIssuer(t, "ES256")
		release := make(chan struct{})
		iss.Serve(func(w http.ResponseWriter, _ *http.Request) {
			<-release
			_, _ = w.Write(iss.JWKS())
		})
		a := &arena{iss: iss, events: &sink{}}
		cfg := configFor(iss)
		cfg.Issuers[0].JWKSURL = iss.JWKSURL()
		cfg.JWKS.Timeout, cfg.JWKS.Wait = 30*time.Second, 30*time.Second
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = v.Close() })
		a.server = httptest.NewServer(newEngine(v.Middleware()))
		t.Cleanup(a.server.Close)
		token := mint(t, iss, nil)
		var good atomic.Int32
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				w := overHTTP(t, a.server.Client(), a.server.URL, request(token))
				if w.Code == 200 {
					good.Add(1)
				}
			})
		}
		a.while(t, "x", 401, func() bool { return iss.Counts().JWKS == 0 })
		close(release)
		wg.Wait()
		if c := iss.Counts(); good.Load() != 100 || c.JWKS != 1 {
			t.Errorf("%d passed after %d fetches", good.Load(), c.JWKS)
		}
	},
	"a client that hangs up changes nothing": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Timeout = 30 * time.Second })
		release, begun := make(chan struct{}), make(chan struct{}, 8)
		a.iss.Serve(func(w http.ResponseWriter, r *http.Request) {
			begun <- struct{}{}
			select {
			case <-release:
				_, _ = w.Write(a.iss.JWKS())
			case <-r.Context().Done(): // a fetch that was cancelled
			}
		})
		token := a.rotate(t)
		var wg sync.WaitGroup
		ctx, hangUp := context.WithCancel(t.Context())
		for asked := false; !asked; { // the cooldown may not be over yet
			wg.Go(func() {
				req := request(token).WithContext(ctx)
				req.RequestURI, req.URL.Scheme, req.URL.Host = "", "http", a.server.Listener.Addr().String()
				if resp, err := a.server.Client().Do(req); err == nil {
					_ = resp.Body.Close()
				}
			})
			select {
			case <-begun:
				asked = true
			case <-time.After(10 * time.Millisecond):
			}
		}
		hangUp()
		wg.Wait()
		close(release)
		a.until(t, "a patient client", token, 200, 401)
		if n := a.iss.Counts().JWKS; n != 2 {
			t.Errorf("%d fetches", n)
		}
	},
}
