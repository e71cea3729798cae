package binding_test

import (
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
)

// What large bodies took is not held for small ones.
//
//nolint:paralleltest // it measures what all goroutines allocate
func TestLargeBuffersAreNotKept(t *testing.T) {
	allocated := func(size, times int) uint64 {
		body := "{}" + strings.Repeat(" ", size)
		var before, after runtime.MemStats
		engine := gin.New()
		engine.POST("/", func(c *gin.Context) { _, err := binding.JSON[map[string]int](c); answer(c, err) })
		w := httptest.NewRecorder()
		runtime.ReadMemStats(&before)
		for range times {
			engine.ServeHTTP(w, post(body))
		}
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	const large = 900 << 10
	if got := allocated(large, 10); got < 10*large {
		t.Errorf("%d bytes for ten bodies of %d", got, large)
	}
}
