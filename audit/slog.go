package audit

import (
	"context"
	"log/slog"
)

type slogSink struct{ log *slog.Logger }

// Slog returns a sink that logs events: denials and reports at Warn, errors at
// Error, allowed requests at Debug. A nil logger means [slog.Default], looked up
// at each event. No secret and no subject in clear is ever logged. It is safe for
// concurrent use as far as the logger's handler is.
func Slog(l *slog.Logger) Sink { return slogSink{log: l} }

func (s slogSink) logger() *slog.Logger {
	if s.log == nil {
		return slog.Default()
	}
	return s.log
}

// Wants reports whether the logger is enabled for v's level.
func (s slogSink) Wants(ctx context.Context, v Verdict) bool {
	return s.logger().Enabled(ctx, levelOf(v))
}

// Record logs e.
func (s slogSink) Record(ctx context.Context, e Event) {
	logger := s.logger()
	level := levelOf(e.Verdict)
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs,
		slog.String("security_rule.name", e.Control),
		slog.String("verdict", e.Verdict.String()),
		slog.String("reason", e.Reason),
		slog.String("http.route", e.Route),
		slog.Int("http.response.status_code", e.Status),
		slog.Duration("duration", e.Duration),
	)
	if id := e.Subject.String(); id != "" {
		attrs = append(attrs, slog.String("subject_hash", id))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	logger.LogAttrs(ctx, level, "ginsec decision", attrs...)
}

func levelOf(v Verdict) slog.Level {
	switch v {
	case Allow:
		return slog.LevelDebug
	case Error:
		return slog.LevelError
	case Deny, Report:
		return slog.LevelWarn
	default:
		return slog.LevelWarn
	}
}
