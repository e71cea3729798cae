// Package ratelimit limits requests in sliding windows: never more than Limit
// units of a key in any interval of length Window, in process or in Redis, across
// replicas, and for all policies of a request in one step.
//
// A limit is kept by a log of what was admitted when. Up to a limit of 128 it is
// exact; above, what was admitted in one 128th of the window is merged, and a slot
// frees so much late, never early. A request over one policy consumes nothing of
// any, and a request that was refused never counts, so a client that keeps
// hammering still gets its limit in every window.
//
// [Limiter.Use] and [Limiter.Around] are gin middleware; [Limiter.Take] counts
// without gin. Every type is safe for concurrent use.
package ratelimit
