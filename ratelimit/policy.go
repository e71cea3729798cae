package ratelimit

import (
	"encoding/binary"
	"hash/maphash"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// Policy is one limit: at most Limit units in any interval of length Window, for
// each value of Key. Limit, Window and Key are required.
type Policy struct {
	// Name appears in headers and in the body of a refusal and is part of the key
	// in the store: policies with the same name, window and key count together.
	// Letters, digits, '-', '_' and '.', at most 128. The default is made of the
	// other fields, such as "300-1m-ip"; a policy with a key of By must have one, for
	// functions cannot be told apart.
	Name string

	// Limit is how many units fit, 1 to 4,294,967,295.
	Limit int64

	// Window is the length of the interval, at least a millisecond and at most 366
	// days.
	Window time.Duration

	// Key says whose requests count together.
	Key Key

	// Cost is how many units a request takes. The default is 1; 0 is free; a
	// negative cost is an error that refuses the request with 500.
	Cost func(*gin.Context) int64

	// Plan gives the limit and the window of this request instead of Limit and
	// Window, such as those of the customer's plan. What it returns must be valid
	// for those fields; otherwise the request is refused with 500. A slot then
	// frees a 128th of the window late also for small limits.
	Plan func(*gin.Context) (limit int64, window time.Duration)

	// CountIf says, by the status of the answer, whether the request counts. It is
	// charged before the handler and given back afterwards, so requests sent at the
	// same time cannot exceed the limit. A handler that panics stays charged; one that
	// hijacks the connection counts by the status set before. The default counts all.
	// See [Failures].
	CountIf func(status int) bool

	// Lockout, when set, refuses everything of a key for this long once the limit
	// has been used up: with CountIf by requests that count, those under way not
	// included; else by a request over it.
	Lockout time.Duration

	// Skip, when set, takes requests out of this policy.
	Skip func(*gin.Context) bool

	// ReportOnly lets requests over the limit pass, uncounted, and reports them.
	ReportOnly bool

	// Hidden keeps the policy out of headers and bodies, for a key that the client
	// submits, such as a login name, whose use is nobody else's business.
	Hidden bool

	// OnStoreFailure says what happens while the store does not answer. The default
	// is what the limiter's Config says.
	OnStoreFailure Failure
}

// Failure is what happens to a policy while Redis does not answer: "local" counts
// in this process, "allow" lets requests pass uncounted, "deny" refuses them with
// 503. The zero value is the default of where it stands.
type Failure string

const (
	failLocal Failure = "local"
	failAllow Failure = "allow"
	failDeny  Failure = "deny"
)

// or returns f, or what stands further out when f is not set.
func (f Failure) or(outer Failure) Failure {
	if f == "" {
		return outer
	}
	return f
}

func (f Failure) valid() bool {
	return f == "" || f == failLocal || f == failAllow || f == failDeny
}

// PerMinute is the policy of n requests a minute per key. With a key of [By] it
// needs a Name.
func PerMinute(n int64, k Key) Policy { return Policy{Limit: n, Window: time.Minute, Key: k} }

// Failures reports whether a status says that the request failed: 400 and above,
// the server's own failures included. Use it as [Policy.CountIf] where only
// failed attempts shall count, such as wrong passwords.
func Failures(status int) bool { return status >= http.StatusBadRequest }

// policy is a Policy made ready. It does not change any more.
type policy struct {
	Policy
	source   Policy // as it was given
	rule     rule
	unit     byte   // of its logs
	group    uint64 // hash of what tells its logs from others
	locks    uint64 // hash of what tells its lockouts from others
	text     uint64 // salt of the hashes of its keys, if they are texts
	early    bool
	personal bool
	header   string    // its item of RateLimit-Policy
	quoted   string    // its name as a structured-field string, and the ;r= behind it
	args     [4]string // its rule for the script: limit, tick, keep, expiry
}

func (p *Policy) faults() []error {
	var errs []error
	bad := func(field, reason string) { errs = append(errs, &Error{"Policy." + field, reason}) }
	if p.Name != "" && !policyName(p.Name) {
		bad("Name", "is not made of letters, digits, '-', '_' and '.', or is longer than 128")
	}
	if p.Name == "" && p.Key.custom() { // two functions would count together
		bad("Name", "is missing: a policy with a key of By needs one")
	}
	if p.Limit < 1 || p.Limit > maxLimit {
		bad("Limit", "is not between 1 and 4294967295")
	}
	if p.Window < minWindow || p.Window > maxWindow {
		bad("Window", "is not between 1ms and 366 days")
	}
	if reason := p.Key.fault(); reason != "" {
		bad("Key", reason)
	}
	if p.Lockout != 0 && (p.Lockout < minWindow || p.Lockout > maxWindow) {
		bad("Lockout", "is not between 1ms and 366 days")
	}
	if !p.OnStoreFailure.valid() {
		bad("OnStoreFailure", `is not "local", "allow" or "deny"`)
	}
	return errs
}

func policyName(s string) bool {
	if len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

// defaults is what a limiter's configuration says for all policies.
type defaults struct {
	onFail     Failure
	reportOnly bool
}

// compile makes p, which has no faults, ready.
func (l *Limiter) compile(p *Policy) *policy {
	c := &policy{Policy: *p, source: *p, unit: unitCoarse}
	if c.Name == "" {
		c.Name = derivedName(p)
	}
	c.OnStoreFailure = p.OnStoreFailure.or(l.defaults.onFail)
	c.ReportOnly = p.ReportOnly || l.defaults.reportOnly
	exact := p.Limit <= exactUpTo && p.Plan == nil
	if exact {
		c.unit = unitExact
	}
	c.rule = ruleOf(p.Limit, p.Window, exact)
	c.group = l.group(c.Name, p.Window, c.unit)
	c.locks = l.group(c.Name, p.Lockout, unitLock)
	if len(p.Key.parts) == 1 {
		c.text = p.Key.parts[0].kind.text().salt()
	}
	c.early, c.personal = p.Key.early(), p.Key.personal()
	c.header = policyHeader(c.Name, p.Limit, p.Window)
	c.quoted = `"` + c.Name + `";r=`
	c.args = c.rule.args()
	return c
}

// The units of logs, as the letter that tells them apart in a key.
const (
	unitExact  = 'e'
	unitCoarse = 'c'
	unitLock   = 'l'
)

// group is the hash of what tells a policy's logs from those of another, the unit
// included: logs of two units must never mix.
func (l *Limiter) group(name string, window time.Duration, unit byte) uint64 {
	var room [160]byte
	b := append(append(room[:0], name...), 0, unit)
	return maphash.Bytes(l.seed, binary.BigEndian.AppendUint64(b, uint64(window)))
}

// compileAll makes the policies of one middleware ready.
func (l *Limiter) compileAll(policies []Policy) ([]*policy, error) {
	if err := check(policies); err != nil {
		return nil, err
	}
	compiled := make([]*policy, len(policies))
	for i := range policies {
		compiled[i] = l.compile(&policies[i])
	}
	return compiled, nil
}

// derivedName names a policy after what it limits: the same on every replica.
func derivedName(p *Policy) string {
	key := strings.NewReplacer(" ", "-", "+", "-").Replace(strings.ToLower(p.Key.String()))
	name := strconv.FormatInt(p.Limit, 10) + "-" + shortDuration(p.Window) + "-" + key
	return name[:min(len(name), 96)]
}

// shortDuration writes 1m instead of 1m0s.
func shortDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}
