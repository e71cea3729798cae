package auth

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
)

// Config says which tokens are good. Issuers and Audiences are required; the zero
// value of every other field is the secure default. It is read once, by [New].
type Config struct {
	_ [0]func()

	// Issuers are those whose tokens are accepted, each only with its own keys.
	Issuers []Issuer

	// Audiences are the names of this API: a token must be meant for one of them,
	// compared byte by byte.
	Audiences []string

	// Algorithms are the accepted signature algorithms. The default is RS256, PS256,
	// ES256, EdDSA and Ed25519. RS384, RS512, PS384, PS512, ES384 and ES512 can be
	// named. HS256 and its kin, none and ES256K are errors: a secret shared with the
	// issuer lets every verifier mint tokens.
	Algorithms []string

	// Types are the accepted values of the header's typ, without regard to case or
	// to a leading "application/". "" stands for a token without one. The default
	// is "", "JWT" and "at+jwt".
	Types []string

	// RequiredClaims must be present besides iss, sub, aud, exp and iat, which
	// always are. A claim that is null counts as absent.
	RequiredClaims []string

	// RequiredValues are string claims that must be present and have exactly one of
	// these values, such as token_use: access.
	RequiredValues map[string][]string

	// ClientIDs are the applications whose tokens are accepted. The default accepts
	// all.
	ClientIDs []string

	// ClientClaims name the application; of those a token has, the first listed
	// counts. The default is client_id (RFC 9068), then azp (OpenID Connect).
	ClientClaims []string

	// AudienceClaim is where the audience is. The default is aud. One provider
	// writes client_id instead; aud is then not required.
	AudienceClaim string

	// ScopeClaims hold the scopes, as a string split at spaces or as an array of
	// strings; what they hold is united. The default is scope and scp.
	ScopeClaims []string

	// TenantClaim is the string claim that becomes Principal.Tenant. The default is
	// none: the tenant stays empty. When set, it is required like RequiredClaims and
	// must not be empty.
	TenantClaim string

	// Leeway is how far clocks may disagree. The default is 30 s, the most 5 min.
	// Negative means none.
	Leeway time.Duration

	// MaxTokenAge is how long after iat a token is accepted, whatever its exp. The
	// default is 24 h. Negative means without end.
	MaxTokenAge time.Duration

	// MaxTokenBytes is the longest token that is looked at. The default is 16 KiB.
	MaxTokenBytes int

	// JWKS says how key sets are fetched and kept.
	JWKS JWKSConfig

	// Cache says how verified tokens are remembered.
	Cache CacheConfig

	// Profile is a set of further rules. The default is none.
	Profile Profile

	// DPoP accepts tokens bound to a key of the client (RFC 9449). The default
	// refuses them.
	DPoP *DPoP

	// MTLS accepts tokens bound to the client's certificate (RFC 8705), as this
	// server verified it in the TLS handshake. The default refuses them.
	MTLS bool

	// Revoked is asked on every use of a token whether it, or all of its subject's,
	// have been revoked. An error refuses with 503. See package auth/revoke for
	// ready ones.
	Revoked func(context.Context, *identity.Principal) (bool, error)

	// Realm is the realm of challenges. The default is none.
	Realm string

	// Resource is the URL that identifies this API in [Verifier.Metadata] (RFC 9728).
	// Challenges then name where the metadata is. The default is none.
	Resource string

	// Audit receives one event per decision. The default is nobody.
	Audit audit.Sink
}

// Issuer is one issuer and where its keys are. Its tokens are only checked with
// its own keys: a key of one issuer is worth nothing in the name of another.
type Issuer struct {
	// URL is the issuer's identifier, exactly as in iss: slashes and case count. It
	// must be https. Without JWKSURL and JWKS the key set is found through OIDC
	// Discovery or RFC 8414 metadata under it, which must name the same issuer.
	URL string

	// JWKSURL is the key set. The default discovers it.
	JWKSURL string

	// JWKS is a key set that never changes; nothing is fetched.
	JWKS json.RawMessage

	// Namespace keeps this issuer's subjects apart from those of others, as part of
	// Principal.ID. With several issuers it is required and must differ. It must not
	// contain a colon.
	Namespace string

	// Audiences replace Config.Audiences for this issuer.
	Audiences []string
}

// JWKSConfig says how key sets are fetched. All defaults suit production.
type JWKSConfig struct {
	_ [0]func()

	// Refresh is how often a key set is fetched, ±10 %. The default is 10 min, the
	// least 1 s, the most 24 h. The answer's Cache-Control: max-age replaces it,
	// within 1 min and 1 h.
	Refresh time.Duration

	// Cooldown is the least time between two fetches that tokens with an unknown key
	// can cause. One that arrives sooner is refused and fetched for at the end of it.
	// The default is 10 s, the least 1 ms, the most 1 h.
	Cooldown time.Duration

	// MaxStale is how long keys are used after they should have been refreshed,
	// while the issuer cannot be reached. After that tokens are answered with 503.
	// The default is 2 h. Negative means not at all.
	MaxStale time.Duration

	// Timeout bounds one fetch. The default is 5 s.
	Timeout time.Duration

	// Wait bounds how long a request waits for a fetch. The default is 2 s.
	Wait time.Duration

	// MaxBytes bounds the decoded answer. The default is 512 KiB.
	MaxBytes int64

	// MaxKeys bounds the keys of one set; those after the first MaxKeys are
	// ignored. The default is 100.
	MaxKeys int

	// Client makes the requests, for example an egress client; its redirects are
	// refused all the same. The default has no proxy and keeps no connections.
	Client *http.Client

	// InsecureAllowLoopback accepts http URLs of 127.0.0.0/8, ::1 and localhost, for
	// tests and demonstrations.
	InsecureAllowLoopback bool
}

// CacheConfig says how verified tokens are remembered, so that a token that comes
// again costs no cryptography. Every use still asks for expiry, revocation,
// binding and the issuer's keys; a changed key set forgets its tokens.
type CacheConfig struct {
	_ [0]func()

	// Entries bounds the number of tokens, about 1 KiB each. The default is 10 000,
	// the most 2^24. Negative remembers nothing.
	Entries int

	// TTL bounds how long a token is remembered. The default is 5 min.
	TTL time.Duration
}

// Profile is a set of rules beyond the common ones.
type Profile uint8

// RFC9068 demands what the JWT profile for OAuth 2.0 access tokens does: typ is
// at+jwt, and client_id and jti are present.
const RFC9068 Profile = 1
