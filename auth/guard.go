package auth

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/ginsec/ginsec/audit"
	"github.com/ginsec/ginsec/identity"
	"github.com/ginsec/ginsec/internal/probe"
)

// RequireScope lets a request pass whose token has all of these scopes, compared
// as whole words. Others get 403 insufficient_scope, and a request without a
// principal 401. It stands behind [Verifier.Middleware]. It panics without a
// scope or with a blank one.
func RequireScope(all ...string) gin.HandlerFunc {
	all = slices.Clone(all)
	return scopes(all, func(p *identity.Principal) bool {
		for _, s := range all {
			if !slices.Contains(p.Scopes, s) {
				return false
			}
		}
		return true
	})
}

// RequireAnyScope is [RequireScope] for a token that has at least one of these.
func RequireAnyScope(anyOf ...string) gin.HandlerFunc {
	anyOf = slices.Clone(anyOf)
	return scopes(anyOf, func(p *identity.Principal) bool { return intersect(p.Scopes, anyOf) })
}

// notAToken reports whether s cannot be a scope or a value of acr_values
// (RFC 6749 section 3.3).
func notAToken(s string) bool {
	return s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '"' || r == '\\' })
}

func scopes(names []string, enough func(*identity.Principal) bool) gin.HandlerFunc {
	if len(names) == 0 {
		panic("auth: no scope given")
	}
	if slices.ContainsFunc(names, notAToken) {
		panic("auth: a scope that no token can have")
	}
	extra := param("scope", strings.Join(names, " "))
	return guard(extra, func(p *identity.Principal) *Error {
		if enough(p) {
			return nil
		}
		return &Error{Status: http.StatusForbidden, Code: codeInsufficientScope, Reason: reasonScope}
	})
}

// Require lets a request pass whose principal check accepts, by returning nil.
// Others get 403; what check returns goes to the audit sink and to nobody else.
func Require(check func(*identity.Principal) error) gin.HandlerFunc {
	if check == nil {
		panic("auth.Require: no check given")
	}
	return guard("", func(p *identity.Principal) *Error {
		if err := check(p); err != nil {
			return &Error{Status: http.StatusForbidden, Code: "access_denied", Reason: reasonRequirement, cause: err}
		}
		return nil
	})
}

var errNoPrincipal = errors.New("auth: a guard met a request without a principal: is the verifier's middleware in front of it?")

// guard is what all guards have in common. Without a principal it refuses: a
// guard whose verifier was forgotten must not be open.
func guard(extra string, judge func(*identity.Principal) *Error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if probe.Met(c, control+".guard") {
			return
		}
		ctx := c.Request.Context()
		e, _ := ctx.Value(publishedKey{}).(*verified)
		p, ok := identity.From(ctx)
		var refusal *Error
		if ok {
			refusal = judge(p)
		} else {
			refusal = &Error{Status: http.StatusUnauthorized, Reason: reasonNoPrincipal, cause: errNoPrincipal}
		}
		if refusal == nil {
			if e != nil && audit.Wanted(ctx, e.owner.cfg.Audit, audit.Allow) {
				e.owner.cfg.Audit.Record(ctx, audit.Event{
					Control: control, Verdict: audit.Allow, Reason: string(reasonGranted),
					Route: c.FullPath(), Subject: audit.SubjectOf(p.ID()),
				})
			}
			return
		}
		refuseGuarded(c, e, p, refusal, extra)
	}
}

// refuseGuarded answers through the verifier that let the request pass; without
// one in front it answers all the same and tells the program's log.
func refuseGuarded(c *gin.Context, e *verified, p *identity.Principal, refusal *Error, extra string) {
	a, sink := &answers{bearer: true}, audit.Slog(nil)
	if e != nil {
		a, sink = e.owner.answers, e.owner.cfg.Audit
	}
	subject := ""
	if p != nil {
		subject = p.ID()
	}
	recordOf(c.Request.Context(), sink, c.FullPath(), subject, refusal, time.Time{})
	if refusal.Reason == reasonRequirement {
		a.plain(c, refusal)
		return
	}
	a.write(c, refusal, e.scheme(), extra)
}

// StepUp lets a request pass whose user authenticated strongly and lately enough
// (RFC 9470): acr is one of those given, compared exactly, when any is given, and
// auth_time is at most maxAge ago, when maxAge is not 0. Others get 401
// insufficient_user_authentication with acr_values and max_age, which tell the
// client what to ask the issuer for.
func StepUp(maxAge time.Duration, acr ...string) gin.HandlerFunc {
	if maxAge < 0 || maxAge == 0 && len(acr) == 0 || slices.ContainsFunc(acr, notAToken) {
		panic("auth.StepUp: nothing demanded")
	}
	acr = slices.Clone(acr)
	extra := ""
	if len(acr) > 0 {
		extra += param("acr_values", strings.Join(acr, " "))
	}
	if maxAge > 0 {
		extra += param("max_age", strconv.FormatInt(int64(maxAge/time.Second), 10))
	}
	return guard(extra, func(p *identity.Principal) *Error {
		late := maxAge > 0 && (p.AuthTime.IsZero() || time.Since(p.AuthTime) > maxAge)
		if late || len(acr) > 0 && !slices.Contains(acr, acrOf(p)) {
			return &Error{Status: http.StatusUnauthorized, Code: codeStepUp, Reason: reasonStepUp}
		}
		return nil
	})
}

// acrOf is the authentication context the token tells; "" for none, which no
// guard accepts.
func acrOf(p *identity.Principal) string {
	c, err := Claims[struct {
		ACR string `json:"acr"`
	}](p)
	if err != nil {
		return ""
	}
	return c.ACR
}
