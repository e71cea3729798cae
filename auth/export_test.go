package auth

import "time"

// RememberedAcrossRenewal reports whether a token would still be taken from the cache
// that was verified with the keys read before a renewal, and accepted after it.
func RememberedAcrossRenewal(v *Verifier, issuer string, renewed bool) bool {
	now, iss := time.Now(), v.issuers[issuer]
	before := iss.keys.snapshot.Load()
	if renewed {
		after := *before
		after.generation++
		iss.keys.snapshot.Store(&after)
	}
	c := &claims{exp: now.Add(time.Hour).UnixMicro(), iat: now.UnixMicro()}
	return v.accept(c, iss, before, confirmation{}, now).fresh(now)
}
