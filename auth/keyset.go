package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// maxTries bounds the keys one token is tried with, when several share its kid.
const maxTries = 4

// keySnapshot is the keys of one issuer at one time. It never changes.
type keySnapshot struct {
	generation uint64 // another one means other keys
	digest     [sha256.Size]byte
	keys       []*key
	byKid      map[string][]*key
	staleAt    time.Time // monotonic; zero for a static set
}

// newSnapshot files keys and has the key library turn each into the value that
// verifies: its storage is filled here and nowhere else.
func newSnapshot(keys []*key) (*keySnapshot, error) {
	s := &keySnapshot{keys: keys, byKid: make(map[string][]*key, len(keys))}
	storage := jwkset.NewMemoryStorage()
	lookup, err := keyfunc.New(keyfunc.Options{Storage: storage})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	sum := sha256.New()
	for _, k := range keys {
		if err := storage.KeyWrite(context.Background(), k.jwk); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		m := k.jwk.Marshal()
		if k.public, err = lookup.Keyfunc(&jwt.Token{Header: map[string]any{"kid": m.KID, "alg": ""}}); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		if k.hasKid {
			s.byKid[k.kid] = append(s.byKid[k.kid], k)
		}
		_, _ = fmt.Fprintf(sum, "%q %q %q %q %q %q %q %q %v\n", k.kid, k.alg, m.KTY, m.CRV, m.X, m.Y, m.N, m.E, k.hasKid)
	}
	sum.Sum(s.digest[:0])
	return s, nil
}

// candidates appends the keys that a token with this header may be signed with:
// those of its kid that fit, or the only one that fits when it has no kid.
func (s *keySnapshot) candidates(out []*key, h *header, a *algorithm) []*key {
	from := s.keys
	if h.hasKid {
		from = s.byKid[h.kid]
	}
	for _, k := range from {
		if a.fits(k) {
			if len(out) == maxTries {
				break
			}
			out = append(out, k)
		}
	}
	if !h.hasKid && len(out) != 1 {
		return out[:0]
	}
	return out
}

// usable reports whether the keys may still be used at now.
func (s *keySnapshot) usable(now time.Time) bool {
	return s != nil && (s.staleAt.IsZero() || now.Before(s.staleAt))
}
