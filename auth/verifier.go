package auth

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
)

// Verifier verifies access tokens. It is safe for concurrent use; make one per
// configuration and keep it.
type Verifier struct {
	cfg        Config
	issuers    map[string]*issuer
	sources    []*source
	algorithms map[string]*algorithm
	types      map[string]bool
	fields     map[string]*field
	required   uint64
	age        int64 // MaxTokenAge in microseconds, -1 without end
	leeway     int64
	cache      *tokenCache // nil without
	headers    headerCache
	answers    *answers
	proofs     *proofVerifier // nil without DPoP
	nobody     *verified      // published for requests that pass without a token
	stop       context.CancelFunc
	done       sync.WaitGroup
}

// issuer is one issuer, ready for use.
type issuer struct {
	url, namespace string
	audiences      []string
	keys           *source
}

// New makes a verifier. It does no network I/O: key sets are fetched in the
// background, and until they have arrived tokens are refused with 503; see
// [Verifier.Ready]. All mistakes in cfg are reported at once as [ConfigError]
// values. [Verifier.Close] ends the background work.
func New(cfg Config) (*Verifier, error) {
	static, err := cfg.prepare()
	if err != nil {
		return nil, err
	}
	v := &Verifier{
		cfg: cfg, issuers: make(map[string]*issuer), types: make(map[string]bool),
		algorithms: make(map[string]*algorithm), leeway: cfg.Leeway.Microseconds(), age: -1,
	}
	if cfg.MaxTokenAge > 0 {
		v.age = cfg.MaxTokenAge.Microseconds()
	}
	var allowed []*algorithm
	for _, name := range cfg.Algorithms {
		a := algorithmNamed(name)
		v.algorithms[name] = a
		allowed = append(allowed, a)
	}
	for _, typ := range cfg.Types {
		v.types[normalType(typ)] = true
	}
	v.fields, v.required = fieldsOf(&cfg)
	if cfg.Cache.Entries > 0 {
		v.cache = newTokenCache(cfg.Cache.Entries)
	}
	v.answers = newAnswers(&cfg)
	v.proofs = newProofVerifier(cfg.DPoP)
	v.nobody = &verified{owner: v}
	v.addIssuers(allowed, static)
	v.start()
	return v, nil
}

// addIssuers gives each issuer its key source: one of static, or one that fetches.
func (v *Verifier) addIssuers(allowed []*algorithm, static []*source) {
	for i, iss := range v.cfg.Issuers {
		audiences := v.cfg.Audiences
		if len(iss.Audiences) > 0 {
			audiences = slices.Clone(iss.Audiences)
		}
		keys := static[i]
		switch {
		case keys == nil:
			keys = newSource(iss, &v.cfg.JWKS, allowed, v.recordKeys)
		case keys.snapshot.Load().private():
			v.recordKeys(reasonPrivateKey, errPrivateKey, time.Now())
		}
		v.issuers[iss.URL] = &issuer{url: iss.URL, namespace: iss.Namespace, audiences: audiences, keys: keys}
		v.sources = append(v.sources, keys)
	}
}

func (v *Verifier) start() {
	ctx, stop := context.WithCancel(context.Background())
	v.stop = stop
	for _, s := range v.sources {
		if !s.static {
			v.done.Go(func() { s.run(ctx) })
		}
	}
}

// Close ends all background work and waits for it. Tokens whose keys are known
// are still verified until the keys are too old; nothing is fetched any more.
func (v *Verifier) Close() error {
	v.stop()
	v.done.Wait()
	return nil
}

// Ready returns nil when the keys of every issuer are there and not too old, so
// that valid tokens are accepted. While a first fetch is under way it waits for
// its end or ctx's, whichever comes first.
func (v *Verifier) Ready(ctx context.Context) error {
	var errs []error
	for _, s := range v.sources {
		if err := s.ready(ctx); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Verify returns the principal of a good token, and an [*Error] otherwise. It is
// for transports other than gin: the token is the bare token. A token bound to a
// key or a certificate is refused here, because the proof is not seen.
func (v *Verifier) Verify(ctx context.Context, token string) (*identity.Principal, error) {
	now := time.Now()
	e, refusal := v.check(ctx, token, now)
	if refusal == nil && e.confirm.kind() != identity.Bearer {
		refusal = badToken(reasonUnbound)
	}
	if refusal == nil {
		refusal = v.revoked(ctx, e.principal)
	}
	if refusal != nil {
		refusal = refusal.blamed(ctx)
		record(ctx, v.cfg.Audit, "", e, refusal, now)
		return nil, refusal
	}
	if audit.Wanted(ctx, v.cfg.Audit, audit.Allow) {
		v.recordAllowed(ctx, "", e.principal, now)
	}
	return e.principal, nil
}

// check returns the verdict on token, remembered or made now.
func (v *Verifier) check(ctx context.Context, token string, now time.Time) (*verified, *Error) {
	if len(token) > v.cfg.MaxTokenBytes {
		return nil, badToken(reasonTooLarge)
	}
	if v.cache == nil || len(token) > maxCacheToken {
		return v.verify(ctx, token, now)
	}
	sum := hash(token)
	if e := v.cache.get(&sum, now); e != nil {
		return e, nil
	}
	e, refusal := v.verify(ctx, token, now)
	if refusal == nil {
		v.cache.put(&sum, e, now)
	}
	return e, refusal
}

// revoked asks the application, on every use of a token.
func (v *Verifier) revoked(ctx context.Context, p *identity.Principal) *Error {
	if v.cfg.Revoked == nil {
		return nil
	}
	switch revoked, err := v.cfg.Revoked(ctx, p); {
	case err != nil:
		return unavailable(reasonRevocationUnavailable, err)
	case revoked:
		return badToken(reasonRevoked)
	}
	return nil
}
