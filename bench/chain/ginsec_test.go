package chain_test

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/bench/internal/issuer"
	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/ratelimit"
	"github.com/ginsec/ginsec/scope"
)

// suiteConfig is ginsec with its defaults, but for limits that are never reached
// and an issuer on loopback.
func suiteConfig(e *env, remember bool) ginsec.Config {
	cfg := ginsec.Config{Auth: auth.Config{
		Issuers:     []auth.Issuer{{URL: issuer.URL, JWKSURL: e.issuer.JWKS}},
		Audiences:   []string{issuer.Audience},
		TenantClaim: "tenant",
		JWKS:        auth.JWKSConfig{InsecureAllowLoopback: true},
	}}
	cfg.Egress.AllowAddrPorts = []netip.AddrPort{e.targetAddr()}
	if !remember {
		cfg.Auth.Cache.Entries = -1
	}
	cfg.Limits.Policies = []ratelimit.Policy{
		{Name: "client", Limit: never, Window: time.Minute, Key: ratelimit.ByIP()},
		{Name: "user", Limit: never, Window: time.Minute, Key: ratelimit.ByUser()},
	}
	return cfg
}

func mountGinsec(remember bool) func(*gin.Engine, *env) (func(), error) {
	return func(r *gin.Engine, e *env) (func(), error) {
		cfg := suiteConfig(e, remember)
		closeRedis := func() {}
		if e.redis != "" {
			client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{e.redis}})
			if err != nil {
				return nil, err
			}
			cfg.Redis, closeRedis = client, client.Close
		}
		return mountSuite(r, e, cfg, closeRedis)
	}
}

func mountSuite(r *gin.Engine, e *env, cfg ginsec.Config, closeRedis func()) (func(), error) {
	s, err := ginsec.New(cfg)
	if err != nil {
		return closeRedis, err
	}
	closer := func() { _ = s.Close(); closeRedis() }
	ready, cancel := context.WithTimeout(e, 10*time.Second)
	defer cancel()
	if err := s.Ready(ready); err != nil {
		return closer, err
	}
	r.Use(s.Middleware())
	h := owned{e.db, e.target}
	routes{json: ok, bind: h.bind, order: h.order, quote: h.quote, once: h.bind, six: h.six}.register(r, ginsec.Once())
	return closer, nil
}

// owned are the handlers as the documentation writes them.
type owned struct {
	db     *gorm.DB
	target string
}

func (h owned) bind(c *gin.Context) {
	if _, err := binding.JSON[quote](c); err != nil {
		binding.Abort(c, err)
		return
	}
	ok(c)
}

func (h owned) read(c *gin.Context) (o order, found bool) {
	id, good := scope.ParamID(c, "id")
	if !good {
		return o, false
	}
	return o, scope.One(c, h.db.WithContext(c.Request.Context()).Scopes(scope.Owned(c)).First(&o, "id = ?", id))
}

func (h owned) order(c *gin.Context) {
	if o, found := h.read(c); found {
		c.JSON(http.StatusOK, o)
	}
}

func (h owned) quote(c *gin.Context) {
	q, err := binding.JSON[quote](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	if o, found := h.read(c); found {
		c.JSON(http.StatusOK, o.quoted(&q))
	}
}

func (h owned) six(c *gin.Context) {
	q, err := binding.JSON[quote](c)
	if err != nil {
		binding.Abort(c, err)
		return
	}
	if o, found := h.read(c); found && call(c, egress.From(c).HTTP(), h.target) {
		c.JSON(http.StatusOK, o.quoted(&q))
	}
}
