package issuer

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"os"
	"slices"
	"sync"
)

// FixtureVariable names the file with keys and pre-signed tokens. An RSA
// signature takes about a millisecond: signing the fresh tokens of each variant
// in each round would take longer than everything that is measured.
const FixtureVariable = "GINSEC_BENCH_FIXTURE"

type fixture struct {
	Keys  [][]byte // PKCS #8: spare RSA, RSA, ECDSA, Ed25519
	Fresh []string
}

// WriteFixture makes keys and n fresh tokens and writes them to path.
func WriteFixture(path string, n int) error {
	i := generate()
	f := fixture{Fresh: make([]string, n)}
	for _, k := range []any{i.spare, i.keys["RS256"].signer, i.keys["ES256"].signer, i.keys["EdDSA"].signer} {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			return err
		}
		f.Keys = append(f.Keys, der)
	}
	claims := make([]map[string]any, n)
	for at := range claims {
		claims[at] = i.Claims()
	}
	var wg sync.WaitGroup
	const workers = 2
	for w := range workers {
		wg.Go(func() {
			for at := w; at < n; at += workers {
				f.Fresh[at] = i.Sign("RS256", claims[at])
			}
		})
	}
	wg.Wait()
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

func fromFixture() *Issuer {
	path := os.Getenv(FixtureVariable)
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	var f fixture
	if err := json.Unmarshal(text, &f); err != nil {
		panic(err)
	}
	keys := make([]any, len(f.Keys))
	for at, der := range f.Keys {
		if keys[at], err = x509.ParsePKCS8PrivateKey(der); err != nil {
			panic(err)
		}
	}
	i := assemble(keys[0].(*rsa.PrivateKey), keys[1].(*rsa.PrivateKey), keys[2].(*ecdsa.PrivateKey), keys[3].(ed25519.PrivateKey))
	i.fresh = slices.Clip(f.Fresh)
	return i
}
