// Package certname tells by what names a certificate is known, so that one of them can be held against a name in a
// configuration:
//
//	CN=tills,O=Example               its whole subject, as RFC 4514 writes it: the last part of it first
//	URI:spiffe://example.org/tills   its URI, where it has exactly one: a SPIFFE ID
//	DNS:tills.example.org            a DNS name of it
//
// Names are compared as they are, character by character. So a subject with another part more, with two parts in
// another order, or with one of them twice is another subject; no DNS name stands for others, be it with a *, and
// nothing is made lower case.
//
// It is not what makes a certificate trusted: that is its chain (crypto/tls) and what revokes it (package revocation).
package certname

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
)

// What other names than subjects begin with.
const (
	uri = "URI:"
	dns = "DNS:"
)

// Of returns the names of a certificate that was parsed, the subject first.
func Of(c *x509.Certificate) (names []string) {
	if subject := Subject(c); subject != "" {
		names = append(names, subject)
	}
	uris, dnsNames := alternatives(c)
	if len(uris) == 1 {
		names = append(names, uri+uris[0])
	}
	for _, name := range dnsNames {
		names = append(names, dns+name)
	}
	return names
}

// Subject is the whole subject; "" if it is empty. crypto/x509 parses no certificate with a value in it that is no
// text.
func Subject(c *x509.Certificate) string {
	var rdns pkix.RDNSequence
	if rest, err := asn1.Unmarshal(c.RawSubject, &rdns); err != nil || len(rest) > 0 {
		return ""
	}
	return rdns.String()
}

// Context-specific tags of a GeneralName (RFC 5280, 4.2.1.6).
const (
	tagDNS = 2
	tagURI = 6
)

var subjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}

// alternatives are the subject's alternative names as they stand in the certificate: what crypto/x509 makes of a URI
// may be the same for two of them.
func alternatives(c *x509.Certificate) (uris, dnsNames []string) {
	for _, extension := range c.Extensions {
		if !extension.Id.Equal(subjectAltName) {
			continue
		}
		var all []asn1.RawValue
		if rest, err := asn1.Unmarshal(extension.Value, &all); err != nil || len(rest) > 0 {
			return nil, nil
		}
		for _, one := range all {
			switch {
			case one.Class != asn1.ClassContextSpecific:
			case one.Tag == tagURI:
				uris = append(uris, string(one.Bytes))
			case one.Tag == tagDNS:
				dnsNames = append(dnsNames, string(one.Bytes))
			}
		}
	}
	return uris, dnsNames
}

// expected says what a name is, in errors.
const expected = "expected the whole subject of a certificate as RFC 4514 writes it, such as CN=tills,O=Example, its " +
	"URI, such as URI:spiffe://example.org/tills, or a DNS name of it, such as DNS:tills.example.org"

// Check refuses a name that no certificate can have.
func Check(name string) error {
	if id, ok := strings.CutPrefix(name, uri); ok {
		return checkURI(id)
	}
	if host, ok := strings.CutPrefix(name, dns); ok {
		return checkDNS(host)
	}
	if err := checkSubject(name); err != nil {
		return fmt.Errorf("%q: %w; %s", name, err, expected)
	}
	return nil
}

func checkURI(id string) error {
	scheme, rest, ok := strings.Cut(id, "://")
	if !ok || scheme == "" || rest == "" || strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return fmt.Errorf("%q: %s", uri+id, expected)
	}
	return nil
}

func checkDNS(host string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
	if host == "" || strings.Trim(host, letters) != "" {
		return fmt.Errorf("%q: it is compared as it is, without *: %s", dns+host, expected)
	}
	return nil
}

// types are the short names that subjects are written with; a part of another type begins with its number.
var types = []string{"CN", "O", "OU", "C", "L", "ST", "STREET", "POSTALCODE", "SERIALNUMBER"}

// checkSubject refuses what no subject is written as.
func checkSubject(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	for _, part := range parts(text) {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok:
			return fmt.Errorf("%q has no =", part)
		case value == "":
			return fmt.Errorf("%q has no value", part)
		case strings.HasPrefix(value, "#"):
			if strings.Trim(name, "0123456789.") != "" || strings.Trim(value[1:], "0123456789abcdef") != "" {
				return fmt.Errorf("%q: only a value of a type that has no name is written with #, in small hex digits", part)
			}
		case strings.HasPrefix(name, " ") || strings.HasPrefix(value, " ") ||
			strings.HasSuffix(value, " ") && !strings.HasSuffix(value, `\ `):
			return fmt.Errorf("%q: a blank beside , + or = belongs to no subject", part)
		case !known(name):
			return fmt.Errorf("%q: a part begins with one of %s, or with the number of its type", part,
				strings.Join(types, ", "))
		}
	}
	return nil
}

func known(name string) bool {
	for _, t := range types {
		if name == t {
			return true
		}
	}
	return false
}

// parts cuts a subject at its commas and plus signs, but those behind a backslash.
func parts(text string) (all []string) {
	begin := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case ',', '+':
			all = append(all, text[begin:i])
			begin = i + 1
		}
	}
	return append(all, text[begin:])
}
