package ginsec_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec"
	"github.com/ginsec/ginsec/ginsectest"
	"github.com/ginsec/ginsec/internal/testserver"
)

func redisClient(tb testing.TB, addr string) rueidis.Client {
	tb.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{addr}, DisableCache: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(client.Close)
	return client
}

// onRedis makes cfg keep its state there, with a deadline that a busy machine does
// not turn into an outage.
func onRedis(tb testing.TB, cfg *ginsec.Config, server *testserver.RedisServer) {
	tb.Helper()
	cfg.Redis = redisClient(tb, server.Addr)
	cfg.Limits.Timeout, cfg.Replay.Timeout = 5*time.Second, 5*time.Second
}

// calls returns how many commands of clients the server has run: those of the
// limits' and the replay guard's scripts, which are one round trip each.
func calls(t *testing.T, server *testserver.RedisServer) int {
	t.Helper()
	total := 0
	for line := range strings.SplitSeq(server.Do("INFO", "commandstats"), "\r\n") {
		name, stats, ok := strings.Cut(line, ":calls=")
		if !ok || name != "cmdstat_evalsha" && name != "cmdstat_eval" {
			continue
		}
		number, _, _ := strings.Cut(stats, ",")
		n, err := strconv.Atoi(number)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

func TestAllLimitsOfARequestAreOneRoundTripToRedis(t *testing.T) {
	t.Parallel()
	server, iss := testserver.Redis(t), issuer(t)
	cfg := configFor(iss)
	onRedis(t, &cfg, server)
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/", ok)
	r.POST("/pay", ginsec.Once(), ok)
	token := mint(t, iss, nil)
	wantStatus(t, "warm-up", ginsectest.Do(r, http.MethodGet, "/", token, ""), http.StatusNoContent)
	wantStatus(t, "warm-up", ginsectest.Do(r, http.MethodPost, "/pay", mint(t, iss, nil), ""), http.StatusNoContent)
	before := calls(t, server)
	for range 10 {
		wantStatus(t, "a request", ginsectest.Do(r, http.MethodGet, "/", token, ""), http.StatusNoContent)
	}
	if got := calls(t, server) - before; got != 10 {
		t.Errorf("10 requests made %d round trips, want 10", got)
	}
	before = calls(t, server)
	for range 10 {
		wantStatus(t, "a payment", ginsectest.Do(r, http.MethodPost, "/pay", mint(t, iss, nil), ""), http.StatusNoContent)
	}
	if got := calls(t, server) - before; got != 20 {
		t.Errorf("10 one-time requests made %d round trips, want 20", got)
	}
}

func TestTwoInstancesOnOneRedisActAsOne(t *testing.T) {
	t.Parallel()
	server, iss := testserver.Redis(t), issuer(t)
	var engines []*gin.Engine
	for range 2 {
		cfg := configFor(iss)
		onRedis(t, &cfg, server)
		r := gin.New()
		r.Use(newSuite(t, cfg).Middleware())
		r.POST("/pay", ginsec.Once(), ok)
		r.GET("/tight", ginsec.Limit("tight: 6/1m by user"), ok)
		engines = append(engines, r)
	}
	token := mint(t, iss, nil)
	wantStatus(t, "the first use", ginsectest.Do(engines[0], http.MethodPost, "/pay", token, ""), http.StatusNoContent)
	wantStatus(t, "the same token elsewhere", ginsectest.Do(engines[1], http.MethodPost, "/pay", token, ""), http.StatusUnauthorized)
	passed := 0
	for i := range 20 {
		if ginsectest.Do(engines[i%2], http.MethodGet, "/tight", token, "").Code == http.StatusNoContent {
			passed++
		}
	}
	if passed != 6 {
		t.Errorf("passed %d times on two instances, want 6", passed)
	}
}

func TestARedisThatDiesLeavesLimitsWorkingAndPaymentsRefused(t *testing.T) {
	t.Parallel()
	server, iss := testserver.Redis(t), issuer(t)
	cfg := configFor(iss)
	cfg.Redis = redisClient(t, server.Addr)
	r := gin.New()
	r.Use(newSuite(t, cfg).Middleware())
	r.GET("/tight", ginsec.Limit("tight: 3/1m by user"), ok)
	r.POST("/pay", ginsec.Once(), ok)
	token := mint(t, iss, nil)
	server.Kill()
	passed := 0
	for range 10 {
		if ginsectest.Do(r, http.MethodGet, "/tight", token, "").Code == http.StatusNoContent {
			passed++
		}
	}
	if passed != 3 {
		t.Errorf("without Redis %d passed, want the 3 of the local limit", passed)
	}
	wantStatus(t, "a payment without Redis", ginsectest.Do(r, http.MethodPost, "/pay", token, ""), http.StatusServiceUnavailable)
}
