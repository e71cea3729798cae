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
// in logs. What follows the token is left to [oneToken].
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

// schemeEnd is where the scheme's name ends. Of what else a name may hold by RFC
// 9110 section 5.6.2 no registered one makes use.
func schemeEnd(v string) int {
	for i := range len(v) {
		if !alphabet[v[i]] {
			return i
		}
	}
	return len(v)
}

func noToken() *Error { return &Error{Status: http.StatusUnauthorized, Reason: reasonNoToken} }

// oneToken reports whether s can be called one token (RFC 6750 section 2.1), good
// or not: no list, no parameter, no quotes. Padding is allowed anywhere a segment
// ends, because that is a token that somebody spelled wrongly.
func oneToken(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case alphabet[c], c == '.', c == '~', c == '+', c == '/':
			if i > 0 && s[i-1] == '=' && c != '.' {
				return false
			}
		case c != '=':
			return false
		}
	}
	return s != ""
}
