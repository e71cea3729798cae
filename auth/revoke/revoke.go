// Package revoke takes back access tokens before they expire (ASVS 7.4): one
// token by its id, or everything a subject was issued before an instant.
//
//	list, err := revoke.Redis(client, revoke.Config{})
//	v, err := auth.New(auth.Config{…, Revoked: list.Revoked})
//	…
//	err = list.Token(ctx, principal)                        // log out here
//	err = list.Subject(ctx, issuer, subject, time.Now())    // log out everywhere
//
// The verifier asks on every use of a token, remembered or not. When the list
// cannot answer, the request is refused with 503.
package revoke

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"

	"github.com/ginsec/ginsec/identity"
)

// Config says how long and how much a [List] remembers.
type Config struct {
	_ [0]func()

	// MaxTokenAge is how long after its iat a token can be accepted at all: what a
	// subject's revocation has to outlive. It must not be less than that of the
	// verifier, 24 h by default.
	MaxTokenAge time.Duration

	// Leeway is the verifier's at most; entries live that much longer. The default
	// is 5 min, the most a verifier allows.
	Leeway time.Duration

	// MaxEntries bounds a list in memory. Beyond it revoking is an error: forgetting
	// an entry would let a revoked token in again. The default is 100 000.
	MaxEntries int

	// Prefix begins the keys in Redis. The default is "ginsec:revoke:".
	Prefix string

	// Timeout bounds a question to Redis. The default is 50 ms.
	Timeout time.Duration
}

// Mistakes and limits that a caller may want to tell apart.
var (
	// ErrConfig is a field of Config out of range.
	ErrConfig = errors.New("revoke: a negative or too large value in Config")
	// ErrNoID is a token without jti: it cannot be named, revoke its subject.
	ErrNoID = errors.New("revoke: the token has no id")
	// ErrFull is a list in memory that has MaxEntries live entries.
	ErrFull = errors.New("revoke: the list is full")
)

// id names an entry: a hash, so that neither memory nor Redis holds subjects.
type id [16]byte

// store remembers entries. Both kinds are kept until a time, and forgotten later.
type store interface {
	addToken(ctx context.Context, token id, until time.Time) error
	// addSubject never lowers an instant that is already there.
	addSubject(ctx context.Context, subject id, before, until time.Time) error
	// find reports whether token is there, and subject's instant or zero.
	find(ctx context.Context, token, subject id) (listed bool, before time.Time, err error)
}

// List is what has been revoked. It is safe for concurrent use.
type List struct {
	store  store
	maxAge time.Duration
	leeway time.Duration
}

func (cfg *Config) prepare() error {
	for _, d := range []struct {
		field    *time.Duration
		standard time.Duration
	}{{&cfg.MaxTokenAge, 24 * time.Hour}, {&cfg.Leeway, 5 * time.Minute}, {&cfg.Timeout, 50 * time.Millisecond}} {
		switch {
		case *d.field < 0 || *d.field > 10*365*24*time.Hour:
			return ErrConfig
		case *d.field == 0:
			*d.field = d.standard
		}
	}
	switch {
	case cfg.MaxEntries < 0:
		return ErrConfig
	case cfg.MaxEntries == 0:
		cfg.MaxEntries = 100_000
	}
	if cfg.Prefix == "" {
		cfg.Prefix = "ginsec:revoke:"
	}
	return nil
}

// Token revokes the token p came from, until it expires. A token without an id is
// [ErrNoID].
func (l *List) Token(ctx context.Context, p *identity.Principal) error {
	return l.TokenID(ctx, p.Issuer, p.TokenID, p.ExpiresAt)
}

// TokenID revokes the token with this issuer and jti. It is remembered until
// expires, the token's exp; zero stands for as long as any token lives.
func (l *List) TokenID(ctx context.Context, issuer, jti string, expires time.Time) error {
	if jti == "" {
		return ErrNoID
	}
	if expires.IsZero() {
		expires = time.Now().Add(l.maxAge)
	}
	return l.store.addToken(ctx, name("token", issuer, jti), expires.Add(l.leeway))
}

// Subject revokes every token of a subject whose iat is before an instant, now as
// a rule. An iat has whole seconds: a token issued in the second of the instant
// is refused too. Of several instants the latest holds.
func (l *List) Subject(ctx context.Context, issuer, subject string, before time.Time) error {
	until := before
	if now := time.Now(); until.Before(now) {
		until = now
	}
	return l.store.addSubject(ctx, name("subject", issuer, subject), before, until.Add(l.maxAge+l.leeway))
}

// Revoked reports whether the token p came from, or its subject, has been revoked.
// It is made for auth.Config.Revoked.
func (l *List) Revoked(ctx context.Context, p *identity.Principal) (bool, error) {
	var token id
	if p.TokenID != "" {
		token = name("token", p.Issuer, p.TokenID)
	}
	listed, before, err := l.store.find(ctx, token, name("subject", p.Issuer, p.Subject))
	if err != nil {
		return false, err
	}
	return listed || p.IssuedAt.Before(before), nil
}

// name is a hash over length-prefixed parts: no two lists of parts share one.
func name(parts ...string) (out id) {
	var buf [512]byte
	b := buf[:0]
	for _, part := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	copy(out[:], sum[:])
	return out
}
