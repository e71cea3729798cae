package ratelimit

import (
	"strconv"
	"strings"
	"time"
)

// ParsePolicy reads a policy as people write it:
//
//	5/1m by ip
//	login: 5/1m by ip
//	600/1m by user
//	1000/1h by tenant
//	20/1m by user-or-ip
//	100/1s by route
//	100/1s by user+route
//	60/1m by header X-Api-Key
//	10000/1s global
//
// A name and a colon may stand in front. The window is a Go duration without sign
// or fraction. Without a name the policy gets one made of the rest; it is the same
// for the same rule. Errors are of type [*Error] and never repeat the text.
func ParsePolicy(s string) (Policy, error) {
	if len(s) > 256 {
		return Policy{}, &Error{"rule", "is longer than 256 bytes"}
	}
	var p Policy
	text := strings.TrimSpace(s)
	if name, rest, ok := strings.Cut(text, ":"); ok {
		if name = strings.TrimSpace(name); name == "" || !policyName(name) {
			return Policy{}, &Error{"rule.name", "is not made of letters, digits, '-', '_' and '.'"}
		}
		p.Name, text = name, rest
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return Policy{}, &Error{"rule", `is empty: write it like "5/1m by ip"`}
	}
	if err := p.parseQuota(words[0]); err != nil {
		return Policy{}, err
	}
	if err := p.parseKey(words[1:]); err != nil {
		return Policy{}, err
	}
	if p.Name == "" {
		p.Name = derivedName(&p)
	}
	return p, nil
}

func (p *Policy) parseQuota(s string) error {
	limit, window, ok := strings.Cut(s, "/")
	if !ok {
		return &Error{"rule", `does not start with a limit and a window like "5/1m"`}
	}
	n, err := strconv.ParseInt(limit, 10, 64)
	if err != nil || !digit(limit) || n < 1 || n > maxLimit {
		return &Error{"rule.limit", "is not a number between 1 and 4294967295"}
	}
	d, err := time.ParseDuration(window)
	if err != nil || !digit(window) || strings.ContainsAny(window, ".,") {
		return &Error{"rule.window", `is not a duration like "1m"`}
	}
	if d < minWindow || d > maxWindow {
		return &Error{"rule.window", "is not between 1ms and 366 days"}
	}
	p.Limit, p.Window = n, d
	return nil
}

// digit reports whether s starts like a number without sign or leading zero.
func digit(s string) bool { return s != "" && s[0] >= '1' && s[0] <= '9' }

func (p *Policy) parseKey(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "global":
		p.Key = Global()
		return nil
	case len(words) < 2 || words[0] != "by":
		return &Error{"rule.key", `is not told: write "by ip", "by user" or "global"`}
	}
	for _, name := range strings.Split(strings.Join(words[1:], " "), "+") {
		k, err := parsePart(strings.TrimSpace(name))
		if err != nil {
			return err
		}
		p.Key = p.Key.And(k)
	}
	if len(p.Key.parts) > maxParts {
		return &Error{"rule.key", "has more than 4 parts"}
	}
	return nil
}

func parsePart(name string) (Key, error) {
	switch name {
	case "ip":
		return ByIP(), nil
	case "user":
		return ByUser(), nil
	case "tenant":
		return ByTenant(), nil
	case "user-or-ip":
		return ByUserOrIP(), nil
	case "route":
		return ByRoute(), nil
	}
	if header, ok := strings.CutPrefix(name, "header "); ok {
		k := ByAPIKey(header)
		if !headerName(k.parts[0].header) {
			return Key{}, &Error{"rule.key", "names a header that is not valid"}
		}
		return k, nil
	}
	return Key{}, &Error{"rule.key", "is not made of ip, user, tenant, user-or-ip, route and header"}
}
