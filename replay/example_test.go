package replay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/bits-and-blooms/bloom/v3"
	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/replay"
)

func rnd() string { return rand.Text() }

func ExampleGuard_SingleUse() {
	guard, err := replay.New(replay.Config{}) // in process; give it a Store for several instances
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	r := gin.New()
	r.Use(func(c *gin.Context) { // stands for auth
		identity.Set(c, &identity.Principal{Issuer: "https://id.example", TokenID: "one", ExpiresAt: time.Now().Add(time.Hour)})
	})
	payments := r.Group("/payments", guard.SingleUse())
	payments.POST("", func(c *gin.Context) { c.Status(http.StatusCreated) })

	for range 2 {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/payments", nil))
		fmt.Println(w.Code, w.Header()["Www-Authenticate"])
	}
	// Output:
	// 201 []
	// 401 [Bearer error="invalid_token"]
}

func ExampleGuard_Consume() {
	guard, err := replay.New(replay.Config{})
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	message := replay.Token{Kind: "job", Issuer: "queue", ID: "42", NotAfter: time.Now().Add(time.Hour)}
	fmt.Println(guard.Consume(context.Background(), message))
	fmt.Println(errors.Is(guard.Consume(context.Background(), message), replay.ErrReplayed))
	// Output:
	// <nil>
	// true
}

func ExampleLocal() {
	store, err := replay.Local(replay.LocalConfig{
		Capacity: 10_000,      // ids an hour; more are no problem
		Window:   time.Minute, // ids that live for seconds
	})
	if err != nil {
		panic(err)
	}
	const skew = 5 * time.Second // how far the issuer's clock may be ahead of this one
	guard, err := replay.New(replay.Config{
		Store: store,
		// What was used before this process started is not known: refuse what is older.
		RejectIssuedBefore: time.Now().Add(skew + time.Second),
	})
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	old := replay.Token{ID: "1", IssuedAt: time.Now().Add(-time.Second), NotAfter: time.Now().Add(time.Hour)}
	fmt.Println(guard.Consume(context.Background(), old))
	// Output: replay: issued before this process kept ids
}

func ExampleRedis() {
	client := exampleClient() // rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{"redis:6379"}})
	defer client.Close()

	// Two instances of a service.
	var guards [2]*replay.Guard
	for i := range guards {
		store, err := replay.Redis(client, replay.RedisConfig{Timeout: time.Second})
		if err != nil {
			panic(err)
		}
		if guards[i], err = replay.New(replay.Config{Store: store}); err != nil {
			panic(err)
		}
		defer guards[i].Close()
	}
	token := replay.Token{Kind: replay.KindToken, Issuer: "https://id.example", ID: "7f3a", NotAfter: time.Now().Add(time.Hour)}
	fmt.Println(guards[0].Consume(context.Background(), token))
	fmt.Println(guards[1].Consume(context.Background(), token))
	// Output:
	// <nil>
	// replay: the id has been used before
}

func ExampleRedisBloom() {
	client := exampleClient() // Redis 8, or a server with the RedisBloom or valkey-bloom module
	defer client.Close()

	store, err := replay.RedisBloom(client, replay.RedisConfig{Capacity: 100_000, Timeout: time.Second})
	if err != nil {
		panic(err)
	}
	guard, err := replay.New(replay.Config{Store: store})
	if err != nil {
		panic(err)
	}
	defer guard.Close()
	token := replay.Token{Kind: replay.KindToken, ID: "7f3a", NotAfter: time.Now().Add(time.Hour)}
	switch err := guard.Consume(context.Background(), token); {
	case errors.Is(err, replay.ErrNoBloom):
		fmt.Println("use replay.Redis instead")
	case err == nil:
		fmt.Println("accepted")
	}
	// Output: accepted
}

func ExampleGuard_By() {
	guard, err := replay.New(replay.Config{})
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	// The id and the time of a webhook are both under its signature.
	const maxAge = 5 * time.Minute
	delivery := func(c *gin.Context) (replay.Token, error) {
		signed, ok := verified(c.Request)
		if !ok || time.Since(signed.at) > maxAge {
			return replay.Token{}, errors.New("webhook: bad signature or too old")
		}
		return replay.Token{Kind: replay.KindNonce, Issuer: "billing", ID: signed.id, IssuedAt: signed.at, NotAfter: signed.at.Add(maxAge)}, nil
	}
	r := gin.New()
	r.POST("/hook", guard.By(delivery), func(c *gin.Context) { c.Status(http.StatusAccepted) })

	sent := strconv.FormatInt(time.Now().Unix(), 10)
	for range 2 {
		req := httptest.NewRequest(http.MethodPost, "/hook", nil)
		req.Header.Set("Webhook-Id", "msg_1")
		req.Header.Set("Webhook-Timestamp", sent)
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		fmt.Println(w.Code)
	}
	// Output:
	// 202
	// 401
}

type delivery struct {
	id string
	at time.Time
}

// verified stands for the check of a signature.
func verified(r *http.Request) (delivery, bool) {
	at, err := strconv.ParseInt(r.Header.Get("Webhook-Timestamp"), 10, 64)
	return delivery{r.Header.Get("Webhook-Id"), time.Unix(at, 0)}, err == nil
}

// The time until which an id is kept must come from what is signed. Computed from
// the current time, it is another one at the second use, and on the other side of
// an hour the id meets another filter.
func ExampleToken_incorrect() {
	guard, err := replay.New(replay.Config{})
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	use := func(now time.Time) error {
		return guard.Consume(context.Background(), replay.Token{
			Kind: replay.KindNonce, ID: "nonce", NotAfter: now.Add(5 * time.Minute), // wrong
		})
	}
	beforeTheEdge := time.Now().Truncate(time.Hour).Add(time.Hour + 54*time.Minute)
	fmt.Println(use(beforeTheEdge))
	fmt.Println(use(beforeTheEdge.Add(2 * time.Minute)))
	// Output:
	// <nil>
	// <nil>
}

// Looking first and adding then lets everybody in who looks before the first one
// adds.
func Example_incorrect() {
	seen := bloom.NewWithEstimates(1000, 1e-9)
	exists := func() bool { return seen.TestString("jti") }
	add := func() { seen.AddString("jti") }

	first, second := exists(), exists() // two requests at the same moment
	for _, known := range []bool{first, second} {
		if !known {
			add()
			fmt.Println("accepted")
		}
	}
	// Output:
	// accepted
	// accepted
}

// Not every request: an ordinary access token is used again and again until it
// expires, and its second request would be refused.
func ExampleGuard_EveryRequest_incorrect() {
	guard, err := replay.New(replay.Config{})
	if err != nil {
		panic(err)
	}
	defer guard.Close()

	r := gin.New()
	r.Use(func(c *gin.Context) {
		identity.Set(c, &identity.Principal{TokenID: "of an hour", ExpiresAt: time.Now().Add(time.Hour)})
	}, guard.EveryRequest())
	r.GET("/me", func(c *gin.Context) { c.Status(http.StatusOK) })
	for range 2 {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/me", nil))
		fmt.Println(w.Code)
	}
	// Output:
	// 200
	// 401
}
