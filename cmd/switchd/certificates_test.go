package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/internal/httpcall"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
	operator "switchyard/switch/operator/client"
)

// authority signs certificates, into a folder and out of it.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  crypto.Signer
	last int64 // serial number
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.cert, a.key = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	})
	a.put("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func (a *authority) sign(template *x509.Certificate) (*x509.Certificate, crypto.Signer) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, signer := template, crypto.Signer(key)
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	a.last++
	template.SerialNumber = big.NewInt(a.last)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c, key
}

func (a *authority) put(name, kind string, der []byte) {
	a.t.Helper()
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	if err := os.WriteFile(filepath.Join(a.dir, name), text, 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// client makes a client's TLS.
func (a *authority) client(template x509.Certificate) *tls.Config {
	a.t.Helper()
	c, key := a.sign(&template)
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	return &tls.Config{
		ServerName: "127.0.0.1", RootCAs: roots,
		Certificates: []tls.Certificate{{Certificate: [][]byte{c.Raw}, PrivateKey: key, Leaf: c}},
	}
}

// revoke lists certificates as revoked, in a list that is good for so long.
func (a *authority) revoke(name string, good time.Duration, all ...*tls.Config) {
	a.t.Helper()
	template := x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: time.Now().Add(-2 * time.Hour), NextUpdate: time.Now().Add(good),
	}
	for _, c := range all {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: c.Certificates[0].Leaf.SerialNumber, RevocationTime: time.Now().Add(-2 * time.Hour),
		})
	}
	der, err := x509.CreateRevocationList(rand.Reader, &template, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.put(name, "X509 CRL", der)
}

// subject has its parts in this order.
func subject(t *testing.T, parts ...string) (raw []byte) {
	t.Helper()
	var rdns pkix.RDNSequence
	for _, part := range parts {
		of, value, _ := strings.Cut(part, "=")
		id := map[string]asn1.ObjectIdentifier{"CN": {2, 5, 4, 3}, "O": {2, 5, 4, 10}}[of]
		rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: id, Value: value}})
	}
	raw, err := asn1.Marshal(rdns)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Whose certificate is listed, by its whole subject, its URI or a DNS name, is who is listed, at the gateway port and
// the operator's. What looks like one is not, and what is revoked does not get in.
func TestCertificates(t *testing.T) {
	a := newAuthority(t)
	own, key := a.sign(&x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}})
	a.put("switch.pem", "CERTIFICATE", own.Raw)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	a.put("switch.key", "PRIVATE KEY", der)

	spiffe := func(path string) []*url.URL { return []*url.URL{{Scheme: "spiffe", Host: "example.org", Path: path}} }
	callers := map[string]struct {
		with   *tls.Config
		served bool // at the gateway port, without a hello
		status int  // of the operator API; 0: it does not even get there
	}{
		"as listed":     {a.client(x509.Certificate{RawSubject: subject(t, "O=Example", "CN=tills")}), true, 401},
		"reordered":     {a.client(x509.Certificate{RawSubject: subject(t, "CN=tills", "O=Example")}), false, 401},
		"one more name": {a.client(x509.Certificate{RawSubject: subject(t, "O=Example", "CN=x", "CN=tills")}), false, 401},
		"by URI":        {a.client(x509.Certificate{URIs: spiffe("/shop")}), true, 401},
		"another URI":   {a.client(x509.Certificate{URIs: spiffe("/shop2")}), false, 401},
		"by DNS name":   {a.client(x509.Certificate{DNSNames: []string{"kiosk.example.org"}}), true, 401},
		"of two": {
			a.client(x509.Certificate{DNSNames: []string{"kiosk.example.org"}, URIs: spiffe("/shop")}), false, 401,
		},
		"of an operator": {a.client(x509.Certificate{URIs: spiffe("/ann")}), false, 200},
	}
	revoked := map[string]*tls.Config{
		"gateway":  a.client(x509.Certificate{RawSubject: subject(t, "O=Example", "CN=tills")}),
		"operator": a.client(x509.Certificate{URIs: spiffe("/ann")}),
	}
	a.revoke("ca.crl", time.Hour, revoked["gateway"], revoked["operator"])
	d := startDaemonIn(t, a.dir, `
gateway:
  tls: {certificate: switch.pem, key: switch.key, ca: ca.pem, crl: [ca.crl], stale_crl: refuse}
  gateways:
    - {name: tills, certificate: "CN=tills,O=Example"}
    - {name: shop, certificate: "URI:spiffe://example.org/shop"}
    - {name: kiosk, certificate: "DNS:kiosk.example.org"}
operator:
  tls: {certificate: switch.pem, key: switch.key, ca: ca.pem, crl: [ca.crl]}
  identities: [{name: ann, certificate: "URI:spiffe://example.org/ann", roles: [read]}]
`)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for name, c := range callers {
		if a, err := pinged(ctx, d, c.with); err != nil || (a.Err == nil) != c.served {
			t.Errorf("%s: the gateway port says %+v, %v", name, a, err)
		}
		if err := asked(ctx, t, d, c.with); httpcall.Status(err) != c.status && (err != nil || c.status != http.StatusOK) {
			t.Errorf("%s: the operator API says %v, want %d", name, err, c.status)
		}
	}
	shown, err := operatorOf(t, d, callers["of an operator"].with).Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if list := shown["switchyard_crl_taken"].GetMetric(); len(list) != 1 || list[0].GetGauge().GetValue() != 1 ||
		list[0].GetLabel()[0].GetValue() != filepath.Join(a.dir, "ca.crl") {
		t.Errorf("lists that are taken: %v", list)
	}
	next := shown["switchyard_crl_next_update_timestamp_seconds"].GetMetric()
	if len(next) != 1 || next[0].GetGauge().GetValue() < float64(time.Now().Unix()) {
		t.Errorf("they are to be replaced: %v", next)
	}
	for name, with := range revoked {
		if a, err := pinged(ctx, d, with); err == nil {
			t.Errorf("%s, revoked: the gateway port says %+v", name, a)
		}
		if err := asked(ctx, t, d, with); err == nil || httpcall.Status(err) != 0 {
			t.Errorf("%s, revoked: the operator API says %v", name, err)
		}
	}
}

// pinged asks the gateway port without a hello.
func pinged(ctx context.Context, d *daemon, with *tls.Config) (*api.Answer, error) {
	gateway, err := client.Dial(ctx, d.Gateway, client.Options{Dial: new(net.Dialer).DialContext, TLS: with})
	if err != nil {
		return nil, err
	}
	defer gateway.Close()
	return gateway.Do(ctx, &api.Request{Op: api.OpPing})
}

// asked asks the operator API for something that takes the role read.
func asked(ctx context.Context, t *testing.T, d *daemon, with *tls.Config) error {
	t.Helper()
	_, err := operatorOf(t, d, with).Stats(ctx)
	return err
}

func operatorOf(t *testing.T, d *daemon, with *tls.Config) *operator.Client {
	t.Helper()
	c, err := operator.With(d.Operator, operator.Options{TLS: with})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
