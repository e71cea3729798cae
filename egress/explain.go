package egress

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
)

// asError gives any error the package's type.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		copied := *e // dial errors are shared by all requests that waited for the dial
		return &copied
	}
	return &Error{Kind: kindProtocol, Rule: ruleProtocol, Err: unworded{err}}
}

// unworded is a cause without its text, which quotes what the server or the caller
// sent. errors.Is and errors.As see the cause itself.
type unworded struct{ error }

// Error returns one constant text.
func (unworded) Error() string { return "not an exchange of HTTP messages to its end" }

// Unwrap returns the cause.
func (u unworded) Unwrap() error { return u.error }

// explain sorts an error of net/http into the package's kinds. ctx is the
// exchange's: it knows whose patience ended.
func explain(ctx context.Context, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return asError(err)
	}
	switch cause := context.Cause(ctx); {
	case cause == errTotal: //nolint:errorlint // the cause is ours
		return &Error{Kind: kindTimeout, Rule: ruleTotalTime, Err: cause}
	case cause == errHeader: //nolint:errorlint // the cause is ours
		return &Error{Kind: kindTimeout, Rule: ruleHeaderTime, Err: cause}
	case cause != nil || ctx.Err() != nil:
		return interrupted(ctx, ruleTotalTime)
	}
	var netErr net.Error
	text := err.Error()
	switch {
	case strings.Contains(text, "response headers exceeded"), strings.Contains(text, "header list larger"):
		return &Error{Kind: kindTooLarge, Rule: ruleHeader, Err: err}
	case errors.As(err, &netErr) && netErr.Timeout() && strings.Contains(text, "TLS handshake"):
		return &Error{Kind: kindTimeout, Rule: ruleTLSTime, Err: err}
	case errors.As(err, &netErr) && netErr.Timeout():
		return &Error{Kind: kindTimeout, Rule: ruleHeaderTime, Err: err}
	case isTLS(err):
		return &Error{Kind: kindTLS, Rule: ruleTLS, Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: kindCanceled, Rule: ruleCanceled, Err: err}
	default:
		return asError(err)
	}
}

// interrupted says why a context ended: the caller went away, or time ran out.
func interrupted(ctx context.Context, rule string) *Error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Kind: kindCanceled, Rule: ruleCanceled, Err: ctx.Err()}
	}
	return &Error{Kind: kindTimeout, Rule: rule, Err: ctx.Err()}
}

func isTLS(err error) bool {
	var (
		cert    *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
	)
	return errors.As(err, &cert) || errors.As(err, &record) || errors.As(err, &alert) ||
		errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid)
}

// failClosed turns a panic into a refusal. net/http dials in a goroutine of its own,
// where no recover of the caller's would see it.
func failClosed(err *error) {
	if p := recover(); p != nil {
		*err = &Error{Kind: kindBlocked, Rule: rulePanic, Err: fmt.Errorf("panic: %v", p)}
	}
}
