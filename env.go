package ginsec

import (
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/replay"
)

// exampleLine is what a newcomer copies.
const exampleLine = `for example: GINSEC_ISSUER=https://id.example GINSEC_AUDIENCE=my-api`

// Default returns the middleware of a suite configured by the environment (see
// [FromEnv]), for the life of the process. It panics when the environment lacks
// something or holds a mistake, with one message that names every such variable:
// an API must not come up without its guard.
func Default() gin.HandlerFunc {
	cfg, err := FromEnv()
	if err != nil {
		panic("ginsec.Default: " + err.Error() + "\n" + exampleLine)
	}
	s, err := New(cfg)
	if err != nil {
		panic("ginsec.Default: " + err.Error() + "\n" + exampleLine)
	}
	return s.Middleware()
}

// FromEnv reads a [Config] from the environment:
//
//	GINSEC_ISSUER           required: the issuer's URL, exactly as in the tokens' iss
//	GINSEC_AUDIENCE         required: the audiences of this API, comma-separated
//	GINSEC_JWKS_URL         the key set; discovered from the issuer by default
//	GINSEC_TENANT_CLAIM     the claim that holds the tenant; none by default
//	GINSEC_REDIS_URL        redis://…, shared by all replicas; none by default
//	GINSEC_PREFIX           begins every key in Redis; "ginsec:" by default
//	GINSEC_TRUSTED_PROXIES  networks of the reverse proxies, comma-separated; none by default
//	GINSEC_LIMITS           rules such as "1200/1m by ip, 600/1m by user" (the default), or "off"
//	GINSEC_REPLAY           local, redis or redisbloom; redis when there is one, else local
//	GINSEC_PUBLIC           "GET /healthz, POST /login": what needs no token; nothing by default
//
// Every variable has a variant with the suffix _FILE that names a file to read it
// from, for mounted secrets. Mistakes are reported together as [ConfigError]
// values that never hold a variable's value. FromEnv connects to Redis, and to
// nothing else.
func FromEnv() (Config, error) {
	e := &environment{}
	cfg := Config{
		Auth: auth.Config{
			Issuers:     []auth.Issuer{{URL: e.https("GINSEC_ISSUER", true), JWKSURL: e.https("GINSEC_JWKS_URL", false)}},
			Audiences:   e.list("GINSEC_AUDIENCE", true),
			TenantClaim: e.get("GINSEC_TENANT_CLAIM"),
		},
		Limits:         e.limits(),
		TrustedProxies: e.prefixes("GINSEC_TRUSTED_PROXIES"),
		Public:         e.list("GINSEC_PUBLIC", false),
		Prefix:         e.get("GINSEC_PREFIX"),
	}
	if _, err := publicRoutes(cfg.Public); err != nil {
		e.wrong("GINSEC_PUBLIC", `must list methods and route patterns such as "GET /healthz"`)
	}
	e.redis(&cfg)
	if len(e.errs) > 0 {
		return Config{}, errors.Join(e.errs...)
	}
	return cfg, nil
}

// environment reads variables and collects what is wrong with them.
type environment struct{ errs []error }

func (e *environment) wrong(name, reason string) {
	e.errs = append(e.errs, &ConfigError{name, reason})
}

// get returns a variable, or the contents of the file that name_FILE names.
func (e *environment) get(name string) string {
	value, file := os.Getenv(name), os.Getenv(name+"_FILE")
	if file == "" {
		return strings.TrimSpace(value)
	}
	if value != "" {
		e.wrong(name, "and "+name+"_FILE are both set")
		return ""
	}
	text, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		e.wrong(name+"_FILE", "names a file that cannot be read")
		return ""
	}
	if value = strings.TrimSpace(string(text)); value == "" {
		e.wrong(name+"_FILE", "names an empty file")
	}
	return value
}

// https returns a variable that holds an https URL. What a URL may further be is
// for package auth to say; that it is one at all is said here, with the rest.
func (e *environment) https(name string, required bool) string {
	before := len(e.errs)
	value := e.get(name)
	switch u, err := url.Parse(value); {
	case len(e.errs) > before:
	case value == "" && required:
		e.wrong(name, "is not set")
	case value != "" && (err != nil || u.Scheme != "https" || u.Host == ""):
		e.wrong(name, "is not an https URL")
	}
	return value
}

// list returns a variable split at commas. One that is set must hold something.
func (e *environment) list(name string, required bool) []string {
	before := len(e.errs)
	value := e.get(name)
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	switch {
	case len(e.errs) > before || len(items) > 0:
	case value != "":
		e.wrong(name, "lists nothing")
	case required:
		e.wrong(name, "is not set")
	}
	return items
}

func (e *environment) limits() Limits {
	const name = "GINSEC_LIMITS"
	rules := e.list(name, false)
	if len(rules) == 1 && rules[0] == "off" {
		return Limits{Off: true}
	}
	var l Limits
	for _, rule := range rules {
		p, err := ratelimit.ParsePolicy(rule)
		if err != nil {
			e.wrong(name, `must be "off" or rules such as "600/1m by user"`)
			return l
		}
		l.Policies = append(l.Policies, p)
	}
	if len(l.Policies) > 0 && l.Policies[0].Check(l.Policies[1:]...) != nil {
		e.wrong(name, "has two rules of one name, or more than 8")
	}
	return l
}

func (e *environment) prefixes(name string) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, item := range e.list(name, false) {
		p, err := netip.ParsePrefix(item)
		if err != nil {
			if a, errAddr := netip.ParseAddr(item); errAddr == nil {
				p, err = a.Prefix(a.BitLen())
			}
		}
		if err != nil {
			e.wrong(name, "must list networks such as 10.0.0.0/8")
			break
		}
		prefixes = append(prefixes, p)
	}
	return prefixes
}

// redis connects, once everything else is right, and chooses the replay store.
func (e *environment) redis(cfg *Config) {
	address, kind := e.get("GINSEC_REDIS_URL"), e.get("GINSEC_REPLAY")
	switch kind {
	case "", "local", "redis", "redisbloom":
	default:
		e.wrong("GINSEC_REPLAY", "must be local, redis or redisbloom")
	}
	if address == "" && strings.HasPrefix(kind, "redis") {
		e.wrong("GINSEC_REPLAY", "needs GINSEC_REDIS_URL")
	}
	option, err := redisOption(address)
	if err != nil {
		e.wrong("GINSEC_REDIS_URL", "is not a Redis URL such as redis://host:6379/0")
	}
	if len(e.errs) > 0 {
		return
	}
	if address != "" {
		if cfg.Redis, err = rueidis.NewClient(option); err != nil {
			e.wrong("GINSEC_REDIS_URL", "names a Redis that does not answer")
			return
		}
		cfg.owned = cfg.Redis
	}
	e.replayStore(cfg, kind)
}

func redisOption(address string) (rueidis.ClientOption, error) {
	if address == "" {
		return rueidis.ClientOption{}, nil
	}
	option, err := rueidis.ParseURL(address)
	option.DisableCache = true // nothing is read twice
	return option, err
}

func (e *environment) replayStore(cfg *Config, kind string) {
	var err error
	switch kind {
	case "local":
		cfg.Replay.Store, err = replay.Local(replay.LocalConfig{})
	case "redisbloom":
		bloom := replay.RedisConfig{}
		if cfg.Prefix != "" {
			bloom.Prefix = cfg.Prefix + "rb:"
		}
		cfg.Replay.Store, err = replay.RedisBloom(cfg.Redis, bloom)
	}
	if err == nil {
		return
	}
	e.wrong("GINSEC_REPLAY", "names a store that cannot be made")
	if cfg.Redis != nil {
		cfg.Redis.Close()
	}
}
