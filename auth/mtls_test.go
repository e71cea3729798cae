package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ginsec/ginsec/auth"
)

// newCertificate makes a client's self-signed certificate and its thumbprint.
func newCertificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "client"},
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

// ASVS 10.3.5.
func TestCertificateBoundTokens(t *testing.T) {
	t.Parallel()
	iss := newIssuer(t, "ES256")
	cfg := configFor(iss)
	cfg.MTLS = true
	server := httptest.NewUnstartedServer(newEngine(newVerifier(t, cfg).Middleware()))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	mine, thumbprint := newCertificate(t)
	others, _ := newCertificate(t)
	token := mint(t, iss, map[string]any{"cnf": map[string]any{"x5t#S256": thumbprint}})
	for name, tc := range map[string]struct {
		certificates []tls.Certificate
		token        string
		status       int
	}{
		"its certificate":                     {[]tls.Certificate{mine}, token, 200},
		"another certificate":                 {[]tls.Certificate{others}, token, 401},
		"no certificate":                      {nil, token, 401},
		"an unbound token with a certificate": {[]tls.Certificate{mine}, mint(t, iss, nil), 200},
		"bound to a key, proofs off": {[]tls.Certificate{mine}, mint(t, iss, map[string]any{
			"cnf": map[string]any{"jkt": thumbprint},
		}), 401},
		"a malformed thumbprint": {[]tls.Certificate{mine}, mint(t, iss, map[string]any{
			"cnf": map[string]any{"x5t#S256": thumbprint[1:]},
		}), 401},
		"the older hash": {[]tls.Certificate{mine}, mint(t, iss, map[string]any{
			"cnf": map[string]any{"x5t": thumbprint},
		}), 401},
	} {
		transport := server.Client().Transport.(*http.Transport).Clone()
		transport.TLSClientConfig.Certificates = tc.certificates
		transport.DisableKeepAlives = true
		for range 2 { // the second time from memory
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/whoami", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+tc.token)
			resp, err := (&http.Client{Transport: transport}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != tc.status {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	}
	// A header that claims to hold the certificate is worth nothing.
	r := newEngine(newVerifier(t, cfg).Middleware())
	req := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("X-Forwarded-Client-Cert", "Hash="+thumbprint)
	w := httptest.NewRecorder()
	r.ServeHTTP(w, req)
	if w.Code != 401 {
		t.Errorf("without TLS: %d", w.Code)
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
