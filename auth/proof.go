package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/internal/jsonv2"
)

const (
	maxProof   = 8 << 10
	maxProofID = 256
	nonceSpan  = 5 * time.Minute // a nonce is accepted for one to two of these
)

// proofVerifier checks DPoP proofs.
type proofVerifier struct {
	cfg        *DPoP
	base       *url.URL
	algorithms map[string]*algorithm
	allowed    []*algorithm
}

func newProofVerifier(cfg *DPoP) *proofVerifier {
	if cfg == nil {
		return nil
	}
	p := &proofVerifier{cfg: cfg, algorithms: make(map[string]*algorithm)}
	p.base, _ = url.Parse(cfg.BaseURL) // judged by prepare
	for _, name := range cfg.algorithms() {
		a := algorithmNamed(name)
		p.algorithms[name] = a
		p.allowed = append(p.allowed, a)
	}
	return p
}

func badProof(r Reason) *Error {
	return &Error{Status: http.StatusUnauthorized, Code: codeInvalidProof, Reason: r}
}

// verify checks the request's proof as RFC 9449 section 4.3 lists it.
func (p *proofVerifier) verify(c *gin.Context, proofs []string, token, jkt string, now time.Time) *Error {
	if len(proofs) != 1 || len(proofs[0]) > maxProof {
		return badProof(reasonProof)
	}
	claims, ok := p.open(proofs[0], jkt)
	if !ok {
		return badProof(reasonProof)
	}
	ath := hash(token)
	htu, err := url.Parse(claims.HTU)
	window := p.cfg.Window.Microseconds()
	iat, dated := date(string(claims.IAT))
	switch wall := now.UnixMicro(); {
	case claims.JTI == "" || len(claims.JTI) > maxProofID,
		claims.HTM != c.Request.Method,
		err != nil || htu.User != nil || targetOf(htu) != requestTarget(p.base, c.Request),
		claims.ATH != base64.RawURLEncoding.EncodeToString(ath[:]),
		!dated || iat > wall+window || iat < wall-window:
		return badProof(reasonProof)
	}
	if refusal := p.nonce(c, claims.Nonce, now); refusal != nil {
		return refusal
	}
	// Once more the window, for replicas whose clocks disagree.
	fresh, err := p.cfg.Seen.Use(c.Request.Context(), proofID(jkt, claims.JTI), time.UnixMicro(iat+2*window))
	switch {
	case err != nil:
		return unavailable(reasonSeenUnavailable, err)
	case !fresh:
		return badProof(reasonProofReplayed)
	}
	return nil
}

// proofClaims are those of a proof. Names match exactly; others are ignored.
type proofClaims struct {
	JTI   string       `json:"jti"`
	HTM   string       `json:"htm"`
	HTU   string       `json:"htu"`
	ATH   string       `json:"ath"`
	Nonce string       `json:"nonce"`
	IAT   jsonv2.Value `json:"iat"`
}

// open checks the proof's form, key and signature and returns its claims.
func (p *proofVerifier) open(proof, jkt string) (claims proofClaims, ok bool) {
	s, ok := split(proof)
	if !ok {
		return claims, false
	}
	head, ok1 := decode(nil, s.header)
	payload, ok2 := decode(nil, s.payload)
	signature, ok3 := decode(nil, s.signature)
	if !ok1 || !ok2 || !ok3 {
		return claims, false
	}
	h, reason := parseHeader(string(head), true)
	alg := p.algorithms[h.alg]
	if reason != "" || alg == nil || normalType(h.typ) != "dpop+jwt" || h.jwk == "" {
		return claims, false
	}
	thumbprint, ok := thumbprintOf(h.jwk)
	if !ok || thumbprint != jkt {
		return claims, false
	}
	k, err := parseKey(h.jwk, p.allowed)
	if err != nil || !alg.fits(k) || alg.method.Verify(s.signed, signature, k.jwk.Key()) != nil {
		return claims, false
	}
	if len(payload) == 0 || payload[0] != '{' {
		return claims, false
	}
	return claims, jsonv2.Unmarshal(payload, &claims) == nil
}

// thumbprintOf is the JWK's SHA-256 thumbprint (RFC 7638); false for a key with
// private parts or members of another type.
func thumbprintOf(text string) (string, bool) {
	m := map[string]jsonv2.Value{}
	if err := jsonv2.Unmarshal([]byte(text), &m); err != nil {
		return "", false
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, found := m[private]; found {
			return "", false
		}
	}
	get := func(name string) string { s, _ := str(string(m[name])); return s }
	var names []string
	switch get("kty") {
	case "EC":
		names = []string{"crv", "kty", "x", "y"}
	case "RSA":
		names = []string{"e", "kty", "n"}
	case "OKP":
		names = []string{"crv", "kty", "x"}
	default:
		return "", false
	}
	canonical := []byte("{")
	for i, name := range names {
		value := get(name)
		if !clean(value) {
			return "", false
		}
		if i > 0 {
			canonical = append(canonical, ',')
		}
		canonical = append(canonical, `"`+name+`":"`+value+`"`...)
	}
	sum := sha256.Sum256(append(canonical, '}'))
	return base64.RawURLEncoding.EncodeToString(sum[:]), true
}

// proofID names a proof in the seen-store: the key's thumbprint is of fixed
// length, so no two pairs meet.
func proofID(jkt, jti string) (id [16]byte) {
	sum := sha256.Sum256([]byte("dpop\x00" + jkt + jti))
	copy(id[:], sum[:])
	return id
}

// nonce demands a nonce of this server when it is configured to ask for one, and
// hands out the next.
func (p *proofVerifier) nonce(c *gin.Context, got string, now time.Time) *Error {
	if len(p.cfg.NonceKey) == 0 {
		return nil
	}
	span := now.Unix() / int64(nonceSpan/time.Second)
	current := p.nonceOf(span)
	if hmac.Equal([]byte(got), []byte(current)) {
		return nil
	}
	c.Writer.Header()["Dpop-Nonce"] = []string{current}
	if hmac.Equal([]byte(got), []byte(p.nonceOf(span-1))) {
		return nil
	}
	return &Error{Status: http.StatusUnauthorized, Code: codeUseNonce, Reason: reasonProofNonce}
}

func (p *proofVerifier) nonceOf(span int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(span))
	mac := hmac.New(sha256.New, p.cfg.NonceKey)
	mac.Write(b[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
