package auth_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ginsec/ginsec/auth"
)

// Discovery finds the keys where the standards say and believes nothing else.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	ok := func(r *http.Request, body string) *http.Response {
		return reply(200, []byte(strings.ReplaceAll(body, "HOST", "https://"+r.URL.Host)))
	}
	const good = `{"issuer":"HOST/tenant","jwks_uri":"HOST/keys"}`
	for name, tc := range map[string]struct {
		issuer string
		answer func(r *http.Request) *http.Response
		status int
	}{
		"OpenID Connect": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			if r.URL.Path == "/tenant/.well-known/openid-configuration" {
				return ok(r, good)
			}
			return reply(404, nil)
		}, 200},
		"an issuer with a slash": {"https://id.example/tenant/", func(r *http.Request) *http.Response {
			if r.URL.Path == "/tenant/.well-known/openid-configuration" {
				return ok(r, `{"issuer":"HOST/tenant/","jwks_uri":"HOST/keys"}`)
			}
			return reply(404, nil)
		}, 200},
		"RFC 8414": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			if r.URL.Path == "/.well-known/oauth-authorization-server/tenant" {
				return ok(r, good)
			}
			return reply(404, nil)
		}, 200},
		"RFC 8414 without a path": {"https://id.example", func(r *http.Request) *http.Response {
			if r.URL.Path == "/.well-known/oauth-authorization-server" {
				return ok(r, `{"issuer":"HOST","jwks_uri":"HOST/keys"}`)
			}
			return reply(403, nil)
		}, 200},
		"metadata with much else": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/tenant","x":[1],"jwks_uri":"HOST/keys","Issuer":"evil"}`)
		}, 200},
		"the issuer of a neighbour": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/other","jwks_uri":"HOST/keys"}`)
		}, 503},
		"an issuer with a slash more": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/tenant/","jwks_uri":"HOST/keys"}`)
		}, 503},
		"no issuer": {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `{"jwks_uri":"HOST/keys"}`) }, 503},
		"a template": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/{tenantid}","jwks_uri":"HOST/keys"}`)
		}, 503},
		"keys over http": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/tenant","jwks_uri":"http://id.example/keys"}`)
		}, 503},
		"keys in a file": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/tenant","jwks_uri":"file:///etc/passwd"}`)
		}, 503},
		"keys at a path": {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `{"issuer":"HOST/tenant","jwks_uri":"/keys"}`) }, 503},
		"keys with credentials": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"HOST/tenant","jwks_uri":"https://a:b@id.example/keys"}`)
		}, 503},
		"no keys":       {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `{"issuer":"HOST/tenant"}`) }, 503},
		"keys a number": {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `{"issuer":"HOST/tenant","jwks_uri":1}`) }, 503},
		"the issuer twice": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			return ok(r, `{"issuer":"x","issuer":"HOST/tenant","jwks_uri":"HOST/keys"}`)
		}, 503},
		"members in capitals":    {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `{"ISSUER":"HOST/tenant","JWKS_URI":"HOST/keys"}`) }, 503},
		"HTML":                   {"https://id.example/tenant", func(r *http.Request) *http.Response { return ok(r, `<html>`) }, 503},
		"a redirect to the keys": {"https://id.example/tenant", func(*http.Request) *http.Response { return reply(302, nil, "Location", "https://id.example/elsewhere") }, 503},
		"a server error is no 404": {"https://id.example/tenant", func(r *http.Request) *http.Response {
			if strings.Contains(r.URL.Path, "oauth-authorization-server") {
				return ok(r, good)
			}
			return reply(500, nil)
		}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var elsewhere atomic.Int32
			o := &origin{iss: iss}
			o.set(func(r *http.Request) (*http.Response, error) {
				switch r.URL.Path {
				case "/keys":
					return reply(200, iss.JWKS()), nil
				case "/elsewhere":
					elsewhere.Add(1)
				}
				return tc.answer(r), nil
			})
			cfg := o.config()
			cfg.Issuers[0].URL, cfg.Issuers[0].JWKSURL = tc.issuer, ""
			cfg.JWKS.InsecureAllowLoopback, cfg.JWKS.Wait = false, 30*time.Second
			v, err := auth.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = v.Close() })
			if got := verify(v, mint(t, iss, map[string]any{"iss": tc.issuer})); got != tc.status {
				t.Errorf("%d, not %d (Ready: %v)", got, tc.status, v.Ready(t.Context()))
			}
			if elsewhere.Load() != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestMetadataIsAskedAgainWhenItsKeysMove(t *testing.T) {
	t.Parallel()
	o := &origin{iss: newIssuer(t, "ES256")}
	synctest.Test(t, func(t *testing.T) {
		var place atomic.Value
		place.Store("/old")
		o.set(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Path {
			case "/.well-known/openid-configuration":
				return reply(200, []byte(fmt.Sprintf(`{"issuer":%q,"jwks_uri":"%s%s"}`, o.iss.URL(), o.iss.URL(), place.Load()))), nil
			case place.Load():
				return reply(200, o.iss.JWKS()), nil
			default:
				return reply(404, nil), nil
			}
		})
		cfg := o.config()
		cfg.Issuers[0].JWKSURL = ""
		v, err := auth.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer v.Close()
		synctest.Wait()
		o.expect(t, "before", v, mint(t, o.iss, nil), 200)
		place.Store("/new")
		if _, err := o.iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(12 * time.Minute)
		o.expect(t, "after they moved", v, mint(t, o.iss, nil), 200)
	})
}

// A hostile or broken endpoint costs five seconds and two mebibytes at most, and
// the old keys stay.
func TestHostileEndpoints(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	var strayed atomic.Int32
	stray := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		strayed.Add(1)
		fmt.Fprint(w, `{"keys":[]}`)
	}))
	t.Cleanup(stray.Close)
	compressed := bomb()
	chunk := []byte(strings.Repeat(" ", 64<<10))
	for name, serve := range map[string]http.HandlerFunc{
		"300 MiB": func(w http.ResponseWriter, _ *http.Request) {
			for range 300 << 20 / len(chunk) {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		},
		"300 MiB of gzip": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(compressed)
		},
		"a slow drip": func(w http.ResponseWriter, r *http.Request) {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-r.Context().Done():
					return
				case <-tick.C:
					if _, err := io.WriteString(w, " "); err != nil {
						return
					}
					_ = http.NewResponseController(w).Flush()
				}
			}
		},
		"a redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, stray.URL, http.StatusFound) },
		"endless headers": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) },
		"garbage":         func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0, 1, 2, 255}) },
		"an empty set":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) },
		"201 with a set": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, `{"keys":[]}`)
		},
		"a dead connection": func(w http.ResponseWriter, _ *http.Request) {
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		},
	} {
		iss := newIssuer(t, "ES256")
		cfg := configFor(iss)
		cfg.JWKS.Cooldown, cfg.JWKS.Timeout, cfg.JWKS.Wait = time.Millisecond, time.Second, 30*time.Second
		v := newVerifier(t, cfg)
		iss.Serve(serve)
		if _, err := iss.Rotate(); err != nil {
			t.Fatal(err)
		}
		unknown, known := mint(t, iss, nil), mintWith(t, iss, nil, tokenOf("key-1"))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		got := verify(v, unknown)
		for got == 401 { // until the cooldown is over
			got = verify(v, unknown)
		}
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if got != 503 || took > 5*time.Second {
			t.Errorf("%s: %d after %s", name, got, took)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d MiB were allocated, the hostile server included", name, used>>20)
		} else {
			t.Logf("%s: %s, %d KiB", name, took.Round(time.Millisecond), used>>10)
		}
		if got := verify(v, known); got != 200 {
			t.Errorf("%s: an old key: %d", name, got)
		}
		_ = v.Close() // or it would go on trying while the next is measured
	}
	if strayed.Load() != 0 {
		t.Error("a redirect was followed")
	}
}
