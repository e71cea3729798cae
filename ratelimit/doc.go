// Package ratelimit limits requests in sliding windows: never more than Limit
// units of a key in any interval of length Window, in process or in Redis, across
// replicas, and for all policies of a request in one step.
//
// A limit is kept by a log in which the events of one tick are merged. Up to a
// limit of 128 a tick is a 65,536th of the window, above it a 128th: a slot frees
// so much late, and never early. A request over one policy consumes nothing of
// any, and a request that was refused never counts, so a client that keeps
// hammering still gets its limit in every window.
package ratelimit
