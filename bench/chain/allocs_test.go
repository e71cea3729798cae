package chain_test

import (
	"net/http"
	"runtime/debug"
	"testing"

	"github.com/ginsec/ginsec/bench/internal/web"
)

// allocations of one request, in the steady state.
func allocations(t *testing.T, h http.Handler, r route, header string) float64 {
	t.Helper()
	req, w := web.NewRequest(r.method, r.path, r.body), web.NewWriter()
	req.Authorize(header)
	return testing.AllocsPerRun(300, func() {
		w.Reset()
		h.ServeHTTP(w, req.Rewind())
		if w.Status != http.StatusOK {
			t.Fatal("status", w.Status)
		}
	})
}

// The hot paths may not allocate more: time depends on the machine, allocations
// do not. A figure is one more than what was measured; lower it when that falls.
// The promise is 6 on the first.
func TestAllocationGate(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // pools keep what they have
	e := newTestEnv(t)
	header := "Bearer " + e.issuer.Token("RS256")
	h := map[string]http.Handler{}
	for _, s := range all() {
		if s.name == "bare" || s.name == "ginsec" || s.name == "ginsec/no-token-cache" {
			h[s.name] = s.start(t, e)
		}
	}
	for _, gate := range []struct {
		route, stack string
		over         float64 // bare gin
	}{
		{"json", "ginsec", 3},
		{"json", "ginsec/no-token-cache", 26},
		{"bind", "ginsec", -12},
		{"order", "ginsec", 13},
		{"quote", "ginsec", -2},
	} {
		for _, r := range plain() {
			if r.name != gate.route {
				continue
			}
			bare := allocations(t, h["bare"], r, header)
			if ours := allocations(t, h[gate.stack], r, header); ours > bare+gate.over {
				t.Errorf("%s on %s: %.0f allocations, %.0f over bare gin, more than %.0f",
					gate.stack, gate.route, ours, ours-bare, gate.over)
			} else {
				t.Logf("%s on %s: %.0f over bare gin", gate.stack, gate.route, ours-bare)
			}
		}
	}
}
