package ratelimit_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/redis/rueidis"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/ratelimit"
)

// seconds are what differs from run to run.
var seconds = regexp.MustCompile(`;t=[0-9]+`)

// call sends one request of a client and prints what it gets.
func call(h http.Handler, path, addr string) {
	req := httptest.NewRequest(http.MethodGet, path, nil)
	req.RemoteAddr = addr
	w := httptest.NewRecorder()
	h.ServeHTTP(w, req)
	line := fmt.Sprint(w.Code, " ", seconds.ReplaceAllString(w.Header().Get("RateLimit"), ""))
	if w.Header().Get("Retry-After") != "" {
		line += " and when to come back"
	}
	fmt.Println(strings.TrimSpace(line))
}

func ExampleNew() {
	lim, err := ratelimit.New(ratelimit.Config{}) // counts in this process
	if err != nil {
		panic(err)
	}
	defer lim.Close()

	r := gin.New()
	r.Use(lim.Use(ratelimit.PerMinute(3, ratelimit.ByIP())))
	r.GET("/", func(c *gin.Context) { c.Status(http.StatusOK) })
	for range 4 {
		call(r, "/", "192.0.2.1:1234")
	}
	// Output:
	// 200 "3-1m-ip";r=2
	// 200 "3-1m-ip";r=1
	// 200 "3-1m-ip";r=0
	// 429 "3-1m-ip";r=0 and when to come back
}

// The limit of an address in front of authentication, that of the user behind it,
// in one step.
func ExampleLimiter_Around() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()

	authenticate := func(c *gin.Context) {
		if c.Query("token") != "good" {
			c.AbortWithStatus(http.StatusUnauthorized)
			return
		}
		identity.Set(c, &identity.Principal{Subject: "alice"})
	}
	r := gin.New()
	r.Use(lim.Around(authenticate,
		ratelimit.Policy{Name: "client", Limit: 4, Window: time.Minute, Key: ratelimit.ByIP()},
		ratelimit.Policy{Name: "user", Limit: 2, Window: time.Minute, Key: ratelimit.ByUser()}))
	r.GET("/", func(c *gin.Context) { c.Status(http.StatusOK) })

	for _, token := range []string{"good", "bad", "bad", "good", "good", "bad"} {
		call(r, "/?token="+token, "192.0.2.1:1234")
	}
	// Output:
	// 200 "client";r=3, "user";r=1
	// 401
	// 401
	// 200 "client";r=0, "user";r=0
	// 429 "client";r=0 and when to come back
	// 429 "client";r=0 and when to come back
}

// Outside HTTP, in a gRPC interceptor or a job, charge by hand.
func ExampleLimiter_Take() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()
	exports := ratelimit.Policy{Name: "exports", Limit: 100, Window: time.Hour, Key: ratelimit.ByTenant()}

	r, err := lim.Take(context.Background(), ratelimit.Charge{Policy: exports, Key: "acme", Cost: 60})
	fmt.Println(r.Allowed, r.Remaining, err)
	r, err = lim.Take(context.Background(), ratelimit.Charge{Policy: exports, Key: "acme", Cost: 60})
	fmt.Println(r.Allowed, r.Remaining, r.RetryAfter.Round(time.Minute), err)
	// Output:
	// true 40 <nil>
	// false 40 1h0m0s <nil>
}

func ExampleParsePolicy() {
	p, err := ratelimit.ParsePolicy("search: 20/1m by user+route")
	fmt.Println(p.Name, p.Limit, p.Window, p.Key, err)
	_, err = ratelimit.ParsePolicy("20 per minute")
	fmt.Println(err)
	// Output:
	// search 20 1m0s user+route <nil>
	// ratelimit: rule does not start with a limit and a window like "5/1m"
}

// Failed attempts are limited per address and per account; a login that succeeds
// costs nothing.
func ExampleLimiter_Sensitive() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()

	account := ratelimit.By(func(c *gin.Context) (string, bool) { return c.Query("user"), c.Query("user") != "" })
	r := gin.New()
	r.GET("/login", lim.Sensitive("login", account), func(c *gin.Context) {
		if c.Query("password") != "correct" {
			c.Status(http.StatusUnauthorized)
		}
	})
	codes := map[int]int{}
	for range 50 {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/login?user=alice&password=guess", nil))
		codes[w.Code]++
	}
	fmt.Println(codes)
	// Output: map[401:10 429:40]
}

func ExampleMemory() {
	store, err := ratelimit.Memory(ratelimit.MemoryConfig{MaxKeys: 10_000})
	if err != nil {
		panic(err)
	}
	lim, err := ratelimit.New(ratelimit.Config{Store: store})
	fmt.Println(lim != nil, err)
	// Output: true <nil>
}

func ExampleRedis() {
	// The client connects when it is first needed if it has to.
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{"127.0.0.1:1"}, ForceSingleClient: true, DisableRetry: true,
	})
	if client == nil {
		panic(err)
	}
	defer client.Close()
	store, err := ratelimit.Redis(client, ratelimit.RedisConfig{})
	if err != nil {
		panic(err)
	}
	lim, err := ratelimit.New(ratelimit.Config{Store: store, OnStoreFailure: "local"})
	if err != nil {
		panic(err)
	}
	defer lim.Close()

	// Nothing listens there: the limit holds in this process meanwhile.
	login := ratelimit.Charge{Policy: ratelimit.PerMinute(1, ratelimit.ByUser()), Key: "alice"}
	for range 2 {
		r, err := lim.Take(context.Background(), login)
		fmt.Println(r.Allowed, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// A header that anybody can write is not who a client is: every request has a new
// address and none is limited.
func ExampleBy_incorrect() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()
	byHeader := ratelimit.By(func(c *gin.Context) (string, bool) { return c.GetHeader("X-Forwarded-For"), true }) // wrong
	r := gin.New()
	p := ratelimit.PerMinute(1, byHeader)
	p.Name = "client"
	r.GET("/", lim.Use(p), func(c *gin.Context) { c.Status(http.StatusOK) })
	passed := 0
	for i := range 100 {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.Header.Set("X-Forwarded-For", fmt.Sprint("203.0.113.", i))
		w := httptest.NewRecorder()
		if r.ServeHTTP(w, req); w.Code == http.StatusOK {
			passed++
		}
	}
	fmt.Println(passed, "of 100 pass")
	// Output: 100 of 100 pass
}

// The client's address comes from proxies that are named.
func ExampleByIP() {
	lim, err := ratelimit.New(ratelimit.Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if err != nil {
		panic(err)
	}
	defer lim.Close()
	r := gin.New()
	r.GET("/", lim.Use(ratelimit.PerMinute(1, ratelimit.ByIP())), func(c *gin.Context) { c.Status(http.StatusOK) })
	for _, forwarded := range []string{"203.0.113.1", "a lie, 203.0.113.1", "203.0.113.2"} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RemoteAddr = "10.0.0.7:4711"
		req.Header.Set("X-Forwarded-For", forwarded)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 429
	// 200
}

// A limit by user that stands in front of authentication sees nobody: all clients
// share its one count. Put it behind, or use Around.
func ExampleByUser_incorrect() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()
	r := gin.New()
	r.Use(lim.Use(ratelimit.PerMinute(2, ratelimit.ByUser()))) // wrong: too early
	r.Use(func(c *gin.Context) { identity.Set(c, &identity.Principal{Subject: c.Query("user")}) })
	r.GET("/", func(c *gin.Context) { c.Status(http.StatusOK) })
	for _, user := range []string{"alice", "bob", "carol"} {
		call(r, "/?user="+user, "192.0.2.1:1234")
	}
	// Output:
	// 200 "2-1m-user";r=1
	// 200 "2-1m-user";r=0
	// 429 "2-1m-user";r=0 and when to come back
}

func ExampleLimiter_Concurrency() {
	lim, _ := ratelimit.New(ratelimit.Config{})
	defer lim.Close()
	r := gin.New()
	inside, leave := make(chan bool), make(chan bool)
	r.GET("/export", lim.Concurrency(1, ratelimit.ByIP()), func(*gin.Context) { inside <- true; <-leave })
	go r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/export", nil))
	<-inside
	w := httptest.NewRecorder()
	r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/export", nil))
	fmt.Println(w.Code)
	leave <- true
	// Output: 429
}
