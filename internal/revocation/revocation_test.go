package revocation_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/internal/revocation"
)

// begin is when the tests' clock stands at first.
var begin = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// authority signs certificates and lists.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  crypto.Signer
	by   *authority // that signed it; nil: itself
}

func newAuthority(t *testing.T, name string, by *authority) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &authority{t: t, key: key, by: by}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(77), Subject: pkix.Name{CommonName: name}, NotAfter: begin.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	a.cert = a.signedBy(by, template, key)
	return a
}

// signedBy makes a certificate, of another authority or, where that is nil, of itself.
func (a *authority) signedBy(by *authority, template *x509.Certificate, key crypto.Signer) *x509.Certificate {
	a.t.Helper()
	parent, signer := template, a.key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return c
}

// chain is the verified chain of a certificate with a serial number.
func (a *authority) chain(serial int64) (chain []*x509.Certificate) {
	a.t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "tills"}, NotAfter: begin.AddDate(1, 0, 0),
	}
	chain = append(chain, a.signedBy(a, template, a.key))
	for ; a != nil; a = a.by {
		chain = append(chain, a.cert)
	}
	return chain
}

// list is an authority's, made at a time and to be replaced an hour later.
func (a *authority) list(at time.Time, revoked ...int64) []byte {
	a.t.Helper()
	template := x509.RevocationList{Number: big.NewInt(at.Unix()), ThisUpdate: at, NextUpdate: at.Add(time.Hour)}
	for _, serial := range revoked {
		template.RevokedCertificateEntries = append(template.RevokedCertificateEntries, x509.RevocationListEntry{
			SerialNumber: big.NewInt(serial), RevocationTime: at,
		})
	}
	return a.signed(&template)
}

func (a *authority) signed(template *x509.RevocationList) []byte {
	a.t.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, template, a.cert, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func inPEM(lists ...[]byte) (text []byte) {
	for _, der := range lists {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})...)
	}
	return text
}

// desk is a file of lists with a clock.
type desk struct {
	t    *testing.T
	file string
	now  time.Time
}

func newDesk(t *testing.T, text []byte) *desk {
	t.Helper()
	d := &desk{t, filepath.Join(t.TempDir(), "clients.crl"), begin}
	d.put(text)
	return d
}

// put replaces the file, as whoever keeps it up to date does.
func (d *desk) put(text []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.file+".new", text, 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(d.file+".new", d.file); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) open(refuseStale bool, of ...*authority) (*revocation.Lists, error) {
	o := revocation.Options{Files: []string{d.file}, RefuseStale: refuseStale, Now: func() time.Time { return d.now }}
	for _, a := range of {
		o.Authorities = append(o.Authorities, a.cert)
	}
	return revocation.Open(o)
}

func (d *desk) mustOpen(refuseStale bool, of ...*authority) *revocation.Lists {
	d.t.Helper()
	l, err := d.open(refuseStale, of...)
	if err != nil {
		d.t.Fatal(err)
	}
	return l
}

// checked holds what Check says of a chain: want is part of the refusal, or "".
func checked(t *testing.T, l *revocation.Lists, want string, chains ...[]*x509.Certificate) {
	t.Helper()
	err := l.Check(chains)
	if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
		t.Errorf("%v, want %q", err, want)
	}
}

// What its authority has revoked is refused, and so is what is below an authority that was revoked.
func TestRevoked(t *testing.T) {
	root := newAuthority(t, "root", nil)
	below := newAuthority(t, "below", root)
	d := newDesk(t, inPEM(root.list(begin, 5), below.list(begin, 6)))
	l := d.mustOpen(false, root, below)
	checked(t, l, "", root.chain(4))
	checked(t, l, "the certificate CN=tills, serial number 5, is revoked since 2026-11-27T12:00:00Z", root.chain(5))
	checked(t, l, "", root.chain(6))
	checked(t, l, "", below.chain(5))
	checked(t, l, "serial number 6, is revoked", below.chain(6))
	// A certificate may have another chain that is well; what revokes it counts all the same.
	checked(t, l, "serial number 6, is revoked", root.chain(4), below.chain(6))
	checked(t, l, "no chain")

	d.put(inPEM(root.list(begin, 5, 77), below.list(begin)))
	d.now = begin.Add(10 * time.Second)
	checked(t, l, "the certificate CN=below, serial number 4d, is revoked", below.chain(6))

	d = newDesk(t, root.list(begin, 5)) // DER
	l = d.mustOpen(false, root)
	checked(t, l, "serial number 5, is revoked", root.chain(5))
	checked(t, l, "cannot be looked up: there is no list of CN=below", below.chain(1))
	checked(t, l, "", below.chain(1), root.chain(1))
}

// A list that came into the place of another one counts, if it is no worse; what does not count is told of.
func TestReplaced(t *testing.T) {
	root, stranger := newAuthority(t, "root", nil), newAuthority(t, "root", nil)
	d := newDesk(t, root.list(begin))
	l := d.mustOpen(false, root)
	chain := root.chain(5)
	checked(t, l, "", chain)
	later := begin.Add(time.Minute)
	for name, bad := range map[string][]byte{
		"the list of CN=root is of 2026-11-27T11:59:00Z, older": root.list(begin.Add(-time.Minute)),
		"is not signed by it":  stranger.list(later, 5),
		"is no revocation lis": []byte("no list"),
	} {
		d.put(bad)
		d.now = d.now.Add(10 * time.Second)
		checked(t, l, "", chain)
		if s := l.Standing(); len(s) != 1 || !strings.Contains(s[0].Unread, name) || s[0].Stale ||
			!s[0].NextUpdate.Equal(begin.Add(time.Hour)) {
			t.Errorf("%s: %+v", name, s)
		}
	}
	d.put(root.list(later, 5))
	checked(t, l, "", chain) // it is not looked for at each handshake
	d.now = d.now.Add(10 * time.Second)
	checked(t, l, "is revoked", chain)
	if s := l.Standing(); s[0].Unread != "" || !s[0].NextUpdate.Equal(later.Add(time.Hour)) {
		t.Errorf("%+v", s)
	}
	if err := os.Remove(d.file); err != nil {
		t.Fatal(err)
	}
	d.now = d.now.Add(10 * time.Second)
	checked(t, l, "is revoked", chain)
	if s := l.Standing(); !strings.Contains(s[0].Unread, "no such file") {
		t.Errorf("%+v", s)
	}
}

// A list past its time is told of, and what it is asked about is refused if that is configured.
func TestStale(t *testing.T) {
	root := newAuthority(t, "root", nil)
	for _, refuse := range []bool{false, true} {
		d := newDesk(t, root.list(begin, 5))
		l := d.mustOpen(refuse, root)
		d.now = begin.Add(time.Hour)
		checked(t, l, "", root.chain(4))
		if s := l.Standing(); s[0].Stale {
			t.Errorf("%+v", s)
		}
		d.now = d.now.Add(time.Second)
		want := ""
		if refuse {
			want = "the list of CN=root was to be replaced by 2026-11-27T13:00:00Z"
		}
		checked(t, l, want, root.chain(4))
		checked(t, l, "is revoked", root.chain(5))
		if s := l.Standing(); !s[0].Stale {
			t.Errorf("%+v", s)
		}
		d.put(root.list(begin.Add(time.Hour), 5))
		d.now = d.now.Add(10 * time.Second)
		checked(t, l, "", root.chain(4))
	}
}

// What does not say all about the authorities that are trusted is refused at the start.
func TestOpenRefuses(t *testing.T) {
	root, other := newAuthority(t, "root", nil), newAuthority(t, "other", nil)
	whole := x509.RevocationList{Number: big.NewInt(1), ThisUpdate: begin, NextUpdate: begin.Add(time.Hour)}
	delta, indirect := whole, whole
	delta.ExtraExtensions = []pkix.Extension{
		{Id: asn1.ObjectIdentifier{2, 5, 29, 27}, Critical: true, Value: []byte{2, 1, 1}},
	}
	indirect.RevokedCertificateEntries = []x509.RevocationListEntry{{
		SerialNumber: big.NewInt(1), RevocationTime: begin,
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 29}, Critical: true, Value: []byte{48, 0}}},
	}}
	for want, text := range map[string][]byte{
		"none of the lists is of the authority CN=root":                    other.list(begin),
		"none of the lists is of the authority CN=other":                   root.list(begin),
		"two lists of CN=root":                                             inPEM(root.list(begin), root.list(begin)),
		"which is no authority of ca":                                      newAuthority(t, "x", nil).list(begin),
		"is not a whole one: critical extension 2.5.29.27":                 root.signed(&delta),
		"has other authorities' certificates: critical extension 2.5.29.2": root.signed(&indirect),
		"it holds a CERTIFICATE": pem.EncodeToMemory(&pem.Block{
			Type: "CERTIFICATE", Bytes: root.cert.Raw,
		}),
		"is no revocation list": {},
	} {
		d := newDesk(t, text)
		if _, err := d.open(false, root, other); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := revocation.Open(revocation.Options{Files: []string{filepath.Join(t.TempDir(), "none")}}); err == nil ||
		!strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
	d := newDesk(t, root.list(begin))
	_, err := revocation.Open(revocation.Options{
		Files: []string{d.file, d.file}, Authorities: []*x509.Certificate{root.cert},
	})
	if err == nil || !strings.Contains(err.Error(), "a list of CN=root, which "+d.file+" has, too") {
		t.Error(err)
	}
}
