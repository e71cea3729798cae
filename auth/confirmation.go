package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/jsonv2"
)

// confirmation is what a token is bound to: the thumbprints of its cnf claim,
// empty for none (RFC 7800).
type confirmation struct {
	jkt string // of the client's key, RFC 9449 section 6.1
	x5t string // of the client's certificate, RFC 8705 section 3.1
}

func (b confirmation) kind() identity.Binding {
	switch {
	case b.jkt != "":
		return identity.DPoP
	case b.x5t != "":
		return identity.MTLS
	default:
		return identity.Bearer
	}
}

// scheme is how a good token was presented: with a proof when it is bound to a key.
// Nothing known yet counts as a bearer token.
func (e *verified) scheme() scheme {
	if e != nil && e.confirm.kind() == identity.DPoP {
		return dpop
	}
	return bearer
}

// confirmation reads cnf. Anything but the bindings that are configured is a
// fault: a token that says it is bound must never pass as one that is not.
func (v *Verifier) confirmation(cnf string) (confirmation, bool) {
	if cnf == "" {
		return confirmation{}, true
	}
	r := cnfReader{text: cnf}
	if err := jsonv2.Unmarshal([]byte(cnf), &r); err != nil {
		return confirmation{}, false
	}
	b := r.confirmation
	if b.jkt != "" && v.proofs == nil || b.x5t != "" && !v.cfg.MTLS {
		return confirmation{}, false
	}
	return b, b != confirmation{}
}

type cnfReader struct {
	text string
	confirmation
}

// UnmarshalJSONFrom reads the members; an unknown one is a fault.
func (r *cnfReader) UnmarshalJSONFrom(dec *jsonv2.Decoder) error {
	reason, err := members(dec, r.text, func(name, value string) Reason {
		s, ok := str(value)
		switch name {
		case "jkt":
			r.jkt = s
		case "x5t#S256":
			r.x5t = s
		default:
			ok = false
		}
		if !ok || !isThumbprint(s) {
			return reasonConfirmation
		}
		return ""
	})
	if err == nil && reason != "" {
		return errStop
	}
	return err
}

// isThumbprint reports whether s is an unpadded base64url SHA-256.
func isThumbprint(s string) bool {
	if len(s) != base64.RawURLEncoding.EncodedLen(sha256.Size) || !clean(s) {
		return false
	}
	_, ok := decode(nil, s)
	return ok
}

// bound checks that whoever sends a token is the one it is bound to.
func (v *Verifier) bound(c *gin.Context, e *verified, s scheme, token string, now time.Time) *Error {
	proofs := c.Request.Header["Dpop"]
	switch {
	case e.confirm.jkt != "" && s != dpop: // RFC 9449 section 7.2: never as a bearer token
		return badToken(reasonUnbound)
	case e.confirm.jkt == "" && s == dpop:
		return badToken(reasonUnbound)
	case s == dpop:
		if refusal := v.proofs.verify(c, proofs, token, e.confirm.jkt, now); refusal != nil {
			return refusal
		}
	case v.proofs != nil && v.proofs.cfg.Required:
		return badToken(reasonUnbound)
	case v.proofs != nil && len(proofs) > 0:
		return badRequest(reasonProof)
	}
	if e.confirm.x5t != "" && thumbprintOfPeer(c) != e.confirm.x5t {
		return badToken(reasonUnbound)
	}
	return nil
}

// thumbprintOfPeer is that of the certificate whose key the client proved to hold
// in the TLS handshake; empty without one. Who issued the certificate is not
// asked: the token's issuer bound it to this very one.
func thumbprintOfPeer(c *gin.Context) string {
	if c.Request.TLS == nil || len(c.Request.TLS.PeerCertificates) == 0 {
		return ""
	}
	sum := sha256.Sum256(c.Request.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
