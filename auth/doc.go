// Package auth verifies JSON Web Tokens as access tokens of an API, against key
// sets it fetches and keeps up to date itself.
//
//	v, err := auth.New(auth.Config{
//		Issuers:   []auth.Issuer{{URL: "https://id.example"}},
//		Audiences: []string{"https://api.example"},
//	})
//	r.Use(v.Middleware())
//
// Issuer, audience, expiry, issue time, subject, algorithm, key and type are
// always checked (RFC 7519, RFC 8725, RFC 9068). Only asymmetric algorithms exist
// here. What is wrong with a token is told to the operator, through audit events,
// and never to the client. While no keys can be had, requests are answered with
// 503, never with 401.
package auth
