package configfile

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/internal/config"
	txswitch "switchyard/switch"
)

// signed makes a certificate; by nil, one that signs itself.
func signed(t *testing.T, template *x509.Certificate, by *tls.Certificate) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := template, crypto.PrivateKey(key)
	if by != nil {
		parent, signer = by.Leaf, by.PrivateKey
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

func newCA(t *testing.T) *tls.Certificate {
	t.Helper()
	return signed(t, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil)
}

// put writes something of X.509 into a file of a folder.
func put(t *testing.T, dir, name, kind string, der []byte) {
	t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
		t.Fatal(err)
	}
}

// list is a list of revoked certificates that is to be replaced at a time from now.
func list(t *testing.T, by *tls.Certificate, replaced time.Duration, revoked ...int64) []byte {
	t.Helper()
	template := x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(replaced),
	}
	for _, serial := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(serial), RevocationTime: time.Now(),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &template, by.Leaf, by.PrivateKey.(crypto.Signer))
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// An issuer's certificate is held against the name that is configured, in place of its address, and against the lists
// of its authority.
func TestIssuersCertificate(t *testing.T) {
	dir, ca := t.TempDir(), newCA(t)
	path := filepath.Join(dir, "switchd.yaml")
	put(t, dir, "ca.pem", "CERTIFICATE", ca.Leaf.Raw)
	put(t, dir, "none.crl", "X509 CRL", list(t, ca, time.Hour))
	put(t, dir, "revoked.crl", "X509 CRL", list(t, ca, time.Hour, 2))
	put(t, dir, "stale.crl", "X509 CRL", list(t, ca, -time.Hour))
	host := func(by *tls.Certificate, usage x509.ExtKeyUsage) *tls.Certificate {
		return signed(t, &x509.Certificate{
			SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "host", Organization: []string{"Issuer"}},
			DNSNames:    []string{"host.issuer.example"},
			URIs:        []*url.URL{{Scheme: "spiffe", Host: "issuer.example", Path: "/host"}},
			ExtKeyUsage: []x509.ExtKeyUsage{usage},
		}, by)
	}
	for name, c := range map[string]struct {
		tls  config.TLS
		with *tls.Certificate
		want string // in the error; "": none
	}{
		"its address is not in it": {with: host(ca, x509.ExtKeyUsageServerAuth), want: "any IP SANs"},
		"by URI": {
			tls: config.TLS{Peer: "URI:spiffe://issuer.example/host"}, with: host(ca, x509.ExtKeyUsageServerAuth),
		},
		"by subject, and not revoked": {
			tls: config.TLS{Peer: "CN=host,O=Issuer", CRL: []string{"none.crl"}}, with: host(ca, x509.ExtKeyUsageServerAuth),
		},
		"by another name": {
			tls: config.TLS{Peer: "CN=host"}, with: host(ca, x509.ExtKeyUsageServerAuth), want: `expected "CN=host" among them`,
		},
		"of another authority": {
			tls: config.TLS{Peer: "CN=host,O=Issuer"}, with: host(newCA(t), x509.ExtKeyUsageServerAuth),
			want: "signed by unknown authority",
		},
		"a client's": {
			tls: config.TLS{Peer: "CN=host,O=Issuer"}, with: host(ca, x509.ExtKeyUsageClientAuth),
			want: "incompatible key usage",
		},
		"revoked": {
			tls:  config.TLS{Peer: "CN=host,O=Issuer", CRL: []string{"revoked.crl"}},
			with: host(ca, x509.ExtKeyUsageServerAuth), want: "serial number 2, is revoked",
		},
		"revoked, by its address": {
			tls:  config.TLS{ServerName: "host.issuer.example", CRL: []string{"revoked.crl"}},
			with: host(ca, x509.ExtKeyUsageServerAuth), want: "serial number 2, is revoked",
		},
		"a stale list": {
			tls:  config.TLS{ServerName: "host.issuer.example", CRL: []string{"stale.crl"}},
			with: host(ca, x509.ExtKeyUsageServerAuth),
		},
		"a stale list, refused": {
			tls:  config.TLS{ServerName: "host.issuer.example", CRL: []string{"stale.crl"}, StaleCRL: "refuse"},
			with: host(ca, x509.ExtKeyUsageServerAuth), want: "was to be replaced by",
		},
	} {
		c.tls.CA = "ca.pem"
		if err := c.tls.Check(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all, err := IssuerTLS(path, &txswitch.Config{Issuers: []txswitch.IssuerConfig{{Name: "issuer", TLS: &c.tls}}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ours := all["issuer"].Clone()
		if ours.ServerName == "" && c.tls.Peer == "" { // as package link does
			ours.ServerName = "127.0.0.1"
		}
		err = handshake(t, ours, &tls.Config{Certificates: []tls.Certificate{*c.with}})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// handshake returns what the client has against the server.
func handshake(t *testing.T, client, server *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if theirs, err := l.Accept(); err == nil {
			_ = theirs.(*tls.Conn).HandshakeContext(t.Context()) // the client says what is wrong
		}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	return tls.Client(nc, client).HandshakeContext(t.Context())
}

// A list that says nothing about the authorities is refused where the configuration is read.
func TestListsAreChecked(t *testing.T) {
	dir, ca := t.TempDir(), newCA(t)
	path := filepath.Join(dir, "switchd.yaml")
	put(t, dir, "ca.pem", "CERTIFICATE", ca.Leaf.Raw)
	put(t, dir, "other.crl", "X509 CRL", list(t, newCA(t), time.Hour))
	for want, file := range map[string]string{"is not signed by it": "other.crl", "no such file": "none.crl"} {
		c := &config.TLS{CA: "ca.pem", CRL: []string{file}}
		if _, err := Lists(path, c); err == nil || !strings.Contains(err.Error(), "crl: ") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", file, err, want)
		}
		whole := &txswitch.Config{Issuers: []txswitch.IssuerConfig{{Name: "issuer", TLS: c}}}
		if err := Check(path, whole); err == nil || !strings.HasPrefix(err.Error(), "issuers[0].tls: crl: ") {
			t.Errorf("%s: %v", file, err)
		}
	}
}
