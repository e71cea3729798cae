package binding_test

import (
	"net/http"
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

// A text that is too long in any form is not composed, which costs 40 times what
// reading it did.
//
//nolint:paralleltest // it measures what all goroutines allocate
func TestATextThatIsTooLongIsNotComposed(t *testing.T) {
	type target struct {
		Text string `json:"text" strict:"nfc" binding:"max=100"`
	}
	const size = 900 << 10
	doc := []byte(`{"text":"` + strings.Repeat("e\u0301", size/3) + `"}`)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := binding.Options{}.Decode(doc, new(target))
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err == nil || got > 3*size/2 {
		t.Errorf("%d bytes for a text of %d: %v", got, size, err)
	}
}

func TestNullStaysAllowedWhereAnOuterLevelAllowsIt(t *testing.T) {
	t.Parallel()
	for allowed, want := range map[bool]int{true: http.StatusOK, false: http.StatusBadRequest} {
		engine := gin.New()
		engine.POST("/", binding.Defaults(binding.Options{AllowNull: allowed}), binding.Defaults(binding.Options{MaxDepth: 3}), func(c *gin.Context) {
			_, err := binding.JSON[map[string]int](c, binding.Options{MaxValues: 3})
			answer(c, err)
		})
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, post(`{"a":null}`))
		if w.Code != want {
			t.Errorf("AllowNull %v: %d", allowed, w.Code)
		}
	}
}
