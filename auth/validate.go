package auth

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// faults collects the mistakes of a Config.
type faults []error

func (f *faults) add(field, reason string) {
	*f = append(*f, &ConfigError{Field: field, Reason: reason})
}

// blank reports whether s is empty or has white space at its ends, which no claim
// of a sane issuer has and every typing mistake does.
func blank(s string) bool { return s == "" || strings.TrimSpace(s) != s }

func (f *faults) names(field string, list []string) {
	for i, s := range list {
		if blank(s) {
			f.add(fmt.Sprintf("%s[%d]", field, i), "is blank or has white space at its ends")
		}
	}
}

func (f *faults) name(field, s string) {
	if blank(s) {
		f.add(field, "is blank or has white space at its ends")
	}
}

// duration replaces zero by standard and refuses what is beyond limit.
func (f *faults) duration(field string, d *time.Duration, standard, limit time.Duration) {
	switch {
	case *d == 0:
		*d = standard
	case *d > limit:
		f.add(field, "is longer than "+limit.String())
	}
}

// positive is duration for what cannot be off.
func (f *faults) positive(field string, d *time.Duration, standard, limit time.Duration) {
	if *d < 0 {
		f.add(field, "is negative")
	}
	f.duration(field, d, standard, limit)
}

// mostKeys is the most that JWKSConfig.MaxKeys can be.
const mostKeys = 1000

// maxRequired keeps what is demanded within the bits of one word.
const maxRequired = 48

// prepare checks cfg, fills in its defaults and makes it independent of what the
// caller goes on holding. It returns the key sources of the issuers whose keys are
// in cfg, nil for the others.
func (cfg *Config) prepare() ([]*source, error) {
	cfg.Issuers, cfg.Audiences, cfg.ClientIDs = slices.Clone(cfg.Issuers), slices.Clone(cfg.Audiences), slices.Clone(cfg.ClientIDs)
	var f faults
	f.issuers(cfg)
	if len(cfg.Audiences) == 0 {
		f.add("Audiences", "is required")
	}
	f.names("Audiences", cfg.Audiences)
	f.names("RequiredClaims", cfg.RequiredClaims)
	f.names("ClientIDs", cfg.ClientIDs)
	f.names("ScopeClaims", cfg.ScopeClaims)
	f.names("ClientClaims", cfg.ClientClaims)
	if len(cfg.RequiredClaims)+len(cfg.RequiredValues) > maxRequired {
		f.add("RequiredClaims", "and RequiredValues are too many")
	}
	for name, values := range cfg.RequiredValues {
		if blank(name) || len(values) == 0 || slices.Contains(values, "") {
			f.add("RequiredValues", "has a blank name or value, or a name without values")
		}
	}
	f.tokens(cfg)
	f.keySets(&cfg.JWKS)
	f.responses(cfg)
	f.proofs(cfg)
	if cfg.Cache.Entries == 0 {
		cfg.Cache.Entries = 10_000
	}
	if cfg.Cache.Entries > 1<<24 {
		f.add("Cache.Entries", "is more than 16 777 216")
	}
	if cfg.TenantClaim != "" {
		f.name("TenantClaim", cfg.TenantClaim)
	}
	f.name("AudienceClaim", cfg.AudienceClaim)
	f.positive("Cache.TTL", &cfg.Cache.TTL, 5*time.Minute, time.Hour)
	static := f.staticKeys(cfg)
	return static, errors.Join(f...)
}

// staticKeys reads the key sets in cfg. What is wrong with the fields it needs has
// been reported, and must not be blamed on the keys.
func (f *faults) staticKeys(cfg *Config) []*source {
	var allowed []*algorithm
	for _, name := range cfg.Algorithms {
		if a := algorithmNamed(name); a != nil {
			allowed = append(allowed, a)
		}
	}
	if len(allowed) < len(cfg.Algorithms) {
		allowed = algorithms
	}
	maxKeys := cfg.JWKS.MaxKeys
	if maxKeys < 1 || maxKeys > mostKeys {
		maxKeys = mostKeys
	}
	static := make([]*source, len(cfg.Issuers))
	for i, iss := range cfg.Issuers {
		if iss.JWKS == nil {
			continue
		}
		keys, err := staticSource(iss.JWKS, maxKeys, allowed)
		if err != nil {
			f.add(fmt.Sprintf("Issuers[%d].JWKS", i), "has no usable key")
		}
		static[i] = keys
	}
	return static
}

func (f *faults) tokens(cfg *Config) {
	if len(cfg.Algorithms) == 0 {
		cfg.Algorithms = defaultAlgorithms
	}
	for i, name := range cfg.Algorithms {
		if algorithmNamed(name) == nil {
			f.add(fmt.Sprintf("Algorithms[%d]", i), "is not an asymmetric signature algorithm known here")
		}
	}
	if len(cfg.Types) == 0 {
		cfg.Types = []string{"", "JWT", "at+jwt"}
	}
	for i, typ := range cfg.Types {
		if strings.TrimSpace(typ) != typ || strings.Contains(typ, ";") {
			f.add(fmt.Sprintf("Types[%d]", i), "has white space or parameters")
		}
	}
	switch cfg.Profile {
	case 0:
	case RFC9068:
		cfg.Types = []string{"at+jwt"}
		cfg.RequiredClaims = append([]string{"client_id", "jti"}, cfg.RequiredClaims...)
	default:
		f.add("Profile", "is unknown")
	}
	if len(cfg.ScopeClaims) == 0 {
		cfg.ScopeClaims = []string{"scope", "scp"}
	}
	if len(cfg.ClientClaims) == 0 {
		cfg.ClientClaims = []string{"client_id", "azp"}
	}
	if cfg.AudienceClaim == "" {
		cfg.AudienceClaim = "aud"
	}
	f.duration("Leeway", &cfg.Leeway, 30*time.Second, 5*time.Minute)
	cfg.Leeway = max(cfg.Leeway, 0)
	f.duration("MaxTokenAge", &cfg.MaxTokenAge, 24*time.Hour, 100*365*24*time.Hour)
	switch {
	case cfg.MaxTokenBytes == 0:
		cfg.MaxTokenBytes = 16 << 10
	case cfg.MaxTokenBytes < 0 || cfg.MaxTokenBytes > 1<<20:
		f.add("MaxTokenBytes", "is negative or more than 1 MiB")
	}
}

func (f *faults) keySets(j *JWKSConfig) {
	f.positive("JWKS.Refresh", &j.Refresh, 10*time.Minute, 24*time.Hour)
	if 0 < j.Refresh && j.Refresh < time.Second {
		f.add("JWKS.Refresh", "is shorter than 1s")
	}
	f.positive("JWKS.Cooldown", &j.Cooldown, 10*time.Second, time.Hour)
	if 0 < j.Cooldown && j.Cooldown < time.Millisecond {
		f.add("JWKS.Cooldown", "is shorter than 1ms")
	}
	f.duration("JWKS.MaxStale", &j.MaxStale, 2*time.Hour, 7*24*time.Hour)
	j.MaxStale = max(j.MaxStale, 0)
	f.positive("JWKS.Timeout", &j.Timeout, 5*time.Second, time.Minute)
	f.positive("JWKS.Wait", &j.Wait, 2*time.Second, time.Minute)
	if j.MaxBytes == 0 {
		j.MaxBytes = 512 << 10
	}
	if j.MaxBytes < 0 || j.MaxBytes > 16<<20 {
		f.add("JWKS.MaxBytes", "is negative or more than 16 MiB")
	}
	if j.MaxKeys == 0 {
		j.MaxKeys = 100
	}
	if j.MaxKeys < 0 || j.MaxKeys > mostKeys {
		f.add("JWKS.MaxKeys", "is negative or more than 1000")
	}
}

func (f *faults) issuers(cfg *Config) {
	if len(cfg.Issuers) == 0 {
		f.add("Issuers", "is required")
	}
	urls, spaces := map[string]bool{}, map[string]bool{}
	for i, iss := range cfg.Issuers {
		field := fmt.Sprintf("Issuers[%d].", i)
		f.issuer(field, iss, &cfg.JWKS)
		if urls[iss.URL] {
			f.add(field+"URL", "is listed twice")
		}
		urls[iss.URL] = true
		if len(cfg.Issuers) > 1 && (iss.Namespace == "" || spaces[iss.Namespace]) {
			f.add(field+"Namespace", "is required and must differ with several issuers")
		}
		spaces[iss.Namespace] = true
	}
}

func (f *faults) issuer(field string, iss Issuer, j *JWKSConfig) {
	if reason := urlFault(iss.URL, j.InsecureAllowLoopback); reason != "" {
		f.add(field+"URL", reason)
	} else if strings.ContainsAny(iss.URL, "?#") {
		f.add(field+"URL", "has a query or a fragment")
	}
	if iss.JWKSURL != "" {
		if reason := urlFault(iss.JWKSURL, j.InsecureAllowLoopback); reason != "" {
			f.add(field+"JWKSURL", reason)
		}
		if iss.JWKS != nil {
			f.add(field+"JWKS", "and JWKSURL are both set")
		}
	}
	if strings.Contains(iss.Namespace, ":") || strings.TrimSpace(iss.Namespace) != iss.Namespace {
		f.add(field+"Namespace", "has a colon or white space at its ends")
	}
	f.names(field+"Audiences", iss.Audiences)
}

func (f *faults) responses(cfg *Config) {
	for _, r := range cfg.Realm {
		if r < 0x20 || r > 0x7e {
			f.add("Realm", "has characters outside printable ASCII")
			break
		}
	}
	if cfg.Resource != "" {
		if reason := urlFault(cfg.Resource, cfg.JWKS.InsecureAllowLoopback); reason != "" {
			f.add("Resource", reason)
		} else if strings.Contains(cfg.Resource, "#") {
			f.add("Resource", "has a fragment")
		}
	}
}

// urlFault says what is wrong with an absolute https URL; "" when nothing is.
func urlFault(raw string, loopback bool) string {
	if blank(raw) {
		return "is blank or has white space at its ends"
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.Hostname() == "" || u.Opaque != "" {
		return "is not an absolute URL"
	}
	if u.User != nil {
		return "holds credentials"
	}
	switch {
	case u.Scheme == "https":
		return ""
	case u.Scheme == "http" && loopback && isLoopback(u.Host):
		return ""
	default:
		return "must be https"
	}
}

// isLoopback reports whether host, with or without a port, is this machine.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}
