package auth

import (
	"errors"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

var errNoClaims = errors.New("auth: the principal carries no verified claims")

// Claims decodes the claims of a verified token into a T of the caller's, a struct
// with json tags or a map. Names match exactly, case included; claims that T does
// not name are ignored. Integers keep all their digits in integer fields; under a
// map[string]any they become float64. A claim of another type than T's is an error,
// null is the zero value, and a principal that did not come from a token is an error.
func Claims[T any](p *identity.Principal) (T, error) {
	var out T
	if p == nil || p.RawClaims() == "" {
		return out, errNoClaims
	}
	if err := jsonv2.Unmarshal([]byte(p.RawClaims()), &out); err != nil {
		var zero T
		return zero, err
	}
	return out, nil
}
