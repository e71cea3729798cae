// Package identity says who a request is. A [Principal] is published once in the
// request's context by whatever authenticated it, and read from there by every
// other control: the limiter's key, the owner in a query, the subject of an event.
package identity

import "time"

// Binding says how a token is tied to the client that presents it.
type Binding uint8

// The ways a token can be bound to its holder.
const (
	Bearer Binding = iota // whoever holds it may use it (RFC 6750)
	DPoP                  // bound to a key proven on each request (RFC 9449)
	MTLS                  // bound to the client's certificate (RFC 8705)
)

// String returns the name of the binding as used in events.
func (b Binding) String() string {
	switch b {
	case Bearer:
		return "bearer"
	case DPoP:
		return "dpop"
	case MTLS:
		return "mtls"
	default:
		return "unknown"
	}
}

// Principal is who a request is. It is immutable once published: the same value
// serves every request of one token, from many goroutines at once.
type Principal struct {
	// Issuer is the token's iss, exactly as configured.
	Issuer string
	// Subject is the token's sub: unique within its issuer, opaque, case-sensitive.
	Subject string
	// Tenant is the organisation the subject acts for; empty when there is none.
	Tenant string
	// ClientID is the application that obtained the token; empty when not told.
	ClientID string
	// TokenID is the token's jti; empty when it has none.
	TokenID string
	// Namespace keeps subjects of several issuers apart; empty with one issuer.
	Namespace string
	// Scopes are the permissions the token carries.
	Scopes []string
	// IssuedAt, ExpiresAt and AuthTime are the token's iat, exp and auth_time;
	// zero when absent.
	IssuedAt, ExpiresAt, AuthTime time.Time
	// Binding says how the token was tied to this client.
	Binding Binding

	claims string
}

// ID is the name of this principal across the suite: the key for limits and
// replay and the value of owner columns. It is the subject alone with one issuer
// and "namespace:subject" with several (ASVS 10.3.3: a user is iss and sub).
func (p *Principal) ID() string {
	if p.Namespace == "" {
		return p.Subject
	}
	return p.Namespace + ":" + p.Subject
}

// WithClaims returns a copy of p that carries raw, the verified claims as the
// JSON text that was signed. Read them with auth.Claims.
func (p *Principal) WithClaims(raw string) *Principal {
	q := *p
	q.claims = raw
	return &q
}

// RawClaims returns the JSON text given to [Principal.WithClaims]; empty when the
// principal did not come from a token.
func (p *Principal) RawClaims() string { return p.claims }
