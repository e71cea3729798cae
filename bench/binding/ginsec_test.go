package binding_test

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// mountGinsec is binding as it comes.
func mountGinsec(r *gin.Engine) {
	r.POST(path, func(c *gin.Context) {
		if _, err := binding.JSON[order](c); err != nil {
			binding.Abort(c, err)
			return
		}
		c.Status(http.StatusNoContent)
	})
}

// mountOptions is binding with a limit of the application's, which the large
// payload needs: it has more values than the defaults allow.
func mountOptions(r *gin.Engine) {
	r.Use(binding.Defaults(binding.Options{MaxValues: 50_000}))
	mountGinsec(r)
}
