package configfile

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"switchyard/internal/certname"
	"switchyard/internal/config"
	"switchyard/internal/infile"
	"switchyard/internal/revocation"
	txswitch "switchyard/switch"
)

// ServerTLS makes the TLS of the gateway port or the operator's; nil where none is configured. With a CA each client
// needs a certificate of it.
func ServerTLS(configPath string, t *config.TLS) (*tls.Config, error) {
	if t == nil {
		return nil, nil
	}
	c, err := baseTLS(configPath, t)
	if err != nil {
		return nil, err
	}
	if len(c.Certificates) == 0 {
		return nil, fmt.Errorf("certificate and key: missing")
	}
	if c.RootCAs != nil {
		c.ClientCAs, c.RootCAs = c.RootCAs, nil
		c.ClientAuth = tls.RequireAndVerifyClientCert
	}
	return c, held(configPath, c, t)
}

// clientTLS makes the TLS of a host that is dialled.
func clientTLS(configPath string, t *config.TLS) (*tls.Config, error) {
	c, err := baseTLS(configPath, t)
	if err != nil {
		return nil, err
	}
	if t.Peer != "" {
		// The name of the address is not looked at but the peer's own is, once its chain is verified: see held.
		c.InsecureSkipVerify = true
	}
	return c, held(configPath, c, t)
}

// held has the other side's certificate be held against what crypto/tls does not look at: the name of a peer, and the
// lists of what is revoked.
func held(configPath string, c *tls.Config, t *config.TLS) error {
	lists, err := Lists(configPath, t)
	if err != nil {
		return err
	}
	if lists == nil && t.Peer == "" {
		return nil
	}
	roots := c.RootCAs
	c.VerifyConnection = func(state tls.ConnectionState) error {
		chains := state.VerifiedChains
		if c.InsecureSkipVerify {
			var err error
			if chains, err = verified(state.PeerCertificates, roots); err != nil {
				return err
			}
		}
		if t.Peer != "" && !slices.Contains(certname.Of(state.PeerCertificates[0]), t.Peer) {
			return fmt.Errorf("the certificate has the names %q, expected %q among them", certname.Of(
				state.PeerCertificates[0]), t.Peer)
		}
		if lists == nil {
			return nil
		}
		return lists.Check(chains)
	}
	return nil
}

// verified returns the chains of a server's certificate to authorities, as crypto/tls does where the server has a name.
func verified(shown []*x509.Certificate, roots *x509.CertPool) ([][]*x509.Certificate, error) {
	if len(shown) == 0 {
		return nil, errors.New("no certificate was shown")
	}
	between := x509.NewCertPool()
	for _, c := range shown[1:] {
		between.AddCert(c)
	}
	return shown[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
}

// Lists reads the lists of revoked certificates of one side of TLS; nil where there are none.
func Lists(configPath string, t *config.TLS) (*revocation.Lists, error) {
	if t == nil || len(t.CRL) == 0 {
		return nil, nil
	}
	authorities, err := authorities(configPath, t)
	if err != nil {
		return nil, err
	}
	o := revocation.Options{Authorities: authorities, RefuseStale: t.RefusesStale()}
	for _, name := range t.CRL {
		o.Files = append(o.Files, beside(configPath, name))
	}
	lists, err := revocation.Open(o)
	if err != nil {
		return nil, fmt.Errorf("crl: %w", err)
	}
	return lists, nil
}

// AllLists reads the lists of all ports and issuers, of each by itself.
func AllLists(configPath string, c *txswitch.Config) (all []*revocation.Lists, err error) {
	sides := []*config.TLS{c.Gateway.TLS, c.Operator.TLS}
	for i := range c.Issuers {
		sides = append(sides, c.Issuers[i].TLS)
	}
	for _, t := range sides {
		lists, err := Lists(configPath, t)
		if err != nil {
			return nil, err
		}
		if lists != nil {
			all = append(all, lists)
		}
	}
	return all, nil
}

// IssuerTLS makes the TLS of each issuer that has it configured.
func IssuerTLS(configPath string, c *txswitch.Config) (map[string]*tls.Config, error) {
	all := map[string]*tls.Config{}
	for i := range c.Issuers {
		x := &c.Issuers[i]
		if x.TLS == nil {
			continue
		}
		settings := clientTLS
		if x.Listen != "" {
			settings = ServerTLS
		}
		t, err := settings(configPath, x.TLS)
		if err != nil {
			return nil, fmt.Errorf("issuers[%d].tls: %w", i, err)
		}
		t.ServerName = x.TLS.ServerName
		all[x.Name] = t
	}
	return all, nil
}

func baseTLS(configPath string, t *config.TLS) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Certificate != "" || t.Key != "" {
		pair, err := infile.KeyPair(beside(configPath, t.Certificate), beside(configPath, t.Key))
		if err != nil {
			return nil, err
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if t.CA != "" {
		all, err := authorities(configPath, t)
		if err != nil {
			return nil, err
		}
		c.RootCAs = x509.NewCertPool()
		for _, a := range all {
			c.RootCAs.AddCert(a)
		}
	}
	return c, nil
}

// authorities reads those that the other side's certificate must come from.
func authorities(configPath string, t *config.TLS) (all []*x509.Certificate, err error) {
	text, err := infile.Read(beside(configPath, t.CA), infile.MaxSecret)
	if err != nil {
		return nil, fmt.Errorf("ca: %w", err)
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		a, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("ca: %s: %w", t.CA, err)
		}
		all = append(all, a)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("ca: %s holds no PEM certificate", t.CA)
	}
	return all, nil
}
