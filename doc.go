// Package ginsec puts the controls of a production API security checklist in
// front of a gin engine with one line:
//
//	r.Use(ginsec.Default())
//
// [Default] takes the issuer and the audience from the environment, [New] takes
// a [Config]. The suite applies, in this order:
//
//  1. a sliding-window limit per client address (package ratelimit),
//  2. verification of the JWT against a cached key set (package auth),
//  3. a sliding-window limit per user,
//  4. where asked for, one-time use of the token (package replay).
//
// Groups tighten it with [Limit] and [Once]. Handlers add the other three
// controls where they are needed: strict payloads with package binding, ownership
// in every query with package scope, and outbound calls with the client that
// egress.From finds in the request's context.
//
// # What it does not do
//
// An ordinary access token can be used again until it expires: only groups with
// [Once], and DPoP proofs, are one-time. Limits and one-time ids kept in process
// are per replica: give the suite Redis when there are several. Routes registered
// before Use are not guarded; package ginsectest finds them in a test. The suite
// does not issue tokens, does not set CORS or browser headers, and is no
// replacement for what belongs in front of the process, such as TLS and
// protection from volumetric attacks.
package ginsec
