package egress_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/egress"
	"github.com/ginsec/ginsec/replay"
)

// The receiver of docs/egress.md: an attempt counts once, and a message whose handler
// failed may come again.
func TestTheDocumentedReceiverLosesNoMessage(t *testing.T) {
	t.Parallel()
	guard, err := replay.New(replay.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guard.Close() })
	status, handled := http.StatusServiceUnavailable, 0
	r := gin.New()
	r.POST("/in", guard.By(func(c *gin.Context) (replay.Token, error) {
		body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, 1<<20))
		if err != nil {
			return replay.Token{}, err
		}
		c.Request.Body = io.NopCloser(bytes.NewReader(body))
		id, notAfter, err := egress.Verify([]string{secret}, c.Request.Header, body)
		return replay.Token{Kind: replay.KindNonce, Issuer: "partner", ID: id + "." + c.GetHeader("Webhook-Timestamp"), NotAfter: notAfter}, err
	}), func(c *gin.Context) {
		handled++
		c.Status(status)
	})
	now := time.Now()
	for i, step := range []struct {
		name  string
		h     http.Header
		fails bool
		want  int
	}{
		{"the handler fails", signAt(now.Add(-2*time.Second), "msg_1", "{}"), true, 503},
		{"the same attempt again", signAt(now.Add(-2*time.Second), "msg_1", "{}"), false, 401},
		{"a new attempt", signAt(now.Add(-time.Second), "msg_1", "{}"), false, 200},
		{"the new attempt again", signAt(now.Add(-time.Second), "msg_1", "{}"), false, 401},
		{"another message", signAt(now, "msg_2", "{}"), false, 200},
		{"a forged one", http.Header{"Webhook-Id": {"msg_3"}}, false, 401},
	} {
		if status = http.StatusOK; step.fails {
			status = http.StatusServiceUnavailable
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in", strings.NewReader("{}"))
		req.Header = step.h
		w := httptest.NewRecorder()
		r.ServeHTTP(w, req)
		if w.Code != step.want {
			t.Errorf("%d, %s: %d, want %d", i, step.name, w.Code, step.want)
		}
	}
	if handled != 3 {
		t.Errorf("%d messages were handled", handled)
	}
}
