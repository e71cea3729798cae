package auth_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ginsec/ginsec/auth/authtest"
)

// An issuer that writes another header into every token must not fill the memory
// of those who trust it.
func TestHeadersThatNeverComeAgainFillNoMemory(t *testing.T) { //nolint:paralleltest // it measures what the process holds
	const tokens, size, limit = 2000, 8 << 10, 8 << 20
	iss := newIssuer(t, "EdDSA")
	cfg := configFor(iss)
	cfg.Cache.Entries = -1
	v := newVerifier(t, cfg)
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := held()
	for i := range tokens {
		token := mintWith(t, iss, nil, authtest.Token{Header: map[string]any{"n": strconv.Itoa(i) + strings.Repeat("x", size)}})
		if got := verify(v, token); got != 200 {
			t.Fatalf("token %d: %d", i, got)
		}
	}
	after := held()
	if after > before+limit { // all of them would be more than 32 MiB
		t.Errorf("%d KiB are held", (after-before)>>10)
	}
	t.Logf("%d KiB held before, %d after", before>>10, after>>10)
	// They are remembered where they come again, and still judged where they do not.
	if got := verify(v, mint(t, iss, nil)); got != 200 {
		t.Errorf("an ordinary header: %d", got)
	}
	if got := verify(v, mintWith(t, iss, nil, authtest.Token{Header: map[string]any{"crit": []string{"x"}}})); got != 401 {
		t.Errorf("a bad one: %d", got)
	}
	runtime.KeepAlive(v)
}
