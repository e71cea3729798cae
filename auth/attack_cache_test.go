package auth_test

import (
	"bytes"
	"context"
	"crypto/elliptic"
	"encoding/base64"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/identity"
)

// A good token is remembered; nothing that merely looks like it may profit.
func TestLookAlikesOfARememberedToken(t *testing.T) {
	t.Parallel()
	a, _ := newLive(t, nil)
	stranger := newIssuer(t, "ES256")
	good := mint(t, a.iss, map[string]any{"pad": "x"})
	parts := strings.Split(good, ".")
	other := strings.Split(mint(t, a.iss, map[string]any{"sub": "bob"}), ".")
	a.bearer(t, good).expect(t, 200)
	raw := func(s string) []byte {
		b, err := base64.RawURLEncoding.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	twin := raw(parts[2])
	new(big.Int).Sub(elliptic.P256().Params().N, new(big.Int).SetBytes(twin[32:])).FillBytes(twin[32:])
	flipped := raw(parts[2])
	flipped[10] ^= 1
	runAll(t, map[string]struct {
		token  string
		status int
	}{
		"the token itself":                {good, 200},
		"the twin of its signature":       {parts[0] + "." + parts[1] + "." + b64(twin), 200}, // the same token, verified anew
		"another signature":               {parts[0] + "." + parts[1] + "." + other[2], 401},
		"one bit of the signature":        {parts[0] + "." + parts[1] + "." + b64(flipped), 401},
		"a signature of zeros":            {parts[0] + "." + parts[1] + "." + b64(make([]byte, 64)), 401},
		"a signature of the order":        {parts[0] + "." + parts[1] + "." + b64(append(elliptic.P256().Params().N.Bytes(), elliptic.P256().Params().N.Bytes()...)), 401},
		"s beyond the order":              {parts[0] + "." + parts[1] + "." + b64(append(raw(parts[2])[:32:32], bytes.Repeat([]byte{0xff}, 32)...)), 401},
		"a signature in DER":              {parts[0] + "." + parts[1] + "." + b64(append([]byte{0x30, 0x44, 2, 32}, raw(parts[2])...)), 401},
		"a signature with a zero before":  {parts[0] + "." + parts[1] + "." + b64(append([]byte{0}, raw(parts[2])...)), 401},
		"no signature":                    {parts[0] + "." + parts[1] + ".", 401},
		"another payload":                 {parts[0] + "." + other[1] + "." + parts[2], 401},
		"another header":                  {b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + "." + parts[2], 401},
		"its header with a space":         {b64(append(raw(parts[0]), ' ')) + "." + parts[1] + "." + parts[2], 401},
		"its payload with a space":        {parts[0] + "." + b64(append(raw(parts[1]), ' ')) + "." + parts[2], 401},
		"padding":                         {good + "=", 401},
		"tail bits":                       {good[:len(good)-1] + tailOf(good), 401},
		"one character less":              {good[:len(good)-1], 401},
		"one character more":              {good + "A", 401},
		"another dot":                     {good + ".", 401},
		"another letter case":             {strings.ToUpper(good[:1]) + strings.ToLower(good[1:]), 401},
		"the payload alone":               {"e30." + parts[1] + "." + parts[2], 401},
		"the same claims of a stranger":   {mint(t, stranger, map[string]any{"iss": a.iss.URL(), "pad": "x"}), 401},
		"the same claims for another API": {mint(t, a.iss, map[string]any{"aud": "other", "pad": "x"}), 401},
	}, func(t *testing.T, tc struct {
		token  string
		status int
	},
	) {
		t.Helper()
		for range 2 {
			a.bearer(t, tc.token).expect(t, tc.status)
		}
		a.bearer(t, good).expect(t, 200)
	})
}

// in is the NumericDate of then, to the millisecond.
func in(d time.Duration) float64 { return float64(time.Now().Add(d).UnixMilli()) / 1000 }

// tailOf is the last character of s with tail bits set, which decodes to the same.
func tailOf(s string) string {
	const order = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(order[strings.IndexByte(order, s[len(s)-1])+1])
}

// Who a remembered token is, until when, and what is asked on every use.
func TestCacheAttacks(t *testing.T) {
	t.Parallel()
	runAll(t, cacheCases, func(t *testing.T, run func(t *testing.T)) { t.Helper(); run(t) })
}

var cacheCases = map[string]func(t *testing.T){
	"a refusal is not remembered: not valid yet": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Leeway = -1 })
		token := a.early(t, 401, func(span time.Duration) string {
			return mint(t, a.iss, map[string]any{"nbf": in(span)})
		})
		a.until(t, "when it is", token, 200, 401)
	},
	"a refusal is not remembered: an unknown key": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.JWKS.Cooldown = 200 * time.Millisecond })
		token := a.early(t, 401, func(time.Duration) string { return a.rotate(t) })
		a.until(t, "when it is known", token, 200, 401)
	},
	"a remembered token expires": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Leeway = -1 })
		token := a.early(t, 200, func(span time.Duration) string {
			return mint(t, a.iss, map[string]any{"exp": in(span)})
		})
		a.until(t, "after", token, 401, 200)
	},
	"a remembered token becomes too old": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Leeway, cfg.MaxTokenAge = -1, time.Minute })
		token := a.early(t, 200, func(span time.Duration) string {
			return mint(t, a.iss, map[string]any{"iat": in(span - time.Minute)})
		})
		a.until(t, "after", token, 401, 200)
	},
	"a remembered token needs no endpoint": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		token := mint(t, a.iss, nil)
		a.bearer(t, token).expect(t, 200)
		_ = a.iss.Close()
		a.bearer(t, token).expect(t, 200)
	},
	"a lifetime of nothing": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Cache.TTL = 1 })
		for range 3 {
			a.bearer(t, mint(t, a.iss, nil)).expect(t, 200)
		}
	},
	"nothing remembered": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Cache.Entries = -1 })
		old := a.iss.KeyID()
		token := mint(t, a.iss, nil)
		a.bearer(t, token).expect(t, 200)
		fresh := a.rotate(t)
		a.iss.Remove(old)
		a.until(t, "the new key", fresh, 200, 401)
		a.bearer(t, token).expect(t, 401)
	},
	"a long token, never remembered, ends with its key too": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		old := a.iss.KeyID()
		token := mint(t, a.iss, map[string]any{"pad": strings.Repeat("x", 6000)})
		a.bearer(t, token).expect(t, 200)
		fresh := a.rotate(t)
		a.iss.Remove(old)
		a.until(t, "the new key", fresh, 200, 401)
		a.bearer(t, token).expect(t, 401)
	},
	"two hundred subjects in room for one": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, func(cfg *auth.Config) { cfg.Cache.Entries = 1 })
		for i := range 200 {
			name := fmt.Sprint("user-", i%20)
			if got := a.bearer(t, mint(t, a.iss, map[string]any{"sub": name})); got.status != 200 || got.body != name {
				t.Fatalf("%s: %d %s", name, got.status, got.body)
			}
		}
	},
	"many clients, each with its own token": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		var wg sync.WaitGroup
		for i := range 16 {
			name := fmt.Sprint("user-", i)
			token := mint(t, a.iss, map[string]any{"sub": name})
			wg.Go(func() {
				for range 10 {
					if w := overHTTP(t, a.server.Client(), a.server.URL, request(token)); w.Code != 200 || w.Body.String() != name {
						t.Errorf("%s: %d %s", name, w.Code, w.Body)
					}
				}
			})
		}
		wg.Wait()
	},
	"many clients with one token": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		token := mint(t, a.iss, nil)
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				if w := overHTTP(t, a.server.Client(), a.server.URL, request(token)); w.Code != 200 || w.Body.String() != "alice" {
					t.Errorf("%d %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
	},
	"a revoked token that is remembered": func(t *testing.T) {
		t.Helper()
		var verdict atomic.Int32
		a, _ := newLive(t, func(cfg *auth.Config) {
			cfg.Revoked = func(context.Context, *identity.Principal) (bool, error) {
				if verdict.Load() == 2 {
					return false, downError{}
				}
				return verdict.Load() == 1, nil
			}
		})
		token := mint(t, a.iss, nil)
		for _, tc := range []struct {
			verdict int32
			status  int
		}{{0, 200}, {1, 401}, {0, 200}, {2, 503}, {1, 401}, {0, 200}} {
			verdict.Store(tc.verdict)
			a.bearer(t, token).expect(t, tc.status)
		}
	},
	"a removed key ends its tokens under load": func(t *testing.T) {
		t.Helper()
		a, _ := newLive(t, nil)
		old := a.iss.KeyID()
		token := mint(t, a.iss, nil)
		a.bearer(t, token).expect(t, 200)
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		for range 4 { // somebody keeps the entry warm all the time
			wg.Go(func() {
				for ctx.Err() == nil {
					overHTTP(t, a.server.Client(), a.server.URL, request(token))
				}
			})
		}
		fresh := a.rotate(t)
		a.iss.Remove(old)
		a.until(t, "the new key", fresh, 200, 401)
		a.bearer(t, token).expect(t, 401)
		stop()
		wg.Wait()
		a.bearer(t, token).expect(t, 401)
	},
}

// What one verifier remembers says nothing to another, and a guard asks each time.
func TestRememberedTokensBehindGuards(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	strict := configFor(iss)
	strict.RequiredClaims = []string{"role"}
	elsewhere := configFor(iss)
	elsewhere.Audiences = []string{"billing"}
	v, second, third := newVerifier(t, configFor(iss)), newVerifier(t, strict), newVerifier(t, elsewhere)
	r := gin.New()
	ok := func(c *gin.Context) { c.Status(http.StatusNoContent) }
	r.GET("/plain", v.Middleware(), ok)
	r.GET("/strict", second.Middleware(), ok)
	r.GET("/billing", third.Middleware(), ok)
	r.GET("/admin", v.Middleware(), auth.RequireScope("admin"), ok)
	r.GET("/audience", v.Middleware(auth.Audience("admin")), ok)
	r.GET("/step", v.Middleware(), auth.StepUp(time.Minute), ok)
	r.GET("/optional", v.Middleware(auth.Optional()), ok)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	plain := mint(t, iss, nil)
	full := mint(t, iss, map[string]any{"role": "x", "scope": "admin", "aud": []string{"api", "admin", "billing"}, "auth_time": time.Now().Unix()})
	for _, tc := range []struct {
		path        string
		plain, full int
	}{
		{"/plain", 204, 204},
		{"/strict", 401, 204},
		{"/billing", 401, 204},
		{"/admin", 403, 204},
		{"/audience", 401, 204},
		{"/step", 401, 204},
		{"/optional", 204, 204},
	} {
		t.Run(tc.path, func(t *testing.T) {
			t.Parallel()
			for token, status := range map[string]int{plain: tc.plain, full: tc.full} {
				for range 2 {
					req := request(token)
					req.URL.Path = tc.path
					if w := overHTTP(t, server.Client(), server.URL, req); w.Code != status {
						t.Errorf("%d, not %d", w.Code, status)
					}
				}
			}
		})
	}
	t.Run("/optional with a forged one", func(t *testing.T) {
		t.Parallel()
		req := request(mintWith(t, newIssuer(t, "ES256"), map[string]any{"iss": iss.URL()}, authtest.Token{}))
		req.URL.Path = "/optional"
		if w := overHTTP(t, server.Client(), server.URL, req); w.Code != 401 {
			t.Errorf("%d", w.Code)
		}
	})
}
