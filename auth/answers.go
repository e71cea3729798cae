package auth

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/problem"
)

// answers are the challenges of one verifier, made once. A challenge holds
// configuration only, nothing of the request.
type answers struct {
	params   string // realm and resource_metadata
	withDPoP bool
	bearer   bool // the Bearer scheme is accepted
	algs     string
	made     map[answer401][]string // the challenges of every refusal but a guard's
}

type answer401 struct {
	scheme scheme
	code   string
}

func newAnswers(cfg *Config) *answers {
	a := &answers{bearer: true}
	if cfg.Realm != "" {
		a.params = param("realm", cfg.Realm)
	}
	if cfg.Resource != "" {
		a.params += param("resource_metadata", metadataURL(cfg.Resource))
	}
	if cfg.DPoP != nil {
		a.withDPoP, a.bearer = true, !cfg.DPoP.Required
		a.algs = param("algs", strings.Join(cfg.DPoP.algorithms(), " "))
	}
	a.made = make(map[answer401][]string)
	for _, s := range []scheme{bearer, dpop} {
		for _, code := range []string{"", codeInvalidRequest, codeInvalidToken, codeInvalidProof, codeUseNonce} {
			a.made[answer401{s, code}] = slices.Clip(a.challenges(s, code, "")) // shared by all answers, never changed
		}
	}
	return a
}

// param is one parameter of a challenge, as a quoted string (RFC 9110 section 5.6.4).
func param(name, value string) string {
	if strings.ContainsAny(value, `\"`) { // rare, and a replacer is dear to make
		value = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value)
	}
	return `, ` + name + `="` + value + `"`
}

// challenges returns the values of WWW-Authenticate, one per scheme: the scheme
// that was used tells the error, the other only that it exists.
func (a *answers) challenges(s scheme, code, extra string) []string {
	fault := ""
	if code != "" {
		fault = param("error", code) + extra
	}
	line := func(of scheme, name, params string) string {
		if of == s {
			params += fault
		}
		return strings.TrimSuffix(name+" "+strings.TrimPrefix(params, ", "), " ")
	}
	var lines []string
	if a.bearer || s == bearer && code != "" {
		lines = append(lines, line(bearer, "Bearer", a.params))
	}
	if a.withDPoP {
		lines = append(lines, line(dpop, "DPoP", a.params+a.algs))
	}
	return lines
}

// write sends a refusal: the challenges where there are any, and a constant body.
func (a *answers) write(c *gin.Context, refusal *Error, s scheme, extra string) {
	h := c.Writer.Header()
	switch refusal.Status {
	case http.StatusServiceUnavailable:
		h["Retry-After"] = []string{strconv.Itoa(int((refusal.RetryAfter + time.Second - 1) / time.Second))}
		if refusal.Reason != reasonCanceled {
			_ = c.Error(refusal)
		}
	default:
		lines, known := a.made[answer401{s, refusal.Code}]
		if !known || extra != "" {
			lines = a.challenges(s, refusal.Code, extra)
		}
		h["Www-Authenticate"] = lines
	}
	problem.Abort(c, problem.Problem{Status: refusal.Status, Code: refusal.Code})
}

// plain sends a refusal that no other token would change: no challenge.
func (a *answers) plain(c *gin.Context, refusal *Error) {
	problem.Abort(c, problem.Problem{Status: refusal.Status, Code: refusal.Code})
}
