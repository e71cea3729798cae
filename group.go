package ginsec

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/internal/probe"
	"github.com/ginsec/ginsec/internal/reqctx"
	"github.com/ginsec/ginsec/problem"
	"github.com/ginsec/ginsec/ratelimit"
)

// Limit tightens the limits of a group or a route, on top of the suite's own,
// with rules such as "5/1m by ip" or "login: 5/1m by ip" (see
// [ratelimit.ParsePolicy]). Rules count, all or none, through the suite in front of the
// request. A rule without a name counts for the line of code that wrote it; rules
// of the same name share their count, wherever they stand.
//
// Rules that cannot be parsed or stand side by side panic, as a wrong route does:
// they are a mistake in the program. A request that reaches it without a suite in front is answered
// with 500.
func Limit(rules ...string) gin.HandlerFunc {
	policies := make([]ratelimit.Policy, 0, len(rules))
	var errs []error
	for i, rule := range rules {
		p, err := ratelimit.ParsePolicy(rule)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %d: %w", i+1, err))
			continue
		}
		if !strings.Contains(rule, ":") {
			p.Name += "-" + caller()
		}
		policies = append(policies, p)
	}
	if len(rules) == 0 {
		errs = append(errs, errors.New("no rule given"))
	}
	if len(policies) > 0 {
		errs = append(errs, policies[0].Check(policies[1:]...))
	}
	if errors.Join(errs...) != nil {
		panic(fmt.Sprintf("ginsec.Limit: %v", errors.Join(errs...)))
	}
	g := &group{policies: policies}
	return g.serve
}

// caller names the line that called Limit, the same on every machine that builds
// this source: replicas must agree on a rule's name.
func caller() string {
	pc, _, line, _ := runtime.Caller(2)
	name := "unknown"
	if f := runtime.FuncForPC(pc); f != nil {
		name = f.Name()
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", name, line))
	return hex.EncodeToString(sum[:4])
}

// group is a Limit and the handler it became for the suite last seen: one suite
// is in front of almost every group there is.
type group struct {
	policies []ratelimit.Policy
	built    atomic.Pointer[builtGroup]
}

type builtGroup struct {
	suite   *Suite
	handler gin.HandlerFunc
}

func (g *group) serve(c *gin.Context) {
	if probe.Met(c, "ratelimit") {
		return
	}
	s := suiteOf(c)
	if s == nil {
		return
	}
	b := g.built.Load()
	if b == nil || b.suite != s {
		b = &builtGroup{s, s.Limits.Use(g.policies...)}
		g.built.Store(b)
	}
	b.handler(c)
}

// Once makes the tokens of a group or a route one-time: each is accepted here
// exactly once, on any number of replicas when the suite has Redis. Tokens need
// jti and exp. Put it last, right before the handler, so that a request refused
// for another reason does not spend its token. A request that reaches it without
// a suite in front is answered with 500.
func Once() gin.HandlerFunc { return once }

func once(c *gin.Context) {
	if probe.Met(c, "replay") {
		return
	}
	if s := suiteOf(c); s != nil {
		s.once(c)
	}
}

var errNoSuite = errors.New("ginsec: no suite in front of this route: call r.Use(suite.Middleware()) before registering it")

// suiteOf returns the suite in front of the request. Without one nothing can be
// decided: the request is refused and the operator told.
func suiteOf(c *gin.Context) *Suite {
	if s, ok := reqctx.Get(c, suiteKey{}).(*Suite); ok {
		return s
	}
	_ = c.Error(errNoSuite)
	audit.Slog(nil).Record(c.Request.Context(), audit.Event{
		Control: "ginsec", Verdict: audit.Error, Reason: "no_suite",
		Route: c.FullPath(), Status: http.StatusInternalServerError, Err: errNoSuite,
	})
	problem.Abort(c, problem.Problem{Status: http.StatusInternalServerError})
	return nil
}
