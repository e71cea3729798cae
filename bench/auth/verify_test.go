package auth_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ginsec/ginsec/bench/internal/meter"
	"github.com/ginsec/ginsec/bench/internal/peers"
)

// BenchmarkVerify is verification without HTTP. The primitive is the signature
// alone: what no verifier can do without.
func BenchmarkVerify(b *testing.B) {
	i := newIssuer(b)
	for _, alg := range []string{"RS256", "ES256", "EdDSA"} {
		tokens := make([]string, 64)
		token := i.Token(alg)
		for n := range tokens {
			tokens[n] = strings.Clone(token)
		}
		run := func(name string, verify func(string) bool) {
			b.Run(alg+"/"+name, func(b *testing.B) {
				if !verify(token) {
					b.Fatal("refused")
				}
				clock := meter.Start(b)
				for n := 0; b.Loop(); n++ {
					if !verify(tokens[n%len(tokens)]) {
						b.Fatal("refused")
					}
				}
				clock.Stop()
			})
		}
		warm, cold := ginsecVerifier(b, i, true), ginsecVerifier(b, i, false)
		run("ginsec/warm", func(s string) bool { _, err := warm.Verify(b.Context(), s); return err == nil })
		run("ginsec/cold", func(s string) bool { _, err := cold.Verify(b.Context(), s); return err == nil })
		keys, parser := peers.Keyfunc(b.Context(), i), jwt.NewParser(peers.ParserOptions(alg)...)
		run("peer/golang-jwt+keyfunc", func(s string) bool {
			var claims peers.Claims
			_, err := parser.ParseWithClaims(s, &claims, keys.Keyfunc)
			return err == nil
		})
		run("primitive", primitive(i.Public(alg)))
	}
}

// BenchmarkRefuseVerify is a token that must be refused, without HTTP.
func BenchmarkRefuseVerify(b *testing.B) {
	i := newIssuer(b)
	ours := ginsecVerifier(b, i, false)
	keys, parser := peers.Keyfunc(b.Context(), i), jwt.NewParser(peers.ParserOptions("RS256")...)
	for _, r := range refused(i) {
		if r.token == "" {
			continue
		}
		run := func(name string, verify func(string) bool) {
			b.Run(r.name+"/"+name, func(b *testing.B) {
				clock := meter.Start(b)
				for b.Loop() {
					if verify(r.token) {
						b.Fatal("accepted")
					}
				}
				clock.Stop()
			})
		}
		run("ginsec/cold", func(s string) bool { _, err := ours.Verify(b.Context(), s); return err == nil })
		run("peer/golang-jwt+keyfunc", func(s string) bool {
			var claims peers.Claims
			_, err := parser.ParseWithClaims(s, &claims, keys.Keyfunc)
			return err == nil
		})
	}
}

// primitive returns the hash and the signature check of a token, and nothing else.
func primitive(public crypto.PublicKey) func(string) bool {
	return func(s string) bool {
		dot := strings.LastIndexByte(s, '.')
		sig, err := base64.RawURLEncoding.DecodeString(s[dot+1:])
		if err != nil {
			return false
		}
		signed := []byte(s[:dot])
		switch k := public.(type) {
		case *rsa.PublicKey:
			sum := sha256.Sum256(signed)
			return rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], sig) == nil
		case *ecdsa.PublicKey:
			sum := sha256.Sum256(signed)
			return ecdsa.Verify(k, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
		case ed25519.PublicKey:
			return ed25519.Verify(k, signed, sig)
		}
		return false
	}
}
