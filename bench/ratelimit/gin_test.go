package ratelimit_test

import (
	"context"

	"github.com/gin-gonic/gin"
)

type ginKey struct{}

// withGin carries the gin context through a net/http middleware.
func withGin(c *gin.Context) context.Context {
	return context.WithValue(c.Request.Context(), ginKey{}, c)
}
