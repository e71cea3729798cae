package egress_test

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/ginsec/ginsec/egress"
)

// A panic in one of these would end the process: the handshake has a goroutine of its own.
func TestAPanicInATLSFunctionIsARefusal(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(says("x"))
	quiet(server)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, tc := range map[string]struct {
		want string
		set  func(*tls.Config)
	}{
		"VerifyPeerCertificate": {"panic", func(c *tls.Config) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { panic("x") }
		}},
		"VerifyConnection": {"panic", func(c *tls.Config) {
			c.VerifyConnection = func(tls.ConnectionState) error { panic("x") }
		}},
		"GetClientCertificate": {"panic", func(c *tls.Config) {
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { panic("x") }
		}},
		"Time": {"tls", func(c *tls.Config) { c.Time = func() time.Time { panic("x") } }},
		"none": {"", func(*tls.Config) {}},
		"all, without a panic": {"", func(c *tls.Config) {
			c.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return nil }
			c.VerifyConnection = func(tls.ConnectionState) error { return nil }
			c.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { return nil }
			c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return new(tls.Certificate), nil }
			c.Time = time.Now
		}},
	} {
		cfg := &tls.Config{RootCAs: x509.NewCertPool()}
		cfg.RootCAs.AddCert(server.Certificate())
		tc.set(cfg)
		client := newClient(t, patient(egress.Policy{Resolver: everywhere{}, TLS: cfg}))
		egress.SetDialer(client, (&world{server: server.Listener.Addr().String()}).dial)
		text, err := get(t, client, "https://example.com/")
		rule := ""
		if err != nil {
			rule = failure(t, err).Rule
		}
		if rule != tc.want || tc.want == "" && text != "x" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
}
