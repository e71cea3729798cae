package probe_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/probe"
)

func context() *gin.Context {
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	return c
}

func TestControlsWriteTheirNamesDownInOrder(t *testing.T) {
	t.Parallel()
	c := context()
	record := probe.Attach(c, http.MethodGet, "/a")
	if !probe.Met(c, "auth") || !probe.Met(c, "replay") {
		t.Fatal("a probe was not recognised")
	}
	if got := record.Names(); !slices.Equal(got, []string{"auth", "replay"}) {
		t.Errorf("got %v", got)
	}
}

// What a client can send must never look like a probe: a control would step aside.
func TestNoRequestFromOutsideIsAProbe(t *testing.T) {
	t.Parallel()
	if probe.Met(context(), "auth") {
		t.Error("a context without a request is taken for a probe")
	}
	for _, remote := range []string{"", "@", "127.0.0.1:1", "ginsec probe"} {
		c := context()
		c.Request = httptest.NewRequest(http.MethodGet, "/?ginsec=probe", nil)
		c.Request.RemoteAddr = remote
		for _, name := range []string{"X-Ginsec-Probe", "X-Forwarded-For", "Forwarded"} {
			c.Request.Header.Set(name, "ginsec probe")
		}
		if probe.Met(c, "auth") {
			t.Errorf("a request from %q is taken for a probe", remote)
		}
	}
}
