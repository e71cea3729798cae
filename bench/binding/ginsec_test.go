package binding_test

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// mountGinsec is binding with its defaults; the largest payload has more values
// than they allow.
func mountGinsec(r *gin.Engine) {
	r.Use(binding.Defaults(binding.Options{MaxValues: 50_000}))
	r.POST(path, func(c *gin.Context) {
		if _, err := binding.JSON[order](c); err != nil {
			binding.Abort(c, err)
			return
		}
		c.Status(http.StatusNoContent)
	})
}
