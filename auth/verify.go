package auth

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ginsec/ginsec/identity"
)

// parsedHeader is a header that passed every check.
type parsedHeader struct {
	header
	alg *algorithm
}

// headerCache remembers the headers of good tokens: an issuer uses one per key.
type headerCache struct {
	known atomic.Pointer[map[string]*parsedHeader]
	mu    sync.Mutex
}

const maxHeaders = 64

func (c *headerCache) get(segment string) *parsedHeader {
	if m := c.known.Load(); m != nil {
		return (*m)[segment]
	}
	return nil
}

// put is called after the signature was good, so nobody but an issuer fills it.
func (c *headerCache) put(segment string, h *parsedHeader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := map[string]*parsedHeader{}
	if m := c.known.Load(); m != nil {
		if len(*m) < maxHeaders {
			maps.Copy(next, *m)
		} else if rand.N(maxHeaders) != 0 { //nolint:gosec // an issuer may write a new header into every token: start anew rarely
			return
		}
	}
	next[strings.Clone(segment)] = h // the segment alone would keep its token alive
	c.known.Store(&next)
}

// scratch is the memory one verification needs and gives back.
type scratch struct {
	payload, signature []byte
	claims             claims
	keys               []*key
}

var scratches = sync.Pool{New: func() any { return &scratch{} }}

// verify judges a token that is not remembered: its form, its header, what it
// claims, and last, because it is dear, its signature.
func (v *Verifier) verify(ctx context.Context, token string, now time.Time) (*verified, *Error) {
	s, ok := split(token)
	if !ok {
		return nil, badToken(reasonMalformed)
	}
	w, _ := scratches.Get().(*scratch)
	defer func() {
		w.claims = claims{}
		clear(w.keys)
		scratches.Put(w)
	}()
	var ok2 bool
	w.payload, ok = decode(w.payload[:0], s.payload)
	w.signature, ok2 = decode(w.signature[:0], s.signature)
	if !ok || !ok2 {
		return nil, badToken(reasonMalformed)
	}
	h := v.headers.get(s.header)
	known := h != nil
	if !known {
		var reason Reason
		if h, reason = v.header(s.header); reason != "" {
			return nil, badToken(reason)
		}
	}
	c := &w.claims
	c.text, c.fields = string(w.payload), v.fields
	if reason := c.parse(w.payload); reason != "" {
		return nil, badToken(reason)
	}
	iss, reason := v.judge(c, now)
	if reason != "" {
		return nil, badToken(reason)
	}
	confirm, ok := v.confirmation(c.cnf)
	if !ok {
		return nil, badToken(reasonConfirmation)
	}
	set, refusal := v.signature(ctx, iss, h, s.signed, w, now)
	if refusal != nil {
		return nil, refusal
	}
	if !known {
		v.headers.put(s.header, h)
	}
	return v.accept(c, iss, set, confirm, now), nil
}

// header reads and judges a JOSE header.
func (v *Verifier) header(segment string) (*parsedHeader, Reason) {
	raw, ok := decode(nil, segment)
	if !ok {
		return nil, reasonMalformed
	}
	h, reason := parseHeader(string(raw), false)
	if reason != "" {
		return nil, reason
	}
	alg := v.algorithms[h.alg]
	if alg == nil {
		return nil, reasonAlgorithm
	}
	if !v.types[normalType(h.typ)] {
		return nil, reasonType
	}
	return &parsedHeader{h, alg}, ""
}

// judge decides on everything the token says about itself.
func (v *Verifier) judge(c *claims, now time.Time) (*issuer, Reason) {
	if c.seen&v.required != v.required {
		return nil, reasonMissingClaim
	}
	iss := v.issuers[c.iss]
	if iss == nil {
		return nil, reasonUnknownIssuer
	}
	if !intersect(c.aud, iss.audiences) {
		return nil, reasonAudience
	}
	if len(v.cfg.ClientIDs) > 0 && !slices.Contains(v.cfg.ClientIDs, c.client) {
		return nil, reasonClient
	}
	wall := now.UnixMicro()
	switch {
	case wall >= c.exp+v.leeway:
		return nil, reasonExpired
	case c.nbf > wall+v.leeway, c.iat > wall+v.leeway, c.authTime > wall+v.leeway:
		return nil, reasonNotYetValid
	case v.age >= 0 && wall >= c.iat+v.age+v.leeway:
		return nil, reasonTooOld
	}
	return iss, ""
}

func intersect(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// signature verifies with the keys of the token's own issuer and returns the set
// they came from.
func (v *Verifier) signature(ctx context.Context, iss *issuer, h *parsedHeader, signed string, w *scratch, now time.Time) (*keySnapshot, *Error) {
	set, refusal := v.keysFor(ctx, iss.keys, h, w, now)
	if refusal != nil {
		return nil, refusal
	}
	for _, k := range w.keys {
		if h.alg.method.Verify(signed, w.signature, k.public) == nil {
			return set, nil
		}
	}
	return nil, badToken(reasonSignature)
}

// keysFor leaves in w.keys the keys to try, from the set it returns. When the
// issuer's set does not have the token's key it asks for a newer one, once.
func (v *Verifier) keysFor(ctx context.Context, keys *source, h *parsedHeader, w *scratch, now time.Time) (*keySnapshot, *Error) {
	set := keys.snapshot.Load()
	joined := false
	for asked := false; ; asked = true {
		if set != nil {
			if !set.usable(now) {
				return nil, unavailable(reasonKeysUnavailable, errStale)
			}
			if w.keys = set.candidates(w.keys[:0], &h.header, h.alg); len(w.keys) > 0 {
				return set, nil
			}
			if asked || !h.hasKid || len(set.byKid[h.kid]) > 0 { // no fetch now would help
				if asked && joined {
					keys.later()
				}
				return nil, badToken(reasonUnknownKey)
			}
		}
		newer, old, err := keys.missing(ctx, set)
		if err != nil {
			return nil, unavailable(reasonKeysUnavailable, err)
		}
		if newer == nil {
			return nil, badToken(reasonUnknownKey)
		}
		set, joined, now = newer, old, time.Now()
	}
}

// accept makes the verdict on a good token.
func (v *Verifier) accept(c *claims, iss *issuer, set *keySnapshot, confirm confirmation, now time.Time) *verified {
	p := identity.Principal{
		Issuer: iss.url, Subject: c.sub, Tenant: c.tenant, ClientID: c.client, TokenID: c.jti,
		Namespace: iss.namespace, Scopes: slices.Clip(c.scopes), // shared: an append must copy
		IssuedAt: time.UnixMicro(c.iat), ExpiresAt: time.UnixMicro(c.exp), Binding: confirm.kind(),
	}
	if c.authTime != 0 {
		p.AuthTime = time.UnixMicro(c.authTime)
	}
	e := &verified{
		owner: v, principal: p.WithClaims(c.text), source: iss.keys, generation: set.generation,
		notAfter: c.exp + v.leeway, audience: c.aud, confirm: confirm,
		until: now.Add(v.cfg.Cache.TTL),
	}
	e.notBefore = max(c.nbf, c.iat) - v.leeway
	if v.age >= 0 {
		e.notAfter = min(e.notAfter, c.iat+v.age+v.leeway)
	}
	return e
}
