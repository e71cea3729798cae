package auth

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// Reason says why a token was accepted or refused, from a closed set, so that it
// can be a metric label. The page of this control lists every value; those about
// the token itself are told to nobody but the audit sink.
type Reason string

// The reasons. They are constants of this package and strings to everybody else.
const (
	reasonOK        Reason = "ok"
	reasonAnonymous Reason = "anonymous"

	// The request.
	reasonNoToken             Reason = "no_token"
	reasonMalformedHeader     Reason = "malformed_credentials"
	reasonMultipleCredentials Reason = "multiple_credentials"

	// The token, before its signature was looked at.
	reasonTooLarge      Reason = "too_large"
	reasonMalformed     Reason = "malformed_token"
	reasonHeader        Reason = "bad_header"
	reasonAlgorithm     Reason = "algorithm"
	reasonType          Reason = "type"
	reasonClaims        Reason = "bad_claims"
	reasonMissingClaim  Reason = "missing_claim"
	reasonClaimValue    Reason = "claim_value"
	reasonUnknownIssuer Reason = "issuer"
	reasonAudience      Reason = "audience"
	reasonClient        Reason = "client"
	reasonExpired       Reason = "expired"
	reasonNotYetValid   Reason = "not_yet_valid"
	reasonTooOld        Reason = "too_old"

	// The key and the signature.
	reasonUnknownKey      Reason = "unknown_key"
	reasonSignature       Reason = "signature"
	reasonKeysUnavailable Reason = "keys_unavailable"

	// The key set, outside of any request.
	reasonFetch      Reason = "key_fetch"
	reasonPrivateKey Reason = "private_key"

	// What is asked on every use.
	reasonConfirmation          Reason = "confirmation"
	reasonUnbound               Reason = "unbound"
	reasonProof                 Reason = "proof"
	reasonProofReplayed         Reason = "proof_replayed"
	reasonProofNonce            Reason = "proof_nonce"
	reasonSeenUnavailable       Reason = "seen_unavailable"
	reasonRevoked               Reason = "revoked"
	reasonRevocationUnavailable Reason = "revocation_unavailable"
	reasonCanceled              Reason = "canceled"

	// The guards.
	reasonGranted     Reason = "granted"
	reasonNoPrincipal Reason = "no_principal"
	reasonScope       Reason = "insufficient_scope"
	reasonRequirement Reason = "requirement"
	reasonStepUp      Reason = "step_up"
)

// Error is a refusal. Nothing in it came from the token, so all of it may be
// logged; a client is told Status and Code and no more.
type Error struct {
	// Status is the HTTP status: 400, 401, 403 or 503.
	Status int
	// Code is the error code of RFC 6750 section 3.1, RFC 9449 or RFC 9470; empty
	// when no credentials were presented, and for a 503.
	Code string
	// Reason is the cause, for operators.
	Reason Reason
	// RetryAfter is when to try again; only with a 503.
	RetryAfter time.Duration

	cause error
}

// Error names the reason.
func (e *Error) Error() string { return "auth: " + string(e.Reason) }

// Unwrap returns what the revocation hook, the seen-store or the key source
// reported; nil for faults of the token.
func (e *Error) Unwrap() error { return e.cause }

// Codes of RFC 6750 section 3.1 and its descendants.
const (
	codeInvalidRequest    = "invalid_request"
	codeInvalidToken      = "invalid_token"
	codeInsufficientScope = "insufficient_scope"
	codeStepUp            = "insufficient_user_authentication"
	codeInvalidProof      = "invalid_dpop_proof"
	codeUseNonce          = "use_dpop_nonce"
)

// retryAfter is what a client is told while a dependency is down: recovery is
// tried every few seconds at most.
const retryAfter = 5 * time.Second

func badToken(r Reason) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: codeInvalidToken, Reason: r}
}

func badRequest(r Reason) *Error {
	return &Error{Status: http.StatusBadRequest, Code: codeInvalidRequest, Reason: r}
}

func unavailable(r Reason, cause error) *Error {
	return &Error{Status: http.StatusServiceUnavailable, Reason: r, RetryAfter: retryAfter, cause: cause}
}

// blamed tells a dependency that failed from a client that did not wait for it: one
// that hangs up must not be able to raise an operator's alarm. The server's own
// deadline is no hang-up.
func (e *Error) blamed(ctx context.Context) *Error {
	if e.Status < http.StatusInternalServerError || !errors.Is(ctx.Err(), context.Canceled) {
		return e
	}
	blamed := *e
	blamed.Reason = reasonCanceled
	return &blamed
}

// ConfigError is one mistake in a [Config]. [New] reports all of them, joined;
// find them with errors.As.
type ConfigError struct {
	// Field is the field of Config, such as "Issuers[0].URL".
	Field string
	// Reason says what is wrong with it.
	Reason string
}

// Error names the field and the mistake.
func (e *ConfigError) Error() string { return "auth: " + e.Field + " " + e.Reason }
