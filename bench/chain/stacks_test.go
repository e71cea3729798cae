// Package chain_test measures whole stacks: authentication, two limits, a strict
// body, a confined read and one-time tokens on one gin engine, against the stacks
// of parts a user would build instead, and against bare gin.
package chain_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"

	"github.com/gin-gonic/gin"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/bench/internal/database"
	"github.com/ginsec/ginsec/bench/internal/issuer"
)

// env is what all stacks share.
type env struct {
	context.Context
	issuer *issuer.Issuer
	db     *gorm.DB
	redis  string // the address of a server, for the stacks that use one
	target string // the URL of a server that requests call
}

// stack is one way to build the same service.
type stack struct {
	name  string
	mount func(*gin.Engine, *env) (closer func(), err error)
}

// guarded are the stacks that enforce something; bare gin is the floor.
func guarded() []stack {
	return []stack{
		{"ginsec", mountGinsec(true)},
		{"ginsec/no-token-cache", mountGinsec(false)},
		{"peer/golang-jwt+keyfunc+ulule", mountByHand},
		{"peer/gin-jwt+keyfunc+ulule", mountGinJWT},
		{"peer/auth0+ulule", mountAuth0},
	}
}

func all() []stack {
	return append([]stack{{"bare", mountBare}, {"bare/predicate", mountPredicate}}, guarded()...)
}

// serves says whether the stack is measured on a route: with a predicate bare is another
// only where a row is read.
func (s stack) serves(r route) bool {
	return s.name != "bare/predicate" || strings.HasPrefix(r.path, orderPath) || strings.HasPrefix(r.path, quotePath)
}

// newEnv opens the table: a thousand own rows and one of somebody else's.
func newEnv(ctx context.Context) (*env, func(), error) {
	db, err := database.SQLite()
	if err != nil {
		return nil, nil, err
	}
	if err := fill(db); err != nil {
		return nil, nil, err
	}
	i, target := issuer.New(), httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNoContent)
	}))
	closer := func() {
		target.Close()
		i.Close()
	}
	return &env{Context: ctx, issuer: i, db: db, target: target.URL}, closer, nil
}

// targetAddr is where the target listens: the one place inside that may be called.
func (e *env) targetAddr() netip.AddrPort {
	return netip.MustParseAddrPort(strings.TrimPrefix(e.target, "http://"))
}

// build makes an engine of s.
func (s stack) build(e *env) (http.Handler, func(), error) {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	if err := r.SetTrustedProxies(nil); err != nil {
		return nil, nil, err
	}
	closer, err := s.mount(r, e)
	return r, closer, err
}
