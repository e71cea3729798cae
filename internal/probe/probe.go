// Package probe lets a test ask which controls stand in front of a route,
// without running anything: a control that meets a probe writes its name down
// and does nothing else. Only code of this module can make a probe.
package probe

import (
	"context"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

type key struct{}

// remote marks a probe's request. It is only a hint that spares every real
// request a walk through its context: the key above decides.
const remote = "ginsec probe"

// Record is what the controls of one route wrote down, in their order.
type Record struct{ names []string }

// Names returns the controls met so far.
func (r *Record) Names() []string { return slices.Clone(r.names) }

// Attach makes c's request a probe that is written down in the result.
func Attach(c *gin.Context, method, path string) *Record {
	r := &Record{}
	ctx := context.WithValue(context.Background(), key{}, r)
	req, err := http.NewRequestWithContext(ctx, method, path, http.NoBody)
	if err != nil {
		return r
	}
	req.RemoteAddr = remote
	c.Request = req
	return r
}

// Met reports whether the request is a probe, and writes name down if so. A
// control calls it first and returns when it is true.
func Met(c *gin.Context, name string) bool {
	if c.Request == nil || c.Request.RemoteAddr != remote {
		return false
	}
	r, ok := c.Request.Context().Value(key{}).(*Record)
	if ok {
		r.names = append(r.names, name)
	}
	return ok
}
