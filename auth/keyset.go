package auth

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
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

// keyStorage is what the key library reads from: one set that never changes,
// filled by our own fetches. Keys are filed under their position, because kids may
// repeat. What would write goes to the empty storage embedded here.
type keyStorage struct {
	jwkset.Storage
	keys []*key
}

// KeyRead returns the key at a position.
func (s keyStorage) KeyRead(_ context.Context, ref string) (jwkset.JWK, error) {
	if i, err := strconv.Atoi(ref); err == nil && 0 <= i && i < len(s.keys) {
		return s.keys[i].jwk, nil
	}
	return jwkset.JWK{}, jwkset.ErrKeyNotFound
}

// KeyReadAll returns every key.
func (s keyStorage) KeyReadAll(context.Context) ([]jwkset.JWK, error) {
	all := make([]jwkset.JWK, len(s.keys))
	for i, k := range s.keys {
		all[i] = k.jwk
	}
	return all, nil
}

// newSnapshot files keys and has the key library turn each into the value that
// verifies: once per set, not once per token.
func newSnapshot(keys []*key) (*keySnapshot, error) {
	s := &keySnapshot{keys: keys, byKid: make(map[string][]*key, len(keys))}
	lookup, err := keyfunc.New(keyfunc.Options{Storage: keyStorage{jwkset.NewMemoryStorage(), keys}})
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	sum := sha256.New()
	for i, k := range keys {
		if k.public, err = lookup.Keyfunc(&jwt.Token{Header: map[string]any{"kid": strconv.Itoa(i), "alg": ""}}); err != nil {
			return nil, fmt.Errorf("auth: %w", err)
		}
		if k.hasKid {
			s.byKid[k.kid] = append(s.byKid[k.kid], k)
		}
		m := k.jwk.Marshal()
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

// private reports whether the document holds the private half of a key too.
func (s *keySnapshot) private() bool {
	return slices.ContainsFunc(s.keys, func(k *key) bool { return k.private })
}

// usable reports whether the keys may still be used at now.
func (s *keySnapshot) usable(now time.Time) bool {
	return s != nil && (s.staleAt.IsZero() || now.Before(s.staleAt))
}
