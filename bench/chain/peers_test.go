package chain_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"code.dny.dev/ssrf"
	"github.com/bits-and-blooms/bloom/v3"
	"github.com/gin-gonic/gin"
	ginbinding "github.com/gin-gonic/gin/binding"
	"github.com/google/uuid"
	goredis "github.com/redis/go-redis/v9"
	ulule "github.com/ulule/limiter/v3"
	ululegin "github.com/ulule/limiter/v3/drivers/middleware/gin"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	ululeredis "github.com/ulule/limiter/v3/drivers/store/redis"
	"gorm.io/gorm"

	"github.com/ginsec/ginsec/bench/internal/peers"
	"github.com/ginsec/ginsec/bench/internal/redis"
)

// never is a limit per minute that no benchmark reaches.
const never = 1_000_000_000

func mountByHand(r *gin.Engine, e *env) (func(), error) {
	ctx, cancel := context.WithCancel(e)
	return mountPeer(r, e, peers.ByHand(ctx, e.issuer), cancel)
}

func mountGinJWT(r *gin.Engine, e *env) (func(), error) {
	ctx, cancel := context.WithCancel(e)
	return mountPeer(r, e, peers.GinJWT(ctx, e.issuer), cancel)
}

func mountAuth0(r *gin.Engine, e *env) (func(), error) {
	return mountPeer(r, e, peers.Auth0(e.issuer), func() {})
}

// mountPeer builds the usual stack around one way to authenticate: a limit per
// address, one per user, a strict decoder with gin's validator, a predicate
// written by hand, a Bloom filter under a mutex.
func mountPeer(r *gin.Engine, e *env, auth peers.Auth, closer func()) (func(), error) {
	limit, stop, err := ululeLimiter(e)
	if err != nil {
		return closer, err
	}
	r.Use(
		ululegin.NewMiddleware(limit("ip")),
		auth.Handler,
		ululegin.NewMiddleware(limit("user"), ululegin.WithKeyGetter(func(c *gin.Context) string { return auth.User(c).Subject })),
	)
	h := byHand{db: e.db, user: auth.User, client: guardedClient(e), target: e.target}
	var mu sync.Mutex
	seen := bloom.NewWithEstimates(1_000_000, 1e-6)
	once := func(c *gin.Context) {
		id := auth.User(c).TokenID
		mu.Lock()
		replayed := id == "" || seen.TestOrAddString(id)
		mu.Unlock()
		if replayed {
			c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "replayed"})
		}
	}
	routes{json: ok, bind: h.bind, order: h.order, quote: h.quote, once: h.bind, six: h.six}.register(r, once)
	return func() {
		closer()
		stop()
		h.client.CloseIdleConnections()
	}, nil
}

// guardedClient is the ssrf library's guard in the dialer of a client.
func guardedClient(e *env) *http.Client {
	at := e.targetAddr()
	guard := ssrf.New(ssrf.WithAllowedV4Prefixes(netip.PrefixFrom(at.Addr(), 32)), ssrf.WithPorts(at.Port()))
	return &http.Client{Transport: &http.Transport{DialContext: (&net.Dialer{Control: guard.Safe}).DialContext}}
}

func ululeLimiter(e *env) (limit func(prefix string) *ulule.Limiter, stop func(), err error) {
	rate := ulule.Rate{Period: time.Minute, Limit: never}
	if e.redis == "" {
		return func(prefix string) *ulule.Limiter {
			return ulule.New(memory.NewStoreWithOptions(ulule.StoreOptions{Prefix: prefix, CleanUpInterval: time.Minute}), rate)
		}, func() {}, nil
	}
	client := goredis.NewClient(&goredis.Options{Addr: e.redis, PoolSize: redis.Goroutines})
	stores := map[string]ulule.Store{}
	for _, prefix := range []string{"ip", "user"} {
		if stores[prefix], err = ululeredis.NewStoreWithOptions(client, ulule.StoreOptions{Prefix: prefix}); err != nil {
			return nil, nil, err
		}
	}
	return func(prefix string) *ulule.Limiter { return ulule.New(stores[prefix], rate) }, func() { _ = client.Close() }, nil
}

// byHand are the handlers of a careful application without a library for it.
type byHand struct {
	db   *gorm.DB
	user func(*gin.Context) peers.User

	client *http.Client
	target string
}

func fail(c *gin.Context, status int) {
	c.AbortWithStatusJSON(status, gin.H{"error": http.StatusText(status)})
}

var errTrailing = errors.New("trailing data")

func decodeStrictly(c *gin.Context, out any) error {
	dec := json.NewDecoder(http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(out); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return ginbinding.Validator.ValidateStruct(out)
}

func (h byHand) bind(c *gin.Context) {
	var q quote
	if err := decodeStrictly(c, &q); err != nil {
		fail(c, http.StatusBadRequest)
		return
	}
	ok(c)
}

func (h byHand) read(c *gin.Context) (o order, found bool) {
	id, err := uuid.Parse(c.Param("id"))
	if err != nil {
		fail(c, http.StatusNotFound)
		return o, false
	}
	u := h.user(c)
	err = h.db.WithContext(c.Request.Context()).Where("tenant_id = ?", u.Tenant).Where("owner_id = ?", u.Subject).
		First(&o, "id = ?", id.String()).Error
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		fail(c, http.StatusNotFound)
	case err != nil:
		fail(c, http.StatusInternalServerError)
	}
	return o, err == nil
}

func (h byHand) order(c *gin.Context) {
	if o, found := h.read(c); found {
		c.JSON(http.StatusOK, o)
	}
}

func (h byHand) quote(c *gin.Context) {
	var q quote
	if err := decodeStrictly(c, &q); err != nil {
		fail(c, http.StatusBadRequest)
		return
	}
	if o, found := h.read(c); found {
		c.JSON(http.StatusOK, o.quoted(&q))
	}
}

func (h byHand) six(c *gin.Context) {
	var q quote
	if err := decodeStrictly(c, &q); err != nil {
		fail(c, http.StatusBadRequest)
		return
	}
	if o, found := h.read(c); found && call(c, h.client, h.target) {
		c.JSON(http.StatusOK, o.quoted(&q))
	}
}
