package auth

import (
	"net/http"
	"strings"
)

// scheme is how a token was presented.
type scheme uint8

const (
	bearer scheme = iota
	dpop
)

// credentials finds the token of a request, in the Authorization header and
// nowhere else (RFC 6750 section 2.1, RFC 9449 section 7.1): a token in a URL is
// in logs. What follows the token is left to [b64token].
func credentials(h http.Header, withDPoP bool) (token string, s scheme, refusal *Error) {
	values := h["Authorization"]
	if len(values) > 1 {
		return "", bearer, badRequest(reasonMultipleCredentials)
	}
	if len(values) == 0 {
		return "", bearer, noToken()
	}
	v := values[0]
	end := schemeEnd(v)
	switch name := v[:end]; {
	case strings.EqualFold(name, "Bearer"):
	case withDPoP && strings.EqualFold(name, "DPoP"):
		s = dpop
	default: // another scheme, a bare token, or nothing at all
		return "", bearer, noToken()
	}
	token = strings.TrimLeft(v[end:], " ")
	if token == "" || v[end] != ' ' {
		return "", s, badRequest(reasonMalformedHeader)
	}
	return token, s, nil
}

// schemeEnd is where the scheme's name ends: at the first byte that cannot be
// part of one of ours.
func schemeEnd(v string) int {
	for i := range len(v) {
		if c := v[i] | 0x20; c < 'a' || c > 'z' {
			return i
		}
	}
	return len(v)
}

func noToken() *Error { return &Error{Status: http.StatusUnauthorized, Reason: reasonNoToken} }

// b64token reports whether s is one token by the syntax of RFC 6750 section 2.1,
// which a JWT need not be.
func b64token(s string) bool {
	t := strings.TrimRight(s, "=")
	for i := range len(t) {
		if c := t[i]; !alphabet[c] && c != '.' && c != '~' && c != '+' && c != '/' {
			return false
		}
	}
	return t != ""
}
