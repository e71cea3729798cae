// Package replay accepts an id once: a one-time token, a signed webhook, a nonce,
// a DPoP proof. Whatever the number of goroutines and instances that present the
// same id at the same moment, at most one of them wins: exactly one, unless an answer
// is lost on its way.
//
//	store, err := replay.Redis(client, replay.RedisConfig{}) // or Local, RedisBloom
//	guard, err := replay.New(replay.Config{Store: store})
//	payments.Use(guard.SingleUse())
//
// An ordinary access token may be used again until it expires (RFC 9700 section
// 2.2 asks for sender-constrained tokens, not for single use), so nothing here
// applies to a route until it is asked for.
//
// # How an id is kept
//
// A store keeps ids in windows of the time at which they expire, never of the time
// at which they are used: one id always meets the same filter, one atomic step
// decides, and an id is forgotten only when nobody would accept it any more.
//
// # What it does not do
//
// It verifies nothing: run it behind authentication, after the limits and right
// before the handler, so that a forged or limited request cannot burn an id. A use
// stands whatever the handler answers. Retrying a request safely is another
// feature, idempotency keys, which give the same answer again.
package replay
