package egress

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
)

// mostRedirects is the most a policy can allow, and where report-only mode ends too.
const mostRedirects = 50

// follow judges a request that an http.Client made from a redirect: the client
// leaves the answer that caused it in Response, and that answer its own request.
func (x *exchange) follow() *Error {
	r := x.c.rules
	for req := x.req; req.Response != nil && req.Response.Request != nil && req.Response.Request.URL != nil; {
		earlier := req.Response.Request
		x.crossed = x.crossed || !sameOrigin(earlier.URL, req.URL)
		x.hop++
		req = earlier
		if x.hop > mostRedirects {
			break
		}
	}
	if x.hop == 0 {
		return nil
	}
	x.strip = true
	from, to := x.req.Response.Request.URL, x.req.URL
	refuse := func(rule string) *Error { return &Error{Kind: kindRedirect, Rule: rule} }
	switch {
	case x.hop > r.MaxRedirects:
		return refuse(ruleTooMany)
	case gate(x.req.Response.Header.Get("Location")) != "":
		return refuse(ruleCharacter) // for clients that are not ours
	case to.User != nil && (from.User == nil || !sameOrigin(from, to) || from.User.String() != to.User.String()):
		return blocked(ruleUserinfo, "") // it would become an Authorization header of the attacker's choice
	case strings.EqualFold(from.Scheme, "https") && !strings.EqualFold(to.Scheme, "https") && !r.InsecureAllowDowngrade:
		return refuse(ruleDowngrade)
	case x.crossed && x.req.Body != nil && x.req.Body != http.NoBody:
		return refuse(ruleBodyAcross)
	}
	return nil
}

// redirects reports whether an http.Client follows the answer's Location.
func redirects(resp *http.Response) bool {
	switch resp.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther,
		http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	default:
		return false
	}
}

// sameOrigin compares scheme, host and port in canonical form. What cannot be read
// is an origin of its own.
func sameOrigin(a, b *url.URL) bool {
	ao, ok := origin(a)
	if !ok {
		return false
	}
	bo, ok := origin(b)
	return ok && ao == bo
}

func origin(u *url.URL) (target, bool) {
	t := target{scheme: strings.ToLower(u.Scheme)}
	name, port, ok := splitPort(u.Host)
	if !ok {
		return t, false
	}
	h, rule := canonicalHost(name)
	if t.port = port; port == 0 {
		t.port = 80
		if t.scheme == "https" {
			t.port = 443
		}
	}
	t.host = h
	return t, rule == ""
}

// redirectHeader is what a redirected request may carry: never a Referer, and once
// another origin was met, only what holds no secret.
func (r *rules) redirectHeader(h http.Header, crossed bool) http.Header {
	kept := make(http.Header, len(h))
	for name, values := range h {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if canonical == "Referer" || crossed && !harmless(canonical) && !r.keep[canonical] {
			continue
		}
		kept[name] = values
	}
	return kept
}

func harmless(name string) bool {
	switch name {
	case "Accept", "Content-Type", "User-Agent", "Range":
		return true
	default:
		return strings.HasPrefix(name, "Accept-") || strings.HasPrefix(name, "If-")
	}
}
