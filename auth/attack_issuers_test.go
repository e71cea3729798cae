package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// How long keys are used that cannot be refreshed, and what renews them.
// ASVS 16.5.2.
func TestKeysThatGrowOld(t *testing.T) {
	t.Parallel()
	short := func(cfg *auth.Config) {
		cfg.JWKS.Refresh, cfg.JWKS.MaxStale, cfg.JWKS.Timeout = time.Second, -1, time.Second
	}
	runAll(t, map[string]func(t *testing.T){
		"too old is 503, also for a remembered token, until it is refreshed": func(t *testing.T) {
			t.Helper()
			a, v := newLive(t, short)
			remembered := mint(t, a.iss, nil)
			a.until(t, "before", remembered, 200, 503)
			a.iss.Fail(http.StatusBadGateway)
			a.until(t, "keys too old", remembered, 503, 200)
			a.until(t, "a new token", mint(t, a.iss, map[string]any{"n": 1}), 503)
			if v.Ready(t.Context()) == nil {
				t.Error("ready with keys that are too old")
			}
			a.iss.Restore()
			a.until(t, "after the outage", remembered, 200, 503)
		},
		"a stale key set is used within its time": func(t *testing.T) {
			t.Helper()
			a, _ := newLive(t, func(cfg *auth.Config) { short(cfg); cfg.JWKS.MaxStale = time.Hour })
			token := mint(t, a.iss, nil)
			a.until(t, "before", token, 200, 503)
			a.iss.Fail(http.StatusBadGateway)
			asked := func() int { c := a.iss.Counts(); return c.JWKS + c.Discovery }
			n := asked()
			a.while(t, token, 200, func() bool { return asked() < n+2 }) // refreshes have failed
			a.bearer(t, mint(t, a.iss, map[string]any{"n": 1})).expect(t, 200)
		},
		"304 renews what is there": func(t *testing.T) {
			t.Helper()
			var renewed atomic.Int32
			iss := newIssuer(t, "ES256")
			iss.Serve(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "well-known") {
					_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, iss.URL(), iss.JWKSURL())
					return
				}
				if r.Header.Get("If-None-Match") == `"v1"` {
					renewed.Add(1)
					w.WriteHeader(http.StatusNotModified)
					return
				}
				w.Header().Set("ETag", `"v1"`)
				_, _ = w.Write(iss.JWKS())
			})
			a, _ := liveOf(t, iss, func(cfg *auth.Config) {
				short(cfg)
				cfg.JWKS.MaxStale, cfg.JWKS.Timeout = 10*time.Second, 5*time.Second
			})
			token := mint(t, iss, nil)
			a.while(t, token, 200, func() bool { return renewed.Load() < 3 })
			a.bearer(t, mint(t, iss, map[string]any{"n": 1})).expect(t, 200)
		},
		"304 without a question renews nothing": func(t *testing.T) {
			t.Helper()
			a, _ := newLive(t, short)
			token := mint(t, a.iss, nil)
			a.until(t, "before", token, 200, 503)
			a.iss.Fail(http.StatusNotModified)
			a.until(t, "keys too old", token, 503, 200)
		},
		"known keys are used after Close, and nothing is fetched": func(t *testing.T) {
			t.Helper()
			a, v := newLive(t, nil)
			if err := v.Close(); err != nil {
				t.Fatal(err)
			}
			a.bearer(t, mint(t, a.iss, nil)).expect(t, 200)
			a.bearer(t, a.unknown(t)).expect(t, 503)
			if n := a.iss.Counts().JWKS; n != 1 {
				t.Errorf("%d fetches", n)
			}
		},
		"a hanging endpoint adds nothing to known keys": func(t *testing.T) {
			t.Helper()
			a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Timeout, cfg.JWKS.Wait = time.Minute, 100*time.Millisecond })
			a.iss.Hang()
			a.until(t, "an unknown key", a.unknown(t), 503, 401) // its fetch goes on for a minute
			start := time.Now()
			for i := range 20 {
				a.bearer(t, mint(t, a.iss, map[string]any{"n": i})).expect(t, 200)
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("twenty answers took %s", took)
			}
		},
	}, func(t *testing.T, run func(t *testing.T)) { t.Helper(); run(t) })
}

// Two issuers whose keys, subjects and misfortunes are their own.
// ASVS 10.3.3.
func TestIssuersAreApart(t *testing.T) {
	t.Parallel()
	dead := newIssuer(t, "ES256")
	dead.Fail(http.StatusBadGateway)
	a, v := liveOf(t, newIssuer(t, "ES256"), func(cfg *auth.Config) {
		cfg.Issuers[0].Namespace = "one"
		cfg.Issuers = append(cfg.Issuers, auth.Issuer{URL: dead.URL(), Namespace: "two"})
	})
	as := map[string]any{"iss": dead.URL()}
	for _, tc := range []struct {
		name, token string
		status      int
	}{
		{"the living", mint(t, a.iss, nil), 200},
		{"the dead", mint(t, dead, nil), 503},
		{"the living in the name of the dead", mint(t, a.iss, as), 503},
		{"the dead in the name of the living", mint(t, dead, map[string]any{"iss": a.iss.URL()}), 401},
		{"nobody's", mint(t, a.iss, map[string]any{"iss": "https://id.example"}), 401},
	} {
		if got := a.bearer(t, tc.token); got.status != tc.status {
			t.Errorf("%s: %d, not %d", tc.name, got.status, tc.status)
		}
	}
	if v.Ready(t.Context()) == nil {
		t.Error("ready without the keys of one")
	}
	dead.Restore()
	a.until(t, "when it lives again", mint(t, dead, nil), 200, 503)
	a.bearer(t, mint(t, a.iss, as)).expect(t, 401) // in the name of the other, now that both live
	if one, two := a.bearer(t, mint(t, a.iss, nil)), a.bearer(t, mint(t, dead, nil)); one.body != "one:alice" || two.body != "two:alice" {
		t.Errorf("one subject at two issuers is %s and %s", one.body, two.body)
	}
}

// Where the metadata of an issuer may lead.
func TestDiscoveryAttacks(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256") // for its keys
	const oidc, oauth = "/t/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t"
	type answers map[string]string // by path: a body, or a status with what goes with it
	runAll(t, map[string]struct {
		issuer  string // after the host
		answers answers
		status  int
	}{
		"OpenID Connect":               {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"HOST/keys"}`}, 200},
		"RFC 8414":                     {"/t", answers{oauth: `{"issuer":"HOST/t","jwks_uri":"HOST/keys"}`}, 200},
		"an issuer that ends in slash": {"/t/", answers{oidc: `{"issuer":"HOST/t/","jwks_uri":"HOST/keys"}`}, 200},
		"keys at another origin":       {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"OTHER/jwks"}`}, 200},
		"a slash more":                 {"/t", answers{oidc: `{"issuer":"HOST/t/","jwks_uri":"HOST/keys"}`}, 503},
		"a slash less":                 {"/t/", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"HOST/keys"}`}, 503},
		"another issuer":               {"/t", answers{oidc: `{"issuer":"HOST/u","jwks_uri":"HOST/keys"}`}, 503},
		"the issuer in capitals":       {"/t", answers{oidc: `{"issuer":"HOST/T","jwks_uri":"HOST/keys"}`}, 503},
		"no issuer":                    {"/t", answers{oidc: `{"jwks_uri":"HOST/keys"}`}, 503},
		"the issuer twice":             {"/t", answers{oidc: `{"issuer":"HOST/t","issuer":"HOST/t","jwks_uri":"HOST/keys"}`}, 503},
		"the issuer in a list":         {"/t", answers{oidc: `{"issuer":["HOST/t"],"jwks_uri":"HOST/keys"}`}, 503},
		"no keys":                      {"/t", answers{oidc: `{"issuer":"HOST/t"}`}, 503},
		"keys in a file":               {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"file:///etc/passwd"}`}, 503},
		"keys behind credentials":      {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"http://u:p@127.0.0.1/keys"}`}, 503},
		"keys over http elsewhere":     {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"http://192.0.2.1/keys"}`}, 503},
		"keys at a path":               {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"/keys"}`}, 503},
		"keys that are the metadata":   {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"HOST` + oidc + `"}`}, 503},
		"keys that redirect":           {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"HOST/away"}`, "/away": "302"}, 503},
		"metadata that redirects":      {"/t", answers{oidc: "302"}, 503},
		"a server error is no 404":     {"/t", answers{oidc: "500", oauth: `{"issuer":"HOST/t","jwks_uri":"HOST/keys"}`}, 503},
		"nothing anywhere":             {"/t", answers{}, 503},
		"a sign-in page":               {"/t", answers{oidc: "<html>"}, 503},
		"metadata in capitals":         {"/t", answers{oidc: `{"ISSUER":"HOST/t","JWKS_URI":"HOST/keys"}`}, 503},
		"metadata and more text":       {"/t", answers{oidc: `{"issuer":"HOST/t","jwks_uri":"HOST/keys"}{}`}, 503},
	}, func(t *testing.T, tc struct {
		issuer  string
		answers answers
		status  int
	},
	) {
		t.Helper()
		mux := http.NewServeMux()
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		names := strings.NewReplacer("HOST", server.URL, "OTHER", iss.URL())
		mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(iss.JWKS()) })
		for path, answer := range tc.answers {
			mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
				switch answer {
				case "302":
					http.Redirect(w, r, "/keys", http.StatusFound)
				case "500":
					w.WriteHeader(http.StatusInternalServerError)
				default:
					_, _ = w.Write([]byte(names.Replace(answer)))
				}
			})
		}
		name := server.URL + tc.issuer
		a, _ := liveOf(t, iss, func(cfg *auth.Config) { cfg.Issuers[0].URL = name })
		a.bearer(t, mint(t, iss, map[string]any{"iss": name})).expect(t, tc.status)
		if tc.status == 200 { // with or without its slash it is another issuer
			other := strings.TrimSuffix(name, "/")
			if other == name {
				other += "/"
			}
			a.bearer(t, mint(t, iss, map[string]any{"iss": other})).expect(t, 401)
		}
	})
}

// What an issuer says of itself decides, not what it is asked with.
func TestKeyReplacedUnderItsIDOverHTTP(t *testing.T) {
	t.Parallel()
	a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Refresh = time.Second })
	heir := newIssuer(t, "ES256") // its key has the same id
	old, fresh := mint(t, a.iss, nil), mint(t, heir, map[string]any{"iss": a.iss.URL()})
	a.until(t, "the old key", old, 200)
	a.bearer(t, fresh).expect(t, 401)
	a.iss.Serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(heir.JWKS()) })
	a.until(t, "the key that replaced it", fresh, 200, 401)
	a.bearer(t, old).expect(t, 401)
	a.bearer(t, mintWith(t, a.iss, map[string]any{"n": 1}, authtest.Token{})).expect(t, 401)
}
