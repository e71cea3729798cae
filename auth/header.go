package auth

import (
	"strings"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

const maxKeyID = 256

// header is what counts of a JOSE header.
type header struct {
	text   string
	fault  Reason
	alg    string
	kid    string
	typ    string
	hasKid bool
	jwk    string // only where a proof may carry one
	proof  bool
}

// parseHeader reads the JOSE header that text is. A proof is a DPoP proof: it
// must carry its key, which a token must not.
func parseHeader(text string, proof bool) (header, Reason) {
	h := header{text: text, proof: proof}
	if err := jsonv2.Unmarshal([]byte(text), &h); err != nil {
		return h, reasonMalformed
	}
	if h.fault == "" && h.alg == "" {
		h.fault = reasonHeader
	}
	return h, h.fault
}

// UnmarshalJSONFrom reads the object member by member.
func (h *header) UnmarshalJSONFrom(dec *jsonv2.Decoder) error {
	reason, err := members(dec, h.text, h.member)
	h.fault = reason
	if err == nil && reason != "" {
		return errStop
	}
	return err
}

func (h *header) member(name, value string) Reason {
	ok := true
	switch name {
	case "alg":
		h.alg, ok = str(value)
		ok = ok && h.alg != ""
	case "kid":
		h.kid, ok = str(value)
		h.hasKid = true
		ok = ok && h.kid != "" && len(h.kid) <= maxKeyID
	case "typ":
		h.typ, ok = str(value)
		ok = ok && strings.TrimSpace(h.typ) == h.typ && h.typ != ""
	case "jwk":
		h.jwk = value
		ok = h.proof
	case "crit", "b64", "enc", "zip", "jku", "x5u", "x5c":
		// Extensions that change what is signed or where the key comes from: none is
		// supported, so every form of them is refused (RFC 7515 section 4.1.11).
		ok = false
	}
	if !ok {
		return reasonHeader
	}
	return ""
}

// normalType folds case and the optional prefix of a media type (RFC 7515
// section 4.1.9).
func normalType(typ string) string {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return strings.ToLower(typ)
}
