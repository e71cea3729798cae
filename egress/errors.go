package egress

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// The reasons to test for with errors.Is. Every error of a [Client] that is none
// of these is a failure of the network or a cancelled context.
var (
	// ErrBlocked means that a rule forbids the target.
	ErrBlocked = errors.New("egress: target not allowed")
	// ErrTooLarge means that an answer was over [Policy.MaxBody] or [Policy.MaxHeader].
	ErrTooLarge = errors.New("egress: answer too large")
	// ErrRedirect means that a redirect was refused: too many, or to a weaker origin.
	// A redirect to a forbidden target is [ErrBlocked].
	ErrRedirect = errors.New("egress: redirect refused")
	// ErrDNS means that a name has no usable addresses.
	ErrDNS = errors.New("egress: name not resolved")
	// ErrTimeout means that a time budget of the [Policy] or the context's deadline ran out.
	ErrTimeout = errors.New("egress: time budget exceeded")
)

// Kind is what went wrong. The values are a closed set: "blocked", "too_large",
// "redirect", "dns", "timeout" (each with its Err value), and "canceled",
// "connect", "tls", "protocol" for what the network or the caller did.
type Kind string

const (
	kindBlocked  Kind = "blocked"
	kindTooLarge Kind = "too_large"
	kindRedirect Kind = "redirect"
	kindDNS      Kind = "dns"
	kindTimeout  Kind = "timeout"
	kindCanceled Kind = "canceled"
	kindConnect  Kind = "connect"
	kindTLS      Kind = "tls"
	kindProtocol Kind = "protocol"
)

// Error is every error of a [Client]. Its text is the same for all of them: what
// was refused, unresolvable, closed or slow must look alike to whoever chose the
// URL. Its fields are for logs and metrics; the text of none holds a path, a query, a
// header or a secret.
type Error struct {
	// Kind is what went wrong.
	Kind Kind
	// Host is the host that was judged: canonical when it could be read, else empty.
	Host string
	// Addr is the address that was refused, if it was one.
	Addr netip.Addr
	// Rule is the rule that spoke, from the closed set in docs/egress.md; for an
	// address it is the address's [Class].
	Rule string
	// Hop is 0 for the first request, 1 for the first redirect and so on.
	Hop int
	// Err is the cause, if there is one.
	Err error
}

// Error returns one constant text.
func (e *Error) Error() string { return "egress: request failed" }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is the Err value of e's kind.
func (e *Error) Is(target error) bool {
	switch e.Kind {
	case kindBlocked:
		return target == ErrBlocked
	case kindTooLarge:
		return target == ErrTooLarge
	case kindRedirect:
		return target == ErrRedirect
	case kindDNS:
		return target == ErrDNS
	case kindTimeout:
		return target == ErrTimeout
	default:
		return false
	}
}

// Timeout reports whether a time budget ran out; it makes e a net.Error.
func (e *Error) Timeout() bool { return e.Kind == kindTimeout }

// Temporary is always false; it makes e a net.Error.
func (e *Error) Temporary() bool { return false }

// Detail tells an operator what happened and which setting decides it. It is not
// for whoever chose the URL.
func (e *Error) Detail() string {
	var b strings.Builder
	fmt.Fprintf(&b, "egress: %s: %s", e.Kind, e.Rule)
	if e.Host != "" {
		fmt.Fprintf(&b, ", host %q", e.Host)
	}
	if e.Addr.IsValid() {
		fmt.Fprintf(&b, ", address %s", e.Addr)
	}
	if e.Hop > 0 {
		fmt.Fprintf(&b, ", redirect %d", e.Hop)
	}
	if advice := advise(e); advice != "" {
		fmt.Fprintf(&b, " (%s)", advice)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, ": %v", e.Err)
	}
	return b.String()
}

// advise names the setting that decides a rule.
func advise(e *Error) string {
	switch e.Rule {
	case ruleScheme:
		return "Policy.Schemes"
	case rulePort:
		return "Policy.Ports"
	case ruleUserinfo:
		return "Policy.AllowUserinfo"
	case ruleMethod:
		return "Policy.Methods"
	case ruleHostNotListed:
		return "Policy.Hosts"
	case ruleHostDenied:
		return "Policy.DenyHosts"
	case ruleSpecialUse, ruleSingleLabel:
		return "Policy.InternalHosts"
	case ruleDeniedPrefix:
		return "Policy.DenyPrefixes"
	case ruleOwnAddress:
		return "Policy.AllowOwnAddresses"
	case ruleTooMany:
		return "Policy.MaxRedirects"
	case ruleDowngrade:
		return "Policy.InsecureAllowDowngrade"
	case ruleBody:
		return "Policy.MaxBody"
	case ruleHeader:
		return "Policy.MaxHeader"
	}
	if e.Kind == kindBlocked && e.Addr.IsValid() {
		return "Policy.AllowPrefixes, Policy.InternalHosts; table of " + tableDate
	}
	return ""
}

// The rules an Error can name, beside the address classes. docs/egress.md lists them.
const (
	ruleNoClient = "no_client"
	ruleClosed   = "closed"

	ruleLength      = "length"
	ruleCharacter   = "character"
	ruleSyntax      = "syntax"
	ruleScheme      = "scheme"
	ruleUserinfo    = "userinfo"
	rulePort        = "port"
	ruleHost        = "host"
	ruleIPSpelling  = "ip_spelling"
	ruleSingleLabel = "single_label"
	ruleSpecialUse  = "special_use"
	ruleMethod      = "method"
	ruleHostHeader  = "host_header"

	ruleHostNotListed = "host_not_listed"
	ruleHostDenied    = "host_denied"
	ruleDeniedPrefix  = "denied_prefix"
	ruleOwnAddress    = "own_address"
	ruleNetwork       = "network"
	ruleUpgrade       = "unrequested_upgrade"

	ruleTooMany    = "too_many_redirects"
	ruleDowngrade  = "downgrade"
	ruleBodyAcross = "body_across_origins"

	ruleNoAnswer = "no_answer"
	ruleLookup   = "lookup"

	ruleBody   = "body"
	ruleHeader = "header"

	ruleDNSTime    = "dns_timeout"
	ruleDialTime   = "dial_timeout"
	ruleTLSTime    = "tls_timeout"
	ruleHeaderTime = "header_timeout"
	ruleTotalTime  = "total_timeout"

	ruleCanceled = "canceled"
	ruleConnect  = "connect"
	ruleProxy    = "proxy"
	ruleTLS      = "tls"
	ruleProtocol = "protocol"
	rulePanic    = "panic"
)

func blocked(rule, host string) *Error { return &Error{Kind: kindBlocked, Rule: rule, Host: host} }

// ConfigError is one mistake in a [Policy] or a [Delivery]. All of them are
// reported at once.
type ConfigError struct {
	// Field is the field.
	Field string
	// Value is what it holds, as text; empty for a secret.
	Value string
	// Reason is what is wrong with it.
	Reason string
}

// Error names the field, the value and what is wrong.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("egress: %s: %q: %s", e.Field, e.Value, e.Reason)
}
