package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/ginsec/ginsec/ginsectest"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func start(t *testing.T) *world {
	t.Helper()
	w, err := newWorld(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	if err := w.ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestEveryAttackComesOutAsExpected(t *testing.T) {
	t.Parallel()
	w := start(t)
	var table bytes.Buffer
	if !w.prove(t.Context(), &table) {
		t.Errorf("not as expected:\n%s", table.String())
	}
	if n := len(attacks()); n < 40 {
		t.Errorf("%d attacks and near misses, want at least 40", n)
	}
}

// A proof that cannot fail proves nothing: the naive handler must differ.
func TestTheTableTellsAnUnguardedAPIApart(t *testing.T) {
	t.Parallel()
	w := start(t)
	w.guarded = w.naive
	if w.prove(t.Context(), io.Discard) {
		t.Error("the naive API passed as guarded")
	}
}

func TestEveryRouteOfTheExampleIsGuarded(t *testing.T) {
	t.Parallel()
	w := start(t)
	ginsectest.RequireGuarded(t, api(w.suite, nil))
}

func TestThePrintedLinesWork(t *testing.T) {
	t.Parallel()
	w := start(t)
	var sheet strings.Builder
	if err := w.cheatSheet(&sheet); err != nil {
		t.Fatal(err)
	}
	token := regexp.MustCompile(`TOKEN=(\S+)`).FindStringSubmatch(sheet.String())
	if token == nil {
		t.Fatalf("no token in %s", sheet.String())
	}
	a, err := w.guarded.send(t.Context(), http.MethodGet, "/documents", token[1], "")
	if err != nil || a.status != http.StatusOK || !strings.Contains(a.body, "alice's plan") {
		t.Errorf("the printed token does not list alice's documents: %d %s %v", a.status, a.body, err)
	}
	for _, left := range []string{"BASE", "NAIVE", "ALICE", "BOB", "INSIDE"} {
		if strings.Contains(sheet.String(), left) {
			t.Errorf("%s is left in the sheet", left)
		}
	}
}

func get(t *testing.T, method, url string, edit func(*http.Request)) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	edit(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(resp.Header.Get("Content-Type"), "event-stream") {
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

func TestThePageRunsAttacksAndStreamsDecisions(t *testing.T) {
	t.Parallel()
	w := start(t)
	as := func(*http.Request) {}
	resp, body := get(t, http.MethodGet, w.guarded.base+"/", as)
	if resp.StatusCode != http.StatusOK || !strings.Contains(body, "<script nonce=") || strings.Contains(body, "NONCE") {
		t.Fatalf("the page: %d", resp.StatusCode)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the page's policy is %q", csp)
	}
	stream, _ := get(t, http.MethodGet, w.guarded.base+"/demo/events", as)
	_, body = get(t, http.MethodPost, w.guarded.base+"/demo/attacks/0", as)
	var got verdict
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Ginsec != "401" {
		t.Errorf("attack 0 came to %s", body)
	}
	line := make([]byte, 256)
	n, err := stream.Body.Read(line)
	if err != nil || !strings.Contains(string(line[:n]), `"control":"auth"`) {
		t.Errorf("the stream says %q, %v", line[:n], err)
	}
	if resp, _ := get(t, http.MethodPost, w.guarded.base+"/demo/attacks/9999", as); resp.StatusCode != http.StatusNotFound {
		t.Errorf("an attack that does not exist: %d", resp.StatusCode)
	}
}

func TestThePageIsForThisMachineOnly(t *testing.T) {
	t.Parallel()
	w := start(t)
	for name, edit := range map[string]func(*http.Request){
		"a name that was made to point here": func(r *http.Request) { r.Host = "evil.example:80" },
		"another site's request": func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "cross-site")
			r.Header.Set("Origin", "https://evil.example")
		},
	} {
		resp, _ := get(t, http.MethodPost, w.guarded.base+"/demo/attacks/0", edit)
		if resp.StatusCode < 400 {
			t.Errorf("%s ran an attack: %d", name, resp.StatusCode)
		}
	}
}
