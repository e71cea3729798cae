package binding_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/binding"
	"github.com/ginsec/ginsec/internal/probe"
)

func TestAnAuditOfRoutesSeesTheControlAndRunsNothing(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]gin.HandlerFunc{
		"Defaults": binding.Defaults(binding.Options{}),
		"Handle":   binding.Handle(func(*gin.Context, user) { t.Error("the handler ran") }),
	} {
		w := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(w)
		record := probe.Attach(c, http.MethodPost, "/")
		h(c)
		if got := record.Names(); !slices.Equal(got, []string{"binding"}) || c.Writer.Written() {
			t.Errorf("%s: %v, written %v", name, got, c.Writer.Written())
		}
	}
}

// A chain that gin runs again for another route finds the same defaults.
func TestDefaultsSurviveASecondRun(t *testing.T) {
	t.Parallel()
	engine := gin.New()
	engine.Use(binding.Defaults(binding.Options{MaxBytes: 5}))
	engine.POST("/", func(c *gin.Context) {
		c.Request.URL.Path = "/again"
		engine.HandleContext(c)
	})
	engine.POST("/again", bindAs[any]())
	for body, status := range map[string]int{`[1,2]`: 200, `[1,22]`: 413} {
		w := httptest.NewRecorder()
		engine.ServeHTTP(w, post(body))
		if w.Code != status {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
}
