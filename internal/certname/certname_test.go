package certname_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"switchyard/internal/certname"
)

var (
	cn           = asn1.ObjectIdentifier{2, 5, 4, 3}
	organization = asn1.ObjectIdentifier{2, 5, 4, 10}
	unit         = asn1.ObjectIdentifier{2, 5, 4, 11}
	country      = asn1.ObjectIdentifier{2, 5, 4, 6}
	email        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}
)

// part is a part of a subject, in a set of its own.
func part(of asn1.ObjectIdentifier, value any) pkix.RelativeDistinguishedNameSET {
	return pkix.RelativeDistinguishedNameSET{{Type: of, Value: value}}
}

// made is a certificate with a subject whose parts stand in this order, as read.
func made(t *testing.T, template x509.Certificate, subject ...pkix.RelativeDistinguishedNameSET) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if template.RawSubject, err = asn1.Marshal(pkix.RDNSequence(subject)); err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(1)
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The whole subject counts: its parts, how many there are, and their order. crypto/x509 makes CN=tills,O=Example of
// each of the first ones.
func TestSubjects(t *testing.T) {
	for want, subject := range map[string][]pkix.RelativeDistinguishedNameSET{
		"CN=tills,O=Example":          {part(organization, "Example"), part(cn, "tills")},
		"O=Example,CN=tills":          {part(cn, "tills"), part(organization, "Example")},
		"CN=tills,CN=admin,O=Example": {part(organization, "Example"), part(cn, "admin"), part(cn, "tills")},
		"CN=tills,O=Example,CN=admin": {part(cn, "admin"), part(organization, "Example"), part(cn, "tills")},
		"CN=tills+O=Example":          {{part(organization, "Example")[0], part(cn, "tills")[0]}},
		"CN=a\\,O=b,O=Example":        {part(organization, "Example"), part(cn, "a,O=b")},
		"CN=tills,OU=x,O=Example,C=DE": {
			part(country, "DE"), part(organization, "Example"), part(unit, "x"), part(cn, "tills"),
		},
		"1.2.840.113549.1.9.1=#130161":    {part(email, "a")},
		"CN=\\ tills\\ ,O=\\#1\\\"\\;\\<": {part(organization, "#1\";<"), part(cn, " tills ")},
	} {
		got := certname.Of(made(t, x509.Certificate{}, subject...))
		if !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %v", want, got)
		}
		if err := certname.Check(want); err != nil {
			t.Errorf("%s cannot be configured: %v", want, err)
		}
	}
	if got := certname.Of(made(t, x509.Certificate{})); got != nil {
		t.Errorf("no subject: %v", got)
	}
}

// Alternative names count as they stand there; of several URIs none does, as SPIFFE has it.
func TestAlternativeNames(t *testing.T) {
	parsed := func(text string) *url.URL {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	one := made(t, x509.Certificate{
		URIs: []*url.URL{parsed("spiffe://example.org/tills")}, DNSNames: []string{"tills.example.org", "*.example.org"},
	})
	want := []string{"URI:spiffe://example.org/tills", "DNS:tills.example.org", "DNS:*.example.org"}
	if got := certname.Of(one); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	two := made(t, x509.Certificate{
		URIs: []*url.URL{parsed("spiffe://example.org/tills"), parsed("spiffe://example.org/admin")},
	}, part(cn, "tills"))
	if got := certname.Of(two); !slices.Equal(got, []string{"CN=tills"}) {
		t.Errorf("two URIs: %v", got)
	}
	// url.URL drops what stands behind it here.
	names, err := asn1.Marshal([]asn1.RawValue{
		{Class: asn1.ClassContextSpecific, Tag: 6, Bytes: []byte("spiffe://example.org/tills#")},
	})
	if err != nil {
		t.Fatal(err)
	}
	hash := made(t, x509.Certificate{
		ExtraExtensions: []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: names}},
	})
	if got := certname.Of(hash); !slices.Equal(got, []string{"URI:spiffe://example.org/tills#"}) {
		t.Errorf("a URI with an empty fragment: %v", got)
	}
}

// What no certificate can have is refused, with what may be written.
func TestCheckRefuses(t *testing.T) {
	for name, want := range map[string]string{
		"":                        "it is empty",
		"tills":                   `"tills" has no =`,
		"CN=tills, O=Example":     `" O=Example": a blank`,
		"CN= tills":               "a blank",
		"CN=tills ,O=Example":     "a blank",
		"cn=tills":                `"cn=tills": a part begins with one of CN, O, OU`,
		"emailAddress=a@b":        "or with the number of its type",
		"CN=tills,":               `"" has no =`,
		"CN=":                     "has no value",
		"CN=#0c01":                "only a value of a type that has no name",
		"1.2.3=#0G":               "only a value of a type that has no name",
		"URI:spiffe:tills":        "URI:spiffe://example.org/tills",
		"URI:spiffe://a/b c":      "its URI",
		"DNS:":                    "a DNS name",
		"DNS:*.example.org":       "without *",
		"spiffe://example.org/ab": "has no =",
	} {
		err := certname.Check(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "RFC 4514") {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	for _, name := range []string{"DNS:tills.example.org", "URI:spiffe://example.org/tills", `CN=a\, b,O=x`, `CN=a\+b`} {
		if err := certname.Check(name); err != nil {
			t.Error(err)
		}
	}
}
