package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
	"github.com/ginsec/ginsec/auth/authtest"
)

// certify signs a client's certificate for key.
func certify(t *testing.T, key *ecdsa.PrivateKey) (tls.Certificate, string) {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(raw)
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}, b64(sum[:])
}

// reissue makes another certificate for the key of c.
func reissue(t *testing.T, c tls.Certificate) tls.Certificate {
	t.Helper()
	again, _ := certify(t, c.PrivateKey.(*ecdsa.PrivateKey))
	return again
}

// newCertificate makes a client's self-signed certificate and its thumbprint.
func newCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return certify(t, key)
}

// secured is a bound API behind TLS that asks clients for certificates.
type secured struct {
	*bound
	mine, others tls.Certificate
	thumbprint   string // of mine
}

func newSecured(t *testing.T, change func(*auth.Config)) *secured {
	t.Helper()
	s := &secured{bound: newBound(t, change)}
	s.server = httptest.NewUnstartedServer(s.engine)
	s.server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	s.server.StartTLS()
	t.Cleanup(s.server.Close)
	s.mine, s.thumbprint = newCertificate(t)
	s.others, _ = newCertificate(t)
	return s
}

// with sends a request from a client with these certificates.
func (s *secured) with(certificates []tls.Certificate, authorization string, header http.Header) *httptest.ResponseRecorder {
	transport, _ := s.server.Client().Transport.(*http.Transport)
	transport = transport.Clone()
	transport.TLSClientConfig.Certificates = certificates
	transport.DisableKeepAlives = true
	req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	maps.Copy(req.Header, header)
	req.Header.Set("Authorization", authorization)
	return overHTTP(s.t, &http.Client{Transport: transport}, s.server.URL, req)
}

// ASVS 10.3.5.
func TestCertificateBoundTokens(t *testing.T) {
	t.Parallel()
	s := newSecured(t, func(cfg *auth.Config) { cfg.MTLS, cfg.DPoP = true, nil })
	bound := func(cnf any) string { return mint(t, s.iss, map[string]any{"cnf": cnf}) }
	sha := func(of string) map[string]any { return map[string]any{"x5t#S256": of} }
	mine, others := []tls.Certificate{s.mine}, []tls.Certificate{s.others}
	ofMine, err := x509.ParseCertificate(s.mine.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	keyOnly := sha256.Sum256(ofMine.RawSubjectPublicKeyInfo)
	raw := sha256.Sum256(s.mine.Certificate[0])
	sameKey := reissue(t, s.mine)
	chained := func(first, second tls.Certificate) []tls.Certificate {
		return []tls.Certificate{{Certificate: [][]byte{first.Certificate[0], second.Certificate[0]}, PrivateKey: first.PrivateKey}}
	}
	token := bound(sha(s.thumbprint))
	header := http.Header{
		"X-Forwarded-Client-Cert": {"Hash=" + s.thumbprint}, "X-Client-Cert": {b64(s.mine.Certificate[0])},
		"Client-Cert":         {":" + base64.StdEncoding.EncodeToString(s.mine.Certificate[0]) + ":"}, // RFC 9440
		"X-Ssl-Client-Verify": {"SUCCESS"},
	}
	runAll(t, map[string]struct {
		certificates []tls.Certificate
		token        string
		header       http.Header
		status       int
	}{
		"its certificate":                       {mine, token, nil, 200},
		"its certificate and a chain":           {chained(s.mine, s.others), token, nil, 200},
		"another certificate":                   {others, token, nil, 401},
		"another that carries ours behind it":   {chained(s.others, s.mine), token, nil, 401},
		"another certificate for the same key":  {[]tls.Certificate{sameKey}, token, nil, 401},
		"no certificate":                        {nil, token, nil, 401},
		"no certificate but headers of a proxy": {nil, token, header, 401},
		"another and headers of a proxy":        {others, token, header, 401},
		"an unbound token with a certificate":   {mine, mint(t, s.iss, nil), nil, 200},
		"an unbound token without one":          {nil, mint(t, s.iss, nil), nil, 200},
		"bound to a key, proofs off":            {mine, bound(map[string]any{"jkt": s.thumbprint}), nil, 401},
		"bound to both, proofs off":             {mine, bound(map[string]any{"jkt": s.thumbprint, "x5t#S256": s.thumbprint}), nil, 401},
		"bound to something else beside":        {mine, bound(map[string]any{"kid": "a", "x5t#S256": s.thumbprint}), nil, 401},
		"a thumbprint cut short":                {mine, bound(sha(s.thumbprint[1:])), nil, 401},
		"a thumbprint of nothing":               {nil, bound(sha("")), nil, 401},
		"a thumbprint that is null":             {nil, bound(map[string]any{"x5t#S256": nil}), nil, 401},
		"a thumbprint in a list":                {mine, bound(map[string]any{"x5t#S256": []string{s.thumbprint}}), nil, 401},
		"a thumbprint with padding":             {mine, bound(sha(s.thumbprint + "=")), nil, 401},
		"a thumbprint in hexadecimal":           {mine, bound(sha(hex.EncodeToString(raw[:]))), nil, 401},
		"a thumbprint of the key alone":         {mine, bound(sha(b64(keyOnly[:]))), nil, 401},
		"the older hash":                        {mine, bound(map[string]any{"x5t": s.thumbprint}), nil, 401},
		"the member in capitals":                {mine, bound(map[string]any{"X5T#S256": s.thumbprint}), nil, 401},
		"an expired token":                      {mine, mint(t, s.iss, map[string]any{"exp": 1, "cnf": sha(s.thumbprint)}), nil, 401},
	}, func(t *testing.T, tc struct {
		certificates []tls.Certificate
		token        string
		header       http.Header
		status       int
	},
	) {
		t.Helper()
		for round := range 2 { // the second time from memory
			if w := s.with(tc.certificates, "Bearer "+tc.token, tc.header); w.Code != tc.status {
				t.Errorf("round %d: %d, not %d", round, w.Code, tc.status)
			}
		}
	})
	t.Run("over a listener without TLS", func(t *testing.T) {
		t.Parallel()
		plain := httptest.NewServer(s.engine)
		t.Cleanup(plain.Close)
		req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
		maps.Copy(req.Header, header)
		req.Header.Set("Authorization", "Bearer "+token)
		if w := overHTTP(t, plain.Client(), plain.URL, req); w.Code != 401 {
			t.Errorf("%d", w.Code)
		}
	})
}

// A token bound to a key and to a certificate needs both.
// ASVS 10.3.5.
func TestTokensBoundTwiceNeedBoth(t *testing.T) {
	t.Parallel()
	s := newSecured(t, func(cfg *auth.Config) { cfg.MTLS = true })
	jkt := s.holder.Confirmation()["jkt"]
	s.token = mint(t, s.iss, map[string]any{"cnf": map[string]any{"jkt": jkt, "x5t#S256": s.thumbprint}})
	keyOnly := mint(t, s.iss, map[string]any{"cnf": map[string]any{"jkt": jkt}})
	certOnly := mint(t, s.iss, map[string]any{"cnf": map[string]any{"x5t#S256": s.thumbprint}})
	mine, others := []tls.Certificate{s.mine}, []tls.Certificate{s.others}
	good := func(token string) func() string {
		return func() string { return s.proof(t, authtest.Proof{Token: token}) }
	}
	stranger := func() string {
		return prove(t, newHolder(t, ""), authtest.Proof{Method: http.MethodGet, URI: apiURL + "/whoami", Token: s.token})
	}
	runAll(t, map[string]struct {
		certificates  []tls.Certificate
		scheme, token string
		proof         func() string
		status        int
	}{
		"both":                                   {mine, "DPoP", s.token, good(s.token), 200},
		"the proof and no certificate":           {nil, "DPoP", s.token, good(s.token), 401},
		"the proof and another certificate":      {others, "DPoP", s.token, good(s.token), 401},
		"the certificate and no proof":           {mine, "DPoP", s.token, nil, 401},
		"the certificate and a stranger's proof": {mine, "DPoP", s.token, stranger, 401},
		"the certificate, as a bearer token":     {mine, "Bearer", s.token, nil, 401},
		"both, as a bearer token":                {mine, "Bearer", s.token, good(s.token), 401},
		"neither":                                {nil, "DPoP", s.token, nil, 401},
		"neither, as a bearer token":             {nil, "Bearer", s.token, nil, 401},
		"the certificate and another's proof":    {mine, "DPoP", s.token, good(keyOnly), 401},
		"bound to the key alone":                 {nil, "DPoP", keyOnly, good(keyOnly), 200},
		"bound to the key, another certificate":  {others, "DPoP", keyOnly, good(keyOnly), 200},
		"bound to the certificate alone":         {mine, "Bearer", certOnly, nil, 200},
		"bound to the certificate, with a proof": {mine, "DPoP", certOnly, good(certOnly), 401},
		"bound to the certificate, without it":   {others, "Bearer", certOnly, nil, 401},
	}, func(t *testing.T, tc struct {
		certificates  []tls.Certificate
		scheme, token string
		proof         func() string
		status        int
	},
	) {
		t.Helper()
		for round := range 2 { // the second time from memory
			header := http.Header{}
			if tc.proof != nil {
				header.Set("DPoP", tc.proof())
			}
			if w := s.with(tc.certificates, tc.scheme+" "+tc.token, header); w.Code != tc.status {
				t.Errorf("round %d: %d, not %d", round, w.Code, tc.status)
			}
		}
	})
}

func TestCertificatesCountOnlyWhereTheyAreConfigured(t *testing.T) {
	t.Parallel()
	for what, change := range map[string]func(*auth.Config){
		"nothing on": func(c *auth.Config) { c.DPoP = nil }, "only DPoP on": nil,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := newSecured(t, change)
			token := mint(t, s.iss, map[string]any{"cnf": map[string]any{"x5t#S256": s.thumbprint}})
			if w := s.with([]tls.Certificate{s.mine}, "Bearer "+token, nil); w.Code != 401 {
				t.Errorf("%d", w.Code)
			}
		})
	}
}

func TestBindingOffRefusesEveryConfirmation(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	for name, change := range map[string]func(*auth.Config){
		"nothing on":   func(*auth.Config) {},
		"only DPoP on": func(c *auth.Config) { c.DPoP = &auth.DPoP{BaseURL: apiURL, Seen: &seen{}} },
	} {
		cfg := configFor(iss)
		change(&cfg)
		v := newVerifier(t, cfg)
		_, thumbprint := newCertificate(t)
		if got := verify(v, mint(t, iss, map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint}})); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
}
