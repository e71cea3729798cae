// Package authtest is an issuer of tokens for tests and demonstrations: a real
// HTTP server on 127.0.0.1 with OIDC discovery and a key set, whose keys rotate
// and disappear and whose endpoint fails, hangs or lies on command.
//
//	iss, err := authtest.New(authtest.Config{})
//	defer iss.Close()
//	token, err := iss.Mint(map[string]any{"iss": iss.URL(), "sub": "alice", …})
//
// A verifier needs auth.JWKSConfig.InsecureAllowLoopback to use it, because it
// speaks plain HTTP. Its keys live in memory and it signs whatever it is asked
// to: never let anything but a test or a demonstration trust it.
package authtest
