package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/egress/egresstest"
	"github.com/ginsec/ginsec/scope"
)

const audience = "documents-api"

var (
	errNotImportable = errors.New("not importable")
	errNotAsExpected = errors.New("not every line is as expected")
)

// world is everything the demo runs: an issuer, the guarded API, the naive one,
// a service on the inside and a partner's site outside.
type world struct {
	issuer, stranger *authtest.Issuer
	suite            *ginsec.Suite
	guarded, naive   *target
	inside, partner  *loopback
	events           *events
	client           *http.Client
	closers          []func()
}

// newWorld starts everything; addr is where the guarded API listens.
func newWorld(ctx context.Context, addr string) (_ *world, err error) {
	w := &world{events: newEvents(), client: &http.Client{Timeout: 20 * time.Second}}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	if err := w.startOutside(); err != nil {
		return nil, err
	}
	if w.guarded, err = w.startGuarded(ctx, addr); err != nil {
		return nil, err
	}
	w.naive, err = w.startNaive(ctx)
	return w, err
}

func (w *world) startOutside() (err error) {
	if w.issuer, err = authtest.New(authtest.Config{}); err != nil {
		return err
	}
	w.closers = append(w.closers, func() { _ = w.issuer.Close() })
	if w.stranger, err = authtest.New(authtest.Config{}); err != nil {
		return err
	}
	w.closers = append(w.closers, func() { _ = w.stranger.Close() })
	if w.inside, err = serveLoopback("127.0.0.1:0", inside()); err != nil {
		return err
	}
	w.closers = append(w.closers, w.inside.Close)
	w.partner, err = serveLoopback("127.0.0.1:0", partner(func() string { return w.inside.URL }))
	if err == nil {
		w.closers = append(w.closers, w.partner.Close)
	}
	return err
}

func (w *world) startGuarded(ctx context.Context, addr string) (*target, error) {
	cfg := ginsec.Config{
		Auth: auth.Config{
			Issuers:     []auth.Issuer{{URL: w.issuer.URL()}},
			Audiences:   []string{audience},
			TenantClaim: "tenant",
			JWKS:        auth.JWKSConfig{InsecureAllowLoopback: true}, // the issuer is this process
		},
		Public: []string{"GET /healthz", "POST /login", "POST /password-reset"},
		Egress: egresstest.Open(egress.Policy{MaxBody: 1 << 20}, w.partner.URL), // the partner is this process too
		Audit:  w.events,
	}
	if url := os.Getenv("REDIS_URL"); url != "" {
		client, err := connectRedis(url)
		if err != nil {
			return nil, err
		}
		w.closers = append(w.closers, client.Close)
		cfg.Redis = client
	}
	suite, err := ginsec.New(cfg)
	if err != nil {
		return nil, err
	}
	w.suite = suite
	w.closers = append(w.closers, func() { _ = suite.Close() })

	db, err := openStore(os.Getenv("DATABASE_URL"), "guarded")
	if err != nil {
		return nil, err
	}
	if err := db.Use(scope.Guard(scope.GuardConfig{Protect: []any{&Document{}}})); err != nil {
		return nil, err
	}
	if err := db.WithContext(scope.System(ctx, "create the demo's table")).AutoMigrate(&Document{}); err != nil {
		return nil, err
	}
	docs, err := seed(ctx, db)
	if err != nil {
		return nil, err
	}
	server, err := serveLoopback(addr, w.mux(api(suite, db)))
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, server.Close)
	return &target{base: server.URL, docs: docs, w: w}, nil
}

func connectRedis(url string) (rueidis.Client, error) {
	option, err := rueidis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	option.DisableCache = true
	return rueidis.NewClient(option)
}

func (w *world) startNaive(ctx context.Context) (*target, error) {
	db, err := openStore("", "naive")
	if err != nil {
		return nil, err
	}
	if err := db.AutoMigrate(&Document{}); err != nil {
		return nil, err
	}
	docs, err := seed(ctx, db)
	if err != nil {
		return nil, err
	}
	server, err := serveLoopback("127.0.0.1:0", naive(db))
	if err != nil {
		return nil, err
	}
	w.closers = append(w.closers, server.Close)
	return &target{base: server.URL, docs: docs, w: w}, nil
}

// Close stops everything, newest first.
func (w *world) Close() {
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i]()
	}
}

// claims change a token; a nil value removes the claim.
type claims map[string]any

// token mints a token for a user of the tenant acme, valid for ten minutes and
// with an id of its own.
func (w *world) token(user string, change claims) (string, error) {
	return w.issuer.Mint(ordinary(w.issuer.URL(), user, change))
}

// strangersToken claims to come from our issuer but is signed by another one.
func (w *world) strangersToken(user string) (string, error) {
	return w.stranger.Mint(ordinary(w.issuer.URL(), user, nil))
}

func ordinary(issuer, user string, change claims) map[string]any {
	now := time.Now()
	all := map[string]any{
		"iss": issuer, "aud": audience, "sub": user, "tenant": "acme", "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for name, value := range change {
		if value == nil {
			delete(all, name)
		} else {
			all[name] = value
		}
	}
	return all
}
