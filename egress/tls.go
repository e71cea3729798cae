package egress

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

func (c *compiler) tls(base *tls.Config) *tls.Config {
	if base == nil {
		return &tls.Config{MinVersion: tls.VersionTLS12}
	}
	base = base.Clone()
	if base.InsecureSkipVerify {
		c.fault("TLS", "InsecureSkipVerify", "verification cannot be turned off; add the server's root to RootCAs")
	}
	if base.ServerName != "" {
		c.fault("TLS", "ServerName "+base.ServerName, "the server name is always the URL's host")
	}
	if base.MinVersion != 0 && base.MinVersion < tls.VersionTLS12 {
		c.fault("TLS", "MinVersion "+tls.VersionName(base.MinVersion), "below TLS 1.2")
	}
	if base.MaxVersion != 0 && base.MaxVersion < tls.VersionTLS12 {
		c.fault("TLS", "MaxVersion "+tls.VersionName(base.MaxVersion), "below TLS 1.2")
	}
	base.MinVersion = max(base.MinVersion, tls.VersionTLS12)
	contain(base)
	return base
}

// contain turns a panic in a callback into a refusal: net/http shakes hands in a
// goroutine of its own, where a panic ends the process.
func contain(cfg *tls.Config) {
	if verify := cfg.VerifyPeerCertificate; verify != nil {
		cfg.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) (err error) {
			defer failClosed(&err)
			return verify(raw, chains)
		}
	}
	if verify := cfg.VerifyConnection; verify != nil {
		cfg.VerifyConnection = func(state tls.ConnectionState) (err error) {
			defer failClosed(&err)
			return verify(state)
		}
	}
	if verify := cfg.EncryptedClientHelloRejectionVerify; verify != nil {
		cfg.EncryptedClientHelloRejectionVerify = func(state tls.ConnectionState) (err error) {
			defer failClosed(&err)
			return verify(state)
		}
	}
	if certificate := cfg.GetClientCertificate; certificate != nil {
		cfg.GetClientCertificate = func(info *tls.CertificateRequestInfo) (c *tls.Certificate, err error) {
			defer failClosed(&err)
			return certificate(info)
		}
	}
	if now := cfg.Time; now != nil {
		cfg.Time = func() (t time.Time) {
			defer func() {
				if recover() != nil {
					t = time.Unix(-1<<40, 0) // before any certificate
				}
			}()
			return now()
		}
	}
}
