package authtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Config says what an [Issuer] starts with. The zero value serves one RSA, one
// P-256 and one Ed25519 key and signs with RS256.
type Config struct {
	_ [0]func()

	// Algorithms are those of the keys to make, one key each; the first signs.
	// RS256 to RS512, PS256 to PS512, ES256 to ES512, EdDSA and Ed25519 are known.
	// The default is RS256, ES256, EdDSA.
	Algorithms []string
}

// Counts says what an [Issuer] has been asked.
type Counts struct {
	// Discovery and JWKS count requests for the metadata and the key set.
	Discovery, JWKS int
	// Concurrent is the most key-set requests that were under way at once.
	Concurrent int
}

// Issuer is an issuer of tokens on 127.0.0.1. It is safe for concurrent use.
type Issuer struct {
	url      string
	server   *http.Server
	restored chan struct{} // closed and replaced by Restore: ends hanging requests
	closed   chan struct{}

	mu      sync.Mutex
	keys    []*signingKey // as published, the oldest first
	secret  map[string]*signingKey
	current *signingKey
	made    int
	answer  http.HandlerFunc // replaces the key set; nil when all is well
	counts  Counts
	running int
}

// New starts an issuer on a free port of 127.0.0.1. Close it in the end.
func New(cfg Config) (*Issuer, error) {
	algs := cfg.Algorithms
	if len(algs) == 0 {
		algs = []string{"RS256", "ES256", "EdDSA"}
	}
	i := &Issuer{
		restored: make(chan struct{}), closed: make(chan struct{}),
		secret: make(map[string]*signingKey),
	}
	for _, alg := range algs {
		if _, err := i.add(alg); err != nil {
			return nil, err
		}
	}
	i.current = i.keys[0]
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("authtest: %w", err)
	}
	i.url = "http://" + listener.Addr().String()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /.well-known/oauth-authorization-server", i.discovery)
	mux.HandleFunc("GET /jwks", i.jwks)
	i.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = i.server.Serve(listener) }()
	return i, nil
}

// URL is the issuer's identifier, the iss of its tokens.
func (i *Issuer) URL() string { return i.url }

// JWKSURL is where its key set is.
func (i *Issuer) JWKSURL() string { return i.url + "/jwks" }

// Close stops the server and ends requests that hang. Tokens can still be minted.
func (i *Issuer) Close() error {
	i.mu.Lock()
	select {
	case <-i.closed:
	default:
		close(i.closed)
	}
	i.mu.Unlock()
	if err := i.server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("authtest: %w", err)
	}
	return nil
}

// add makes a key and publishes it; the caller holds no lock or i is not shared yet.
func (i *Issuer) add(alg string) (*signingKey, error) {
	i.mu.Lock()
	i.made++
	kid := "key-" + strconv.Itoa(i.made)
	i.mu.Unlock()
	k, err := newKey(alg, kid)
	if err != nil {
		return nil, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, k)
	i.secret[kid] = k
	return k, nil
}

// Rotate publishes a new key of the current one's algorithm beside the others and
// signs with it from now on. It returns the new key's id.
func (i *Issuer) Rotate() (kid string, err error) {
	i.mu.Lock()
	alg := i.current.alg
	i.mu.Unlock()
	k, err := i.add(alg)
	if err != nil {
		return "", err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.current = k
	return k.kid, nil
}

// Remove takes a key out of the published set and reports whether it was there.
// Tokens can still be minted with it.
func (i *Issuer) Remove(kid string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := len(i.keys)
	i.keys = slices.DeleteFunc(i.keys, func(k *signingKey) bool { return k.kid == kid })
	return len(i.keys) < before
}

// KeyID is the id of the key that signs.
func (i *Issuer) KeyID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.current.kid
}

// KeyIDs are the ids of the published keys, the oldest first.
func (i *Issuer) KeyIDs() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	ids := make([]string, len(i.keys))
	for n, k := range i.keys {
		ids[n] = k.kid
	}
	return ids
}

// JWKS is the published key set as JSON, for verifiers with a static one.
func (i *Issuer) JWKS() json.RawMessage {
	i.mu.Lock()
	defer i.mu.Unlock()
	set := make([]map[string]any, len(i.keys))
	for n, k := range i.keys {
		set[n] = maps.Clone(k.jwk)
	}
	raw, err := json.Marshal(map[string]any{"keys": set})
	if err != nil {
		return nil // cannot happen: the members are strings
	}
	return raw
}

// Counts returns what has been asked since the start.
func (i *Issuer) Counts() Counts {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.counts
}
