package ratelimit

import (
	"time"

	"github.com/gin-gonic/gin"
)

// Sensitive returns middleware for an endpoint where secrets can be guessed:
// login, password reset, token exchange. Only failed attempts count (see
// [Failures]): 10 a minute and 50 an hour, per client address and per account. An
// address that has used up its attempts is locked out for 15 minutes, correct
// credentials included.
//
// account tells the account that is tried, such as the submitted login name; its
// limits show in no header. An account is refused until its windows have passed,
// and not locked out longer: whoever knows its name could keep its owner out.
// Counting by account alone would do just that, counting by address alone would
// let many addresses guess at one account.
//
// name begins the policies' names; use one for each endpoint.
func (l *Limiter) Sensitive(name string, account Key) gin.HandlerFunc {
	const lockout = 15 * time.Minute
	return l.gate("Sensitive", nil, []Policy{
		{Name: name + "-ip", Limit: 10, Window: time.Minute, Key: ByIP(), CountIf: Failures, Lockout: lockout},
		{Name: name + "-ip-hour", Limit: 50, Window: time.Hour, Key: ByIP(), CountIf: Failures, Lockout: lockout},
		{Name: name + "-account", Limit: 10, Window: time.Minute, Key: account, CountIf: Failures, Hidden: true},
		{Name: name + "-account-hour", Limit: 50, Window: time.Hour, Key: account, CountIf: Failures, Hidden: true},
	}).serve
}
