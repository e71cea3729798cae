// Package binding_test measures reading a JSON body into a validated struct on
// gin: the same bytes, the same type, the same rules.
package binding_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	ginbinding "github.com/gin-gonic/gin/binding"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/payload"
	"github.com/ginsec/ginsec/bench/internal/web"
)

type variant struct {
	name   string
	strict bool // refuses what the type does not declare
	mount  func(*gin.Engine)
}

// order is the target.
type order = payload.Order

type sized struct {
	name string
	body []byte
}

const large = "large-200kB"

// payloads are about 200 B, 2 kB and 200 kB.
func payloads() []sized {
	return []sized{
		{"small-200B", payload.Document(0)},
		{"medium-2kB", payload.Document(13)},
		{large, payload.Document(1400)},
	}
}

const path = "/orders"

func variants() []variant {
	if codec != "std" { // gin takes its JSON library by a build tag
		return []variant{{"peer/gin-" + codec, false, mountGin}}
	}
	return []variant{
		{"ginsec", true, mountGinsec},
		{"ginsec/options", true, mountOptions},
		{"peer/gin", false, mountGin},
		{"peer/by-hand-strict", true, mountByHand},
		{"peer/huma", true, mountHuma},
	}
}

func engine(v variant) *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	v.mount(r)
	return r
}

func mountGin(r *gin.Engine) {
	r.POST(path, func(c *gin.Context) {
		var o order
		if err := c.ShouldBindJSON(&o); err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		c.Status(http.StatusNoContent)
	})
}

// mountByHand is what careful applications write.
func mountByHand(r *gin.Engine) {
	r.POST(path, func(c *gin.Context) {
		var o order
		if err := decodeStrictly(c, &o); err != nil {
			c.AbortWithStatus(http.StatusBadRequest)
			return
		}
		c.Status(http.StatusNoContent)
	})
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

func mountHuma(r *gin.Engine) {
	config := huma.DefaultConfig("bench", "1")
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	api := humagin.New(r, config)
	huma.Register(api, huma.Operation{
		OperationID: "create", Method: http.MethodPost, Path: path, DefaultStatus: http.StatusNoContent,
	}, func(context.Context, *struct{ Body order }) (*struct{}, error) { return nil, nil })
}

// post sends a body once and returns the status.
func post(h http.Handler, body []byte) int {
	req, w := web.NewRequest(http.MethodPost, path, body), web.NewWriter()
	h.ServeHTTP(w, req.Rewind())
	if w.Status == 0 {
		return http.StatusOK
	}
	return w.Status
}

func accepted(status int) bool { return status < 300 }

func serve(b *testing.B, h http.Handler, body []byte, want bool) {
	b.Helper()
	req, w := web.NewRequest(http.MethodPost, path, body), web.NewWriter()
	clock := meter.Start(b)
	for b.Loop() {
		w.Reset()
		h.ServeHTTP(w, req.Rewind())
		if accepted(w.Status) != want {
			b.Fatal("status", w.Status)
		}
	}
	clock.Stop()
}
