package auth

import (
	"errors"
	"slices"
	"strings"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

// errStop ends decoding once a fault is noted.
var errStop = errors.New("stopped")

// field is what a verifier wants of one claim.
type field struct {
	kind     kind
	required uint64   // bit in claims.seen, 0 when nobody asks
	values   []string // accepted values, nil for any
	scope    bool
	tenant   bool
	audience bool
	client   int // rank among the claims that name the application, 0 for none
}

type kind uint8

const (
	other kind = iota
	kindIss
	kindSub
	kindExp
	kindIat
	kindNbf
	kindJti
	kindAuthTime
	kindAcr
	kindCnf
)

// fieldsOf plans the reading of claims as cfg wants them.
func fieldsOf(cfg *Config) (fields map[string]*field, required uint64) {
	fields = map[string]*field{
		"iss": {kind: kindIss}, "sub": {kind: kindSub}, "exp": {kind: kindExp}, "iat": {kind: kindIat},
		"nbf": {kind: kindNbf}, "jti": {kind: kindJti}, "auth_time": {kind: kindAuthTime}, "acr": {kind: kindAcr},
		"cnf": {kind: kindCnf},
	}
	get := func(name string) *field {
		if fields[name] == nil {
			fields[name] = &field{}
		}
		return fields[name]
	}
	bit := uint64(1)
	require := func(name string) *field {
		f := get(name)
		if f.required == 0 {
			f.required = bit
			required |= bit
			bit <<= 1
		}
		return f
	}
	for _, name := range []string{"iss", "sub", "exp", "iat"} {
		require(name)
	}
	require(cfg.AudienceClaim).audience = true
	for _, name := range cfg.RequiredClaims {
		require(name)
	}
	for name, values := range cfg.RequiredValues {
		require(name).values = slices.Clone(values)
	}
	if cfg.TenantClaim != "" {
		require(cfg.TenantClaim).tenant = true
	}
	for _, name := range cfg.ScopeClaims {
		get(name).scope = true
	}
	for i, name := range cfg.ClientClaims {
		get(name).client = len(cfg.ClientClaims) - i
	}
	return fields, required
}

// claims are those of a token that a verifier judges.
type claims struct {
	text   string
	fields map[string]*field
	fault  Reason
	seen   uint64

	iss, sub, jti, client, tenant, acr string
	aud, scopes                        []string
	exp, iat, nbf, authTime            int64 // microseconds since the epoch
	cnf                                string
	clientRank                         int
}

// parse reads the claims set that c.text is.
func (c *claims) parse(payload []byte) Reason {
	if err := jsonv2.Unmarshal(payload, c); err != nil {
		if c.fault != "" {
			return c.fault
		}
		return reasonMalformed
	}
	return ""
}

// UnmarshalJSONFrom reads the object member by member.
func (c *claims) UnmarshalJSONFrom(dec *jsonv2.Decoder) error {
	reason, err := members(dec, c.text, c.member)
	c.fault = reason
	if err == nil && reason != "" {
		return errStop
	}
	return err
}

func (c *claims) member(name, value string) Reason {
	f := c.fields[name]
	if f == nil {
		return ""
	}
	if value != "null" && value != `""` && value != "[]" { // what says nothing is not there
		c.seen |= f.required
	}
	if f.values != nil {
		if s, ok := str(value); !ok || !slices.Contains(f.values, s) {
			return reasonClaimValue
		}
	}
	if f.tenant {
		if c.tenant, _ = str(value); !isName(c.tenant) {
			return reasonClaims
		}
	}
	if f.scope {
		c.addScopes(value)
	}
	ok := true
	if f.audience {
		c.aud, ok = oneOrMore(value)
	}
	if f.client > 0 && ok {
		ok = c.setClient(f.client, value)
	}
	if !ok || !c.standard(f.kind, value) {
		return reasonClaims
	}
	return ""
}

// standard reads a registered claim and reports whether it has the right type.
// A claim that is null, of the wrong type or out of range is a fault even where
// its absence is none.
func (c *claims) standard(k kind, value string) (ok bool) {
	switch k {
	case kindIss:
		c.iss, ok = str(value)
	case kindSub:
		c.sub, ok = str(value)
		ok = ok && isName(c.sub)
	case kindJti:
		c.jti, ok = str(value)
	case kindExp:
		c.exp, ok = date(value)
	case kindIat:
		c.iat, ok = date(value)
	case kindNbf:
		c.nbf, ok = date(value)
	case kindAuthTime:
		c.authTime, ok = date(value)
	case kindAcr:
		c.acr, ok = str(value)
	case kindCnf:
		c.cnf, ok = value, true
	default:
		ok = true
	}
	return ok
}

// isName reports whether s can be a subject or a tenant: not empty, at most 255
// bytes (OpenID Connect Core, section 2), and without control characters, which no
// issuer means and which break lines in logs and cut keys short.
func isName(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// setClient keeps the claim of the highest rank among those that name the
// application.
func (c *claims) setClient(rank int, value string) bool {
	s, ok := str(value)
	if rank > c.clientRank {
		c.client, c.clientRank = s, rank
	}
	return ok
}

// oneOrMore reads a string or an array of strings, none of them empty.
func oneOrMore(value string) ([]string, bool) {
	list := make([]string, 0, 1)
	if s, ok := str(value); ok {
		return append(list, s), s != ""
	}
	list, ok := strs(list, value)
	for _, s := range list {
		ok = ok && s != ""
	}
	return list, ok && len(list) > 0
}

// addScopes reads a space-separated string (RFC 6749 section 3.3) or an array.
// Anything else grants nothing.
func (c *claims) addScopes(value string) {
	if s, ok := str(value); ok {
		for scope := range strings.SplitSeq(s, " ") {
			if scope != "" {
				c.scopes = append(c.scopes, scope)
			}
		}
		return
	}
	if list, ok := strs(nil, value); ok {
		for _, scope := range list {
			if scope != "" {
				c.scopes = append(c.scopes, scope)
			}
		}
	}
}
