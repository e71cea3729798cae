package ginsec_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/ginsectest"
	"github.com/ginsec/ginsec/internal/testserver"
	"github.com/ginsec/ginsec/replay"
)

// variables are all that FromEnv reads.
var variables = []string{
	"GINSEC_ISSUER", "GINSEC_AUDIENCE", "GINSEC_JWKS_URL", "GINSEC_TENANT_CLAIM", "GINSEC_REDIS_URL", "GINSEC_PREFIX",
	"GINSEC_TRUSTED_PROXIES", "GINSEC_LIMITS", "GINSEC_REPLAY", "GINSEC_PUBLIC",
}

// setenv leaves exactly the given variables set.
func setenv(t *testing.T, env map[string]string) {
	t.Helper()
	for _, name := range variables {
		t.Setenv(name, "")
		t.Setenv(name+"_FILE", "")
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
}

func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text, _ = v.(string)
		}
	}()
	f()
	return ""
}

func TestDefaultWithNothingSetNamesWhatIsMissing(t *testing.T) { //nolint:paralleltest // sets the environment
	setenv(t, nil)
	text := panicOf(func() { ginsec.Default() })
	for _, part := range []string{"GINSEC_ISSUER is not set", "GINSEC_AUDIENCE is not set", "GINSEC_ISSUER=https://id.example GINSEC_AUDIENCE=my-api"} {
		if !strings.Contains(text, part) {
			t.Errorf("the panic does not say %q: %s", part, text)
		}
	}
}

func TestFromEnvNamesEveryMistakeAndNoValue(t *testing.T) {
	const secret = "hunter2"
	missing := filepath.Join(t.TempDir(), secret)
	good := map[string]string{"GINSEC_ISSUER": "https://id.example", "GINSEC_AUDIENCE": "api"}
	for _, tc := range []struct {
		name  string
		env   map[string]string
		wrong []string // variables named
	}{
		{"the two that are required suffice", nil, nil},
		{"everything set rightly", map[string]string{
			"GINSEC_TRUSTED_PROXIES": "10.0.0.0/8, 2001:db8::/32,192.0.2.1", "GINSEC_LIMITS": "10/1s by ip, 600/1m by user",
			"GINSEC_REPLAY": "local", "GINSEC_PUBLIC": "GET /healthz,POST /login",
		}, nil},
		{"limits off", map[string]string{"GINSEC_LIMITS": "off"}, nil},
		{"a limit that is none", map[string]string{"GINSEC_LIMITS": secret}, []string{"GINSEC_LIMITS"}},
		{"a proxy that is none", map[string]string{"GINSEC_TRUSTED_PROXIES": secret}, []string{"GINSEC_TRUSTED_PROXIES"}},
		{"a store that is none", map[string]string{"GINSEC_REPLAY": secret}, []string{"GINSEC_REPLAY"}},
		{"Redis replay without Redis", map[string]string{"GINSEC_REPLAY": "redis"}, []string{"GINSEC_REPLAY"}},
		{"a route that is none", map[string]string{"GINSEC_PUBLIC": secret}, []string{"GINSEC_PUBLIC"}},
		{"a Redis URL that is none", map[string]string{"GINSEC_REDIS_URL": "http://" + secret}, []string{"GINSEC_REDIS_URL"}},
		{"a Redis that is not there", map[string]string{"GINSEC_REDIS_URL": "redis://:" + secret + "@127.0.0.1:1"}, []string{"GINSEC_REDIS_URL"}},
		{"an issuer without TLS", map[string]string{"GINSEC_ISSUER": "http://" + secret + ".example"}, []string{"GINSEC_ISSUER"}},
		{"a key set without TLS", map[string]string{"GINSEC_JWKS_URL": "ftp://" + secret}, []string{"GINSEC_JWKS_URL"}},
		{"an audience of commas", map[string]string{"GINSEC_AUDIENCE": ", ,"}, []string{"GINSEC_AUDIENCE"}},
		{"limits of commas", map[string]string{"GINSEC_LIMITS": ","}, []string{"GINSEC_LIMITS"}},
		{"two limits of one name", map[string]string{"GINSEC_LIMITS": "a: 1/1m by ip, a: 2/1m by user"}, []string{"GINSEC_LIMITS"}},
		{"an empty file", map[string]string{"GINSEC_REDIS_URL_FILE": os.DevNull}, []string{"GINSEC_REDIS_URL_FILE"}},
		{"a file that is not there", map[string]string{"GINSEC_REDIS_URL_FILE": missing}, []string{"GINSEC_REDIS_URL_FILE"}},
		{"a value and a file", map[string]string{"GINSEC_AUDIENCE_FILE": missing}, []string{"GINSEC_AUDIENCE"}},
		{
			"several mistakes",
			map[string]string{"GINSEC_ISSUER": "", "GINSEC_LIMITS": secret, "GINSEC_REPLAY": secret},
			[]string{"GINSEC_ISSUER", "GINSEC_LIMITS", "GINSEC_REPLAY"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, good)
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			_, err := ginsec.FromEnv()
			if (err != nil) != (tc.wrong != nil) {
				t.Fatalf("got %v", err)
			}
			for _, name := range tc.wrong {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%v does not name %s", err, name)
				}
			}
			if err != nil && strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows a value: %v", err)
			}
		})
	}
}

func TestDefaultGuardsAnEngine(t *testing.T) { //nolint:paralleltest // sets the environment
	setenv(t, map[string]string{"GINSEC_ISSUER": "https://127.0.0.1:1", "GINSEC_AUDIENCE": "api", "GINSEC_PUBLIC": "GET /healthz"})
	r := gin.New()
	r.Use(ginsec.Default())
	r.GET("/healthz", ok)
	r.GET("/private", ok)
	wantStatus(t, "a public route", ginsectest.Do(r, http.MethodGet, "/healthz", "", ""), http.StatusNoContent)
	wantStatus(t, "a private route", ginsectest.Do(r, http.MethodGet, "/private", "", ""), http.StatusUnauthorized)
}

func TestARealRedisFromAFileIsUsedAndClosed(t *testing.T) { //nolint:paralleltest // sets the environment
	server := testserver.Redis(t)
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("redis://"+server.Addr+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	iss := issuer(t)
	setenv(t, map[string]string{"GINSEC_ISSUER": "https://id.example", "GINSEC_AUDIENCE": "api", "GINSEC_REDIS_URL_FILE": file})
	cfg, err := ginsec.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Auth = configFor(iss).Auth // an issuer that is there
	cfg.Limits.Timeout = 2 * time.Second
	s := newSuite(t, cfg)
	if err := s.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := gin.New()
	r.Use(s.Middleware())
	r.POST("/pay", ginsec.Once(), ok)
	token := mint(t, iss, nil)
	wantStatus(t, "the first use", ginsectest.Do(r, http.MethodPost, "/pay", token, ""), http.StatusNoContent)
	wantStatus(t, "the second use", ginsectest.Do(r, http.MethodPost, "/pay", token, ""), http.StatusUnauthorized)
	if keys := server.Do("DBSIZE"); keys == ":0\r\n" {
		t.Error("nothing is kept in Redis")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		if strings.Count(server.Do("CLIENT", "LIST"), " laddr=") <= 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the suite's connection is still open after Close")
		}
	}
}

func TestFromEnvBringsEveryValueIntoTheConfig(t *testing.T) {
	server := testserver.Redis(t)
	setenv(t, map[string]string{
		"GINSEC_ISSUER": "https://id.example", "GINSEC_AUDIENCE": "one, two", "GINSEC_JWKS_URL": "https://id.example/keys",
		"GINSEC_TENANT_CLAIM": "org", "GINSEC_REDIS_URL": "redis://" + server.Addr, "GINSEC_PREFIX": "svc:",
		"GINSEC_TRUSTED_PROXIES": "10.0.0.1,2001:db8::/32", "GINSEC_LIMITS": "7/1m by ip, login: 8/1h by user",
		"GINSEC_REPLAY": "redisbloom", "GINSEC_PUBLIC": "GET /healthz, POST /login",
	})
	cfg, err := ginsec.FromEnv()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cfg.Redis.Close)
	got := fmt.Sprint(cfg.Auth.Issuers[0].URL, cfg.Auth.Issuers[0].JWKSURL, cfg.Auth.Audiences, cfg.Auth.TenantClaim,
		cfg.Prefix, cfg.TrustedProxies, cfg.Public, len(cfg.Limits.Policies), cfg.Limits.Policies[0].Limit, cfg.Limits.Policies[1].Name)
	want := "https://id.example https://id.example/keys [one two] org svc: [10.0.0.1/32 2001:db8::/32] [GET /healthz POST /login] 2 7 login"
	if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(want, " ", "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// This server has no Bloom filters: the choice must be one that says so.
	guard, err := replay.New(replay.Config{Store: cfg.Replay.Store})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guard.Close() })
	err = guard.Consume(t.Context(), replay.Token{ID: "1", NotAfter: time.Now().Add(time.Minute)})
	if !errors.Is(err, replay.ErrNoBloom) {
		t.Errorf("redisbloom on a Redis without the module: %v", err)
	}
	t.Setenv("GINSEC_LIMITS", "off")
	t.Setenv("GINSEC_REDIS_URL", "")
	t.Setenv("GINSEC_REPLAY", "")
	if cfg, err = ginsec.FromEnv(); err != nil || !cfg.Limits.Off {
		t.Errorf("limits off: %+v, %v", cfg.Limits, err)
	}
}
