package replay_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

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
