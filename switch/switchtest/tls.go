package switchtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// certificates are both ends' TLS settings; nil where a system speaks without.
type certificates struct{ server, client *tls.Config }

// CertificateName is the name in the certificates of tests.
const CertificateName = "switchyard.test"

// ClientTLS is what clients of the gateway port and of the issuer speak, where Options.TLS is set.
func (s *System) ClientTLS() *tls.Config { return s.tls.client }

// makeCertificates makes a certificate of loopback that signs itself, and settings that trust it alone.
func makeCertificates(t testing.TB) certificates {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: CertificateName}, DNSNames: []string{CertificateName},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore:   time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return certificates{
		server: &tls.Config{Certificates: []tls.Certificate{{
			Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf,
		}}, MinVersion: tls.VersionTLS12},
		client: &tls.Config{RootCAs: roots, ServerName: CertificateName, MinVersion: tls.VersionTLS12},
	}
}
