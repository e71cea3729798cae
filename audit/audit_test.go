package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ginsec/ginsec/audit"
)

func TestSubjectIsNeverPrintedInClear(t *testing.T) {
	t.Parallel()
	e := audit.Event{Control: "auth", Verdict: audit.Deny, Subject: audit.SubjectOf("alice@example.com"), Err: errors.New("x")}
	asJSON, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Warn("m", "event", e)
	audit.Slog(slog.New(slog.NewTextHandler(&logged, nil))).Record(t.Context(), e)
	hidden := struct{ event audit.Event }{e} // fmt does not call methods of what is in an unexported field
	for name, text := range map[string]string{
		"%v in a field": fmt.Sprintf("%v", hidden), "%+v in a field": fmt.Sprintf("%+v", hidden), "%#v in a field": fmt.Sprintf("%#v", hidden),
		"%v": fmt.Sprintf("%v", e), "%+v": fmt.Sprintf("%+v", e), "%#v": fmt.Sprintf("%#v", e),
		"%s": fmt.Sprintf("%s", e.Subject), "%q": fmt.Sprintf("%q", e.Subject), "%x": fmt.Sprintf("%x", e.Subject),
		"%d": fmt.Sprintf("%d", e.Subject), "json": string(asJSON), "slog": logged.String(),
	} {
		if strings.Contains(text, "alice") || strings.Contains(text, fmt.Sprintf("%x", "alice")) {
			t.Errorf("%s shows the subject: %s", name, text)
		}
	}
	if got := e.Subject.String(); len(got) != 16 {
		t.Errorf("hash %q has %d digits, want 16", got, len(got))
	}
	if got := (audit.Subject{}).String(); got != "" {
		t.Errorf("nobody has hash %q", got)
	}
}

func TestSlogLevelsFollowTheVerdict(t *testing.T) {
	t.Parallel()
	for verdict, want := range map[audit.Verdict]string{
		audit.Allow: "DEBUG", audit.Deny: "WARN", audit.Report: "WARN", audit.Error: "ERROR", audit.Verdict(99): "WARN",
	} {
		var out bytes.Buffer
		sink := audit.Slog(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		sink.Record(t.Context(), audit.Event{Control: "c", Verdict: verdict, Reason: "r"})
		if !strings.Contains(out.String(), "level="+want) {
			t.Errorf("%v logged as %q, want %s", verdict, out.String(), want)
		}
	}
}

func TestSlogWritesNothingBelowTheHandlersLevel(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	audit.Slog(slog.New(slog.NewTextHandler(&out, nil))).Record(t.Context(), audit.Event{Verdict: audit.Allow})
	if out.Len() != 0 {
		t.Errorf("an allow event was logged at info: %s", out.String())
	}
}

func ExampleSlog() {
	handler := slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	sink := audit.Slog(slog.New(handler))
	sink.Record(context.Background(), audit.Event{
		Control: "ratelimit", Verdict: audit.Deny, Reason: "quota_exceeded", Route: "/login", Status: 429,
		Duration: time.Millisecond,
	})
	// Output: level=WARN msg="ginsec decision" security_rule.name=ratelimit verdict=deny reason=quota_exceeded http.route=/login http.response.status_code=429 duration=1ms
}

// counter is the whole adapter from events to a metrics library: the labels are
// closed sets, so they are safe as label values.
type counter map[string]int

func (c counter) Record(_ context.Context, e audit.Event) {
	c[e.Control+"/"+e.Verdict.String()+"/"+e.Reason]++
}

func ExampleSink() {
	decisions := counter{} // a real one holds a prometheus.CounterVec or an OpenTelemetry counter
	var sink audit.Sink = decisions
	sink.Record(context.Background(), audit.Event{Control: "auth", Verdict: audit.Deny, Reason: "expired"})
	fmt.Println(decisions)
	// Output: map[auth/deny/expired:1]
}

type recorder struct{ events []audit.Event }

func (r *recorder) Record(_ context.Context, e audit.Event) { r.events = append(r.events, e) }

func TestUnwantedEventsNeedNotBeMade(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.NewTextHandler(&bytes.Buffer{}, &slog.HandlerOptions{Level: slog.LevelInfo}))
	for _, tc := range []struct {
		name    string
		sink    audit.Sink
		verdict audit.Verdict
		want    bool
	}{
		{"no sink wants nothing", nil, audit.Error, false},
		{"a plain sink wants allowed requests too", &recorder{}, audit.Allow, true},
		{"a logger at Info drops allowed requests", audit.Slog(logger), audit.Allow, false},
		{"a logger at Info keeps denials", audit.Slog(logger), audit.Deny, true},
	} {
		if got := audit.Wanted(t.Context(), tc.sink, tc.verdict); got != tc.want {
			t.Errorf("%s: got %v", tc.name, got)
		}
	}
}
