package replay

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Kind keeps the ids of different things apart, so that using one up never
// touches another with the same text. Applications may name kinds of their own.
type Kind string

// The kinds in common use.
const (
	KindToken Kind = "token" // a one-time access token: its jti
	KindNonce Kind = "nonce" // a signed webhook, link or nonce: its id
)

// maxID is the longest id that is accepted, in bytes.
const maxID = 1024

// Token is what may be used once. Everything in it must come from signed or
// otherwise authenticated data, and the same token must always give the same
// Token: an expiry computed from the current time lets it pass again.
type Token struct {
	// Kind is what the id belongs to.
	Kind Kind
	// Issuer is who made the id unique (RFC 7519 section 4.1.7).
	Issuer string
	// Client is the client's id or key thumbprint, where ids are unique per client.
	Client string
	// ID is the jti, message id or nonce; required, at most 1 KiB.
	ID string
	// IssuedAt is when the token was made; zero when it does not say.
	IssuedAt time.Time
	// NotAfter is when the token expires, without any leeway; required.
	NotAfter time.Time
}

// id is 128 bits of SHA-256 over the parts, each with its length in front, so that
// no two different tokens share a text, nobody can craft colliding ids, and a
// store holds nothing readable.
func (t Token) id() [16]byte {
	var stack [512]byte
	text := stack[:0]
	for _, part := range [...]string{string(t.Kind), t.Issuer, t.Client, t.ID} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	sum := sha256.Sum256(text)
	return [16]byte(sum[:16])
}
